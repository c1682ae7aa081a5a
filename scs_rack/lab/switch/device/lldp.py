"""lldpd: what it sends (port id = PORT.alias, subtype local, as lldpmgrd does), and what it hears."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.configdb import Tables

INTERVAL = 5
"""Seconds between two announcements; SONiC's 30 would make every look at the cables slow."""
_SUBTYPES = {"mac": "4", "ifname": "5", "local": "7", "ifalias": "1", "unhandled": "0", "ip": "5"}
"""Subtypes of chassis and port ids as numbers (IEEE 802.1AB, tables 8-2 and 8-3), by lldpd's names."""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "").replace('"', "'").replace("\n", " ") + '"'


def _description(tables: Tables) -> str:
    localhost = tables.get("DEVICE_METADATA", {}).get("localhost", {})
    version, sku = releases.build_version(), localhost.get("hwsku", "unknown")
    kernel = os.uname().release
    return f"SONiC Software Version: SONiC.{version} - HwSku: {sku} - Distribution: Debian 13 - Kernel: {kernel}"


def configuration(tables: Tables) -> list[str]:
    """Lines for lldpcli."""
    hostname = tables.get("DEVICE_METADATA", {}).get("localhost", {}).get("hostname", "sonic")
    addresses = [key.partition("|")[2].partition("/")[0] for key in tables.get("MGMT_INTERFACE", {})]
    addresses += [key.partition("|")[2].partition("/")[0] for key in tables.get("VLAN_INTERFACE", {}) if "|" in key]
    lines = [
        f"configure system hostname {_quoted(hostname)}",
        "configure system interface pattern Ethernet*,eth*",
        f"configure lldp tx-interval {INTERVAL}",
        f"configure system description {_quoted(_description(tables))}",
    ]
    if addresses:
        lines.append(f"configure system ip management pattern {addresses[0]}")
    for name, row in sorted(tables.get("PORT", {}).items()):
        if not Path(f"/sys/class/net/{name}").exists():
            continue
        enabled = tables.get("LLDP_PORT", {}).get(name, {}).get("enabled", "true") == "true"
        status = "rx-and-tx" if enabled and row.get("admin_status") == "up" else "disabled"
        lines += [
            f"configure ports {name} lldp portidsubtype local {_quoted(row.get('alias') or name)}",
            f"configure ports {name} lldp portdescription {_quoted(row.get('description') or name)}",
            f"configure ports {name} lldp status {status}",
        ]
    lines += [f"configure ports {name} lldp portidsubtype local {name}" for name in tables.get("MGMT_PORT", {})]
    return lines


def heard() -> dict[str, Any]:
    """What lldpd knows of its neighbours (lldpcli's format json0); empty while it does not answer."""
    done = subprocess.run(
        ["lldpcli", "-f", "json0", "show", "neighbors", "details"], capture_output=True, text=True, check=False
    )
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {}
    return found


def _value(entry: dict[str, Any], name: str, field: str = "value") -> str:
    items = entry.get(name, [])
    return str(items[0].get(field, "")) if items else ""


def _capabilities(chassis: dict[str, Any], *, enabled: bool) -> str:
    """Bits of IEEE 802.1AB 8.5.8 as lldp-syncd writes them: two bytes in hexadecimal."""
    bits = {"Repeater": 1, "Bridge": 2, "Wlan": 3, "Router": 4, "Tel": 5, "Docsis": 6, "Station": 7}
    value = 0
    for one in chassis.get("capability", []):
        if not enabled or one.get("enabled"):
            value |= 0x8000 >> bits.get(one.get("type", ""), 0)
    return f"{value >> 8:02x} {value & 0xFF:02x}"


def entries(found: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Rows of LLDP_ENTRY_TABLE by local port; of several neighbours on one port, the last that was heard."""
    return dict(_entries(found))


def _entries(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    number = 0
    for block in found.get("lldp", []):
        for entry in block.get("interface", []):
            number += 1
            chassis = (entry.get("chassis") or [{}])[0]
            port = (entry.get("port") or [{}])[0]
            yield (
                entry["name"],
                {
                    "lldp_rem_index": str(number),
                    "lldp_rem_time_mark": "0",
                    "lldp_rem_chassis_id_subtype": _SUBTYPES.get(_value(chassis, "id", "type"), "7"),
                    "lldp_rem_chassis_id": _value(chassis, "id"),
                    "lldp_rem_port_id_subtype": {"mac": "3"}.get(
                        _value(port, "id", "type"), _SUBTYPES.get(_value(port, "id", "type"), "7")
                    ),
                    "lldp_rem_port_id": _value(port, "id"),
                    "lldp_rem_port_desc": _value(port, "descr"),
                    "lldp_rem_sys_name": _value(chassis, "name"),
                    "lldp_rem_sys_desc": _value(chassis, "descr"),
                    "lldp_rem_man_addr": ",".join(str(one.get("value", "")) for one in chassis.get("mgmt-ip", [])),
                    "lldp_rem_sys_cap_supported": _capabilities(chassis, enabled=False),
                    "lldp_rem_sys_cap_enabled": _capabilities(chassis, enabled=True),
                },
            )
