"""What a switch says of itself in APPL_DB (0) and STATE_DB (6), and what of it others ask."""

import subprocess
from typing import Any

from scs_rack.lab.switch.device.resp import Redis, RedisError

APPL_DB = 0
STATE_DB = 6
READY = "SYSTEM_READY|SYSTEM_STATE"


def starting() -> bool:
    """True while the switch has not come up yet: its configuration was not applied once."""
    try:
        return str(Redis(STATE_DB).call("HGET", READY, "Status")) != "UP"
    except (OSError, RedisError):
        return True


def swss_ready() -> bool:
    """True if the ports were made."""
    try:
        return bool(Redis(APPL_DB).call("EXISTS", "PORT_TABLE:PortInitDone"))
    except (OSError, RedisError):
        return False


def set_ready(*, up: bool) -> None:
    """Say that the switch is up, or is not."""
    Redis(STATE_DB).call("HSET", READY, "Status", "UP" if up else "DOWN")
    if up:
        Redis(APPL_DB).call("HSET", "PORT_TABLE:PortInitDone", "lanes", "0")
    else:
        Redis(APPL_DB).call("DEL", "PORT_TABLE:PortInitDone")


def data_plane_down() -> None:
    """What stopping SONiC does to the wire: front panel ports lose their link, learned routes and MACs are gone."""
    set_ready(up=False)
    shown = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[0].partition("@")[0] for line in shown.splitlines()]
    lines = [f"link set {name} down" for name in names if name.startswith(("Ethernet", "Vlan"))]
    subprocess.run(["ip", "-force", "-batch", "-"], input="\n".join([*lines, ""]), text=True, check=False)


def write_rows(client: Redis, prefix: str, rows: dict[str, dict[str, Any]]) -> None:
    """Make all keys with a prefix equal to these rows; what is equal already is not touched."""
    have = {key.removeprefix(prefix): key for key in client.call("KEYS", f"{prefix}*")}
    replies = client.pipeline([("HGETALL", key) for key in have.values()]) if have else []
    seen = {name: dict(zip(flat[::2], flat[1::2], strict=True)) for name, flat in zip(have, replies, strict=True)}
    commands: list[list[str]] = [["DEL", prefix + name] for name in seen.keys() - rows.keys() if name != "PortInitDone"]
    for name, row in rows.items():
        fields = {key: str(value) for key, value in row.items()}
        if seen.get(name) != fields:
            commands += [
                ["DEL", prefix + name],
                ["HSET", prefix + name, *(word for pair in fields.items() for word in pair)],
            ]
    if commands:
        client.pipeline([["MULTI"], *commands, ["EXEC"]])
