"""`config portchannel`. Texts, checks and exit codes: sonic-utilities 202505, config/main.py."""

from scs_rack.lab.switch.device.cmdtree import Argument, Group, Option, Refused
from scs_rack.lab.switch.device.edit import Rows

LAG = Argument("portchannel_name", "<portchannel_name>")
PORT = Argument("port_name", "<port_name>")


def register(config: Group) -> None:
    """Add the commands."""
    portchannel = config.group("portchannel")
    portchannel.command(
        "add",
        LAG,
        Option(("--min-links",), "", "INTEGER RANGE", default="1"),
        Option(("--fallback",), "", "TEXT", default="false"),
        Option(("--fast-rate",), "", "TEXT", ("true", "false"), "false"),
    )(add)
    portchannel.command("del", LAG)(delete)
    member = portchannel.group("member")
    member.command("add", LAG, PORT)(member_add)
    member.command("del", LAG, PORT)(member_delete)


def _valid_name(name: str) -> None:
    number = name.removeprefix("PortChannel")
    if not name.startswith("PortChannel") or not number.isdigit() or int(number) > 9999:
        raise Refused(
            f"{name} is invalid!, name should have prefix 'PortChannel' and suffix '<0-9999>' "
            "and its length should not exceed 15 characters"
        )


def add(*, portchannel_name: str, min_links: str, fallback: str, fast_rate: str) -> None:
    """Add port channel"""  # noqa: D415 (the text of `--help`)
    rows = Rows()
    _valid_name(portchannel_name)
    if rows.has("PORTCHANNEL", portchannel_name):
        raise Refused(f"{portchannel_name} already exists!")
    if not min_links.isdigit() or not 1 <= int(min_links) <= 1024:
        raise Refused(f'Invalid value for "--min-links": {min_links} is not in the valid range of 1 to 1024.')
    row = {"admin_status": "up", "mtu": "9100", "lacp_key": "auto", "fast_rate": fast_rate, "min_links": min_links}
    rows.put("PORTCHANNEL", portchannel_name, row | ({"fallback": "true"} if fallback != "false" else {}))


def delete(*, portchannel_name: str) -> None:
    """Remove port channel"""  # noqa: D415
    rows = Rows()
    _valid_name(portchannel_name)
    if not rows.has("PORTCHANNEL", portchannel_name):
        raise Refused(f"{portchannel_name} is not present.")
    for vlan in rows.first_parts("VLAN_MEMBER", portchannel_name):
        raise Refused(f"{portchannel_name} has vlan {vlan} configured, remove vlan membership to proceed")
    if rows.second_parts("PORTCHANNEL_MEMBER", portchannel_name):
        raise Refused(
            f"Error: Portchannel {portchannel_name} contains members. Remove members before deleting Portchannel!"
        )
    rows.drop("PORTCHANNEL", portchannel_name)


def member_add(*, portchannel_name: str, port_name: str) -> None:
    """Add member to port channel"""  # noqa: D415
    rows = Rows()
    if not rows.has("PORT", port_name):
        raise Refused("Interface name is invalid. Please enter a valid interface name!!")
    _valid_name(portchannel_name)
    if not rows.has("PORTCHANNEL", portchannel_name):
        raise Refused(f"{portchannel_name} is not present.")
    if rows.has("INTERFACE", port_name):
        raise Refused(f" {port_name} has ip address configured")
    for vlan in rows.first_parts("VLAN_MEMBER", port_name):
        raise Refused(f"{port_name} Interface configured as VLAN_MEMBER under vlan : {vlan}")
    for lag in rows.first_parts("PORTCHANNEL_MEMBER", port_name):
        raise Refused(f"{port_name} Interface is already member of {lag} ")
    speed = rows.row("PORT", port_name).get("speed")
    for other in rows.second_parts("PORTCHANNEL_MEMBER", portchannel_name):
        if rows.row("PORT", other).get("speed") != speed:
            raise Refused(
                f"Port speed of {port_name} is different than the other members of the portchannel {portchannel_name}"
            )
    mtu = rows.row("PORTCHANNEL", portchannel_name).get("mtu")
    if mtu and rows.row("PORT", port_name).get("mtu", mtu) != mtu:
        raise Refused(f"Port MTU of {port_name} is different than the {portchannel_name} MTU size")
    rows.put("PORTCHANNEL_MEMBER", f"{portchannel_name}|{port_name}", {})


def member_delete(*, portchannel_name: str, port_name: str) -> None:
    """Remove member from portchannel"""  # noqa: D415
    rows = Rows()
    _valid_name(portchannel_name)
    if not rows.is_interface(port_name):
        raise Refused("Interface name is invalid. Please enter a valid interface name!!")
    if not rows.has("PORTCHANNEL", portchannel_name):
        raise Refused(f"{portchannel_name} is not present.")
    if not rows.has("PORTCHANNEL_MEMBER", f"{portchannel_name}|{port_name}"):
        raise Refused(f"{port_name} is not a member of portchannel {portchannel_name}")
    rows.drop("PORTCHANNEL_MEMBER", f"{portchannel_name}|{port_name}")
