"""Checks of the cabling as a whole: what must be cabled, and to where."""

from collections.abc import Iterable, Iterator

from scs_rack.model.checks.switching import spanning_tree
from scs_rack.model.draft import MANAGER, Draft
from scs_rack.model.ends import BMC_PORT, SWITCH_MGMT_PORT, Port
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


def external_ports(draft: Draft) -> Iterator[Problem]:
    """A server in service with the role network has a port to the external networks."""
    for name, server in draft.active.items():
        nics = draft.nics(name)
        if "network" not in server.roles or nics is None or not draft.whole("cables") or name in draft.wiring.dangling:
            continue
        external = [nic for nic, what in nics.items() if what.use == "external"]
        if not any((name, nic) in draft.wiring.cabled for nic in external):
            ports = (
                f"cable {' or '.join(external)} to a leaf"
                if external
                else "give it or its model NICs with `use: external`"
            )
            yield Problem(("servers", name), "a network node without a port to the external networks", ports, "")


class _Groups:
    """Switches that cables join to groups."""

    def __init__(self, names: Iterable[str]) -> None:
        self.above = {name: name for name in names}

    def of(self, name: str) -> str:
        """The switch that stands for the group of a switch."""
        while self.above[name] != name:
            name = self.above[name]
        return name

    def join(self, one: str, other: str) -> bool:
        """Join the groups of two switches; False when they were one already."""
        before = self.of(one), self.of(other)
        self.above[before[0]] = before[1]
        return before[0] != before[1]


def fabric(draft: Draft) -> Iterator[Problem]:
    """All servers in service reach each other: servers carry no traffic of others, so the fabric must."""
    groups = _Groups(draft.switches)
    for _, one, other in draft.wiring.pairs:
        if one.use == other.use == "data" and "oob" not in (one.role, other.role):
            groups.join(one.device, other.device)
    touched: dict[str, set[str]] = {}
    for _, one, other in draft.wiring.pairs:
        port, switch = (one, other) if other.use == "data" else (other, one)
        if port.use == "uplink" and switch.role == "leaf" and port.device in draft.active:
            touched.setdefault(port.device, set()).add(groups.of(switch.device))
    leaves = [name for name, switch in draft.switches.items() if switch.role == "leaf"]
    shared = set.intersection(*touched.values()) if touched else set(map(groups.of, leaves))
    if shared or not leaves or not draft.whole("cables") or draft.wiring.dangling:
        return
    spines = [name for name, switch in draft.switches.items() if switch.role == "spine"]
    main = groups.of(spines[0] if spines else leaves[0])
    hint = f"cable it to {' and '.join(spines)}" if spines else "add a spine with cables to all leaves"
    for name in leaves:
        if groups.of(name) != main:
            yield Problem(
                ("switches", name), "the leaf is not joined to the others", f"{hint}; servers don't route", ""
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


def _bundle(draft: Draft, one: Port, other: Port) -> tuple[tuple[str, str], ...] | None:
    """The LAGs that a cable belongs to at both ends."""
    found = [
        (port.device, name)
        for port in (one, other)
        for name, lag in draft.switches[port.device].lags.items()
        if port.port in lag.ports
    ]
    return tuple(sorted(found)) if len(found) == 2 else None


def _trunks(draft: Draft) -> Iterator[tuple[int, Port, Port, bool]]:
    """Cables that carry the out-of-band network between switches, one a LAG; and whether it may close a loop."""
    bundles = set()
    for number, one, other in draft.wiring.pairs:
        if not one.use == other.use == "data" or "oob" not in (one.role, other.role) or one.device == other.device:
            continue
        bundle = _bundle(draft, one, other)
        if bundle not in bundles:
            yield number, one, other, all(spanning_tree(draft, port.device) for port in (one, other))
        bundles |= {bundle} if bundle else set()


def oob_reach(draft: Draft) -> Iterator[Problem]:
    """Out-of-band switches form one tree: all reach the manager, and no cables form a loop."""
    groups = _Groups(draft.switches)
    for number, one, other, loops in _trunks(draft):
        if not groups.join(one.device, other.device) and not loops:
            hint = f"{one.device} and {other.device} are joined already, and nothing here breaks loops"
            value = f"{one.device}:{one.port} to {other.device}:{other.port}"
            yield Problem(("cables", number), "the cable closes a loop of the out-of-band network", hint, value)
    nics = draft.manager.nics if draft.manager else {}
    near = [draft.wiring.far.get((MANAGER, nic)) for nic, use in nics.items() if use == "mgmt"]
    reached = {groups.of(port.device) for port in near if port and port.role == "oob"}
    if not reached or not draft.whole("cables") or draft.wiring.dangling:
        return
    for name, switch in draft.switches.items():
        if switch.role == "oob" and groups.of(name) not in reached:
            hint = "join the out-of-band switches by a cable between them"
            yield Problem(("switches", name), "the manager does not reach this out-of-band switch", hint, "")
