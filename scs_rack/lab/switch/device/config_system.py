"""`config bgp`, `hostname`, `ntp`, `syslog`, `dns`, `route`, `feature`, `ztp`.

Texts, checks and exit codes: sonic-utilities 202505, config/main.py and config/feature.py.
"""

import ipaddress
import os
import subprocess

from scs_rack.lab.switch.device.cmdtree import Argument, Exit, Group, Option, Refused, confirm
from scs_rack.lab.switch.device.edit import Rows

VERBOSE = Option(("-v", "--verbose"), "Enable verbose output")
YES = Option(("-y", "--yes"))
ZTP_UNIT = "ztp.service"


def register(config: Group) -> None:
    """Add the commands."""
    config.command("hostname", Argument("new_hostname", "<new_hostname>"))(hostname)
    bgp = config.group("bgp", "BGP-related configuration tasks")
    for name, status in (("startup", "up"), ("shutdown", "down")):
        _sessions(bgp.group(name, f"{'Start up' if status == 'up' else 'Shut down'} BGP session(s)"), status)
    _servers(config.group("ntp", "NTP server configuration tasks"), "NTP_SERVER", "NTP server", "<ntp_ip_address>")
    syslog = config.group("syslog", "Syslog server configuration tasks")
    _servers(syslog, "SYSLOG_SERVER", "Syslog server", "<syslog_ip_address>")
    nameserver = config.group("dns", "Static DNS configuration").group(
        "nameserver", "Static DNS nameserver configuration"
    )
    _servers(nameserver, "DNS_NAMESERVER", "DNS nameserver", "<ip_address_or_hostname>")
    route = config.group("route", "route-related configuration tasks")
    words = Argument(
        "command_str", "prefix [vrf <vrf_name>] <A.B.C.D/M> nexthop <[vrf <vrf_name>] <A.B.C.D>>", many=True
    )
    route.command("add", words)(route_add)
    route.command("del", words)(route_delete)
    feature = config.group("feature", "Configure features")
    feature.command(
        "state", Argument("name"), Argument("state", choices=("enabled", "disabled")), Option(("--block",))
    )(feature_state)
    ztp = config.group("ztp", "Configure Zero Touch Provisioning")
    ztp.command("run", Argument("run", "[run]", required=False), YES)(ztp_run)
    ztp.command("enable", YES)(ztp_enable)
    ztp.command("disable", YES)(ztp_disable)


def hostname(*, new_hostname: str) -> None:
    """Change device hostname without impacting the traffic."""
    Rows().change("DEVICE_METADATA", "localhost", {"hostname": new_hostname})
    print("Please note loaded setting will be lost after system reboot. To preserve setting, run `config save`.")


def _set_session(rows: Rows, neighbour: str, status: str) -> None:
    verb = "Starting" if status == "up" else "Shutting"
    print(f"{verb} {status} BGP session with neighbor {neighbour}...")
    rows.change("BGP_NEIGHBOR", neighbour, {"admin_status": status})


def _sessions(group: Group, status: str) -> None:
    """`all` and `neighbor`. They know neighbours by address only: rows of frrcfgd (vrf|name) are not found."""
    doing = "Start up" if status == "up" else "Shut down"

    @group.command("all", VERBOSE)
    def every(*, verbose: bool) -> None:
        del verbose
        rows = Rows()
        for key in sorted(rows.table("BGP_NEIGHBOR")):
            if "|" not in key:
                _set_session(rows, key, status)

    @group.command("neighbor", Argument("ipaddr_or_hostname", "<ipaddr_or_hostname>"), VERBOSE)
    def neighbor(*, ipaddr_or_hostname: str, verbose: bool) -> None:
        del verbose
        rows = Rows()
        asked = ipaddr_or_hostname
        found = [
            key
            for key, row in rows.table("BGP_NEIGHBOR").items()
            if "|" not in key and (key == asked.lower() or row.get("name") == asked)
        ]
        if not found:
            raise Refused(f"Could not locate neighbor '{asked}'")
        for key in found:
            _set_session(rows, key, status)

    group.members["all"].summary = f"{doing} all BGP sessions"
    group.members["neighbor"].summary = f"{doing} BGP session by neighbor IP address or hostname."


def _servers(group: Group, table: str, what: str, shown: str) -> None:
    address = Argument("address", shown)

    @group.command("add", address)
    def add(*, address: str) -> None:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise Refused("Invalid IP address") from None
        rows = Rows()
        if rows.has(table, address):
            print(f"{what} {address} is already configured")
            return
        rows.put(table, address, {"association_type": "server"} if table == "NTP_SERVER" else {})
        print(f"{what} {address} added to configuration")

    @group.command("del", address)
    def delete(*, address: str) -> None:
        rows = Rows()
        if not rows.has(table, address):
            raise Refused(f"{what} {address} is not configured.")
        rows.drop(table, address)
        print(f"{what} {address} removed from configuration")

    group.members["add"].summary = f"Add {what} IP"
    group.members["del"].summary = f"Delete {what} IP"


def _route(words: list[str]) -> tuple[str, dict[str, str]]:
    """Key and fields that `prefix … nexthop …` means."""
    vrf, rest = "default", list(words)
    if rest[:1] != ["prefix"]:
        raise Refused("argument is not in pattern prefix [vrf <vrf_name>] <A.B.C.D/M> nexthop ...!")
    rest.pop(0)
    if rest[:1] == ["vrf"] and len(rest) > 2:
        vrf, rest = rest[1], rest[2:]
    if not rest:
        raise Refused("prefix is missing in the command")
    try:
        prefix = str(ipaddress.ip_network(rest.pop(0)))
    except ValueError as error:
        raise Refused(f"ip address is not valid: {error}") from None
    fields: dict[str, str] = {}
    if rest and rest.pop(0) == "nexthop":
        if rest[:1] == ["dev"] and len(rest) > 1:
            fields["ifname"] = rest[1]
        elif rest:
            fields["nexthop"] = rest[0]
            if rest[1:2] == ["dev"] and len(rest) > 2:
                fields["ifname"] = rest[2]
    return f"{vrf}|{prefix}", fields


def route_add(*, command_str: list[str]) -> None:
    """Add route command"""  # noqa: D415 (the text of `--help`)
    key, fields = _route(command_str)
    if not fields:
        raise Refused("nexthop is missing in the command")
    Rows().put("STATIC_ROUTE", key, fields)


def route_delete(*, command_str: list[str]) -> None:
    """Del route command"""  # noqa: D415
    key, _ = _route(command_str)
    rows = Rows()
    if not rows.has("STATIC_ROUTE", key):
        raise Refused(f"Route {key.partition('|')[2]} doesnt exist")
    rows.drop("STATIC_ROUTE", key)


def feature_state(*, name: str, state: str, block: bool) -> None:
    """Enable/disable a feature"""  # noqa: D415
    del block
    rows = Rows()
    if not rows.has("FEATURE", name):
        print(f"Unable to retrieve feature '{name}'")
        raise Exit(1)
    rows.change("FEATURE", name, {"state": state})


def _ztp(*words: str) -> None:
    print(f"Running command: ztp {' '.join(words)}", flush=True)
    raise Exit(subprocess.run(["ztp", *words], check=False, env=os.environ).returncode)


def ztp_run(*, run: str | None, yes: bool) -> None:
    """Restart ZTP of the device."""
    del run
    confirm("ZTP will be restarted. You may lose switch data and connectivity, continue?", yes=yes)
    _ztp("run", "-y")


def ztp_enable(*, yes: bool) -> None:
    """Administratively Enable ZTP."""
    del yes
    _ztp("enable")


def ztp_disable(*, yes: bool) -> None:
    """Administratively Disable ZTP."""
    confirm("Active ZTP session will be stopped and disabled, continue?", yes=yes)
    _ztp("disable", "-y")
