"""A server as its virtual BMC sees it: power, boot override, identity. Both protocols act on this."""

import asyncio
import json
import logging
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from scs_rack.lab.bmc.config import BmcConfig, LiveFaults
from scs_rack.lab.bmc.power import PowerBackend

log = logging.getLogger(__name__)

Action = Literal["on", "off", "soft", "cycle", "reset"]
BootTarget = Literal["none", "pxe", "disk", "cd", "bios"]

_NAMESPACE = uuid.UUID("5f0c7f5e-6d0b-5c9b-9f38-5c5ac4000002")


@dataclass
class BootOverride:
    """What the server boots from next."""

    target: BootTarget = "none"
    persistent: bool = False
    uefi: bool = True


class Machine:
    """One server behind a virtual BMC.

    Args:
        config: identity and credentials.
        backend: what really switches the power.
        config_path: the file that faults are read from again; None in tests.
    """

    def __init__(self, config: BmcConfig, backend: PowerBackend, config_path: Path | None = None) -> None:
        self.config = config
        self.backend = backend
        self.faults = LiveFaults(config, config_path)
        self.uuid = uuid.uuid5(_NAMESPACE, f"{config.rack}/{config.server}/{config.serial}")
        self.boot = BootOverride()
        self.boot_version = 0
        """Grows with each change of the boot override: Redfish makes its ETag of it."""
        self.last_reset: datetime | None = None
        self._acting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._store = config.state_dir / "bmc" / f"{config.server}.kept" if config.state_dir else None
        self._load()

    async def power_state(self) -> bool:
        """True while the server is on, observed now."""
        return await asyncio.to_thread(self.backend.power_state)

    def act(self, action: Action) -> None:
        """Begin a power action and return at once, as real BMCs do; the power state tells when it is done."""
        if "lies" in self.faults:
            return
        task = asyncio.ensure_future(self._act(action))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def set_boot(self, boot: BootOverride) -> None:
        """Set the boot override."""
        if "lies" in self.faults:
            return
        self.boot = boot
        self.boot_version += 1
        self._save()

    async def settle(self) -> None:
        """Wait until all actions that were begun are done."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _act(self, action: Action) -> None:
        # A hard off must not wait for a shutdown that hangs: only it overtakes.
        if action == "off":
            await self._call(action)
            return
        async with self._acting:
            await self._call(action)

    async def _call(self, action: Action) -> None:
        try:
            if action in ("off", "soft"):
                await asyncio.to_thread(self.backend.stop, hard=action == "off")
                return
            was_on = await self.power_state()
            if action != "on" and was_on:
                await asyncio.to_thread(self.backend.stop, hard=True)
            if action != "on" or not was_on:
                await asyncio.to_thread(self.backend.start)
                self._booted()
        except Exception:
            # Whatever the lab could not do: a BMC goes on to serve, and the power state tells the truth.
            log.exception("power action %s of %s failed", action, self.config.server)

    def _booted(self) -> None:
        self.last_reset = datetime.now(UTC)
        if not self.boot.persistent and self.boot.target != "none":
            self.boot = BootOverride(uefi=self.boot.uefi)
            self.boot_version += 1
        self._save()

    def _load(self) -> None:
        if self._store is None or not self._store.exists():
            return
        try:
            kept = json.loads(self._store.read_text())
            self.boot = BootOverride(**kept["boot"])
            self.boot_version = int(kept["boot_version"])
            self.last_reset = datetime.fromisoformat(kept["last_reset"]) if kept["last_reset"] else None
        except (ValueError, TypeError, KeyError):
            log.warning("%s is damaged: the boot override starts empty", self._store)

    def _save(self) -> None:
        if self._store is None:
            return
        self._store.parent.mkdir(parents=True, exist_ok=True)
        kept = {
            "boot": asdict(self.boot),
            "boot_version": self.boot_version,
            "last_reset": self.last_reset.isoformat() if self.last_reset else None,
        }
        fresh = self._store.with_suffix(".kept.new")
        fresh.write_text(json.dumps(kept))
        fresh.replace(self._store)
