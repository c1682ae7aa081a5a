"""Which switch a CONFIG_DB belongs to: model, role, release, addresses, numbers."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Any, get_args

from scs_rack.errors import UsageError
from scs_rack.model.portmap import BadBreakout, PortMap, load_portmap, portmap_names
from scs_rack.model.switch import Switch
from scs_rack.sonic.rows import Row, Tables

RELEASES: tuple[str, ...] = tuple(
    release for release in get_args(Switch.model_fields["release"].annotation) if release.isdigit()
)
"""Releases that a rack file can state."""
_ROLES = {"spine": "spine", "mgmt": "oob", "management": "oob", "bmc": "oob"}
_VERSION = re.compile(r"version_(?P<release>20\d{4})_\d+")


def localhost(tables: Tables) -> Row:
    """The row of DEVICE_METADATA that tells of the switch itself."""
    return tables.get("DEVICE_METADATA", {}).get("localhost", {})


def portmap_of(tables: Tables) -> PortMap:
    """The port map of the switch.

    Raises:
        UsageError: there is none for its hardware.
    """
    sku = localhost(tables).get("hwsku", "")
    for name in portmap_names():
        if (found := load_portmap(name)).sku == sku:
            return found
    known = ", ".join(load_portmap(name).sku for name in portmap_names())
    raise UsageError(f"no port map for the hardware {sku or 'that DEVICE_METADATA does not name'}", f"known: {known}")


def role_of(tables: Tables) -> str:
    """`leaf`, `spine` or `oob`: by its type, else a switch that speaks BGP is a leaf."""
    kind = str(localhost(tables).get("type", "")).lower()
    for word, role in _ROLES.items():
        if word in kind:
            return role
    return "leaf" if "router" in kind or "BGP_NEIGHBOR" in tables or "BGP_GLOBALS" in tables else "oob"


def release_of(tables: Tables) -> str | None:
    """The release as VERSIONS tells it; None where that is no release that a rack file can state."""
    version = str(tables.get("VERSIONS", {}).get("DATABASE", {}).get("VERSION", ""))
    match = _VERSION.match(version)
    return match["release"] if match and match["release"] in RELEASES else None


def likely(tables: Tables) -> str:
    """The release to assume where none is told: by whether BGP is in CONFIG_DB, as it is from 202505 on."""
    row = localhost(tables)
    framework = row.get("frr_mgmt_framework_config") == "true"
    return "202505" if framework and row.get("docker_routing_config_mode") == "unified" else "202411"


def addresses(tables: Tables, table: str, port: str = "") -> Iterator[IPv4Interface | IPv6Interface]:
    """Addresses in the keys of a table of interfaces, of one port or of all."""
    for key in tables.get(table, {}):
        name, _, prefix = key.partition("|")
        if prefix and (not port or name == port):
            try:
                yield ip_interface(prefix)
            except ValueError:
                continue  # VRF or other parts of a key that is no address


def first4(tables: Tables, table: str, port: str = "") -> IPv4Interface | None:
    """First IPv4 address in a table of interfaces."""
    return next((one for one in addresses(tables, table, port) if isinstance(one, IPv4Interface)), None)


def management_of(tables: Tables, role: str) -> IPv4Interface | None:
    """Where the switch is managed: its management port, or the address of an out-of-band switch in a VLAN."""
    port, vlan = first4(tables, "MGMT_INTERFACE"), first4(tables, "VLAN_INTERFACE")
    return (vlan or port) if role == "oob" else (port or vlan)


def breakouts_of(tables: Tables, portmap: PortMap) -> dict[str, str]:
    """How ports are split, told by names and lanes of the rows of PORT."""
    running = {name: str(row.get("lanes", "")) for name, row in tables.get("PORT", {}).items()}
    found = {}
    for name, port in portmap.ports.items():
        if running.get(name) == ",".join(map(str, port.lanes)):
            continue
        for mode in port.modes:
            try:
                children = port.split(mode)
            except BadBreakout:  # pragma: no cover (a mode of its own list)
                continue
            if all(running.get(child.name) == ",".join(map(str, child.lanes)) for child in children):
                speeds = {str(tables["PORT"][child.name].get("speed", "")) for child in children}
                found[name] = mode
                if speeds == {str(children[0].speed)}:
                    break  # several modes split alike; the one that runs at this speed is meant
    return found


def identity(tables: Tables, portmap: PortMap, release: str) -> dict[str, Any]:
    """What the rack file states of a switch, without its ports and its unit."""
    role = role_of(tables)
    stanza: dict[str, Any] = {"model": portmap.model, "role": role, "release": release}
    if mac := localhost(tables).get("mac"):
        stanza["mac"] = str(mac).lower()
    if management := management_of(tables, role):
        stanza["address"] = str(management.ip)
    loopback = first4(tables, "LOOPBACK_INTERFACE", "Loopback0")
    if loopback and role != "oob":
        stanza["loopback4"] = str(loopback.ip)
    asn = tables.get("BGP_GLOBALS", {}).get("default", {}).get("local_asn") or localhost(tables).get("bgp_asn")
    if asn and str(asn).isdigit() and role != "oob":
        stanza["asn"] = int(str(asn))
    if split := breakouts_of(tables, portmap):
        stanza["breakouts"] = split
    return stanza
