"""Two guests on different hosts that write numbered blocks to volumes, and say which they have written."""

import itertools
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Self

from scs_rack.clouds import clouds_file
from scs_rack.conformance.guest_ssh import GuestShell, host_key
from scs_rack.conformance.smoke import Smoke
from scs_rack.conformance.smoke_clean import clean
from scs_rack.errors import ScsRackError, StageFailed
from scs_rack.paths import guest_accel
from scs_rack.resources.ensure import connect

PREFIX = "scs-rack-writer"
"""Another name than the smoke test's, which removes what it finds under its own."""
BLOCK = 512
LOOP = (
    "i=%d; while :; do i=$((i+1)); printf '%%-512s' $i | dd of=/dev/%s bs=512 seek=$i conv=notrunc,fsync 2>/dev/null "
    "|| exit 9; echo $i; sleep 0.2; done"
)
"""Writes block after block, each to the end (fsync), before it says its number."""


class Writer:
    """One guest: its volume, what it acknowledged, and when."""

    def __init__(self, smoke: Smoke, server: Any, address: str, key: str, device: str) -> None:
        self.server, self.address = server, address
        self.host = ""
        self.acknowledged: list[tuple[float, int]] = []
        self._smoke, self._key, self._device = smoke, key, device
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(30)

    def shell(self) -> GuestShell:
        """A connection to the guest."""
        return GuestShell(self.address, self._smoke.key, self._key, timeout=15)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self.shell() as shell:
                    self._write(shell)
            except Exception:  # noqa: BLE001 (whatever ends a connection: the next one is tried)
                self._stop.wait(1.0)

    def _write(self, shell: GuestShell) -> None:
        last = self.acknowledged[-1][1] if self.acknowledged else 0
        channel = shell._client.get_transport().open_session()  # noqa: SLF001
        channel.settimeout(10.0)
        channel.exec_command(LOOP % (last, self._device))
        with channel, channel.makefile() as out:
            while not self._stop.is_set() and (text := out.readline()):
                self.acknowledged.append((time.monotonic(), int(text)))

    def lost(self) -> tuple[int, int]:
        """Blocks that were acknowledged and are not on the volume, and how many were acknowledged."""
        wanted = {number for _, number in list(self.acknowledged)}
        last = max(wanted, default=0)
        end = time.monotonic() + 120
        while True:
            try:
                with self.shell() as shell:
                    shell.run("echo 3 > /proc/sys/vm/drop_caches")
                    text = shell.run(
                        f"dd if=/dev/{self._device} bs={BLOCK} skip=1 count={last} 2>/dev/null | tr -s ' ' '\\n'", 120
                    )
                break
            except Exception as error:
                if time.monotonic() > end:
                    raise StageFailed(f"{self.server.name} can't be asked what is on its volume: {error}") from error
                time.sleep(2)
        there = {int(word) for word in text.split() if word.isdigit()}
        return len(wanted - there), len(wanted)

    def pause(self, since: float) -> float:
        """Longest time between two acknowledgements since a time, in seconds."""
        times = [since, *(at for at, _ in list(self.acknowledged) if at >= since), time.monotonic()]
        return max(later - earlier for earlier, later in itertools.pairwise(times))


class Guests:
    """Makes the guests as the test user, and removes them."""

    def __init__(self, state: Path) -> None:
        self._cloud = connect(clouds_file(state), "test")
        self._admin = connect(clouds_file(state), "admin")
        self._smoke = Smoke(self._cloud, emulated=guest_accel(state) == "tcg", prefix=PREFIX)
        self.writers: list[Writer] = []

    def __enter__(self) -> Self:
        clean(self._cloud, PREFIX)
        try:
            self._make()
        except BaseException:
            clean(self._cloud, PREFIX)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self.writers:
            writer.stop()
        clean(self._cloud, PREFIX)

    def _make(self) -> None:
        smoke = self._smoke
        smoke.make_network()
        smoke._boot()  # noqa: SLF001
        net, storage, compute = self._cloud.network, self._cloud.block_storage, self._cloud.compute
        external = next(network for network in net.networks(is_router_external=True) if network.is_default)
        for server in smoke.servers:
            text = smoke.wait("the guest's console", 300, partial(self._ready, server), every=2)
            port = next(iter(net.ports(device_id=server.id)))
            address = net.create_ip(floating_network_id=external.id, port_id=port.id, description=PREFIX)
            volume = storage.create_volume(name=PREFIX, size=1)
            storage.wait_for_status(volume, "available", failures=["error"], wait=120)
            writer = Writer(smoke, server, address.floating_ip_address, host_key(text) or "", "vdb")
            smoke.wait("ssh to the guest", 90, partial(self._answers, writer))
            with writer.shell() as shell:
                compute.create_volume_attachment(server, volume_id=volume.id)
                smoke.wait("the volume", 60, lambda shell=shell: "vdb" in shell.run("ls /sys/block").split())
            writer.host = str(getattr(self._admin.compute.get_server(server.id), "hypervisor_hostname", ""))
            self.writers.append(writer)
            writer.start()

    def _ready(self, server: Any) -> str | None:
        text = self._smoke._console_of(server)  # noqa: SLF001
        return text if "scs-guest: ready" in text and host_key(text) else None

    def _answers(self, writer: Writer) -> bool:
        try:
            with writer.shell() as shell:
                return shell.run("echo yes").strip() == "yes"
        except (OSError, EOFError, ScsRackError):
            return False
        except Exception:  # noqa: BLE001 (paramiko's own)
            return False

    def lost(self) -> tuple[int, int]:
        """Blocks lost, and acknowledged, of all guests."""
        each = [writer.lost() for writer in self.writers]
        return sum(lost for lost, _ in each), sum(written for _, written in each)

    def pause(self, since: float, apart_from: str) -> float:
        """Longest pause of guests that were not on a node that was killed."""
        others = [one for one in self.writers if not apart_from or not one.host.startswith(apart_from)]
        return max((one.pause(since) for one in others), default=0.0)
