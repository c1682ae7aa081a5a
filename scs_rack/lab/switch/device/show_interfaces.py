"""`show interfaces`, `show vlan`, `show mac`: ports, what is plugged into them, and what is switched.

Columns and texts: sonic-utilities 202505 (scripts/intfutil, show/vlan.py, scripts/fdbshow).
"""

import json
import subprocess
from pathlib import Path

from scs_rack.lab.switch.device import configdb, state, table
from scs_rack.lab.switch.device.cmdtree import Argument, Group, Option, Refused
from scs_rack.lab.switch.device.configdb import Row, Tables
from scs_rack.lab.switch.device.names import natural, only
from scs_rack.lab.switch.device.resp import Redis
from scs_rack.lab.switch.device.trunk import port_of

NAME = Argument("interfacename", "[INTERFACENAME]", required=False)
VERBOSE = Option(("--verbose",), "Enable verbose output")


def register(show: Group) -> None:
    """Add the commands."""
    interfaces = show.group("interfaces", "Show details of the network interfaces")
    interfaces.command("status", NAME, VERBOSE)(status)
    interfaces.command("description", NAME, VERBOSE)(description)
    interfaces.command("naming_mode")(naming_mode)
    interfaces.command("portchannel", VERBOSE)(portchannel)
    interfaces.command("counters", VERBOSE)(counters)
    neighbor = interfaces.group("neighbor", "Show neighbor related information")
    neighbor.command("expected", NAME, VERBOSE)(expected)
    transceiver = interfaces.group("transceiver", "Show SFP Transceiver information")
    transceiver.command("presence", NAME, VERBOSE)(presence)
    transceiver.command("eeprom", NAME, Option(("-d", "--dom"), "Also display DOM information"), VERBOSE)(eeprom)
    vlan = show.group("vlan", "Show VLAN information")
    vlan.command("brief", VERBOSE)(vlan_brief)
    vlan.command("config")(vlan_config)
    show.command(
        "mac",
        Option(("-v", "--vlan"), "", "TEXT"),
        Option(("-p", "--port"), "", "TEXT"),
        Option(("-a", "--address"), "", "TEXT"),
        Option(("-c", "--count")),
        VERBOSE,
    )(mac)


def _rows(database: int, prefix: str) -> dict[str, Row]:
    """Rows of a table in a database, by key."""
    client = Redis(database)
    keys = sorted(client.call("KEYS", f"{prefix}*"))
    flats = client.pipeline([("HGETALL", key) for key in keys]) if keys else []
    return {
        key.removeprefix(prefix): dict(zip(flat[::2], flat[1::2], strict=True))
        for key, flat in zip(keys, flats, strict=True)
    }


def _ports(chosen: str | None) -> dict[str, Row]:
    """Rows of APPL_DB PORT_TABLE in natural order; of one port, or a list or range of them."""
    rows = {name: row for name, row in _rows(state.APPL_DB, "PORT_TABLE:").items() if name != "PortInitDone"}
    return only({name: rows[name] for name in sorted(rows, key=natural)}, chosen)


def _speed(row: Row) -> str:
    speed = str(row.get("speed", ""))
    if not speed.isdigit():
        return "N/A"
    return f"{int(speed) // 1000}G" if int(speed) >= 1000 else f"{speed}M"


def _kind(tables: Tables, port: str) -> str:
    """What stands in the column Vlan: trunk, routed, or the LAG that a port is a member of."""
    for key in tables.get("PORTCHANNEL_MEMBER", {}):
        if key.partition("|")[2] == port:
            return key.partition("|")[0]
    if any(key.partition("|")[2] == port for key in tables.get("VLAN_MEMBER", {})):
        return "trunk"
    return "routed"


def status(*, interfacename: str | None, verbose: bool) -> None:
    """Show Interface status information"""  # noqa: D415 (the text of `--help`)
    del verbose
    tables = configdb.read(configdb.connect())
    modules = _rows(state.STATE_DB, "TRANSCEIVER_INFO|")
    rows = []
    for name, row in _ports(interfacename).items():
        copper = str(row.get("speed", "0")).isdigit() and int(row["speed"]) <= 1000
        kind = modules.get(name, {}).get("type", "RJ45" if copper else "N/A")
        fields = (row.get("lanes"), _speed(row), row.get("mtu"), row.get("fec", "N/A"), row.get("alias"))
        rows.append((name, *fields, _kind(tables, name), row.get("oper_status"), row.get("admin_status"), kind, "N/A"))
    header = ("Interface", "Lanes", "Speed", "MTU", "FEC", "Alias", "Vlan", "Oper", "Admin", "Type", "Asym PFC")
    print(table.simple(header, rows, right=True))


def description(*, interfacename: str | None, verbose: bool) -> None:
    """Show interface status, protocol and description"""  # noqa: D415
    del verbose
    rows = [
        (name, row.get("oper_status"), row.get("admin_status"), row.get("alias"), row.get("description") or "N/A")
        for name, row in _ports(interfacename).items()
    ]
    print(table.simple(("Interface", "Oper", "Admin", "Alias", "Description"), rows, right=True))


def naming_mode() -> None:
    """Show interface naming_mode status"""  # noqa: D415
    print("default")


def portchannel(*, verbose: bool) -> None:
    """Show PortChannel information"""  # noqa: D415
    del verbose
    tables = configdb.read(configdb.connect())
    print("Flags: A - active, I - inactive, Up - up, Dw - Down, N/A - not available,")
    print("       S - selected, D - deselected, * - not synced")
    rows = []
    for name in sorted(tables.get("PORTCHANNEL", {}), key=natural):
        members = [key.partition("|")[2] for key in tables.get("PORTCHANNEL_MEMBER", {}) if key.startswith(f"{name}|")]
        number = name.removeprefix("PortChannel").zfill(4)
        rows.append((number, name, "LACP(A)(Dw)", " ".join(f"{one}(D)" for one in sorted(members, key=natural))))
    print(table.simple(("No.", "Team Dev", "Protocol", "Ports"), rows, right=True))


def counters(*, verbose: bool) -> None:
    """Show interface counters"""  # noqa: D415
    del verbose
    rows = []
    for name, row in _ports(None).items():
        folder = Path("/sys/class/net") / name / "statistics"
        if folder.exists():
            names = ("rx_packets", "rx_errors", "rx_dropped", "tx_packets", "tx_errors", "tx_dropped")
            values = [f"{int((folder / one).read_text(encoding='ascii')):,}" for one in names]
        else:
            values = ["0"] * 6
        rows.append((name, "U" if row.get("oper_status") == "up" else "D", *values))
    header = ("IFACE", "STATE", "RX_OK", "RX_ERR", "RX_DRP", "TX_OK", "TX_ERR", "TX_DRP")
    print(table.simple(header, rows, right=True))


def expected(*, interfacename: str | None, verbose: bool) -> None:
    """Show expected neighbor information by interfaces"""  # noqa: D415
    del verbose
    tables = configdb.read(configdb.connect())
    found = tables.get("DEVICE_NEIGHBOR", {})
    meta = tables.get("DEVICE_NEIGHBOR_METADATA", {})
    if not found:
        print("DEVICE_NEIGHBOR information is not present.")
        return
    if interfacename and interfacename not in found:
        print(f"No neighbor information available for interface {interfacename}")
        return
    rows = []
    for port in [interfacename] if interfacename else sorted(found, key=natural):
        row = found[port]
        more = meta.get(row.get("name", ""), {})
        fields = (more.get("lo_addr", "None"), more.get("mgmt_addr", "None"), more.get("type", "None"))
        rows.append((port, row.get("name"), row.get("port"), *fields))
    header = ("LocalPort", "Neighbor", "NeighborPort", "NeighborLoopback", "NeighborMgmt", "NeighborType")
    print(table.simple(header, rows))


def presence(*, interfacename: str | None, verbose: bool) -> None:
    """Show interface transceiver presence"""  # noqa: D415
    del verbose
    modules = _rows(state.STATE_DB, "TRANSCEIVER_INFO|")
    rows = [(name, "Present" if name in modules else "Not present") for name in _ports(interfacename)]
    print(table.simple(("Port", "Presence"), rows))


_EEPROM = (
    ("cable_length", "Cable Length(m)"),
    ("connector", "Connector"),
    ("encoding", "Encoding"),
    ("type", "Identifier"),
    ("nominal_bit_rate", "Nominal Bit Rate(100Mbs)"),
    ("specification_compliance", "Specification compliance"),
    ("vendor_date", "Vendor Date Code(YYYY-MM-DD Lot)"),
    ("manufacturer", "Vendor Name"),
    ("vendor_oui", "Vendor OUI"),
    ("model", "Vendor PN"),
    ("vendor_rev", "Vendor Rev"),
    ("serial", "Vendor SN"),
)


def eeprom(*, interfacename: str | None, dom: bool, verbose: bool) -> None:
    """Show interface transceiver EEPROM information"""  # noqa: D415
    del dom, verbose
    modules = _rows(state.STATE_DB, "TRANSCEIVER_INFO|")
    for name in _ports(interfacename):
        if name not in modules:
            print(f"{name}: SFP EEPROM Not detected\n")
            continue
        print(f"{name}: SFP EEPROM detected")
        for field, shown in _EEPROM:
            print(f"        {shown}: {modules[name].get(field, 'N/A')}")
        print()


def _members(tables: Tables, vlan: str) -> list[tuple[str, str]]:
    found = [
        (key.partition("|")[2], str(row.get("tagging_mode", "")))
        for key, row in tables.get("VLAN_MEMBER", {}).items()
        if key.startswith(f"{vlan}|")
    ]
    return sorted(found, key=lambda one: natural(one[0]))


def vlan_brief(*, verbose: bool) -> None:
    """Show all bridge information"""  # noqa: D415
    del verbose
    tables = configdb.read(configdb.connect())
    rows = []
    for vlan in sorted(tables.get("VLAN", {}), key=natural):
        members = _members(tables, vlan)
        addresses = [key.partition("|")[2] for key in tables.get("VLAN_INTERFACE", {}) if key.startswith(f"{vlan}|")]
        proxy = tables.get("VLAN_INTERFACE", {}).get(vlan, {}).get("proxy_arp", "disabled")
        helpers = tables["VLAN"][vlan].get("dhcp_servers", [])
        columns = ("\n".join(one for one, _ in members), "\n".join(mode for _, mode in members))
        rows.append((vlan.removeprefix("Vlan"), "\n".join(addresses), *columns, proxy, "\n".join(helpers)))
    header = ("VLAN ID", "IP Address", "Ports", "Port Tagging", "Proxy ARP", "DHCP Helper Address")
    print(table.grid(header, rows))


def vlan_config() -> None:
    """Show Vlan member configuration"""  # noqa: D415
    tables = configdb.read(configdb.connect())
    rows: list[tuple[str, str, str, str]] = []
    for vlan in sorted(tables.get("VLAN", {}), key=natural):
        number = vlan.removeprefix("Vlan")
        members = _members(tables, vlan)
        rows += [(vlan, number, port, mode) for port, mode in members] or [(vlan, number, "", "")]
    print(table.simple(("Name", "VID", "Member", "Mode"), rows))


def learned() -> list[tuple[int, str, str, str]]:
    """Addresses that bridges have learned: VLAN, MAC address, port, kind."""
    done = subprocess.run(["/usr/sbin/bridge", "-j", "fdb", "show"], capture_output=True, text=True, check=False)
    found = []
    for entry in json.loads(done.stdout or "[]"):
        vlan = str(entry.get("master", ""))
        if not vlan.startswith("Vlan") or entry.get("state") == "permanent" or "self" in entry.get("flags", []):
            continue
        kind = "Static" if entry.get("state") == "static" else "Dynamic"
        found.append((int(vlan.removeprefix("Vlan")), str(entry["mac"]).upper(), port_of(str(entry["ifname"])), kind))
    return sorted(set(found), key=lambda one: (one[0], one[1]))


def mac(*, vlan: str | None, port: str | None, address: str | None, count: bool, verbose: bool) -> None:
    """Show MAC (FDB) entries"""  # noqa: D415
    del verbose
    if vlan is not None and not vlan.isdigit():
        raise Refused(f"Invalid vlan id {vlan}")
    chosen = [
        entry
        for entry in learned()
        if (vlan is None or entry[0] == int(vlan))
        and (port is None or entry[2] == port)
        and (address is None or entry[1].lower() == address.lower())
    ]
    if not count:
        rows = [(number, *entry) for number, entry in enumerate(chosen, start=1)]
        print(table.simple(("No.", "Vlan", "MacAddress", "Port", "Type"), rows))
    print(f"Total number of entries {len(chosen)}")
