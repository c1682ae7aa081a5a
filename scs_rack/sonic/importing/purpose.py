"""What ports and LAGs of a switch are for, and what of them has to be stated because it would come out otherwise."""

from collections import Counter
from typing import Any

from scs_rack.model.portmap import speed_name
from scs_rack.sonic.rows import Row, Tables

Options = dict[str, dict[str, Any]]
"""By the name of a port or a LAG: what a rack file states of it."""

_HOSTS = ("host", "server", "node", "compute")
_YES = frozenset({"true", "on", "up", "enable", "enabled"})


def purposes(tables: Tables) -> Options:
    """VLANs and BGP of ports and LAGs."""
    found: Options = {}
    for key, row in tables.get("VLAN_MEMBER", {}).items():
        vlan, _, port = key.partition("|")
        number = vlan.removeprefix("Vlan")
        if not number.isdigit() or not port:
            continue
        if row.get("tagging_mode") == "untagged":
            found.setdefault(port, {})["untagged"] = int(number)
        else:
            found.setdefault(port, {}).setdefault("tagged", []).append(int(number))
    for key, row in tables.get("BGP_NEIGHBOR", {}).items():
        port = key.rpartition("|")[2]
        if port.startswith(("Ethernet", "PortChannel")):
            group = str(row.get("peer_group_name", "")).lower()
            found.setdefault(port, {})["bgp"] = "hosts" if any(word in group for word in _HOSTS) else "fabric"
    for options in found.values():
        if "tagged" in options:
            options["tagged"].sort()
    return found


def lags(tables: Tables, wanted: Options) -> Options:
    """LAGs with their members; what is not as usual is stated."""
    members: dict[str, list[str]] = {}
    for key in tables.get("PORTCHANNEL_MEMBER", {}):
        lag, _, port = key.partition("|")
        members.setdefault(lag, []).append(port)
    found: Options = {}
    for name, row in tables.get("PORTCHANNEL", {}).items():
        if name not in members:
            continue
        options: dict[str, Any] = {"ports": sorted(members[name], key=lambda port: int(port.removeprefix("Ethernet")))}
        if str(row.get("min_links", "1")) not in ("", "0", "1"):
            options["min_links"] = int(str(row["min_links"]))
        if not _is(row, "fast_rate"):
            options["fast"] = False
        if _is(row, "fallback"):
            options["fallback"] = True
        options |= {key: value for key, value in wanted.get(name, {}).items() if key in ("untagged", "tagged")}
        found[name] = options
    return found


def usual_mtu(tables: Tables) -> int | None:
    """MTU that most ports have."""
    seen = Counter(str(row["mtu"]) for row in tables.get("PORT", {}).values() if "mtu" in row)
    return int(seen.most_common(1)[0][0]) if seen else None


def unexpected(running: Row, made: Row) -> dict[str, Any]:
    """What has to be stated of a port so that its row comes out as it runs."""
    stated: dict[str, Any] = {}
    if running.get("description") and running["description"] != made.get("description"):
        stated["description"] = running["description"]
    if running.get("speed") and running["speed"] != made.get("speed"):
        stated["speed"] = speed_name(int(running["speed"]))
    if running.get("mtu") and running["mtu"] != made.get("mtu"):
        stated["mtu"] = int(running["mtu"])
    if "speed" in stated:
        pass  # what FEC is usual depends on the speed: to be asked again when that is stated
    elif running.get("fec") in ("rs", "fc", "none") and running["fec"] != made.get("fec", ""):
        stated["fec"] = running["fec"]
    elif "fec" not in running and "fec" in made:
        stated["fec"] = "none"
    if running.get("autoneg") and running["autoneg"] != made.get("autoneg"):
        stated["autoneg"] = _is(running, "autoneg")
    if running.get("admin_status", "down") != made.get("admin_status"):
        stated["enabled"] = _is(running, "admin_status")
    return stated


def _is(row: Row, field: str) -> bool:
    return str(row.get(field, "")).lower() in _YES
