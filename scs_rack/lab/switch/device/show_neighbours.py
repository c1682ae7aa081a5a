"""`show lldp`, `show ip`, `show ipv6`, `show arp`, `show ndp`: neighbours, sessions and routes.

Columns and texts: sonic-utilities 202505 (scripts/lldpshow, utilities_common/bgp_util.py, scripts/ipintutil).
"""

import json
import os
import subprocess
import sys
from typing import Any, NoReturn

from scs_rack.lab.switch.device import configdb, lldp, table
from scs_rack.lab.switch.device.cmdtree import Argument, Exit, Group, Option
from scs_rack.lab.switch.device.names import natural

VERBOSE = Option(("--verbose",), "Enable verbose output")
REST = Argument("words", "[ARGS]...", required=False, many=True)


def register(show: Group) -> None:
    """Add the commands."""
    about = show.group("lldp", "LLDP (Link Layer Discovery Protocol) information")
    about.command("table", VERBOSE)(lldp_table)
    about.command("neighbors", Argument("interfacename", "[INTERFACENAME]", required=False), VERBOSE)(lldp_neighbors)
    for name, family in (("ip", "ipv4"), ("ipv6", "ipv6")):
        group = show.group(name, f"Show {'IPv6' if name == 'ipv6' else 'IP (IPv4)'} commands")
        _family(group, family)
    show.command("arp", VERBOSE)(arp)
    show.command("ndp", VERBOSE)(ndp)
    bfd = show.group("bfd", "Show details of the bfd sessions")
    bfd.command("summary")(bfd_summary)


def _family(group: Group, family: str) -> None:
    bgp = group.group("bgp", f"Show {family.replace('ipv', 'IPv')} BGP (Border Gateway Protocol) information")

    @bgp.command("summary", VERBOSE)
    def summary(*, verbose: bool) -> None:
        """Show summarized information of BGP state"""  # noqa: D415
        del verbose
        bgp_summary(family)

    @bgp.command("neighbors", REST)
    def neighbors(*, words: list[str]) -> None:
        """Show BGP neighbors"""  # noqa: D415
        vtysh(f"show bgp {family} neighbors {' '.join(words)}")

    @bgp.command("network", REST)
    def network(*, words: list[str]) -> None:
        """Show BGP network"""  # noqa: D415
        vtysh(f"show bgp {family} {' '.join(words)}")

    @group.command("route", REST)
    def route(*, words: list[str]) -> None:
        """Show routing table"""  # noqa: D415
        vtysh(f"show {'ip' if family == 'ipv4' else 'ipv6'} route {' '.join(words)}")

    @group.command("interfaces", VERBOSE)
    def interfaces(*, verbose: bool) -> None:
        """Show interfaces with their addresses"""  # noqa: D415
        del verbose
        addresses(family)


def _as_root(words: list[str]) -> list[str]:
    return words if os.geteuid() == 0 else ["sudo", *words]


def vtysh(command: str) -> NoReturn:
    """Let FRR answer."""
    sys.stdout.flush()
    raise Exit(subprocess.run(_as_root(["vtysh", "-c", command.strip()]), check=False).returncode)


def vtysh_json(command: str) -> Any:
    """What FRR answers to a command, as JSON; empty when it does not."""
    done = subprocess.run(_as_root(["vtysh", "-c", command]), capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout or "{}")
    except ValueError:
        return {}


def bgp_summary(family: str) -> None:
    """Table of a family's BGP sessions."""
    found = vtysh_json(f"show bgp {family} unicast summary json")
    found = found.get(f"{family}Unicast", found)
    tables = configdb.read(configdb.connect())
    names = {key: str(row.get("name", "")) for key, row in tables.get("DEVICE_NEIGHBOR", {}).items()}
    print(f"\n{family.replace('ipv', 'IPv')} Unicast Summary:")
    print(
        f"BGP router identifier {found.get('routerId', '0.0.0.0')}, "
        f"local AS number {found.get('as', 0)} vrf-id {found.get('vrfId', 0)}"
    )
    print(f"BGP table version {found.get('tableVersion', 0)}")
    print(f"RIB entries {found.get('ribCount', 0)}, using {found.get('ribMemory', 0)} bytes of memory")
    print(f"Peers {found.get('peerCount', 0)}, using {found.get('peerMemory', 0) // 1024} KiB of memory")
    groups = found.get("peerGroupCount", 0)
    print(f"Peer groups {groups}, using {found.get('peerGroupMemory', 0)} bytes of memory\n\n")
    peers = found.get("peers", {})
    rows = []
    for name in sorted(peers, key=natural):
        row = peers[name]
        state = str(row.get("pfxRcd", 0)) if row.get("state") == "Established" else row.get("state")
        counts = (row.get("msgRcvd"), row.get("msgSent"), row.get("tableVersion"), row.get("inq"), row.get("outq"))
        rows.append(
            (name, 4, row.get("remoteAs"), *counts, row.get("peerUptime"), state, names.get(name, "NotAvailable"))
        )
    header = ("Neighbhor", "V", "AS", "MsgRcvd", "MsgSent", "TblVer", "InQ", "OutQ", "Up/Down", "State/PfxRcd",
              "NeighborName")  # fmt: skip
    print(table.simple(header, rows))
    print(f"\nTotal number of neighbors {len(rows)}")


def addresses(family: str) -> None:
    """Table of addresses by interface."""
    option = "-4" if family == "ipv4" else "-6"
    shown = subprocess.run(["ip", option, "-j", "address"], capture_output=True, text=True, check=False).stdout
    rows = []
    for entry in json.loads(shown or "[]"):
        oper = "up" if entry.get("operstate") in ("UP", "UNKNOWN") else "down"
        admin = "up" if "UP" in entry.get("flags", []) else "down"
        name = "Loopback0" if entry["ifname"] == "lo" else entry["ifname"]
        for address in entry.get("addr_info", []):
            text = f"{address['local']}/{address['prefixlen']}"
            if address.get("scope") == "host":
                continue
            text += f"%{entry['ifname']}" if address.get("scope") == "link" else ""
            rows.append((name, "", text, f"{admin}/{oper}", "N/A", "N/A"))
    rows.sort(key=lambda row: natural(row[0]))
    address_column = "IPv4 address/mask" if family == "ipv4" else "IPv6 address/mask"
    print(table.simple(("Interface", "Master", address_column, "Admin/Oper", "BGP Neighbor", "Neighbor IP"), rows))


def lldp_table(*, verbose: bool) -> None:
    """Show LLDP neighbors in tabular format"""  # noqa: D415
    del verbose
    rows = []
    heard = lldp.entries(_heard())
    for port in sorted(heard, key=natural):
        row = heard[port]
        value = int(row["lldp_rem_sys_cap_enabled"].replace(" ", ""), 16)
        letters = "".join(letter for letter, bit in (("O", 0x8000), ("B", 0x2000), ("R", 0x0800)) if value & bit)
        rows.append((port, row["lldp_rem_sys_name"], row["lldp_rem_port_id"], letters, row["lldp_rem_port_desc"]))
    print("Capability codes: (R) Router, (B) Bridge, (O) Other")
    print(table.simple(("LocalPort", "RemoteDevice", "RemotePortID", "Capability", "RemotePortDescr"), rows))
    print("-" * 50)
    print(f"Total entries displayed:  {len(rows)}")


def _heard() -> dict[str, Any]:
    """What lldpd knows; it is asked as root, for only root may."""
    if os.geteuid() == 0:
        return lldp.heard()
    words = ["sudo", "lldpcli", "-f", "json0", "show", "neighbors", "details"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    found: dict[str, Any] = json.loads(done.stdout or "{}")
    return found


def lldp_neighbors(*, interfacename: str | None, verbose: bool) -> None:
    """Show LLDP neighbors"""  # noqa: D415
    del verbose
    sys.stdout.flush()
    words = ["lldpctl", *([interfacename] if interfacename else [])]
    raise Exit(subprocess.run(_as_root(words), check=False).returncode)


def _neighbour_table(option: str, kind: str) -> None:
    shown = subprocess.run(["ip", option, "-j", "neighbor"], capture_output=True, text=True, check=False).stdout
    rows = [
        (entry["dst"], entry["lladdr"], entry["dev"], "-", *((entry["state"][0],) if option == "-6" else ()))
        for entry in json.loads(shown or "[]")
        if "lladdr" in entry
    ]
    header = ("Address", "MacAddress", "Iface", "Vlan", *(("Status",) if option == "-6" else ()))
    print(table.simple(header, rows))
    print(f"Total number of entries {len(rows)}{kind}")


def arp(*, verbose: bool) -> None:
    """Show IP ARP table"""  # noqa: D415
    del verbose
    _neighbour_table("-4", " ")


def ndp(*, verbose: bool) -> None:
    """Show IPv6 Neighbour table"""  # noqa: D415
    del verbose
    _neighbour_table("-6", " ")


def bfd_summary() -> None:
    """Show bfd session information"""  # noqa: D415
    vtysh("show bfd peers brief")
