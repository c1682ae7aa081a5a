"""`sonic-cfggen`, `sonic-db-cli`, `docker` and others that tools call: what they offer, they do as on SONiC."""

import argparse
import os
import subprocess
import sys
from typing import Any, NoReturn

from scs_rack.lab.switch.device import configdb
from scs_rack.lab.switch.device.resp import Redis, RedisError

CONTAINERS = ("bgp", "lldp", "database", "swss", "syncd", "pmon", "teamd", "snmp")
"""Containers of SONiC that are said to run: all live in one system here, so that what runs in one runs as it is."""
UNITS = {
    "bgp": "frr.service",
    "lldp": "lldpd.service",
    "database": "redis-server.service",
    "swss": "labswitchd.service",
}
DATABASES = {
    "APPL_DB": 0, "ASIC_DB": 1, "COUNTERS_DB": 2, "LOGLEVEL_DB": 3, "CONFIG_DB": 4, "PFC_WD_DB": 5,
    "FLEX_COUNTER_DB": 5, "STATE_DB": 6, "SNMP_OVERLAY_DB": 7,
}  # fmt: skip
LISTING = ("KEYS", "HKEYS", "HVALS", "SMEMBERS", "LRANGE", "HMGET")


def not_offered(what: str) -> NoReturn:
    """Refuse what SONiC has and the lab switch has not."""
    print(f"Error: the lab switch does not offer `{what}`", file=sys.stderr)
    raise SystemExit(2)


def cfggen() -> None:
    """`sonic-cfggen`: JSON and CONFIG_DB into each other."""
    parser = argparse.ArgumentParser(prog="sonic-cfggen")
    parser.add_argument("-d", "--from-db", action="store_true")
    parser.add_argument("-j", "--json", action="append", default=[])
    parser.add_argument("-a", "--additional-data")
    parser.add_argument("-v", "--var")
    parser.add_argument("--var-json")
    parser.add_argument("-K", "--key")
    parser.add_argument("--print-data", action="store_true")
    parser.add_argument("-w", "--write-to-db", action="store_true")
    args, rest = parser.parse_known_args()
    if rest:
        not_offered(f"sonic-cfggen {' '.join(rest)}")
    tables: configdb.Tables = {}
    for path in args.json:
        try:
            found = configdb.load_file(path)
        except (OSError, ValueError) as error:
            print(f"sonic-cfggen: {path}: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        for table, rows in found.items():
            tables.setdefault(table, {}).update(rows)
    if args.from_db:
        tables |= configdb.read(configdb.connect())
    if args.write_to_db:
        configdb.merge(configdb.connect(), tables)
    if args.var_json:
        chosen: Any = tables.get(args.var_json, {})
        print(configdb.dump(chosen.get(args.key, {}) if args.key else chosen), end="")
    if args.var:
        print(_variable(tables, args.var))
    if args.print_data:
        print(configdb.dump(tables), end="")


def _variable(tables: configdb.Tables, path: str) -> str:
    """A value by its dotted path, as templates name it; empty where there is none."""
    node: Any = tables
    for part in path.replace("['", ".").replace("']", "").split("."):
        node = node.get(part, "") if isinstance(node, dict) else ""
    return str(node)


def db_cli() -> NoReturn:
    """`sonic-db-cli DATABASE COMMAND`: Redis commands on one of SONiC's databases, answered as it answers."""
    words = [word for word in sys.argv[1:] if word not in ("-s", "--unixsocket")]
    if words in (["PING"], ["ping"]):
        print("PONG")
        raise SystemExit(0)
    if len(words) < 2:
        print("usage: sonic-db-cli [-h] [-s] [-n NAMESPACE] db_or_op [cmd ...]", file=sys.stderr)
        raise SystemExit(1)
    if words[0] not in DATABASES:
        print(f"Invalid database name input : '{words[0]}'", file=sys.stderr)
        raise SystemExit(1)
    try:
        answer = Redis(DATABASES[words[0]]).call(*words[1:])
    except RedisError as error:
        print(f"Invalid command: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError:
        print("Unable to connect to redis: Cannot assign requested address", file=sys.stderr)
        raise SystemExit(1) from None
    print(shown(words[1].upper(), answer))
    raise SystemExit(0)


def shown(command: str, answer: Any) -> str:
    """An answer of Redis as sonic-db-cli prints it."""
    if command == "HGETALL":
        pairs = dict(zip(answer[::2], answer[1::2], strict=True))
        return str(pairs)
    if isinstance(answer, list):
        return "\n".join("" if one is None else str(one) for one in answer)
    if command in ("SET", "FLUSHDB") and answer == "OK":
        return "True"
    return "" if answer is None else str(answer)


def docker() -> NoReturn:
    """`docker exec CONTAINER COMMAND`, `docker ps`, `docker restart CONTAINER`."""
    words = sys.argv[1:]
    if words[:1] == ["ps"]:
        _docker_ps(words[1:])
    verb = words[0] if words else ""
    rest = [word for word in words[1:] if word not in ("-i", "-t", "-it", "-ti")]
    if verb in ("restart", "start", "stop") and len(rest) == 1 and rest[0] in UNITS:
        done = subprocess.run(["systemctl", verb, UNITS[rest[0]]], check=False)
        print(rest[0] if not done.returncode else "", end="\n" if not done.returncode else "")
        raise SystemExit(done.returncode)
    if verb == "exec" and len(rest) > 1:
        if rest[0] not in CONTAINERS:
            print(f"Error response from daemon: No such container: {rest[0]}", file=sys.stderr)
            raise SystemExit(1)
        argv = rest[1:] if os.geteuid() == 0 else ["sudo", "-n", *rest[1:]]  # in a container one is root
        try:
            os.execvp(argv[0], argv)  # noqa: S606 (no shell is meant)
        except FileNotFoundError:
            print(f'exec: "{rest[1]}": executable file not found in $PATH', file=sys.stderr)
            raise SystemExit(127) from None
    not_offered(f"docker {' '.join(words)}")


def _docker_ps(words: list[str]) -> NoReturn:
    running = [
        name
        for name, unit in UNITS.items()
        if subprocess.run(["systemctl", "is-active", "-q", unit], check=False).returncode == 0
    ]
    if words[:1] == ["--format"]:
        print("\n".join(running))
    else:
        print(f"{'CONTAINER ID':<15}{'IMAGE':<25}{'STATUS':<15}NAMES")
        for name in running:
            print(f"{'lab':<15}{f'docker-{name}:latest':<25}{'Up':<15}{name}")
    raise SystemExit(0)
