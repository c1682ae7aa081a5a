"""Checks of devices by themselves: names, models, breakouts, MAC addresses, and who may log in."""

from collections.abc import Iterator

from scs_rack.model.draft import MANAGER, Draft
from scs_rack.model.fault import Path, Problem, dotted
from scs_rack.model.portmap import BadBreakout, portmap_names
from scs_rack.model.shape import nearest

GROUPS = frozenset(
    {"all", "ungrouped", "servers", "spares", "switches", "control", "network", "storage", "compute"}
    | {"controller", "first_controller", "ceph_mon", "ceph_mgr", "localhost", MANAGER}
)
"""Names that mean something else to Ansible or to the rack file."""


def device_name(draft: Draft) -> Iterator[Problem]:
    """Each device has a name of its own, and none that means a group."""
    for section in ("servers", "switches"):
        for name in getattr(draft, section):
            if name in GROUPS:
                hint = "it means a group of hosts or the manager; choose another one"
                yield Problem((section, name), "the name is reserved", hint, "")
    for name in draft.switches:
        if name in draft.names("servers"):
            yield Problem(("switches", name), "a server has that name too", "give each device its own name", "")


def server_model(draft: Draft) -> Iterator[Problem]:
    """Each server is of a model that the file states."""
    for name, server in draft.servers.items():
        if server.model not in draft.names("server_models"):
            hint = nearest(server.model, draft.server_models, "server_models has")
            yield Problem(("servers", name, "model"), "no such server model", hint)


def switch_model(draft: Draft) -> Iterator[Problem]:
    """Each switch is of a model that has a port map."""
    for name, switch in draft.switches.items():
        if switch.model not in portmap_names():
            hint = nearest(switch.model, portmap_names(), "scs-rack knows")
            yield Problem(("switches", name, "model"), "no such switch model", hint)


def breakout(draft: Draft) -> Iterator[Problem]:
    """Each breakout is one that the switch model can do."""
    for name, portmap in draft.portmaps.items():
        for port, mode in draft.switches[name].breakouts.items():
            try:
                portmap.with_breakouts({port: mode})
            except BadBreakout as error:
                yield Problem(("switches", name, "breakouts", port), error.message, error.hint, mode)


def _macs(draft: Draft) -> Iterator[tuple[str, Path]]:
    for name, server in draft.servers.items():
        if server.bmc.mac:
            yield server.bmc.mac, ("servers", name, "bmc", "mac")
        for nic, address in server.macs.items():
            yield address, ("servers", name, "macs", nic)
    for name, switch in draft.switches.items():
        if switch.mac:
            yield switch.mac, ("switches", name, "mac")


def mac(draft: Draft) -> Iterator[Problem]:
    """No MAC address stands twice, and each belongs to a NIC that the model has."""
    seen: dict[str, Path] = {}
    for address, path in _macs(draft):
        if address in seen:
            yield Problem(path, "the MAC address stands twice", f"{dotted(seen[address])} has it already", address)
        seen.setdefault(address, path)
    for name, server in draft.servers.items():
        nics = draft.nics(name)
        for nic in server.macs if nics is not None else ():
            if nic not in (nics or ()):
                hint = nearest(nic, nics or (), f"{name} has")
                yield Problem(("servers", name, "macs", nic), f"{name} has no NIC of that name", hint, nic)


def management_nic(draft: Draft) -> Iterator[Problem]:
    """Each server has exactly one management NIC."""
    told: set[Path] = set()
    for name, server in draft.servers.items():
        nics = draft.nics(name)
        management = [nic for nic, what in (nics or {}).items() if what.use == "mgmt"]
        if nics is not None and not management:
            hint = f"give one NIC of {server.model} or of the server `use: mgmt`; Ansible reaches the server by it"
            yield Problem(("servers", name), "no management NIC", hint)
        for nic in management[1:]:
            entry: Path = ("servers", name) if nic in server.nics else ("server_models", server.model)
            if (*entry, nic) not in told:
                hint = f"{management[0]} is it already; write `use: unused` for a further one"
                yield Problem((*entry, "nics", nic), "a second management NIC", hint, "")
            told.add((*entry, nic))


def users(draft: Draft) -> Iterator[Problem]:
    """No operator stands twice."""
    seen: set[str] = set()
    for number, user in enumerate(draft.access.users if draft.access else ()):
        if user.name in seen:
            hint = "put all keys of one operator in one list"
            yield Problem(("access", "users", number, "name"), "the user stands twice", hint)
        seen.add(user.name)
