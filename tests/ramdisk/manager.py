"""The manager of these tests: the product's own installer and boot service; BMCs switch machines of `machines.py`.

`python -m tests.ramdisk.manager BENCH JSON`: BENCH holds rack, state, artefact and machines; JSON says what to do.
"""

import asyncio
import contextlib
import json
import socket
import sys
from pathlib import Path

from scs_rack.bmc import Power
from scs_rack.bmc.facts import BootOverride
from scs_rack.bmc.types import Bmc, Identity, TimeLimits
from scs_rack.design import make_design
from scs_rack.engine.signals import stoppable
from scs_rack.engine.stage import Context, Stop
from scs_rack.errors import StageFailed
from scs_rack.model.load import load_rack
from scs_rack.prepare import prepare
from scs_rack.provision import artifact, booting, candidates, install, kit, records, watching, work
from scs_rack.provision.discover import Discovery
from scs_rack.provision.install import Installer, Wish

from .machines import Machine


class Files(artifact.Artifact):
    """An artefact in a folder that its digest names."""

    @property
    def folder(self):
        return Path(self.digest)


class FakeBmc(Bmc):
    """Switches a machine, or says that it did."""

    def __init__(self, target, machine, ramdisk, lies):
        self.target, self.protocol, self._machine, self._ramdisk, self._lies = target, "redfish", machine, ramdisk, lies
        self._boot, self._believed = BootOverride("none"), False

    async def power_state(self):
        return Power.ON if self._machine.pid or self._believed else Power.OFF

    async def power_on(self):
        self._believed = self._lies
        if not self._lies:
            self._machine.on(self._ramdisk)

    async def power_off(self, *, hard):
        self._believed = False
        self._machine.off()

    async def identity(self):
        return Identity(serial=self._machine.serial)

    async def boot_override(self):
        return self._boot

    async def set_boot(self, wanted):
        self._boot = wanted


class Fleet:
    """All of them."""

    def __init__(self, machines, ramdisk, lies):
        self.limits, self._bmcs = TimeLimits(setting=1.0, power=3.0), {}
        self._machines, self._ramdisk, self._lies = machines, ramdisk, lies

    @contextlib.asynccontextmanager
    async def bmc(self, target):
        yield self._bmcs.setdefault(
            target.name, FakeBmc(target, self._machines[target.name], self._ramdisk, target.name in self._lies)
        )


def lldp(device, peer):
    """A frame in which a switch tells its name and port (IEEE 802.1AB)."""

    def field(kind, value):
        return (kind << 9 | len(value)).to_bytes(2) + value

    fields = field(1, b"\x07" + device.encode()) + field(2, b"\x07" + peer.encode()) + field(3, b"\x00\x78")
    return bytes.fromhex("0180c200000e 020000000001 88cc") + fields + field(5, device.encode()) + bytes(2)


async def announce(design, machines, recabled):
    """Switches tell themselves on every cable."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as line:
        while True:
            for machine in machines.values():
                for port, _ in machine.nics:
                    cable = next(
                        (c for c in design.rack.cables for e in c if (e.device, e.port) == (machine.name, port)), ()
                    )
                    stated = next((str(end) for end in cable if end.device in design.switches), "")
                    told = recabled.get(f"{machine.name}:{port}", stated)
                    if told:
                        with contextlib.suppress(OSError):
                            line.sendto(lldp(*told.split(":")), (f"{machine.name[-2:]}{port}", 0))
            await asyncio.sleep(0.5)


def discover(ctx, job, machines):
    """Switch machines on that nobody stated, and print what becomes of them."""

    async def look():
        found = Discovery(ctx, lambda who, what: print(f"{who}: {what}", flush=True))
        telling = asyncio.create_task(announce(ctx.design, machines, job["recabled"]))
        for name in job["discover"]:
            machines[name].on(job["ramdisk"])
        await found.run(job["seconds"])
        telling.cancel()

    asyncio.run(look())
    found = candidates.kept(ctx.state_dir, ctx.design)
    print(json.dumps({one.mac: candidates.stanza(ctx.design, one) for one in found}))


def main():
    """Do what was said; prints what goes on, and the results as the last line (JSON)."""
    bench, job = Path(sys.argv[1]), json.loads(sys.argv[2])
    machines = {name: Machine(**{**one, "folder": Path(one["folder"])}) for name, one in job["machines"].items()}
    design = make_design(load_rack(bench / "rack"))
    state, stop = bench / "state", Stop()
    state.mkdir(exist_ok=True)
    ctx = Context(design, bench / "rack", state, state, prepare(bench / "rack", state, design), stop=stop)
    made = Files("minimal", str(bench / "served"))
    work.kit.built_kit = lambda *_: kit.kit_of(design.rack.image, "cloud")
    work.artifact.built = lambda *_: made
    behind = {name: machines[job.get("swapped", {}).get(name, name)] for name in machines}
    fleet = Fleet(behind, job["ramdisk"], job.get("lies", []))
    install.bmc.Fleet.open = lambda *_: contextlib.nullcontext(fleet)
    watching.LOOK = job.get("look", watching.LOOK)
    watching.QUIET = job.get("quiet", watching.QUIET)
    booting.boot_limit = lambda _design: job.get("boot_limit", 30)

    if "discover" in job:
        discover(ctx, job, machines)
        return

    async def seen_running(_work, _fleet, server):
        machine = machines[server.node.name]
        lines = machine.mounted(2, lambda folder: (folder / "etc/scs-rack/server").read_text()).splitlines()
        if "done: booting from" not in machine.console or lines[0] != server.node.name:
            raise StageFailed(f"{server.node.name} does not run")
        record = records.Record(server.node.name, "installed", made.digest, server.ids.root_uuid, server.way, "now")
        records.write(state, record)

    watching.seen_running = seen_running
    wish = Wish(**{name: frozenset(value) if isinstance(value, list) else value for name, value in job["wish"].items()})
    results = []

    async def install_them():
        installer = Installer(ctx, job["servers"], wish, lambda who, what: print(f"{who}: {what}", flush=True))
        installer.chain._quiet = job.get("gather", 60)
        telling = asyncio.create_task(announce(design, machines, job.get("recabled", {})))
        results.extend([result async for result in installer.run()])
        telling.cancel()
        return installer

    with stoppable(stop, lambda _: print("stopping", flush=True)):
        installer = asyncio.run(install_them())
    heard = {name: [[n.nic, n.device, n.port] for n in one.neighbours] for name, one in installer.seen.items()}
    told = {
        "errors": {one.device: one.error for one in results},
        "findings": [finding.__dict__ for one in results for finding in one.findings],
        "neighbours": heard,
        "burnt": installer.burnt,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
