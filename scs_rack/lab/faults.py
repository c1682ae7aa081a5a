"""Real faults, for operators who want to see what happens and for tests."""

import json
from pathlib import Path

from scs_rack import vault
from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.lab import bmcs, cables, cgroup, netns, nodes
from scs_rack.lab.layout import Lab

BMC_FAULTS = ("silent", "lies", "slow")
ACTIONS = ("stop", "start", *BMC_FAULTS, "heal")


def fault(lab: Lab, design: Design, rack_dir: Path, device: str, action: str) -> None:
    """Do something bad to a device, or undo it.

    Args:
        lab: which lab.
        design: its design.
        rack_dir: folder of the rack file.
        device: a switch, a server, or `bmc-SERVER`.
        action: `stop` takes the power away at once, `start` gives it back; a BMC can also be `silent` (answers
            nothing), can `lie` (says yes and does nothing) or be `slow`, and `heal` ends that.

    Raises:
        UsageError: there is no such device, or it can't have this fault.
    """
    server = device.removeprefix("bmc-")
    if device.startswith("bmc-") and server in design.nodes:
        _bmc_fault(lab, design, rack_dir, server, action)
    elif device not in lab.machines():
        names = [*lab.machines(), *(f"bmc-{name}" for name in design.nodes)]
        raise UsageError(f"the lab {lab.name} has no device {device}", f"it has {', '.join(names)}")
    elif action == "stop":
        nodes.stop(lab, device, hard=True)
    elif action == "start":
        nodes.start(lab, device)
    else:
        raise UsageError(f"{device} is no BMC and can't be made {action}", "use stop or start")


def _bmc_fault(lab: Lab, design: Design, rack_dir: Path, server: str, action: str) -> None:
    if action == "stop":
        cgroup.kill(bmcs.group(lab, server))
    elif action == "start":
        bmcs.start(lab, design, design.nodes[server], rack_dir, vault.ensure(rack_dir, design)[f"bmc_{server}"])
    else:
        path = lab.home / "bmc" / f"{server}.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["faults"] = [action] if action in BMC_FAULTS else []
        path.write_text(json.dumps(config, indent=1), encoding="utf-8")


def set_cable(lab: Lab, design: Design, end: str, *, joined: bool) -> str:
    """Cut a cable, so that both ends lose the carrier, or join it again; returns both ends for people.

    Raises:
        UsageError: no cable ends there.
    """
    for cable, pair in zip(design.rack.cables, cables.pairs(lab, design), strict=True):
        if end in {str(one) for one in cable}:
            for one in pair.ends:
                netns.ip("-n", one.namespace, "link", "set", one.port, "up" if joined else "down")
            return f"{cable[0]} - {cable[1]}"
    raise UsageError(f"no cable ends at {end}", "write DEVICE:PORT as in the rack file, e.g. leaf1:Ethernet0")
