"""`scs-rack switch import`: bring switches in service under control."""

import argparse
import getpass
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from scs_rack.cli.common import Commands, add_command, rack_dir, rack_option
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.model.load import check_rack, rack_file
from scs_rack.model.source import read_source
from scs_rack.sonic.connection import CONNECTIONS, Login
from scs_rack.sonic.importing.identity import RELEASES, localhost
from scs_rack.sonic.importing.take import Taken, take
from scs_rack.sonic.plan import READ
from scs_rack.sonic.rows import Tables
from scs_rack.sonic.tables import diff, summary

PART = "imported.yml"
TIMEOUT = 60.0


def add_import(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "import",
        _import,
        "state switches in service as a part of a rack file, with an overlay for what it can't say",
        (
            "scs-rack switch import leaf1.json leaf2.json",
            "scs-rack switch import --ssh admin@10.0.0.11 --ssh admin@10.0.0.12 -o imported",
            "scs-rack switch import leaf7=backup/config_db.json -r inventory/berlin-1 -o imported",
        ),
    )
    parser.add_argument(
        "files",
        metavar="[NAME=]FILE",
        nargs="*",
        help="a CONFIG_DB as `config save` writes it; NAME is its own if not given",
    )
    parser.add_argument(
        "--ssh", metavar="[USER@]HOST", action="append", default=[], help="read it from a running switch (user: admin)"
    )
    parser.add_argument("--key", metavar="FILE", type=Path, default="~/.ssh/id_ed25519", help="SSH key for --ssh")
    parser.add_argument(
        "--known-hosts",
        metavar="FILE",
        type=Path,
        default="~/.ssh/known_hosts",
        help="host keys for --ssh; no other is taken",
    )
    rack_option(parser)
    parser.add_argument("--release", choices=RELEASES, help="SONiC release of switches that don't tell theirs")
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        help=f"write {PART} and switches/NAME.yml there instead of printing them",
    )


def _import(args: argparse.Namespace) -> int:
    if not args.files and not args.ssh:
        raise UsageError("nothing to import", "name files of CONFIG_DB, or switches with --ssh")
    running = _read_files(args.files)
    for name, tables in _read_switches(args).items():
        if name in running:
            raise UsageError(f"{name} is there twice", "name one of them differently: NAME=FILE")
        running[name] = tables
    rack = _rack(args)
    taken, cables = take(running, rack, args.release)
    part: dict[str, Any] = {"switches": {name: one.stanza for name, one in taken.items()}}
    if cables:
        part["cables"] = cables
    if args.output:
        _write(args.output, part, taken)
    else:
        print(_yaml(part), end="")
        for name, one in taken.items():
            if one.overlay:
                print(f"\n# switches/{name}.yml\n{_yaml(one.overlay)}", end="")
    for name, one in taken.items():
        _tell(name, one)
    return 0


def _read_files(arguments: list[str]) -> dict[str, Tables]:
    """Read all files; every one that can't be used is told of."""
    found: dict[str, Tables] = {}
    faults = []
    for argument in arguments:
        name, equals, path = argument.rpartition("=")
        try:
            tables = json.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            faults.append(f"{path}: {error.strerror}")
            continue
        except ValueError as error:
            faults.append(f"{path}: not JSON: {error}")
            continue
        if wrong := _shape(tables):
            faults.append(f"{path}: {wrong}")
            continue
        name = name if equals else _name(tables) or Path(path).stem
        if name in found:
            faults.append(f"{path}: {name} is there twice: name it with NAME=FILE")
        found[name] = tables
    if faults:
        raise UsageError("\n".join(faults), "a CONFIG_DB is what `config save` writes to /etc/sonic/config_db.json")
    return found


def _shape(tables: object) -> str:
    """What keeps it from being a CONFIG_DB; empty when nothing does."""
    if not isinstance(tables, dict) or "DEVICE_METADATA" not in tables:
        return "no CONFIG_DB: it has no table DEVICE_METADATA"
    for table, rows in tables.items():
        if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
            return f"{table} is no table: write KEY: {{FIELD: VALUE}}"
    return ""


def _name(tables: Tables) -> str:
    return str(localhost(tables).get("hostname", "")).lower()


def _read_switches(args: argparse.Namespace) -> dict[str, Tables]:
    found = {}
    for place in args.ssh:
        user, _, host = place.rpartition("@")
        user = user or "admin"
        key, hosts = args.key.expanduser(), args.known_hosts.expanduser()
        login = Login(host, host, user, key, hosts, partial(_ask, f"{user}@{host}"))
        code, out, err = CONNECTIONS.get(login).run(READ, b"", TIMEOUT)
        if code:
            raise UsageError(f"{host}: `{READ}` failed: {err.decode(errors='replace').strip()[-200:]}")
        tables = json.loads(out)
        if wrong := _shape(tables):
            raise UsageError(f"{host}: {wrong}")
        found[_name(tables) or host] = tables
    return found


def _ask(who: str) -> str | None:
    return getpass.getpass(f"password of {who}: ") if sys.stdin.isatty() else None


def _rack(args: argparse.Namespace) -> dict[str, Any] | None:
    """The rack file that the switches belong to, as it stands; it must be valid."""
    if not args.rack:
        return None
    path = rack_file(rack_dir(args))
    _rack, faults = check_rack(path)
    if faults:
        raise UsageError(f"{path} has faults", "`scs-rack validate` tells them")
    data: dict[str, Any] = read_source(path).data
    return data


def _yaml(data: object) -> str:
    return yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=120, allow_unicode=True)


def _write(folder: Path, part: dict[str, Any], taken: dict[str, Taken]) -> None:
    """Write all files, or none where one of them stands there with other content."""
    files = {folder / PART: _yaml(part)}
    files |= {folder / f"switches/{name}.yml": _yaml(one.overlay) for name, one in taken.items() if one.overlay}
    others = [path for path, text in files.items() if path.is_file() and path.read_text(encoding="utf-8") != text]
    if others:
        raise UsageError(f"{', '.join(map(str, others))} stands there already", "name an empty folder with -o")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text, 0o644)
        print(path)


def _tell(name: str, one: Taken) -> None:
    """What an operator has to know of it, on stderr."""
    for note in one.notes:
        print(f"{name}: {note}", file=sys.stderr)
    if one.left:
        print(f"{name}: stays the switch's own: {', '.join(one.left)}", file=sys.stderr)
    if one.differences:
        print(f"{name}: generating it again differs ({summary(one.differences)}):", file=sys.stderr)
        print("\n".join(f"  {line}" for line in diff(one.differences).splitlines()), file=sys.stderr)
    else:
        print(f"{name}: generating it again gives the same tables", file=sys.stderr)
