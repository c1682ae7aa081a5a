"""`config interface`, `config loopback`, `config portchannel`.

Texts, checks and exit codes: sonic-utilities 202505, config/main.py and scripts/portconfig.
"""

import ipaddress
import json
from pathlib import Path

from scs_rack.lab.switch.device import ports
from scs_rack.lab.switch.device.cmdtree import Aborted, Argument, Exit, Group, Option, Refused, confirm
from scs_rack.lab.switch.device.edit import Rows, interface_table
from scs_rack.lab.switch.device.names import expand

PLATFORM = Path("/etc/labswitch/platform.json")
"""Modes of breakout by port, where SONiC has a platform.json for the model."""
NAME = Argument("interface_name", "<interface_name>")
VERBOSE = Option(("-v", "--verbose"), "Enable verbose output")
FECS = ("rs", "fc", "none", "auto")


def register(config: Group) -> None:
    """Add the commands."""
    interface = config.group("interface", "Interface-related configuration tasks")
    interface.command("startup", NAME)(startup)
    interface.command("shutdown", NAME)(shutdown)
    interface.command("mtu", NAME, Argument("interface_mtu", "<interface_mtu>", number=True), VERBOSE)(mtu)
    interface.command("speed", NAME, Argument("interface_speed", "<interface_speed>"), VERBOSE)(speed)
    interface.command("fec", NAME, Argument("interface_fec", "<interface_fec>"), VERBOSE)(fec)
    mode = Argument("mode", "<mode>", choices=("enabled", "disabled"))
    interface.command("autoneg", NAME, mode, VERBOSE)(autoneg)
    interface.command(
        "breakout",
        NAME,
        Argument("mode"),
        Option(("-f", "--force-remove-dependencies"), "Clear all dependencies internally first."),
        Option(
            ("-l", "--load-predefined-config"), "load predefied user configuration (alias, lanes, speed etc) first."
        ),
        Option(("-y", "--yes")),
        VERBOSE,
    )(breakout)
    address = interface.group("ip", "Set IP interface attributes")
    ip = Argument("ip_addr", "<ip_addr>")
    gateway = Argument("gw", "<default gateway IP address>", required=False)
    address.command("add", NAME, ip, gateway, Option(("--secondary", "-s")))(ip_add)
    address.command("remove", NAME, ip)(ip_remove)
    ipv6 = interface.group("ipv6", "Enable or Disable IPv6 processing on interface")
    ipv6.group("enable").command("use-link-local-only", NAME)(link_local_on)
    ipv6.group("disable").command("use-link-local-only", NAME)(link_local_off)
    loopback = config.group("loopback", "Loopback-related configuration tasks")
    loopback.command("add", Argument("loopback_name", "<loopback_name>"))(loopback_add)
    loopback.command("del", Argument("loopback_name", "<loopback_name>"))(loopback_delete)


def _valid(rows: Rows, name: str) -> list[str]:
    """Names that an operator means; one alone must exist, of a range those that do are taken."""
    names = expand(name)
    if len(names) <= 1 and not rows.is_interface(name):
        raise Refused("Interface name is invalid. Please enter a valid interface name!!")
    return names


def _admin(name: str, status: str) -> None:
    rows = Rows()
    for one in _valid(rows, name):
        for table in ("PORT", "PORTCHANNEL", "VLAN_SUB_INTERFACE", "LOOPBACK_INTERFACE"):
            if rows.has(table, one):
                rows.change(table, one, {"admin_status": status})


def startup(*, interface_name: str) -> None:
    """Start up interface"""  # noqa: D415 (the text of `--help`)
    _admin(interface_name, "up")


def shutdown(*, interface_name: str) -> None:
    """Shut down interface"""  # noqa: D415
    _admin(interface_name, "down")


def _port(rows: Rows, name: str) -> None:
    """Let a port through as portconfig does."""
    if not rows.has("PORT", name) and not rows.has("PORTCHANNEL", name):
        print(f"Invalid port {name}")
        raise Exit(1)


def _set_field(name: str, field: str, value: str) -> None:
    rows = Rows()
    rows.change("PORTCHANNEL" if rows.has("PORTCHANNEL", name) else "PORT", name, {field: value})


def mtu(*, interface_name: str, interface_mtu: str, verbose: bool) -> None:
    """Set interface mtu"""  # noqa: D415
    rows = Rows()
    if not 68 <= int(interface_mtu) <= 9216:
        raise Refused(f'Invalid value for "<interface_mtu>": {interface_mtu} is not in the valid range of 68 to 9216.')
    if rows.first_parts("PORTCHANNEL_MEMBER", interface_name):
        raise Refused("'interface_name' is in portchannel!")
    _port(rows, interface_name)
    if verbose:
        print(f"Setting mtu {interface_mtu} on port {interface_name}")
    _set_field(interface_name, "mtu", interface_mtu)


def speed(*, interface_name: str, interface_speed: str, verbose: bool) -> None:
    """Set interface speed"""  # noqa: D415
    rows = Rows()
    _port(rows, interface_name)
    supported = ports.speeds(rows.row("PORT", interface_name))
    if interface_speed not in supported.split(","):
        print(f"Invalid speed specified: {interface_speed}")
        print(f"Valid speeds:{supported}")
        raise Exit(1)
    if verbose:
        print(f"Setting speed {interface_speed} on port {interface_name}")
    _set_field(interface_name, "speed", interface_speed)


def fec(*, interface_name: str, interface_fec: str, verbose: bool) -> None:
    """Set interface fec"""  # noqa: D415
    rows = Rows()
    if interface_fec not in FECS:
        raise Refused(f"'fec not in {list(FECS)}!'")
    _port(rows, interface_name)
    if verbose:
        print(f"Setting fec {interface_fec} on port {interface_name}")
    _set_field(interface_name, "fec", interface_fec)


def autoneg(*, interface_name: str, mode: str, verbose: bool) -> None:
    """Set interface auto negotiation mode"""  # noqa: D415
    rows = Rows()
    _port(rows, interface_name)
    if verbose:
        print(f"Setting autoneg {mode} on port {interface_name}")
    _set_field(interface_name, "autoneg", "on" if mode == "enabled" else "off")


def breakout(
    *,
    interface_name: str,
    mode: str,
    force_remove_dependencies: bool,
    load_predefined_config: bool,
    yes: bool,
    verbose: bool,
) -> None:
    """Set interface breakout mode"""  # noqa: D415
    del force_remove_dependencies, load_predefined_config, verbose
    confirm("Do you want to Breakout the port, continue?", yes=yes)
    if not PLATFORM.is_file():
        print("[ERROR] Breakout feature is not available without platform.json file")
        raise Aborted
    rows = Rows()
    if not rows.table("BREAKOUT_CFG"):
        print("[ERROR] BREAKOUT_CFG table is NOT present in CONFIG DB")
        raise Aborted
    if not rows.has("BREAKOUT_CFG", interface_name):
        print(f"[ERROR] {interface_name} interface is NOT present in BREAKOUT_CFG table of CONFIG DB")
        raise Aborted
    modes = json.loads(PLATFORM.read_text(encoding="utf-8")).get(interface_name, {})
    if mode not in modes:
        print(f"[ERROR] Target mode {mode} is not available for the port {interface_name}")
        raise Aborted
    _break_out(rows, interface_name, mode, modes)


def _break_out(rows: Rows, name: str, mode: str, modes: dict[str, dict[str, dict[str, str]]]) -> None:
    current = rows.row("BREAKOUT_CFG", name)["brkout_mode"]
    print(f"\nRunning Breakout Mode : {current} \nTarget Breakout Mode : {mode}")
    if current == mode:
        print("[WARNING] No action will be taken as current and desired Breakout Mode are same.")
        raise Exit(0)
    gone, new = modes.get(current, {}), modes[mode]
    users = [
        f"/{table}/{key}"
        for table, found in rows.tables.items()
        if table not in ("PORT", "BREAKOUT_CFG", "DEVICE_NEIGHBOR", "CABLE_LENGTH")
        for key in found
        if set(key.split("|")) & gone.keys()
    ]
    if users:
        print("Dependencies Exist. No further action will be taken")
        print("*** Printing dependencies ***")
        print("\n".join(users))
        raise Exit(1)
    for port in gone:
        rows.drop("PORT", port)
    for port, row in new.items():
        rows.put("PORT", port, {**row, "admin_status": "down", "mtu": "9100"})
    rows.put("BREAKOUT_CFG", name, {"brkout_mode": mode})
    print("Breakout process got successfully completed.")
    print("Please note loaded setting will be lost after system reboot. To preserve setting, run `config save`.")


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_interface(text))
    except ValueError as error:
        raise Refused(f"IP address is not valid: {error}") from None


def ip_add(*, interface_name: str, ip_addr: str, gw: str | None, secondary: bool) -> None:
    """Add an IP address towards the interface"""  # noqa: D415
    rows = Rows()
    if rows.first_parts("VLAN_MEMBER", interface_name):
        print(f"Interface {interface_name} is a member of vlan\nAborting!")
        return
    if rows.first_parts("PORTCHANNEL_MEMBER", interface_name):
        raise Refused(f"{interface_name} is configured as a member of portchannel.")
    mode = (rows.row("PORT", interface_name) or rows.row("PORTCHANNEL", interface_name)).get("mode")
    if mode in ("trunk", "access"):
        print(f"Interface {interface_name} is in {mode} mode and needs to be in routed mode!")
        return
    prefix = _address(ip_addr)
    if interface_name == "eth0":
        family = ipaddress.ip_interface(prefix).version
        for old in rows.second_parts("MGMT_INTERFACE", "eth0"):
            if ipaddress.ip_interface(old).version == family:
                rows.drop("MGMT_INTERFACE", f"eth0|{old}")
        rows.put("MGMT_INTERFACE", f"eth0|{prefix}", {"gwaddr": gw} if gw else {})
        return
    table = interface_table(interface_name)
    if not table:
        raise Refused("'interface_name' is not valid. Valid names [Ethernet/PortChannel/Vlan/Loopback]")
    if table == "VLAN_INTERFACE" and not rows.has("VLAN", interface_name):
        raise Refused(f"Error: {interface_name} does not exist. Vlan must be created before adding an IP address")
    if not rows.has(table, interface_name):
        rows.put(table, interface_name, {"admin_status": "up"} if table == "VLAN_SUB_INTERFACE" else {})
    rows.put(table, f"{interface_name}|{prefix}", {"secondary": "true"} if secondary else {})


def ip_remove(*, interface_name: str, ip_addr: str) -> None:
    """Remove an IP address from the interface"""  # noqa: D415
    rows = Rows()
    prefix = _address(ip_addr)
    if interface_name == "eth0":
        rows.drop("MGMT_INTERFACE", f"eth0|{prefix}")
        return
    table = interface_table(interface_name)
    if not table:
        raise Refused("'interface_name' is not valid. Valid names [Ethernet/PortChannel/Vlan/Loopback]")
    rows.drop(table, f"{interface_name}|{prefix}")
    row = rows.row(table, interface_name)
    bound = row.get("vrf_name") or row.get("ipv6_use_link_local_only") == "enable"
    if not rows.second_parts(table, interface_name) and not bound and table != "VLAN_SUB_INTERFACE":
        rows.drop(table, interface_name)


def _link_local(name: str, value: str) -> None:
    rows = Rows()
    table = interface_table(name)
    if table not in ("INTERFACE", "PORTCHANNEL_INTERFACE", "VLAN_INTERFACE"):
        raise Refused("'interface_name' is not valid. Valid names [Ethernet/PortChannel/Vlan]")
    if not rows.is_interface(name):
        raise Refused(f"Interface name {name} is invalid. Please enter a valid interface name!!")
    vlans = rows.first_parts("VLAN_MEMBER", name)
    if vlans:
        raise Refused(
            f"{name} is configured as a member of vlan {vlans[0]}. Cannot configure the IPv6 link local mode!"
        )
    lags = rows.first_parts("PORTCHANNEL_MEMBER", name)
    if lags:
        raise Refused(f"{name} is configured as a member of portchannel. Cannot configure the IPv6 link local mode!")
    rows.change(table, name, {"ipv6_use_link_local_only": value})


def link_local_on(*, interface_name: str) -> None:
    """Enable IPv6 link local address on interface"""  # noqa: D415
    _link_local(interface_name, "enable")


def link_local_off(*, interface_name: str) -> None:
    """Disable IPv6 link local address on interface"""  # noqa: D415
    _link_local(interface_name, "disable")


def _loopback_name(name: str) -> None:
    number = name.removeprefix("Loopback")
    if not name.startswith("Loopback") or not number.isdigit() or int(number) > 999:
        raise Refused(
            f"{name} is invalid, name should have prefix 'Loopback' and suffix '<0-999>' "
            "and should not exceed 11 characters"
        )


def loopback_add(*, loopback_name: str) -> None:
    """Add loopback"""  # noqa: D415
    rows = Rows()
    _loopback_name(loopback_name)
    if rows.has("LOOPBACK_INTERFACE", loopback_name):
        raise Refused(f"{loopback_name} already exists")
    rows.put("LOOPBACK_INTERFACE", loopback_name, {})


def loopback_delete(*, loopback_name: str) -> None:
    """Delete loopback"""  # noqa: D415
    rows = Rows()
    _loopback_name(loopback_name)
    if not rows.has("LOOPBACK_INTERFACE", loopback_name):
        raise Refused(f"{loopback_name} does not exist")
    for prefix in rows.second_parts("LOOPBACK_INTERFACE", loopback_name):
        rows.drop("LOOPBACK_INTERFACE", f"{loopback_name}|{prefix}")
    rows.drop("LOOPBACK_INTERFACE", loopback_name)
