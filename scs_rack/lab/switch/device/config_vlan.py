"""`config vlan`. Texts, checks and exit codes: sonic-utilities 202505, config/vlan.py."""

from scs_rack.lab.switch.device.cmdtree import Argument, Group, Option, Refused
from scs_rack.lab.switch.device.edit import Rows

MULTIPLE = Option(("-m", "--multiple"), "Add Multiple Vlan(s) in Range or in Comma separated list")
EXCEPT = Option(("-e", "--except_flag"), "Skips the given vlans and adds all other existing vlans")
VID = Argument("vid", "<vid>")


def register(config: Group) -> None:
    """Add the commands."""
    vlan = config.group("vlan", "VLAN-related configuration tasks")
    vlan.command("add", VID, MULTIPLE)(add)
    no_restart = Option(("--no_restart_dhcp_relay",), "Do not restart dhcp_relay")
    vlan.command("del", VID, MULTIPLE, no_restart)(delete)
    member = vlan.group("member")
    untagged = Option(("-u", "--untagged"), "Untagged status")
    member.command("add", VID, Argument("port", "port"), untagged, MULTIPLE, EXCEPT)(member_add)
    member.command("del", VID, Argument("port", "<port>"), MULTIPLE, EXCEPT)(member_delete)


def _many(text: str) -> list[int]:
    """Numbers in `2,4-6`."""
    found: list[int] = []
    for part in text.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise Refused(f"{part} is not integer")
        if dash and int(first) >= int(last):
            raise Refused(f"{first} is greater than {last}. List cannot be generated")
        found += range(int(first), int(last or first) + 1)
    return sorted(set(found))


def _vids(text: str, *, multiple: bool, complaint: str) -> list[int]:
    if multiple:
        return _many(text)
    if not text.isdigit():
        raise Refused(complaint.format(text))
    return [int(text)]


def _in_range(vid: int) -> None:
    if not 1 <= vid <= 4094:  # VLAN 1 is refused with words of its own
        raise Refused(f"Invalid VLAN ID {vid} (2-4094)")


def add(*, vid: str, multiple: bool) -> None:
    """Add VLAN"""  # noqa: D415 (the text of `--help`)
    rows = Rows()
    for number in _vids(vid, multiple=multiple, complaint="{} is not integer"):
        _in_range(number)
        name = f"Vlan{number}"
        if number == 1:
            raise Refused(f"{name} is default VLAN")
        if rows.has("VLAN", name):
            raise Refused(f"{name} already exists.")
        if rows.has("DHCP_RELAY", name):
            raise Refused(f"DHCPv6 relay config for {name} already exists")
        rows.put("VLAN", name, {"vlanid": str(number)})


def delete(*, vid: str, multiple: bool, no_restart_dhcp_relay: bool) -> None:
    """Delete VLAN"""  # noqa: D415
    rows = Rows()
    for number in _vids(vid, multiple=multiple, complaint="{} is not integer"):
        _in_range(number)
        name = f"Vlan{number}"
        if no_restart_dhcp_relay and rows.has("DHCP_RELAY", name):
            raise Refused(f"Can't delete {name} because related DHCPv6 Relay config is exist")
        if not rows.has("VLAN", name):
            raise Refused(f"{name} does not exist")
        if rows.has("VLAN_INTERFACE", name) or rows.second_parts("VLAN_INTERFACE", name):
            raise Refused(f"{name} can not be removed. First remove IP addresses assigned to this VLAN")
        if rows.second_parts("VLAN_MEMBER", name):
            raise Refused(f"VLAN ID {number} can not be removed. First remove all members assigned to this VLAN.")
        for key, row in rows.table("VXLAN_TUNNEL_MAP").items():
            if row.get("vlan") == name:
                raise Refused(f"vlan: {number} can not be removed. First remove vxlan mapping '{key}' assigned to VLAN")
        rows.drop("VLAN", name)


def _member_vids(rows: Rows, vid: str, port: str, *, adding: bool, multiple: bool, excepted: bool) -> list[int]:
    there = rows.table("VLAN") if adding else rows.first_parts("VLAN_MEMBER", port)
    known = sorted(int(name.removeprefix("Vlan")) for name in there)
    if vid == "all":
        return known
    stated = _vids(vid, multiple=multiple, complaint="Vlan is not integer.")
    return [number for number in known if number not in stated] if excepted else stated


def member_add(*, vid: str, port: str, untagged: bool, multiple: bool, except_flag: bool) -> None:
    """Add VLAN member"""  # noqa: D415
    rows = Rows()
    numbers = _member_vids(rows, vid, port, adding=True, multiple=multiple, excepted=except_flag)
    if untagged and (multiple or except_flag or vid == "all"):
        raise Refused(f"{port} cannot have more than one untagged Vlan.")
    for number in numbers:
        name = f"Vlan{number}"
        if number == 1:
            raise Refused(f"{name} is default VLAN")
        _in_range(number)
        if not rows.has("VLAN", name):
            raise Refused(f"{name} does not exist")
        _may_join(rows, name, port, untagged=untagged)
        rows.put("VLAN_MEMBER", f"{name}|{port}", {"tagging_mode": "untagged" if untagged else "tagged"})


def _may_join(rows: Rows, vlan: str, port: str, *, untagged: bool) -> None:
    if any(row.get("dst_port") == port for row in rows.table("MIRROR_SESSION").values()):
        raise Refused(f"{port} is configured as mirror destination port")
    if rows.has("VLAN_MEMBER", f"{vlan}|{port}"):
        raise Refused(f"{port} is already a member of {vlan}")
    if not rows.has("PORT", port) and not rows.has("PORTCHANNEL", port):
        raise Refused(f"{port} does not exist")
    if rows.is_routed(port):
        raise Refused(f"{port} is a router interface!")
    if rows.first_parts("PORTCHANNEL_MEMBER", port):
        raise Refused(f"{port} is part of portchannel!")
    others = [rows.row("VLAN_MEMBER", f"{other}|{port}") for other in rows.first_parts("VLAN_MEMBER", port)]
    if untagged and any(row.get("tagging_mode") == "untagged" for row in others):
        raise Refused(f"{port} is already untagged member!")
    mode = (rows.row("PORT", port) or rows.row("PORTCHANNEL", port)).get("mode")
    if mode == "routed":
        raise Refused(f"{port} is in routed mode!\nUse switchport mode command to change port mode")
    if mode == "access" and not untagged:
        raise Refused(f"{port} is in access mode! Tagged Members cannot be added")


def member_delete(*, vid: str, port: str, multiple: bool, except_flag: bool) -> None:
    """Delete VLAN member"""  # noqa: D415
    rows = Rows()
    for number in _member_vids(rows, vid, port, adding=False, multiple=multiple, excepted=except_flag):
        _in_range(number)
        name = f"Vlan{number}"
        if not rows.has("VLAN", name):
            raise Refused(f"{name} does not exist")
        if not rows.has("VLAN_MEMBER", f"{name}|{port}"):
            raise Refused(f"{port} is not a member of {name}")
        rows.drop("VLAN_MEMBER", f"{name}|{port}")
