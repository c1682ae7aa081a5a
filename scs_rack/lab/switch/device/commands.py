"""The commands of a lab switch: what they offer, they do as SONiC does it, with its texts and exit codes.

What a SONiC switch offers and this one doesn't is refused and named.
Texts and exit codes: sonic-utilities 202505, Command-Reference.md (config, show); click's conventions.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from scs_rack.lab.switch.device import configdb, resp
from scs_rack.sonic.checks import check_tables

STARTUP = Path("/etc/sonic/config_db.json")
CHECKPOINTS = Path("/etc/sonic/checkpoints")
CONTAINERS = ("bgp", "lldp", "database")
DATABASES = {"APPL_DB": "0", "CONFIG_DB": "4", "STATE_DB": "6"}
NAME = re.compile(r"[A-Za-z0-9_.-]+")


def fail(message: object, code: int = 2) -> NoReturn:
    """Leave as click does when a command fails."""
    print(f"Error: {message}", file=sys.stderr)
    raise SystemExit(code)


def not_offered(what: str) -> NoReturn:
    """Refuse what SONiC has and the lab switch has not."""
    fail(f"the lab switch does not offer `{what}`")


def need_root() -> None:
    """Leave unless run by root, as `config` does."""
    if os.geteuid() != 0:
        print("Root privileges are required for this operation")
        raise SystemExit(1)


def _confirm(question: str, *, yes: bool) -> None:
    if not yes and input(f"{question} [y/N]: ").strip().lower() not in ("y", "yes"):
        print("Aborted!", file=sys.stderr)
        raise SystemExit(1)


def _checkpoint(name: str) -> Path:
    if not NAME.fullmatch(name):
        fail(f"Invalid value for 'CHECKPOINT_NAME': {name}")
    return CHECKPOINTS / f"{name}.cp.json"


def _validate(tables: configdb.Tables) -> None:
    faults = check_tables(tables)
    if faults:
        fail(f"Given config is not valid: {'; '.join(faults)}")


def _replace(target: configdb.Tables) -> None:
    """What the generic config updater does: current and target must be valid, then the difference is written."""
    client = configdb.connect()
    _validate(target)
    configdb.replace(client, target)
    if configdb.read(client) != _normal(target):
        fail("After applying patch to config, there are still some parts not updated")


def _normal(tables: configdb.Tables) -> configdb.Tables:
    return {
        table: {key: configdb.decode(configdb.encode(row)) for key, row in rows.items()}
        for table, rows in tables.items()
        if rows
    }


def config_load(args: argparse.Namespace) -> None:
    """`config load`: merge a file into CONFIG_DB."""
    path = args.file or str(STARTUP)
    _confirm(f"Load config from the file {path} ?", yes=args.yes)
    print(f"Running command: /usr/local/bin/sonic-cfggen -j {path} --write-to-db")
    configdb.merge(configdb.connect(), configdb.load_file(path))


def config_reload(args: argparse.Namespace) -> None:
    """`config reload`: forget everything and start from a file."""
    path = args.file or str(STARTUP)
    _confirm("Clear current config and reload config in config_db from the file(s) ?", yes=args.yes)
    tables = configdb.load_file(path)
    if args.file:
        _validate(tables)
    print("Stopping SONiC target ...")
    print(f"Running command: /usr/local/bin/sonic-cfggen -j {path} --write-to-db")
    client = configdb.connect()
    configdb.replace(client, tables)
    print("Restarting SONiC target ...")


def config_save(args: argparse.Namespace) -> None:
    """`config save`: write CONFIG_DB to the startup file."""
    path = Path(args.file or STARTUP)
    _confirm(f"Existing files will be overwritten, continue? ({path})", yes=args.yes)
    print(f"Running command: /usr/local/bin/sonic-cfggen -d --print-data > {path}")
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(configdb.dump(configdb.read(configdb.connect())))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def config_replace(args: argparse.Namespace) -> None:
    """`config replace`: make CONFIG_DB equal to a file by the smallest change."""
    try:
        target = configdb.load_file(args.file)
    except (OSError, ValueError) as error:
        fail(error)
    print("Config Replacer: Config replacement starting.")
    if args.dry_run:
        _validate(target)
        print("** DRY RUN EXECUTION **")
    else:
        _replace(target)
        print("Config Replacer: Config replacement completed.")
    print("Config replaced successfully.")


def config_checkpoint(args: argparse.Namespace) -> None:
    """`config checkpoint`: keep CONFIG_DB under a name."""
    path = _checkpoint(args.name)
    print("Config Rollbacker: Config checkpoint starting.")
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    path.write_text(configdb.dump(configdb.read(configdb.connect())), encoding="utf-8")
    print("Checkpoint created successfully.")


def config_rollback(args: argparse.Namespace) -> None:
    """`config rollback`: go back to a checkpoint."""
    path = _checkpoint(args.name)
    print("Config Rollbacker: Config rollbacking starting.")
    if not path.exists():
        fail(f"Checkpoint '{args.name}' does not exist")
    _replace(configdb.load_file(path))
    print("Config rolled back successfully.")


def config_delete_checkpoint(args: argparse.Namespace) -> None:
    """`config delete-checkpoint`."""
    path = _checkpoint(args.name)
    if not path.exists():
        fail(f"Checkpoint '{args.name}' does not exist")
    path.unlink()
    print("Checkpoint deleted successfully.")


def config_list_checkpoints(_args: argparse.Namespace) -> None:
    """`config list-checkpoints`."""
    names = sorted(path.name.removesuffix(".cp.json") for path in CHECKPOINTS.glob("*.cp.json"))
    print(json.dumps(names, indent=4))


def config_main() -> None:
    """`config`."""
    parser = argparse.ArgumentParser(prog="config")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name, handler in {"load": config_load, "reload": config_reload, "save": config_save}.items():
        verb = verbs.add_parser(name)
        verb.add_argument("-y", "--yes", action="store_true")
        if name == "reload":
            verb.add_argument("-f", "--force", action="store_true")
        verb.add_argument("file", nargs="?")
        verb.set_defaults(handler=handler)
    verb = verbs.add_parser("replace")
    verb.add_argument("-d", "--dry-run", action="store_true")
    verb.add_argument("-v", "--verbose", action="store_true")
    verb.add_argument("file")
    verb.set_defaults(handler=config_replace)
    for name, handler in {
        "checkpoint": config_checkpoint,
        "rollback": config_rollback,
        "delete-checkpoint": config_delete_checkpoint,
    }.items():
        verb = verbs.add_parser(name)
        verb.add_argument("-v", "--verbose", action="store_true")
        verb.add_argument("name")
        verb.set_defaults(handler=handler)
    verbs.add_parser("list-checkpoints").set_defaults(handler=config_list_checkpoints)
    known = set(verbs.choices)
    first = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if first and first not in known:
        not_offered(f"config {first}")
    args = parser.parse_args()
    need_root()
    args.handler(args)


def show_main() -> None:
    """`show`."""
    words = sys.argv[1:]
    if words in (["runningconfiguration", "all"], ["run", "all"]):
        print(configdb.dump(configdb.read(configdb.connect())), end="")
    elif words == ["version"]:
        row = configdb.read(configdb.connect()).get("VERSIONS", {}).get("DATABASE", {})
        print(f"SONiC Software Version: scs-rack-lab-switch ({row.get('VERSION', 'unknown')})")
    elif words in (["interfaces", "status"], ["int", "status"]):
        shown = subprocess.run(["ip", "-j", "link"], capture_output=True, text=True, check=True).stdout
        seen = {entry["ifname"]: entry for entry in json.loads(shown)}
        print(f"{'Interface':<14}{'Lanes':<16}{'Speed':<8}{'MTU':<6}{'Alias':<20}{'Oper':<6}Admin")
        for name, row in configdb.read(configdb.connect()).get("PORT", {}).items():
            oper = "up" if seen.get(name, {}).get("operstate") == "UP" else "down"
            speed = f"{int(row['speed']) // 1000}G"
            fields = (name, row["lanes"], speed, row.get("mtu", ""), row.get("alias", ""), oper)
            widths = (14, 16, 8, 6, 20, 6)
            print("".join(f"{value:<{width}}" for value, width in zip(fields, widths, strict=True)), end="")
            print(row.get("admin_status", "down"))
    elif words in (["ip", "bgp", "summary"], ["ipv6", "bgp", "summary"]):
        family = "ipv4" if words[0] == "ip" else "ipv6"
        raise SystemExit(subprocess.run(["sudo", "vtysh", "-c", f"show bgp {family} summary"], check=False).returncode)
    else:
        not_offered(f"show {' '.join(words)}")


def cfggen_main() -> None:
    """`sonic-cfggen`: JSON and CONFIG_DB into each other."""
    parser = argparse.ArgumentParser(prog="sonic-cfggen")
    parser.add_argument("-d", "--from-db", action="store_true")
    parser.add_argument("-j", "--json", action="append", default=[])
    parser.add_argument("--print-data", action="store_true")
    parser.add_argument("-w", "--write-to-db", action="store_true")
    args, rest = parser.parse_known_args()
    if rest:
        not_offered(f"sonic-cfggen {' '.join(rest)}")
    tables: configdb.Tables = {}
    for path in args.json:
        for table, rows in configdb.load_file(path).items():
            tables.setdefault(table, {}).update(rows)
    if args.from_db:
        tables |= configdb.read(configdb.connect())
    if args.write_to_db:
        configdb.merge(configdb.connect(), tables)
    if args.print_data:
        print(configdb.dump(tables), end="")


def db_cli_main() -> NoReturn:
    """`sonic-db-cli DATABASE COMMAND`: Redis commands on one of SONiC's databases."""
    words = sys.argv[1:]
    if len(words) < 2 or words[0] not in DATABASES:
        not_offered(f"sonic-db-cli {' '.join(words)}")
    os.execvp("redis-cli", ["redis-cli", "-s", resp.SOCKET, "-n", DATABASES[words[0]], *words[1:]])  # noqa: S606


def docker_main() -> NoReturn:
    """`docker exec CONTAINER COMMAND`: FRR and lldpd run in no container here, so the command runs as it is."""
    words = [word for word in sys.argv[1:] if word not in ("-i", "-t", "-it")]
    if len(words) < 3 or words[0] != "exec" or words[1] not in CONTAINERS:
        not_offered(f"docker {' '.join(words)}")
    os.execvp(words[2], words[2:])  # noqa: S606 (no shell is meant)
