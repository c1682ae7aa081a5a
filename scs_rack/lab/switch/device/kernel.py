"""From CONFIG_DB to kernel state: pure functions that give the commands of `ip -batch`.

The lab's kernel has no VLAN sub-interfaces and no VLAN-aware bridge: a VLAN is one bridge over its ports, so a port
carries one VLAN. A trunk with a single VLAN is bridged too (both of its ends leave out the tag); more is refused.
"""

from dataclasses import dataclass, field
from typing import Any

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
    gateway: str | None = None


def vlan_of(tables: Tables) -> dict[str, str]:
    """The one VLAN that each bridged port carries.

    Raises:
        ValueError: a port carries more than one, which this kernel can't do.
    """
    found: dict[str, str] = {}
    for key in tables.get("VLAN_MEMBER", {}):
        vlan, _, port = key.partition("|")
        if port in found:
            raise ValueError(f"{port} carries {found[port]} and {vlan}: a lab switch can't, its kernel has no 802.1q")
        found[port] = vlan
    return found


def _address_rows(tables: Tables, table: str) -> list[tuple[str, str, dict[str, Any]]]:
    rows = []
    for key, row in tables.get(table, {}).items():
        name, bar, prefix = key.partition("|")
        if bar:
            rows.append((name, prefix, row))
    return rows


def wanted(tables: Tables) -> Wanted:
    """Kernel state that follows from CONFIG_DB.

    Raises:
        ValueError: a port carries more than one VLAN.
    """
    plan = Wanted(links={LOOPBACK: Link(up=True, routed6=True)})
    mac = tables.get("DEVICE_METADATA", {}).get("localhost", {}).get("mac", "")
    members = vlan_of(tables)
    for name, row in tables.get("PORT", {}).items():
        link_local = tables.get("INTERFACE", {}).get(name, {}).get("ipv6_use_link_local_only") == "enable"
        plan.links[name] = Link(
            up=row.get("admin_status") == "up",
            mtu=int(row.get("mtu", DEFAULT_MTU)),
            master=members.get(name),
            routed6=link_local,
        )
    for name, row in tables.get("MGMT_PORT", {}).items():
        plan.links[name] = Link(up=row.get("admin_status", "up") == "up", routed6=True)
    for name, row in tables.get("VLAN", {}).items():
        plan.bridges[name] = mac
        mtu = int(row.get("mtu", DEFAULT_MTU))
        plan.links[name] = Link(up=True, mtu=mtu, routed6=name in tables.get("VLAN_INTERFACE", {}))
    for _, prefix, _ in _address_rows(tables, "LOOPBACK_INTERFACE"):
        plan.links[LOOPBACK].addresses.add(prefix)
    for table in ("INTERFACE", "VLAN_INTERFACE", "MGMT_INTERFACE"):
        for name, prefix, row in _address_rows(tables, table):
            link = plan.links.setdefault(name, Link(up=True))
            link.addresses.add(prefix)
            link.routed6 = link.routed6 or ":" in prefix
            plan.gateway = row.get("gwaddr", plan.gateway)
    return plan


def _addresses(found: dict[str, Any]) -> set[str]:
    return {
        f"{address['local']}/{address['prefixlen']}"
        for address in found.get("addr_info", [])
        if address.get("scope") == "global"
    }


def commands(plan: Wanted, seen: dict[str, dict[str, Any]]) -> list[str]:
    """Lines for `ip -batch` that lead from what was seen to what is wanted.

    Args:
        plan: what is wanted.
        seen: entries of `ip -j address` by interface name.
    """
    lines = []
    for bridge, mac in plan.bridges.items():
        if bridge not in seen:
            lines.append(f"link add {bridge} address {mac} {BRIDGE}" if mac else f"link add {bridge} {BRIDGE}")
    lines += [f"link del {name}" for name in sorted(seen) if name.startswith("Vlan") and name not in plan.bridges]
    for name, link in plan.links.items():
        now = seen.get(name)
        if now is None and name not in plan.bridges:
            continue  # a cage without a cable has no interface in the lab
        now = now or {}
        if link.mtu and now.get("mtu") != link.mtu:
            lines.append(f"link set {name} mtu {link.mtu}")
        if now.get("master") != link.master:
            lines.append(f"link set {name} master {link.master}" if link.master else f"link set {name} nomaster")
        if ("UP" in now.get("flags", [])) != link.up:
            lines.append(f"link set {name} {'up' if link.up else 'down'}")
        have = _addresses(now)
        lines += [f"address del {address} dev {name}" for address in sorted(have - link.addresses)]
        lines += [
            f"address add {address} dev {name}{' nodad' if ':' in address else ''}"
            for address in sorted(link.addresses - have)
        ]
    return lines
