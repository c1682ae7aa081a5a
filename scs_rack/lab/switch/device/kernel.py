"""From CONFIG_DB to kernel state: pure functions that give the commands of `ip -batch`."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from scs_rack.lab.switch.device.trunk import Membership, inner, outer, port_of

Tables = dict[str, dict[str, dict[str, Any]]]

LOOPBACK = "lo"
DEFAULT_MTU = "9100"
BRIDGE = "type bridge forward_delay 0 stp_state 0 mcast_snooping 0"


@dataclass
class Link:
    """How an interface shall be."""

    up: bool = False
    mtu: int | None = None
    master: str | None = None
    routed6: bool = False
    """IPv6 is on (link-local at least)."""
    addresses: set[str] = field(default_factory=set)


@dataclass
class Wanted:
    """Kernel state that follows from CONFIG_DB."""

    links: dict[str, Link] = field(default_factory=dict)
    bridges: dict[str, str] = field(default_factory=dict)
    """MAC address of each bridge, by name; empty where none is stated."""
    pairs: dict[str, str] = field(default_factory=dict)
    """Inner ends of veth pairs that carry tagged VLANs, with their outer ends."""
    members: dict[str, Membership] = field(default_factory=dict)
    """VLANs of bridged ports."""
    gateways: dict[int, str] = field(default_factory=dict)
    """Gateway of the management network by IP version."""


def memberships(tables: Tables) -> dict[str, Membership]:
    """VLANs that each bridged port carries. A LAG is no interface here, so it carries none."""
    found: dict[str, Membership] = {}
    for key, row in sorted(tables.get("VLAN_MEMBER", {}).items()):
        vlan, _, port = key.partition("|")
        if port not in tables.get("PORT", {}) or not vlan.removeprefix("Vlan").isdigit():
            continue
        number = int(vlan.removeprefix("Vlan"))
        have = found.get(port, Membership())
        if row.get("tagging_mode") == "untagged":
            found[port] = Membership(number, have.tagged)
        else:
            found[port] = Membership(have.untagged, tuple(sorted((*have.tagged, number))))
    return found


def _address_rows(tables: Tables, table: str) -> list[tuple[str, str, dict[str, Any]]]:
    rows = []
    for key, row in tables.get(table, {}).items():
        name, bar, prefix = key.partition("|")
        if bar:
            rows.append((name, prefix, row))
    return rows


def wanted(tables: Tables, cut: Collection[str] = ()) -> Wanted:
    """Kernel state that follows from CONFIG_DB; ports in `cut` stay down whatever it says."""
    plan = Wanted(links={LOOPBACK: Link(up=True, routed6=True)}, members=memberships(tables))
    mac = tables.get("DEVICE_METADATA", {}).get("localhost", {}).get("mac", "")
    for name, row in tables.get("PORT", {}).items():
        link_local = tables.get("INTERFACE", {}).get(name, {}).get("ipv6_use_link_local_only") == "enable"
        member = plan.members.get(name, Membership())
        link = Link(
            up=row.get("admin_status") == "up" and name not in cut,
            mtu=int(row.get("mtu", DEFAULT_MTU)),
            master=None if member.untagged is None else f"Vlan{member.untagged}",
            routed6=link_local,
        )
        plan.links[name] = link
        for vlan in member.tagged:
            ends = (inner(name, vlan), outer(name, vlan))
            plan.pairs[ends[0]] = ends[1]
            plan.links[ends[0]] = Link(up=link.up, mtu=link.mtu, master=f"Vlan{vlan}")
            plan.links[ends[1]] = Link(up=link.up, mtu=link.mtu)
    for name, row in tables.get("MGMT_PORT", {}).items():
        plan.links[name] = Link(up=row.get("admin_status", "up") == "up" and name not in cut, routed6=True)
    for name, row in tables.get("VLAN", {}).items():
        plan.bridges[name] = str(row.get("mac", mac))
        mtu = int(row.get("mtu", DEFAULT_MTU))
        plan.links[name] = Link(
            up=row.get("admin_status", "up") == "up", mtu=mtu, routed6=name in tables.get("VLAN_INTERFACE", {})
        )
    for _, prefix, _ in _address_rows(tables, "LOOPBACK_INTERFACE"):
        plan.links[LOOPBACK].addresses.add(prefix)
    for table in ("INTERFACE", "VLAN_INTERFACE", "MGMT_INTERFACE"):
        for name, prefix, row in _address_rows(tables, table):
            link = plan.links.setdefault(name, Link(up=True))
            link.addresses.add(prefix)
            link.routed6 = link.routed6 or ":" in prefix
            if "gwaddr" in row:
                plan.gateways[6 if ":" in row["gwaddr"] else 4] = row["gwaddr"]
    return plan


def _addresses(found: dict[str, Any]) -> set[str]:
    return {
        f"{address['local']}/{address['prefixlen']}"
        for address in found.get("addr_info", [])
        if address.get("scope") == "global"
    }


def _tagged(name: str) -> bool:
    """True for an end of a pair that carries a tagged VLAN."""
    return name[0] in "EePp" and "." in name


def _made_here(name: str) -> bool:
    return name.startswith("Vlan") or _tagged(name)


def commands(plan: Wanted, seen: dict[str, dict[str, Any]]) -> list[str]:
    """Lines for `ip -batch` that lead from what was seen to what is wanted.

    Args:
        plan: what is wanted.
        seen: entries of `ip -j address` by interface name.
    """
    lines = [
        f"link del {name}"
        for name in sorted(seen)
        if _made_here(name) and name not in plan.links and name[0] not in "ep"  # an outer end goes with its inner one
    ]
    for bridge, mac in plan.bridges.items():
        if bridge not in seen:
            lines.append(f"link add {bridge} address {mac} {BRIDGE}" if mac else f"link add {bridge} {BRIDGE}")
    lines += [
        f"link add {one} type veth peer name {two}"
        for one, two in plan.pairs.items()
        if one not in seen and port_of(one) in seen
    ]
    for name, link in plan.links.items():
        if port_of(name) not in seen and name not in plan.bridges:
            continue  # a cage without a cable has no interface in the lab
        port = seen.get(port_of(name), {})
        linked = not _tagged(name) or port.get("operstate") == "UP"  # so that a VLAN without any link has none
        lines += _link_lines(name, link if linked else replace(link, up=False), seen.get(name, {}))
    return lines


def _link_lines(name: str, link: Link, now: dict[str, Any]) -> list[str]:
    lines = []
    if link.mtu and now.get("mtu") != link.mtu:
        lines.append(f"link set {name} mtu {link.mtu}")
    if now.get("master") != link.master:
        lines.append(f"link set {name} master {link.master}" if link.master else f"link set {name} nomaster")
    have = _addresses(now)
    lines += [f"address del {address} dev {name}" for address in sorted(have - link.addresses)]
    lines += [
        f"address add {address} dev {name}{' nodad' if ':' in address else ''}"
        for address in sorted(link.addresses - have)
    ]
    if ("UP" in now.get("flags", [])) != link.up:  # last: what comes up announces the addresses that it has
        lines.append(f"link set {name} {'up' if link.up else 'down'}")
    return lines
