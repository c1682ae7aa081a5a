"""Rows that SONiC's daemons keep about ports in APPL_DB and STATE_DB (orchagent, portsyncd, xcvrd)."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from scs_rack.lab.switch.device.configdb import Row, Tables

COPPER = 1000
"""Speed in Mb/s up to which a port has a socket for RJ45, and no module."""


def up_ports(folder: Path = Path("/sys/class/net")) -> set[str]:
    """Interfaces with carrier and admin state up."""
    found = set()
    for path in folder.iterdir():
        if path.name.startswith(("Ethernet", "eth", "Vlan")):
            try:
                if (path / "operstate").read_text(encoding="ascii").strip() == "up":
                    found.add(path.name)
            except OSError:
                continue
    return found


def present(folder: Path = Path("/sys/class/net")) -> set[str]:
    """Ports with something plugged in."""
    return {path.name for path in folder.iterdir() if path.name.startswith("Ethernet")}


def appl_rows(tables: Tables, up: Collection[str]) -> dict[str, Row]:
    """Rows of APPL_DB PORT_TABLE."""
    rows = {}
    for name, port in tables.get("PORT", {}).items():
        fields = {key: ",".join(value) if isinstance(value, list) else value for key, value in port.items()}
        rows[name] = {
            "description": "", "mtu": "9100", "admin_status": "down",
            **fields, "oper_status": "up" if name in up else "down", "parent_port": name,
        }  # fmt: skip
    return rows


def speeds(port: Mapping[str, str]) -> str:
    """Speeds that a port supports, as far as its lanes say."""
    lanes = len(port.get("lanes", "1").split(","))
    speed = int(port.get("speed", "0") or 0)
    usual = {1: (1000, 10000, 25000), 2: (50000, 100000), 4: (40000, 100000, 200000), 8: (200000, 400000, 800000)}
    return ",".join(str(one) for one in sorted({*usual.get(lanes, ()), speed}))


def state_rows(tables: Tables, up: Collection[str]) -> dict[str, Row]:
    """Rows of STATE_DB PORT_TABLE."""
    return {
        name: {
            "state": "ok",
            "admin_status": port.get("admin_status", "down"),
            "netdev_oper_status": "up" if name in up else "down",
            "host_tx_ready": "true" if port.get("admin_status") == "up" else "false",
            "mtu": port.get("mtu", "9100"),
            "speed": port.get("speed", ""),
            "supported_speeds": speeds(port),
            "supported_fecs": "none,rs,fc" if int(port.get("speed", "0") or 0) > COPPER else "N/A",
        }
        for name, port in tables.get("PORT", {}).items()
    }


def module_type(speed: int, lanes: int) -> str:
    """Form factor that fits a port."""
    if lanes == 1:
        return "SFP/SFP+/SFP28"
    return "QSFP28 or later" if speed <= 200000 else "QSFP-DD Double Density 8X Pluggable Transceiver"


def transceivers(tables: Tables, plugged: Collection[str]) -> dict[str, Row]:
    """Rows of STATE_DB TRANSCEIVER_INFO: one for each cage with a cable in it; copper ports have none."""
    rows = {}
    for name, port in tables.get("PORT", {}).items():
        speed = int(port.get("speed", "0") or 0)
        if name not in plugged or speed <= COPPER:
            continue
        lanes = len(port.get("lanes", "1").split(","))
        digest = hashlib.sha256(f"{port.get('alias', name)} {port.get('index', '')}".encode()).hexdigest()
        rows[name] = {
            "type": module_type(speed, lanes),
            "type_abbrv_name": "SFP28" if lanes == 1 else "QSFP28",
            "manufacturer": "scs-rack lab",
            "model": f"LAB-DAC-{speed // 1000}G",
            "serial": f"LAB{digest[:10].upper()}",
            "vendor_rev": "A",
            "vendor_oui": "02-5c-05",
            "vendor_date": "2026-01-01",
            "hardware_rev": "A",
            "connector": "Copper pigtail",
            "cable_type": "Length Cable Assembly(m)",
            "cable_length": "1.0",
            "is_replaceable": "True",
            "nominal_bit_rate": str(speed // lanes // 100),
            "specification_compliance": "{}",
            "encoding": "64B/66B",
            "dom_capability": "N/A",
        }
    return rows
