"""The lab switch's daemon: keeps kernel, FRR and lldpd as CONFIG_DB says, and APPL_DB and STATE_DB as things are."""

import contextlib
import json
import logging
import select
import socket
import subprocess
import time
from pathlib import Path

from scs_rack.lab.switch.device import config_files, configdb, images, kernel, lldp, ports, routing, settings, state
from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.resp import Redis, RedisError
from scs_rack.lab.switch.device.trouble import bgp_rules
from scs_rack.lab.switch.device.trunk import Taggers

STARTUP = Path("/etc/sonic/config_db.json")
FACTORY = Path("/etc/labswitch/factory.json")
BOOTED = Path("/run/labswitch-booted")
"""There once this boot has begun: the daemon itself starts again with each `config reload`."""
SETTLE = 0.1
"""Seconds without a further change before a change is acted on: a replace touches many rows."""
LOOK = 1.0
"""Seconds between two looks at faults."""
NEIGHBOURS = 4.0
"""Seconds between two looks at LLDP and BGP."""
_RTMGRP_LINK = 1

log = logging.getLogger("labswitchd")


def run(*argv: str, stdin: str | None = None) -> bool:
    """Run a command; what it says on failure goes to the log. Returns whether it worked."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        log.error("%s: exit %s: %s", " ".join(argv), done.returncode, (done.stderr or done.stdout).strip())
    return not done.returncode


def sysctl(name: str, value: int) -> None:
    """Set a network setting, where its interface exists."""
    path = Path("/proc/sys/net") / name
    if path.exists() and path.read_text(encoding="ascii").strip() != str(value):
        path.write_text(str(value), encoding="ascii")


def prepare_kernel() -> None:
    """Settings of a router; a fresh namespace has none of them."""
    for name, value in {
        "ipv4/ip_forward": 1,
        "ipv4/conf/all/arp_notify": 1,  # as on SONiC: neighbours hear of a new address at once
        "ipv6/conf/all/forwarding": 1,
        "ipv4/conf/all/rp_filter": 0,
        # by addresses and ports in the packet, as a switch's chip does; policy 1 would take over the sender's own hash,
        # which reaches us over a veth pair and changes with a retransmission: a flow would move to another next hop
        "ipv4/fib_multipath_hash_policy": 3,
        "ipv6/fib_multipath_hash_policy": 3,
        "ipv4/fib_multipath_hash_fields": 0x37,
        "ipv6/fib_multipath_hash_fields": 0x37,
        "ipv6/route/skip_notify_on_dev_down": 1,
        "ipv6/conf/default/dad_transmits": 0,
    }.items():
        sysctl(name, value)


def apply_kernel(tables: configdb.Tables, taggers: Taggers, cut: list[str]) -> None:
    """Links, bridges, VLAN tags and addresses."""
    plan = kernel.wanted(tables, cut)
    for name, link in plan.links.items():
        sysctl(f"ipv6/conf/{name}/dad_transmits", 0)
        sysctl(f"ipv6/conf/{name}/disable_ipv6", 0 if link.routed6 else 1)
    shown = subprocess.run(["ip", "-j", "address"], capture_output=True, text=True, check=True).stdout
    lines = kernel.commands(plan, {entry["ifname"]: entry for entry in json.loads(shown)})
    if lines:
        run("ip", "-force", "-batch", "-", stdin="\n".join(lines) + "\n")
    for name, link in plan.links.items():  # bridges that were just made
        sysctl(f"ipv6/conf/{name}/disable_ipv6", 0 if link.routed6 else 1)
    taggers.apply(plan.members)
    for version, gateway in plan.gateways.items():
        run("ip", f"-{version}", "route", "replace", "default", "via", gateway)


class Daemon:
    """What is kept in step with what."""

    def __init__(self) -> None:
        """Connect, and load the startup configuration if CONFIG_DB is empty."""
        self.config = wait_for_redis()
        self.appl = Redis(state.APPL_DB)
        self.states = Redis(state.STATE_DB)
        self.taggers = Taggers()
        self.tables: configdb.Tables = {}
        self.before: tuple[object, ...] = ()
        self.faults: dict[str, object] = {}
        if not self.config.call("GET", configdb.INITIALIZED):
            configdb.merge(self.config, configdb.load_file(STARTUP if STARTUP.exists() else FACTORY))
            config_files.migrate(self.config, releases.number())

    def apply(self) -> None:
        """Bring everything to what CONFIG_DB, the ports and the faults say now."""
        tables, faults, links = configdb.read(self.config), settings.faults(), _cables()
        now = (tables, faults, links)
        if now == self.before:
            return
        hostname = tables.get("DEVICE_METADATA", {}).get("localhost", {}).get("hostname")
        if hostname and hostname != socket.gethostname():
            run("hostname", hostname)
        try:
            apply_kernel(tables, self.taggers, _strings(faults.get("cut")))
        except (ValueError, TypeError, KeyError) as error:  # CONFIG_DB may hold anything; SONiC's daemons log it too
            log.error("kernel: %r", error)  # noqa: TRY400 (the message says it all)
        lost = routing.apply(tables)
        if lost:
            log.error("FRR: %s", lost)
        if faults != self.faults:
            silenced = _strings(faults.get("bgp-down"))
            run("nft", "-f", "-", stdin=bgp_rules(silenced))
            for port in sorted(set(_strings(self.faults.get("bgp-down"))) - set(silenced)):
                run("vtysh", "-c", f"clear bgp {port}")  # FRR may have given up for good
        told = run("lldpcli", stdin="\n".join([*lldp.configuration(tables), ""]))  # fails while lldpd starts
        self.before = now if told else ()  # what happened meanwhile is looked at again
        self.tables, self.faults = tables, faults
        log.info("applied CONFIG_DB: %s rows", sum(len(rows) for rows in tables.values()))

    def publish_ports(self) -> None:
        """Ports as they are."""
        up = ports.up_ports()
        state.write_rows(self.appl, "PORT_TABLE:", ports.appl_rows(self.tables, up))
        state.write_rows(self.states, "PORT_TABLE|", ports.state_rows(self.tables, up))
        state.write_rows(self.states, "TRANSCEIVER_INFO|", ports.transceivers(self.tables, ports.present()))

    def publish_neighbours(self) -> None:
        """What LLDP hears, and how BGP sessions are."""
        state.write_rows(self.appl, "LLDP_ENTRY_TABLE:", lldp.entries(lldp.heard()))
        if self.tables.get("BGP_GLOBALS") or routing.mode(self.tables).startswith("split"):
            rows = {name: {"state": how} for name, how in routing.sessions().items()}
            state.write_rows(self.states, "NEIGH_STATE_TABLE|", rows)

    def run(self) -> None:
        """Follow CONFIG_DB and the kernel for ever."""
        changes = configdb.connect()
        changes.subscribe(f"__keyspace@{configdb.CONFIG_DB}__:*")
        links = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        links.bind((0, _RTMGRP_LINK))
        looked = 0.0
        while True:
            self.apply()
            self.publish_ports()
            state.set_ready(up=True)
            if time.monotonic() - looked > NEIGHBOURS:
                self.publish_neighbours()
                looked = time.monotonic()
            ready, _, _ = select.select([changes.descriptor, links.fileno()], [], [], LOOK)
            if ready:
                _settle(changes, links)


def _drain(links: socket.socket) -> None:
    """Take what the kernel said; that there was something is all that counts, also when it was too much."""
    with contextlib.suppress(OSError):
        while links.recv(1 << 16, socket.MSG_DONTWAIT):
            pass


def _settle(changes: Redis, links: socket.socket) -> None:
    """Wait until nothing has changed for a moment."""
    end = time.monotonic() + 20 * SETTLE  # where it never rests, what there is will do
    while time.monotonic() < end:
        ready, _, _ = select.select([changes.descriptor, links.fileno()], [], [], SETTLE)
        if not ready:
            return
        if links.fileno() in ready:
            _drain(links)
        if changes.descriptor in ready:
            changes.message(0)


def _cables() -> list[tuple[int, str, bool]]:
    """Ports with their interface numbers (a port that was plugged in elsewhere has another one) and links."""
    up = ports.up_ports()
    return [
        (number, name, name in up) for number, name in socket.if_nameindex() if name.startswith(("Ethernet", "eth"))
    ]


def _strings(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def wait_for_redis() -> Redis:
    """Connect as soon as Redis answers."""
    for _ in range(300):
        try:
            return configdb.connect()
        except (OSError, RedisError):
            time.sleep(0.1)
    raise SystemExit("redis does not answer")


def main() -> None:
    """Run the daemon."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if not BOOTED.exists():
        images.switch_at_boot()
        BOOTED.touch()
    prepare_kernel()
    Daemon().run()


if __name__ == "__main__":
    main()
