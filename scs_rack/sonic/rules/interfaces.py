"""Rules of interfaces: link aggregation, VLANs, addresses, MTU."""

from collections import defaultdict
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface

from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.rules.tools import INTERFACES, items, number, repeated, rows, text

DEFAULT_MTU = 9100
"""MTU in bytes of ports and LAGs that state none."""


def members(tables: TablesLike) -> Iterator[Fault]:
    """A port is in one LAG, and then neither routed nor in a VLAN by itself."""
    lags: dict[str, list[str]] = defaultdict(list)
    routed = {key.partition("|")[0] for key in rows(tables, "INTERFACE")}
    for key in rows(tables, "PORTCHANNEL_MEMBER"):
        lag, _, port = key.partition("|")
        lags[port].append(lag)
        if port in routed:
            hint = f"route over {lag}, or take {port} out of it"
            yield Fault(f"{port} is a member of {lag} and a routed port", "PORTCHANNEL_MEMBER", key, hint=hint)
    for port, found in sorted(lags.items()):
        if len(found) > 1:
            message = f"member port {port} is used by {', '.join(found)}"
            yield Fault(message, "PORTCHANNEL_MEMBER", f"{found[-1]}|{port}", hint="a port can be in one LAG")
    for key in rows(tables, "VLAN_MEMBER"):
        vlan, _, port = key.partition("|")
        if vlan not in rows(tables, "VLAN"):
            hint = f"add VLAN|{vlan}, or take the member out"
            yield Fault(f"there is no {vlan}", "VLAN_MEMBER", key, hint=hint, models_tell=True)
        bridged = routed | {name.partition("|")[0] for name in rows(tables, "PORTCHANNEL_INTERFACE")}
        if port in bridged:
            hint = f"a port is in VLANs or routed: take out one, or route over {vlan}"
            message = f"{port} is a member of {vlan} and a routed port"
            yield Fault(message, "VLAN_MEMBER", key, hint=hint, models_tell=True)
        if port in lags:
            hint = f"put {lags[port][0]} into the VLAN"
            message = f"{port} is a member of {vlan} and of {lags[port][0]}"
            yield Fault(message, "VLAN_MEMBER", key, hint=hint, models_tell=True)


def links_of_a_lag(tables: TablesLike) -> Iterator[Fault]:
    """Members of a LAG agree with each other on speed, and with the LAG on MTU; it has enough of them."""
    speeds: dict[str, dict[str, str]] = defaultdict(dict)
    for key in rows(tables, "PORTCHANNEL_MEMBER"):
        lag, _, port = key.partition("|")
        row = rows(tables, "PORT").get(port)
        if row is None or lag not in rows(tables, "PORTCHANNEL"):
            continue  # the models tell that
        speeds[lag][port] = text(row, "speed")
        have = number(row, "mtu") or DEFAULT_MTU
        want = number(rows(tables, "PORTCHANNEL")[lag], "mtu") or DEFAULT_MTU
        if have != want:
            message = f"has an MTU of {have}, and {lag} of {want}"
            yield Fault(message, "PORT", port, "mtu", "members of a LAG have its MTU")
    for lag, found in sorted(speeds.items()):
        if len(set(found.values())) > 1:
            stated = ", ".join(f"{port} {speed}" for port, speed in found.items())
            yield Fault(
                f"members have different speeds: {stated}", "PORTCHANNEL", lag, hint="LACP uses equal ones only"
            )
    for lag, row in rows(tables, "PORTCHANNEL").items():
        least = number(row, "min_links")
        if least and lag in speeds and least > len(speeds[lag]):
            message = (
                f"{len(speeds[lag])} member{'s' if len(speeds[lag]) > 1 else ''}, and it goes up with {least} only"
            )
            yield Fault(message, "PORTCHANNEL", lag, "min_links")


def vlan_mtu(tables: TablesLike) -> Iterator[Fault]:
    """A VLAN's MTU is no larger than that of its members: larger frames would be lost on them."""
    for key in rows(tables, "VLAN_MEMBER"):
        vlan, _, port = key.partition("|")
        want = number(rows(tables, "VLAN").get(vlan, {}), "mtu")
        row = rows(tables, "PORT").get(port) or rows(tables, "PORTCHANNEL").get(port)
        if want and row is not None and want > (number(row, "mtu") or DEFAULT_MTU):
            message = f"has an MTU of {want}, and its member {port} of {number(row, 'mtu') or DEFAULT_MTU}"
            yield Fault(message, "VLAN", vlan, "mtu", "raise that of the port, or lower that of the VLAN")


def _interface(prefix: str) -> IPv4Interface | IPv6Interface | None:
    try:
        return ip_interface(prefix)
    except ValueError:
        return None  # the models tell that


def _vrf(tables: TablesLike, table: str, name: str) -> str:
    if table == "MGMT_INTERFACE":
        row = rows(tables, "MGMT_VRF_CONFIG").get("vrf_global", {})
        return "mgmt" if text(row, "mgmtVrfEnabled") == "true" else "default"
    return text(rows(tables, table).get(name, {}), "vrf_name") or "default"


def addresses(tables: TablesLike) -> Iterator[Fault]:
    """An address belongs to one interface of a VRF."""
    users: dict[tuple[str, str], list[tuple[str, str, str]]] = defaultdict(list)
    for table in (*INTERFACES, "VLAN_SUB_INTERFACE", "MGMT_INTERFACE"):
        for key in rows(tables, table):
            name, bar, prefix = key.partition("|")
            found = _interface(prefix) if bar else None
            if found is not None and not found.ip.is_link_local:
                users[_vrf(tables, table, name), str(found.ip)].append((name, table, key))
    for (_, address), several in sorted(users.items()):
        if len(several) > 1:
            names = ", ".join(name for name, _, _ in several)
            _, table, key = several[-1]
            yield Fault(f"address {address} is used by {names}", table, key, hint="each interface needs its own")


def base_rows(tables: TablesLike) -> Iterator[Fault]:
    """An address needs the row of its interface: SONiC waits for it without a word."""
    for table in INTERFACES:
        for key in rows(tables, table):
            name, bar, _ = key.partition("|")
            if bar and name not in rows(tables, table):
                hint = f'add "{name}": {{}} to {table}'
                yield Fault(f"there is no row {table}|{name}", table, key, hint=hint)


def gateways(tables: TablesLike) -> Iterator[Fault]:
    """The gateway of the management port lies in its network."""
    for key, row in rows(tables, "MGMT_INTERFACE").items():
        found = _interface(key.partition("|")[2])
        for gateway in items(row, "gwaddr"):
            try:
                address = ip_address(gateway)
            except ValueError:
                continue  # the models tell that
            if found is not None and address.version == found.version and address not in found.network:
                message = f"{gateway} is not in {found.network}"
                yield Fault(message, "MGMT_INTERFACE", key, "gwaddr", "the switch could not be reached any more")


def vlan_ids(tables: TablesLike) -> Iterator[Fault]:
    """A VLAN's number is the one of its name, and no two have the same."""
    users: dict[str, list[str]] = defaultdict(list)
    for name, row in rows(tables, "VLAN").items():
        vlan = text(row, "vlanid")
        if vlan:
            users[vlan].append(name)
            if name != f"Vlan{vlan}":
                hint = f"write {name.removeprefix('Vlan')}"
                yield Fault(f"is not the VLAN {vlan}", "VLAN", name, "vlanid", hint, models_tell=True)
    yield from repeated(users, "VLAN id", "VLAN", field="vlanid")


RULES = (members, links_of_a_lag, vlan_mtu, addresses, base_rows, gateways, vlan_ids)
