"""Take switches over: state what can be stated, put the rest into overlays, and tell what still differs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scs_rack.design import Design
from scs_rack.sonic.device import is_split
from scs_rack.sonic.generate import generated
from scs_rack.sonic.importing.identity import identity, likely, localhost, portmap_of, release_of, role_of
from scs_rack.sonic.importing.purpose import lags, purposes, unexpected
from scs_rack.sonic.importing.services import READERS, switching
from scs_rack.sonic.importing.workshop import around, design_of
from scs_rack.sonic.overlay import laid_over
from scs_rack.sonic.routing import BGP_TABLES
from scs_rack.sonic.rows import Row, Tables
from scs_rack.sonic.secrets import SECRET_FIELDS, SECRET_KEYS
from scs_rack.sonic.tables import (
    DEVICE_FIELDS,
    PORT_FIELDS,
    SHARED_FIELDS,
    Owner,
    RowChange,
    compare,
    natural,
    owner,
    target,
)


@dataclass(frozen=True)
class Taken:
    """A switch as a rack file and an overlay state it."""

    name: str
    stanza: dict[str, Any]
    """What stands below its name in `switches`."""
    overlay: Tables
    differences: tuple[RowChange, ...]
    """What the first apply would change."""
    left: tuple[str, ...] = ()
    """Tables that stay the switch's own: nobody states them, nobody touches them."""
    notes: tuple[str, ...] = field(default=())
    """What was assumed, in sentences."""


def take(
    running: Mapping[str, Tables], rack: dict[str, Any] | None = None, release: str | None = None
) -> tuple[dict[str, Taken], list[list[str]]]:
    """Take switches over that are in service.

    Args:
        running: CONFIG_DB of each switch by its name in the rack file.
        rack: the rack file that they belong to, as read; one is made up without it.
        release: release of switches that don't tell theirs.

    Returns:
        The switches, and the cables between them as both their ends state them.

    Raises:
        UsageError: a model is not known, or what was read can't stand in a rack file.
    """
    roles = {name: role_of(tables) for name, tables in running.items()}
    base = rack if rack is not None else around(running, roles)
    notes: dict[str, list[str]] = {name: [] for name in running}
    stanzas: dict[str, dict[str, Any]] = {}
    for number, (name, tables) in enumerate(running.items(), start=1):
        told = release_of(tables) or release
        if told is None:
            version = tables.get("VERSIONS", {}).get("DATABASE", {}).get("VERSION", "none")
            notes[name].append(
                f"its version ({version}) tells no release; {likely(tables)} is assumed, or use --release"
            )
        stanza = identity(tables, portmap_of(tables), told or likely(tables))
        if str(localhost(tables).get("docker_routing_config_mode", "")).startswith("split"):
            notes[name].append("its routing stands in frr.conf, which is not taken over (ours: `switch show --frr`)")
        stanza["unit"], known = _unit(name, base, number)
        if not known:
            notes[name].append(f"unit {stanza['unit']} is made up: write where it stands in the rack")
        stanzas[name] = stanza
    cables = _cables(running, base)
    _fill(base, stanzas, running, cables)
    design = design_of(base, stanzas, cables)
    found = {name: _taken(design, name, stanzas[name], tables, notes[name]) for name, tables in running.items()}
    return found, cables


def _unit(name: str, base: dict[str, Any], number: int) -> tuple[int, bool]:
    stated = base.get("switches", {}).get(name, {}).get("unit")
    if stated:
        return int(stated), True
    match = re.search(r"(?:^|[-_])u(\d{1,2})(?:$|[-_])", name)
    return (int(match[1]), True) if match else (number, False)


def _cables(running: Mapping[str, Tables], base: dict[str, Any]) -> list[list[str]]:
    """Cables between imported switches that DEVICE_NEIGHBOR of both states, and that the rack file lacks."""
    stated = {end for cable in base.get("cables", []) for end in cable if isinstance(end, str)}
    found = []
    for name, tables in running.items():
        for port, row in tables.get("DEVICE_NEIGHBOR", {}).items():
            peer, far = row.get("name", ""), row.get("port", "")
            back = running.get(peer, {}).get("DEVICE_NEIGHBOR", {}).get(far, {})
            ends = [f"{name}:{port}", f"{peer}:{far}"]
            if (back.get("name"), back.get("port")) == (name, port) and not stated & set(ends):
                found.append(ends)
                stated |= set(ends)
    return found


def _fill(
    base: dict[str, Any],
    stanzas: dict[str, dict[str, Any]],
    running: Mapping[str, Tables],
    cables: list[list[str]],
) -> None:
    """State ports, LAGs and services, each only where it would come out otherwise."""
    made = _generated(base, stanzas, cables)
    for name, tables in running.items():
        wanted, known = purposes(tables), purposes(made[name])
        bundles = lags(tables, wanted)
        inside = {port for lag in bundles.values() for port in lag["ports"]}
        single = {port: part for port, part in wanted.items() if port.startswith("Ethernet") and port not in inside}
        stanza = stanzas[name]
        stanza["ports"] = {port: part for port, part in single.items() if part != known.get(port)}
        for lag, options in bundles.items():
            if bgp := wanted.get(lag, {}).get("bgp"):  # what a LAG is for follows from its members
                stanza["ports"] |= {port: {"bgp": bgp} for port in options["ports"][:1]}
        if bundles:
            stanza["lags"] = bundles
        if options := switching(tables):
            stanza["switching"] = options
    for _ in range(2):  # first speeds, then what depends on them
        made = _generated(base, stanzas, cables)
        for name, tables in running.items():
            _drop_services(stanzas[name], tables, made[name])
            _state_ports(stanzas[name], tables, made[name])
    for stanza in stanzas.values():
        ports = stanza.pop("ports")
        if ports:
            stanza["ports"] = {port: ports[port] for port in sorted(ports, key=natural)}


def _state_ports(stanza: dict[str, Any], tables: Tables, made: Tables) -> None:
    """State of each port what would come out otherwise."""
    rows = made.get("PORT", {})
    for port, row in tables.get("PORT", {}).items():
        if port in rows and (odd := unexpected(row, rows[port])):
            stanza["ports"][port] = {**stanza["ports"].get(port, {}), **odd}


def _drop_services(stanza: dict[str, Any], tables: Tables, made: Tables) -> None:
    """Leave a service to the overlay that would not come out as it runs."""
    options = stanza.get("switching", {})
    for part, (_reader, names) in READERS.items():
        if part in options and any(
            compare({name: tables.get(name, {})}, target({name: tables.get(name, {})}, {name: made.get(name, {})}))
            for name in names
        ):
            del options[part]
    if not options:
        stanza.pop("switching", None)


def _generated(base: dict[str, Any], stanzas: dict[str, dict[str, Any]], cables: list[list[str]]) -> dict[str, Tables]:
    design = design_of(base, stanzas, cables)
    return {name: generated(design, name) for name in stanzas}


def _taken(design: Design, name: str, stanza: dict[str, Any], running: Tables, notes: list[str]) -> Taken:
    made = generated(design, name)
    overlay, left = _rest(running, made)
    if is_split(stanza["release"]) and (there := sorted(BGP_TABLES & overlay.keys())):
        for table in there:  # a release that keeps its routing in frr.conf takes none of these from an overlay
            del overlay[table]
        notes = [*notes, f"its BGP is not taken over, as {stanza['release']} keeps it in frr.conf: {', '.join(there)}"]
    differences = compare(running, target(running, laid_over(made, overlay)))
    return Taken(name, stanza, overlay, tuple(differences), tuple(left), tuple(notes))


def _rest(running: Tables, made: Tables) -> tuple[Tables, list[str]]:
    """What runs and is not generated: for the overlay, or the switch's own."""
    overlay: Tables = {}
    left: list[str] = []
    for table, rows in sorted(running.items()):
        whose = owner(table, made)
        if whose is not Owner.RACK and (table in SHARED_FIELDS or _secret(table, rows)):
            left += [table] if whose is Owner.SWITCH else []
            continue
        for key, row in rows.items():
            known = made.get(table, {}).get(key)
            kept = _unsaid(table, row, known)
            if known is None or kept:
                overlay.setdefault(table, {})[key] = kept
    return overlay, left


def _unsaid(table: str, row: Row, known: Row | None) -> Row:
    """Fields of a row that are not generated."""
    if known is None:
        return row
    ours = PORT_FIELDS if table == "PORT" else None
    skip = DEVICE_FIELDS if table == "DEVICE_METADATA" else frozenset()
    return {
        name: value
        for name, value in row.items()
        if name not in known and name not in skip and (ours is None or name in ours)
    }


def _secret(table: str, rows: Mapping[str, Row]) -> bool:
    return table in SECRET_KEYS or any(
        name in SECRET_FIELDS or (table, name) in SECRET_FIELDS for row in rows.values() for name in row
    )
