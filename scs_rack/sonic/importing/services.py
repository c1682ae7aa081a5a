"""Services of a switch that the rack file can state: time, logs, names, banners. Secrets are not taken over."""

from collections.abc import Callable
from typing import Any

from scs_rack.sonic.importing.purpose import usual_mtu
from scs_rack.sonic.routing import FABRIC, HOSTS
from scs_rack.sonic.rows import Row, Tables

STANDARD_MTU = 9100
GROUPS = {"fabric": FABRIC, "hosts": HOSTS}
Reader = Callable[[Tables], dict[str, Any] | None]


def _ntp(tables: Tables) -> dict[str, Any] | None:
    servers = list(tables.get("NTP_SERVER", {}))
    return {"servers": servers} if servers else None


def _syslog(tables: Tables) -> dict[str, Any] | None:
    rows = tables.get("SYSLOG_SERVER", {})
    if not rows:
        return None
    row = next(iter(rows.values()))
    known = {"severity": row.get("severity"), "protocol": row.get("protocol")}
    port = {"port": int(row["port"])} if str(row.get("port", "")).isdigit() else {}
    return {"servers": list(rows), **{name: value for name, value in known.items() if value}, **port}


def _dns(tables: Tables) -> dict[str, Any] | None:
    servers = list(tables.get("DNS_NAMESERVER", {}))
    search = tables.get("DNS_OPTIONS", {}).get("GLOBAL", {}).get("search", [])
    return {"servers": servers, **({"search": search} if search else {})} if servers else None


def _banner(tables: Tables) -> dict[str, Any] | None:
    row: Row = tables.get("BANNER_MESSAGE", {}).get("global", {})
    said = {name: row[name] for name in ("login", "motd", "logout") if row.get(name)}
    return said if said and row.get("state") == "enabled" else None


READERS: dict[str, tuple[Reader, tuple[str, ...]]] = {
    "ntp": (_ntp, ("NTP", "NTP_SERVER")),
    "syslog": (_syslog, ("SYSLOG_SERVER",)),
    "dns": (_dns, ("DNS_NAMESERVER", "DNS_OPTIONS")),
    "banner": (_banner, ("BANNER_MESSAGE",)),
}
"""Parts of `switching` by name: what reads them, and the tables that they make."""


def switching(tables: Tables) -> dict[str, Any]:
    """Options of `switching` that a switch's tables speak of; whether they come out the same is for others to see."""
    found = {name: reader(tables) for name, (reader, _tables) in READERS.items()}
    options: dict[str, Any] = {name: part for name, part in found.items() if part is not None}
    mtu = usual_mtu(tables)
    if mtu not in (None, STANDARD_MTU):
        options["mtu"] = mtu
    if tables.get("MGMT_VRF_CONFIG", {}).get("vrf_global", {}).get("mgmtVrfEnabled") == "true":
        options["management_vrf"] = True
    groups = {word: tables.get("BGP_PEER_GROUP", {}).get(f"default|{group}") for word, group in GROUPS.items()}
    bfd = {word: row.get("bfd") == "true" for word, row in groups.items() if row is not None}
    if not all(bfd.values()):
        options["bfd"] = bfd
    return options
