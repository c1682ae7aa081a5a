"""The lab switch's daemon: keeps kernel, FRR and lldpd as CONFIG_DB says."""

import json
import logging
import subprocess
import time
from pathlib import Path

from scs_rack.lab.switch.device import configdb, kernel
from scs_rack.lab.switch.device.resp import Redis, RedisError
from scs_rack.sonic.frr import frr_conf

STARTUP = Path("/etc/sonic/config_db.json")
FRR = Path("/etc/frr/frr.conf")
SETTLE = 0.1
"""Seconds without a further change before a change is acted on: a replace touches many rows."""

log = logging.getLogger("labswitchd")


def run(*argv: str, stdin: str | None = None) -> None:
    """Run a command; what it says on failure goes to the log."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        log.error("%s: exit %s: %s", " ".join(argv), done.returncode, (done.stderr or done.stdout).strip())


def sysctl(name: str, value: int) -> None:
    """Set a network setting, where its interface exists."""
    path = Path("/proc/sys/net") / name
    if path.exists() and path.read_text(encoding="ascii").strip() != str(value):
        path.write_text(str(value), encoding="ascii")


def prepare_kernel() -> None:
    """Settings of a router; a fresh namespace has none of them."""
    for name, value in {
        "ipv4/ip_forward": 1,
        "ipv6/conf/all/forwarding": 1,
        "ipv4/conf/all/rp_filter": 0,
        "ipv4/fib_multipath_hash_policy": 1,
        "ipv6/fib_multipath_hash_policy": 1,
        "ipv6/route/skip_notify_on_dev_down": 1,
        "ipv6/conf/default/dad_transmits": 0,
    }.items():
        sysctl(name, value)


def apply_kernel(tables: configdb.Tables) -> None:
    """Links, bridges and addresses."""
    plan = kernel.wanted(tables)
    for name, link in plan.links.items():
        sysctl(f"ipv6/conf/{name}/dad_transmits", 0)
        sysctl(f"ipv6/conf/{name}/disable_ipv6", 0 if link.routed6 else 1)
    shown = subprocess.run(["ip", "-j", "address"], capture_output=True, text=True, check=True).stdout
    lines = kernel.commands(plan, {entry["ifname"]: entry for entry in json.loads(shown)})
    if lines:
        run("ip", "-force", "-batch", "-", stdin="\n".join(lines) + "\n")
    for name, link in plan.links.items():  # bridges that were just made
        sysctl(f"ipv6/conf/{name}/disable_ipv6", 0 if link.routed6 else 1)
    if plan.gateway:
        run("ip", "route", "replace", "default", "via", plan.gateway)


def apply_frr(tables: configdb.Tables) -> None:
    """FRR's configuration; in split mode the file is the operator's and is left alone."""
    mode = tables.get("DEVICE_METADATA", {}).get("localhost", {}).get("docker_routing_config_mode", "unified")
    if mode.startswith("split"):
        return
    before, after = FRR.read_text(encoding="utf-8"), frr_conf(tables)
    if before == after:
        return
    FRR.write_text(after, encoding="utf-8")
    if "router bgp" in before:
        run("/usr/lib/frr/frr-reload.py", "--reload", str(FRR))
    else:
        run("vtysh", "-b")


def apply_lldp(tables: configdb.Tables) -> None:
    """Names that lldpd sends: the port's alias as its id, as SONiC does."""
    hostname = tables.get("DEVICE_METADATA", {}).get("localhost", {}).get("hostname", "sonic")
    names = {name for name, row in tables.get("PORT", {}).items() if row.get("admin_status") == "up"}
    lines = [f"configure system hostname {hostname}", "configure lldp tx-interval 5"]
    for name in sorted(names):
        if Path(f"/sys/class/net/{name}").exists():
            row = tables["PORT"][name]
            lines.append(f"configure ports {name} lldp portidsubtype local {row.get('alias', name)}")
            lines.append(f'configure ports {name} lldp portdescription "{row.get("description", name)}"')
    lines += [f"configure ports {name} lldp portidsubtype local {name}" for name in tables.get("MGMT_PORT", {})]
    run("lldpcli", stdin="\n".join(lines) + "\n")


def apply(tables: configdb.Tables, before: configdb.Tables) -> None:
    """Bring everything to what CONFIG_DB says."""
    hostname = tables.get("DEVICE_METADATA", {}).get("localhost", {}).get("hostname")
    if hostname:
        run("hostname", hostname)
    try:
        apply_kernel(tables)
    except ValueError as error:
        log.error("%s", error)  # noqa: TRY400 (the message says it all)
    apply_frr(tables)
    lldp = ("PORT", "MGMT_PORT", "DEVICE_METADATA")
    if [tables.get(name) for name in lldp] != [before.get(name) for name in lldp]:
        apply_lldp(tables)


def wait_for_redis() -> Redis:
    """Connect as soon as Redis answers."""
    for _ in range(300):
        try:
            return configdb.connect()
        except (OSError, RedisError):
            time.sleep(0.1)
    raise SystemExit("redis does not answer")


def main() -> None:
    """Load the startup configuration, then follow CONFIG_DB for ever."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    prepare_kernel()
    client = wait_for_redis()
    if not client.call("GET", configdb.INITIALIZED):
        configdb.merge(client, configdb.load_file(STARTUP))
    changes = configdb.connect()
    changes.subscribe(f"__keyspace@{configdb.CONFIG_DB}__:*")
    done: configdb.Tables = {}
    while True:
        tables = configdb.read(client)
        if tables != done:
            apply(tables, done)
            done = tables
            log.info("applied CONFIG_DB: %s rows", sum(len(rows) for rows in tables.values()))
        changes.message(None)
        while changes.message(SETTLE):
            pass


if __name__ == "__main__":
    main()
