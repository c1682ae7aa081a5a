"""Access lists that fence the out-of-band network and the switches' own management.

SONiC turns tables of type CTRLPLANE into the kernel's packet filter: as soon as there is one rule, what no rule and no
built-in exception (BGP, DHCP, ICMP, answers) lets in is dropped, BFD among it. Rules of one such table need priorities
that differ, and one table holds one version of IP.
"""

from scs_rack.model.ends import BMC_PORT
from scs_rack.model.switching import Fence
from scs_rack.sonic.rows import Row, Tables
from scs_rack.sonic.site import Site

SERVICES = ("SSH", "SNMP", "NTP")
BFD_TABLE, OOB_TABLE, BMC_TABLE = "SCS_BFD", "SCS_OOB", "SCS_BMC"
_FIRST = 9900
"""Priority of the first rule of a table; a higher one goes before."""


def _control_plane(site: Site, fence: Fence) -> Tables:
    tables: dict[str, Row] = {}
    rules: dict[str, Row] = {}
    allowed = list(dict.fromkeys(str(prefix) for prefix in (site.oob.prefix, *fence.allow)))
    for service in SERVICES:
        name = f"SCS_{service}"
        tables[name] = {"policy_desc": f"who may use {service}", "type": "CTRLPLANE", "services": [service]}
        tables[name]["stage"] = "ingress"
        for number, prefix in enumerate(allowed):
            rules[f"{name}|RULE_{number + 1}"] = {
                "PRIORITY": str(_FIRST - number),
                "PACKET_ACTION": "ACCEPT",
                "SRC_IP": prefix,
            }
    return {"ACL_TABLE": tables, "ACL_RULE": rules}


def _bfd(site: Site) -> Tables:
    """Let in what neighbours send from their link-local addresses: their BFD, for which there is no service."""
    options = {"fabric": site.options.bfd.fabric, "hosts": site.options.bfd.hosts}
    heard = [name for name, one in site.neighbours.items() if options[one.kind]]
    if not heard:
        return {}
    table = {"policy_desc": "BFD of neighbours", "type": "CTRLPLANE", "services": ["ANY"], "stage": "ingress"}
    rules: dict[str, Row] = {
        f"{BFD_TABLE}|RULE_{number + 1}": {
            "PRIORITY": str(_FIRST - number),
            "PACKET_ACTION": "ACCEPT",
            "SRC_IPV6": "fe80::/10",
            "IN_PORTS": name,
        }
        for number, name in enumerate(heard)
    }
    return {"ACL_TABLE": {BFD_TABLE: table}, "ACL_RULE": rules}


def _data(site: Site) -> Tables:
    """Leaves and spines: nothing that servers or outside networks send gets into the out-of-band network."""
    ports = [name for name, one in site.interfaces.items() if one.kind != "fabric"]
    if not ports:
        return {}
    table = {"policy_desc": "keep off the out-of-band network", "type": "L3", "stage": "ingress", "ports": ports}
    rule = {"PRIORITY": str(_FIRST), "PACKET_ACTION": "DROP", "DST_IP": str(site.oob.prefix)}
    return {"ACL_TABLE": {OOB_TABLE: table}, "ACL_RULE": {f"{OOB_TABLE}|RULE_1": rule}}


def _bmcs(site: Site) -> Tables:
    """Out-of-band switches: BMCs reach manager, gateway and DHCP servers, and no one else in the network."""
    ports = [name for name, use in site.switch.ports.items() if use.peer_port == BMC_PORT]
    if not ports:
        return {}
    relays = [address for address in site.options.out_of_band.dhcp_relay or () if ":" not in address]
    allowed = [site.design.manager.mgmt.ip, site.gateway, *relays]
    table = {"policy_desc": "keep BMCs apart", "type": "L3", "stage": "ingress", "ports": ports}
    rules: dict[str, Row] = {}
    for number, address in enumerate(dict.fromkeys(str(address) for address in allowed if address)):
        rules[f"{BMC_TABLE}|RULE_{number + 1}"] = {
            "PRIORITY": str(_FIRST - number),
            "PACKET_ACTION": "FORWARD",
            "DST_IP": f"{address}/32",
        }
    last = {"PRIORITY": str(_FIRST - len(rules)), "PACKET_ACTION": "DROP", "DST_IP": str(site.oob.prefix)}
    return {"ACL_TABLE": {BMC_TABLE: table}, "ACL_RULE": {**rules, f"{BMC_TABLE}|RULE_{len(rules) + 1}": last}}


def acls(site: Site) -> Tables:
    """All access lists of a switch; none where the rack file states no fence."""
    fence = site.options.fence
    if fence is None:
        return {}
    parts = [_control_plane(site, fence), _bfd(site)]
    if site.routed and fence.data:
        parts.append(_data(site))
    if not site.routed and fence.bmcs:
        parts.append(_bmcs(site))
    tables: Tables = {"ACL_TABLE": {}, "ACL_RULE": {}}
    for part in parts:
        for table, rows in part.items():
            tables[table] |= rows
    return tables
