"""`show`, `sonic-cfggen`, `sonic-db-cli` and `docker` of a lab switch."""

import argparse
import json
import os
import subprocess
import sys
from typing import NoReturn

from scs_rack.lab.switch.device import configdb, resp

CONTAINERS = ("bgp", "lldp", "database")
DATABASES = {"APPL_DB": "0", "CONFIG_DB": "4", "STATE_DB": "6"}


def not_offered(what: str) -> NoReturn:
    """Refuse what SONiC has and the lab switch has not."""
    print(f"Error: the lab switch does not offer `{what}`", file=sys.stderr)
    raise SystemExit(2)


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
