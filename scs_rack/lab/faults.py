"""Real faults, for operators who want to see what happens and for tests."""

import json
from pathlib import Path

from scs_rack import vault
from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.lab import bmcs, cgroup, nodes, plugs, up
from scs_rack.lab.bmc import faults as bmc_faults
from scs_rack.lab.layout import Lab
from scs_rack.lab.switch import chassis
from scs_rack.lab.switch import faults as switch_faults

BMC_FAULTS = (*bmc_faults.FAULTS, *bmc_faults.ALIASES)
SERVER_FAULTS = {
    "wipe": "takes the power away; its root disk is that of a new server, with another host key",
    "wipe-disks": "the same, and its other disks are empty too",
}
ACTIONS = ("stop", "start", *BMC_FAULTS, *switch_faults.FAULTS, "replace", "wipe", "wipe-disks", "heal")


def fault(
    lab: Lab,
    design: Design,
    rack_dir: Path,
    device: str,
    action: str,
    *,
    port: str | None = None,
    seconds: float | None = None,
    mac: str | None = None,
) -> None:
    """Do something bad to a device, or undo it.

    Args:
        lab: which lab.
        design: its design.
        rack_dir: folder of the rack file.
        device: a switch, a server, or `bmc-SERVER`.
        action: `stop` takes the power away at once, `start` gives it back; a BMC can have those of
            `bmc.faults.FAULTS`, several at once, and `heal` ends them all. A switch can have those
            of `switch.faults.FAULTS`, and `replace` puts another chassis in its place (`heal` puts the old one back).
            A server that is made to `wipe` loses its power and its root disk, by `wipe-disks` all of its disks.
        port: which port of a switch, where the fault is one of a port.
        seconds: how long, where the fault takes a while.
        mac: MAC address of the chassis that replaces a switch.

    Raises:
        UsageError: there is no such device, or it can't have this fault.
    """
    server = device.removeprefix("bmc-")
    if device.startswith("bmc-") and server in design.nodes:
        _bmc_fault(lab, design, rack_dir, server, action, seconds=seconds)
    elif device not in lab.machines():
        names = [*lab.machines(), *(f"bmc-{name}" for name in design.nodes)]
        raise UsageError(f"the lab {lab.name} has no device {device}", f"it has {', '.join(names)}")
    elif action == "stop":
        nodes.stop(lab, device, hard=True)
    elif action == "start":
        nodes.start(lab, device)
    elif device in design.nodes:
        _server_fault(lab, design, device, action)
    elif device not in design.switches:
        raise UsageError(f"{device} is no BMC, server or switch, and can't be made {action}", "use stop or start")
    else:
        _switch_fault(lab, design, device, action, port=port, seconds=seconds, mac=mac)


def _switch_fault(
    lab: Lab, design: Design, device: str, action: str, *, port: str | None, seconds: float | None, mac: str | None
) -> None:
    if action == "replace":
        chassis.replace(lab, design, device, mac)
    elif action == "wipe":
        chassis.wipe(lab, device)
    elif action == "heal":
        switch_faults.heal(lab, device)
        chassis.restore(lab, design, device)
    elif action in switch_faults.FAULTS:
        switch_faults.inflict(lab, device, action, port=port, seconds=seconds)
    else:
        raise UsageError(f"{device} is no BMC and can't be made {action}", f"use {', '.join(switch_faults.FAULTS)}")


def _server_fault(lab: Lab, design: Design, server: str, action: str) -> None:
    if action not in SERVER_FAULTS:
        words = f"{server} is no BMC and no switch, and can't be made {action}"
        raise UsageError(words, f"use stop, start, {', '.join(SERVER_FAULTS)}")
    up.make_anew(lab, design, server, disks=action == "wipe-disks")


def _bmc_fault(lab: Lab, design: Design, rack_dir: Path, server: str, action: str, *, seconds: float | None) -> None:
    if action == "stop":
        cgroup.kill(bmcs.group(lab, server))
    elif action == "start":
        bmcs.start(lab, design, design.nodes[server], rack_dir, vault.ensure(rack_dir, design)[f"bmc_{server}"])
    else:
        bmcs.set_fault(lab, server, None if action == "heal" else bmc_faults.named(action), seconds)


def catalogue() -> dict[str, dict[str, str]]:
    """What can be done to which kind of device, with what it does."""
    power = {"stop": "takes the power away at once", "start": "gives it back"}
    return {
        "any device, and bmc-SERVER": power,
        "bmc-SERVER (several at once; `heal` ends them)": {str(k): v for k, v in bmc_faults.FAULTS.items()},
        "server": SERVER_FAULTS,
        "switch": {
            **switch_faults.FAULTS,
            "replace": "puts another chassis in its place, with another MAC address (--mac)",
            "wipe": "makes it as delivered: it asks by ZTP what it shall be",
        },
    }


def listing(lab: Lab, design: Design) -> list[str]:
    """All faults that are set, one line each: what has no power, what is spoilt, what is cut or swapped."""
    lines = [f"{name}: off" for name in lab.machines() if name in design.switches and not nodes.power_state(lab, name)]
    for server in design.nodes:
        path = lab.home / "bmc" / f"{server}.json"
        found = json.loads(path.read_text(encoding="utf-8")).get("faults", []) if path.is_file() else []
        lines += [f"bmc-{server}: {one}" for one in found]
    for name in design.switches:
        lines += [f"{name}: {line}" for line in switch_faults.listing(lab, name)]
    return lines + plugs.listing(lab)


def set_cable(lab: Lab, design: Design, end: str, *, joined: bool) -> str:
    """Cut a cable, so that both ends lose the carrier, or join it again; returns both ends for people.

    Raises:
        UsageError: no cable ends there.
    """
    return plugs.set_cable(lab, design, end, joined=joined)


def swap_cables(lab: Lab, design: Design, one: str, other: str) -> str:
    """Exchange the plugs of two cables in switch ports; the same again puts them back. Returns what was done.

    Raises:
        UsageError: no cable ends there, or an end is not in a switch.
    """
    return plugs.swap(lab, design, one, other)
