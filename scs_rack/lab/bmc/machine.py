"""A server as its virtual BMC sees it: power, boot, identity, settings. Both protocols act on this."""

import asyncio
import json
import logging
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from scs_rack.lab.bmc.accounts import FIRST_USER, Account, Accounts
from scs_rack.lab.bmc.boot import BootOrder, BootOverride, BootTarget, options
from scs_rack.lab.bmc.clock import Clock
from scs_rack.lab.bmc.config import BmcConfig
from scs_rack.lab.bmc.eventlog import EventLog
from scs_rack.lab.bmc.faults import LiveFaults
from scs_rack.lab.bmc.meter import Meter
from scs_rack.lab.bmc.power import PowerBackend
from scs_rack.lab.bmc.settings import Bios, Firmware, Media, SecureBoot

__all__ = ["Action", "BootOverride", "BootTarget", "Machine"]

log = logging.getLogger(__name__)

Threshold = Literal["lnc", "lcr", "lnr", "unc", "ucr", "unr"]
"""Lower and upper; non-critical, critical, non-recoverable."""
Action = Literal["on", "off", "soft", "cycle", "reset", "nmi"]
POST_SECONDS = 1.0
"""How long firmware takes before the operating system starts, for what faults do meanwhile."""
RESET_SECONDS = 5.0
"""How long the BMC itself is away when it restarts."""

_NAMESPACE = uuid.UUID("5f0c7f5e-6d0b-5c9b-9f38-5c5ac4000002")


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
        self.faults = LiveFaults(config.faults, config.slow_seconds, config_path)
        self.uuid = uuid.uuid5(_NAMESPACE, f"{config.rack}/{config.server}/{config.serial}")
        self.boot = BootOverride()
        self.boot_version = 0
        """Grows with each change of the boot override."""
        self.last_reset: datetime | None = None
        self.posting = False
        """True from power-on until the operating system starts."""
        self.identify_until = 0.0
        """Monotonic time until which the identify light blinks; infinite when it is on for good."""
        self.lit = False
        """True when the light was switched on for good and shines steadily."""
        self.asset_tag = ""
        self.http_boot = ""
        """URL that UEFI HTTP boot would fetch."""
        self.controller_id = ""
        """What DCMI calls the BMC; derived from the server's name while it is empty."""
        self.thresholds: dict[int, dict[Threshold, float]] = {}
        """Thresholds that an operator set, by sensor number."""
        self.restore_policy: Literal["AlwaysOff", "LastState", "AlwaysOn"] = "AlwaysOff"
        self.ipmi_enabled = True
        self.away_until = 0.0
        """Monotonic time until which the BMC itself restarts and answers nothing."""
        self.on_restart: list[Callable[[], None]] = []
        """Called when the BMC itself restarts: sessions end."""
        self.on_services: list[Callable[[], None]] = []
        """Called when a network service was switched on or off."""
        self.started = time.monotonic()
        self._acting = asyncio.Lock()
        self._cutting = asyncio.Lock()
        self._cuts = 0
        """How often a hard off was asked for: an action that was asked for before the last one is overruled."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._store = config.state_dir / "bmc" / f"{config.server}.kept" if config.state_dir else None
        self._load()

    # Parts that most BMCs are never asked for

    @cached_property
    def clock(self) -> Clock:
        """The BMC's clock."""
        return Clock(self.faults)

    @cached_property
    def log(self) -> EventLog:
        """The system event log."""
        return EventLog(self.clock)

    @cached_property
    def accounts(self) -> Accounts:
        """Who may log in."""
        return Accounts(self.config.user, self.config.password, self.save)

    @cached_property
    def meter(self) -> Meter:
        """What it draws."""
        return Meter(self.backend, self.config.power_w)

    @cached_property
    def order(self) -> BootOrder:
        """The persistent boot order."""
        return BootOrder(options(list(self.config.nics), list(self.config.disks) or ["disk0"]))

    @cached_property
    def bios(self) -> Bios:
        """Settings of the server's firmware."""
        return Bios()

    @cached_property
    def secure_boot(self) -> SecureBoot:
        """State of Secure Boot."""
        return SecureBoot()

    @cached_property
    def media(self) -> dict[str, Media]:
        """Virtual drives by name."""
        return {"CD": Media(("CD", "DVD")), "USB": Media(("USBStick",))}

    @cached_property
    def firmware(self) -> dict[str, Firmware]:
        """Everything with a version."""
        return {
            "BMC": Firmware("BMC firmware", "1.02.00", needs_reset=False),
            "BIOS": Firmware("BIOS", "2.10.0", needs_reset=True),
            "PSU1": Firmware("Power supply 1", "00.1.07", needs_reset=False),
        }

    # State

    @property
    def lies(self) -> bool:
        """True while every change is agreed to and none is made."""
        return "lies" in self.faults

    @property
    def away(self) -> bool:
        """True while the BMC itself restarts."""
        return time.monotonic() < self.away_until

    @property
    def identifying(self) -> bool:
        """True while the identify light is on or blinks."""
        return self.lit or time.monotonic() < self.identify_until

    def limits(self, sensor: int, own: dict[Threshold, float]) -> dict[Threshold, float]:
        """Thresholds of a sensor as they are in force."""
        changed = self.thresholds.get(sensor)
        return {name: changed.get(name, at) for name, at in own.items()} if changed else own

    async def power_state(self) -> bool:
        """True while the server is on, observed now."""
        return self.backend.power_state()

    # Changes

    def act(self, action: Action, cause: str = "a command") -> None:
        """Begin a power action and return at once, as real BMCs do; the power state tells when it is done."""
        if self.lies:
            return
        self._cuts += action == "off"
        self._spawn(self._act(action, cause, self._cuts))

    def set_boot(self, boot: BootOverride) -> None:
        """Set the boot override."""
        if self.lies:
            return
        self.boot = boot
        self.boot_version += 1
        self.save()

    def set_identify(self, seconds: float | None, *, steady: bool = False) -> None:
        """Switch the identify light: for some seconds, for good (None), or off (0)."""
        if self.lies:
            return
        self.lit = steady and seconds is None
        forever = seconds is None and not steady
        self.identify_until = float("inf") if forever else time.monotonic() + (seconds or 0)

    def set_ipmi(self, *, enabled: bool) -> None:
        """Open or close the port of IPMI."""
        if self.lies or enabled == self.ipmi_enabled:
            return
        self.ipmi_enabled = enabled
        self.save()
        for told in self.on_services:
            told()

    def restart_bmc(self) -> None:
        """Restart the BMC itself: it is away for a moment, sessions end, the server runs on."""
        if self.lies:
            return
        self.away_until = time.monotonic() + RESET_SECONDS
        self.started = self.away_until
        for told in list(self.on_restart):
            told()

    async def settle(self) -> None:
        """Wait until all actions that were begun are done."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _act(self, action: Action, cause: str, cuts: int) -> None:
        # A hard off must not wait for a shutdown that hangs: only it overtakes, and nothing that it overtook starts
        # the server any more.
        if action == "off":
            async with self._cutting:
                await self._call(action, cause, cuts)
            return
        async with self._acting:
            async with self._cutting:
                pass  # what was asked for after a hard off happens after it
            await self._call(action, cause, cuts)

    async def _call(self, action: Action, cause: str, cuts: int) -> None:
        try:
            if action == "nmi":
                self.log.add(0x13, 0x13, b"\x00", f"NMI by {cause}", "Critical")
                return
            was_on = await self.power_state()
            if action in ("off", "soft"):
                await asyncio.to_thread(self.backend.stop, hard=action == "off")
                if was_on:
                    self.log.add(0x22, 0x60, b"\x05", f"Power off by {cause}")
                return
            if action != "on" and was_on:
                await asyncio.to_thread(self.backend.stop, hard=True)
            if self._cuts == cuts and (action != "on" or not was_on):
                await asyncio.to_thread(self.backend.boot, self.boot, self._image)
                await asyncio.to_thread(self.backend.start)
                if self._cuts != cuts:
                    await asyncio.to_thread(self.backend.stop, hard=True)
                    return
                self._booted()
                self.log.add(0x22, 0x60, b"\x00", f"{'Restarted' if was_on else 'Power on'} by {cause}")
        except Exception:
            # Whatever the lab could not do: a BMC goes on to serve, and the power state tells the truth.
            log.exception("power action %s of %s failed", action, self.config.server)

    @property
    def _image(self) -> str | None:
        """What is in a virtual drive."""
        drives = self.media.values() if "media" in self.__dict__ else ()
        return next((one.image for one in drives if one.image), None)

    def _booted(self) -> None:
        before, self.last_reset = self.last_reset, datetime.fromtimestamp(self.clock.now(), UTC)
        if before and abs((self.last_reset - before).total_seconds()) < 0.002:
            self.last_reset = datetime.fromtimestamp(before.timestamp() + 0.002, UTC)
        if not self.boot.persistent and self.boot.target != "none":
            self.boot = BootOverride(uefi=self.boot.uefi)
            self.boot_version += 1
        if "bios" in self.__dict__:
            self.bios.apply()
        if "secure_boot" in self.__dict__:
            self.secure_boot.apply()
        if "firmware" in self.__dict__:
            for one in self.firmware.values():
                one.apply()
        self.save()
        self.posting = True
        asyncio.get_running_loop().call_later(POST_SECONDS, self._posted)

    def _posted(self) -> None:
        self.posting = False
        if "ejects-media" in self.faults and "media" in self.__dict__:
            for one in self.media.values():
                one.eject()
        if "rewrites-boot-order" in self.faults:
            self.order.disk_first()
            self.boot = BootOverride(uefi=self.boot.uefi)
            self.boot_version += 1
        self.save()

    # What outlives the process

    @property
    def _configured(self) -> str:
        """Digest of the first account as the configuration states it."""
        return sha256(f"{self.config.user}\0{self.config.password}".encode()).hexdigest()

    def _load(self) -> None:
        if self._store is None or not self._store.exists():
            return
        try:
            kept = json.loads(self._store.read_text())
            self.boot = BootOverride(**kept["boot"])
            self.boot_version = int(kept["boot_version"])
            self.last_reset = datetime.fromisoformat(kept["last_reset"]) if kept["last_reset"] else None
            self.asset_tag = str(kept.get("asset_tag", ""))
            self.ipmi_enabled = bool(kept.get("ipmi", True))
            self.accounts.load(kept.get("accounts", []))
            if kept.get("configured", self._configured) != self._configured:
                # The vault has another password than when this was kept: that of the lab's next start counts.
                self.accounts.slots[FIRST_USER] = Account(
                    FIRST_USER, self.config.user, self.config.password, 4, enabled=True
                )
        except (ValueError, TypeError, KeyError):
            log.warning("%s is damaged: the boot override starts empty", self._store)
            self.boot = BootOverride()

    def save(self) -> None:
        """Keep what outlives the process; passwords are in it, so only root may read it."""
        if self._store is None:
            return
        self._store.parent.mkdir(parents=True, exist_ok=True)
        kept = {
            "boot": asdict(self.boot),
            "boot_version": self.boot_version,
            "last_reset": self.last_reset.isoformat() if self.last_reset else None,
            "asset_tag": self.asset_tag,
            "ipmi": self.ipmi_enabled,
            "accounts": self.accounts.dump(),
            "configured": self._configured,
        }
        fresh = self._store.with_suffix(".kept.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file)
        fresh.replace(self._store)
