"""FRR as CONFIG_DB says, as frrcfgd drives it: rendered when its container starts, then changed by events.

With the container's start everything is rendered from CONFIG_DB. Later, on an FRR that runs without BGP, frrcfgd
believes that peer groups and unnumbered neighbours exist already and never makes them (sonic-buildimage 27723, all
releases):
they are missing until the container is started again.
"""

import json
import subprocess
import sys
from pathlib import Path

from scs_rack.lab.switch.device import configdb
from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.configdb import Tables
from scs_rack.sonic.frr import frr_conf

FRR = Path("/etc/frr/frr.conf")
LOST = Path("/run/labswitch-lost.json")
"""Peer groups and neighbours that frrcfgd wrongly believes to exist."""
AF_TABLES = ("BGP_GLOBALS_AF", "BGP_NEIGHBOR_AF", "BGP_PEER_GROUP_AF")
BAD_ROWS = (KeyError, ValueError, IndexError, TypeError, AttributeError)
"""What rows that no model would allow lead to; nothing keeps them from being written."""
_UNNUMBERED = ("Ethernet", "PortChannel", "Vlan")


def mode(tables: Tables) -> str:
    """How routing is configured: `split` and `split-unified` leave frr.conf to the operator."""
    localhost = tables.get("DEVICE_METADATA", {}).get("localhost", {})
    return str(localhost.get("docker_routing_config_mode", "unified"))


def as_release(tables: Tables, release: int) -> Tables:
    """Tables as frrcfgd of a release understands them: to 202411 it takes `true` for activate, but not `up`."""
    words = releases.family_status_words(release)
    seen = dict(tables)
    for table in AF_TABLES:
        if table in tables:
            seen[table] = {key: _family(row, words) for key, row in tables[table].items()}
    return seen


def _family(row: configdb.Row, words: frozenset[str]) -> configdb.Row:
    if "admin_status" not in row:
        return row
    return row | {"admin_status": "up" if row["admin_status"] in words else "down"}


def peers(tables: Tables) -> set[str]:
    """Peer groups and unnumbered neighbours: what can be lost."""
    groups = {key.split("|")[1] for key in tables.get("BGP_PEER_GROUP", {}) if "|" in key}
    neighbours = {key.split("|")[1] for key in tables.get("BGP_NEIGHBOR", {}) if "|" in key}
    return groups | {name for name in neighbours if name.startswith(_UNNUMBERED)}


def without(tables: Tables, lost: set[str]) -> Tables:
    """Tables without some peer groups and neighbours, and without what needs them."""
    left = dict(tables)
    for table in ("BGP_PEER_GROUP", "BGP_PEER_GROUP_AF", "BGP_NEIGHBOR", "BGP_NEIGHBOR_AF"):
        rows = {
            key: row
            for key, row in tables.get(table, {}).items()
            if "|" not in key or not ({key.split("|")[1], row.get("peer_group_name")} & lost)
        }
        if table in tables:
            left[table] = rows
    left["BGP_GLOBALS_LISTEN_PREFIX"] = {
        key: row
        for key, row in tables.get("BGP_GLOBALS_LISTEN_PREFIX", {}).items()
        if row.get("peer_group") not in lost
    }
    return left


def _lost() -> set[str]:
    try:
        return set(json.loads(LOST.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return set()


def render() -> None:
    """Make frr.conf for a starting FRR; waits for CONFIG_DB."""
    LOST.unlink(missing_ok=True)
    client = configdb.wait_until_loaded()
    tables = configdb.read(client)
    if mode(tables).startswith("split"):
        return
    try:
        FRR.write_text(frr_conf(as_release(tables, releases.number())), encoding="utf-8")
    except BAD_ROWS as error:
        print(f"frr.conf stays as it was: {error!r}", file=sys.stderr)


def apply(tables: Tables) -> str | None:
    """Bring a running FRR to what CONFIG_DB says; returns what went wrong."""
    if mode(tables).startswith("split"):
        return None
    tables = as_release(tables, releases.number())
    lost, before = _lost(), FRR.read_text(encoding="utf-8")
    if "router bgp" not in before and "BGP_GLOBALS" in tables:
        lost = peers(tables)
        LOST.write_text(json.dumps(sorted(lost)), encoding="utf-8")
    try:
        after = frr_conf(without(tables, lost))
    except BAD_ROWS as error:
        return f"CONFIG_DB holds what makes no sense: {error!r}"
    if before == after:
        return None
    FRR.write_text(after, encoding="utf-8")
    command = ["/usr/lib/frr/frr-reload.py", "--reload", str(FRR)] if "router bgp" in before else ["vtysh", "-b"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stderr or done.stdout).strip() if done.returncode else None


def sessions() -> dict[str, str]:
    """State of each BGP neighbour, as `Established`, by address or interface."""
    done = subprocess.run(["vtysh", "-c", "show bgp summary json"], capture_output=True, text=True, check=False)
    try:
        summary = json.loads(done.stdout or "{}")
    except ValueError:
        return {}
    found: dict[str, str] = {}
    for family in ("ipv4Unicast", "ipv6Unicast", "l2VpnEvpn"):
        for name, row in summary.get(family, {}).get("peers", {}).items():
            if found.get(name) != "Established":
                found[name] = str(row.get("state", "unknown"))
    return found


if __name__ == "__main__":
    render()
