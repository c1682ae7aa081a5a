"""Checks of the cabling as a whole: what must be cabled, and to where."""

from collections.abc import Iterator

from scs_rack.model.draft import MANAGER, Draft
from scs_rack.model.ends import BMC_PORT, SWITCH_MGMT_PORT
from scs_rack.model.fault import Problem


def _lacks(draft: Draft, device: str, port: str) -> bool:
    """True when a port has no cable, and no faulty cable may be meant for the device."""
    wiring = draft.wiring
    return draft.whole("cables") and (device, port) not in wiring.cabled and device not in wiring.dangling


def bmc_cable(draft: Draft) -> Iterator[Problem]:
    """Each server's BMC is cabled."""
    for name in draft.servers:
        if _lacks(draft, name, BMC_PORT):
            hint = f"add a cable [{name}:{BMC_PORT}, SWITCH:PORT] to an out-of-band switch"
            yield Problem(("servers", name), "the BMC has no cable", hint, "")


def management_cable(draft: Draft) -> Iterator[Problem]:
    """Each server's management NIC and each fabric switch's management port are cabled."""
    for name in draft.servers:
        nics = [nic for nic, what in (draft.nics(name) or {}).items() if what.use == "mgmt"]
        for nic in nics[:1]:
            if _lacks(draft, name, nic):
                hint = f"add a cable [{name}:{nic}, SWITCH:PORT] to an out-of-band switch"
                yield Problem(("servers", name), "the management NIC has no cable", hint, f"{name}:{nic}")
    for name, switch in draft.switches.items():
        if switch.role != "oob" and _lacks(draft, name, SWITCH_MGMT_PORT):
            hint = f"add a cable [{name}:{SWITCH_MGMT_PORT}, SWITCH:PORT] to an out-of-band switch"
            yield Problem(("switches", name), "the management port has no cable", hint, "")


def two_leaves(draft: Draft) -> Iterator[Problem]:
    """A server in service has uplinks to two different leaves."""
    for name in draft.active:
        nics = draft.nics(name)
        if nics is None or not draft.whole("cables") or name in draft.wiring.dangling:
            continue
        uplinks = [nic for nic, what in nics.items() if what.use == "uplink"]
        far = [port for nic in uplinks if (port := draft.wiring.far.get((name, nic)))]
        leaves = sorted({port.device for port in far if port.role == "leaf"})
        if len(leaves) < 2 and all(port.role == "leaf" for port in far):
            has = f"its uplinks go to {leaves[0]} only" if leaves else "none of its uplinks goes to a leaf"
            yield Problem(("servers", name), "no uplinks to two leaves", f"{has}; {_remedy(uplinks)}", "")


def _remedy(uplinks: list[str]) -> str:
    return (
        f"cable {' and '.join(uplinks)} to different leaves"
        if uplinks
        else "give it or its model NICs with `use: uplink`"
    )


def manager_cable(draft: Draft) -> Iterator[Problem]:
    """The manager is in the out-of-band network, and each of its NICs is cabled."""
    nics = draft.manager.nics if draft.manager else {}
    if draft.manager and "mgmt" not in nics.values():
        hint = "give one of its NICs the use `mgmt`; BMCs and switches are reached by it"
        yield Problem((MANAGER, "nics"), "the manager has no management NIC", hint)
    for nic in nics:
        if _lacks(draft, MANAGER, nic):
            hint = f"add a cable [{MANAGER}:{nic}, SWITCH:PORT], or leave the NIC out"
            yield Problem((MANAGER, "nics", nic), "the NIC has no cable", hint, "")


def oob_reach(draft: Draft) -> Iterator[Problem]:
    """Out-of-band switches form one tree: all reach the manager, and no cables form a loop."""
    root = {name: name for name in draft.switches}

    def top(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    for number, one, other in draft.wiring.pairs:
        if one.use == other.use == "data" and "oob" in (one.role, other.role) and one.device != other.device:
            if top(one.device) == top(other.device):
                hint = f"{one.device} and {other.device} are joined already, and nothing here breaks loops"
                value = f"{one.device}:{one.port} to {other.device}:{other.port}"
                yield Problem(("cables", number), "the cable closes a loop of the out-of-band network", hint, value)
            root[top(one.device)] = top(other.device)
    nics = draft.manager.nics if draft.manager else {}
    near = [draft.wiring.far.get((MANAGER, nic)) for nic, use in nics.items() if use == "mgmt"]
    reached = {top(port.device) for port in near if port and port.device in root}
    if not reached or not draft.whole("cables"):
        return
    for name, switch in draft.switches.items():
        if switch.role == "oob" and top(name) not in reached:
            hint = "join the out-of-band switches by a cable between them"
            yield Problem(("switches", name), "the manager does not reach this out-of-band switch", hint, "")
