"""The switch itself: DEVICE_METADATA, where it is managed, and what should hang on its ports."""

from scs_rack.design import SwitchDesign
from scs_rack.model.portmap import load_portmap
from scs_rack.sonic.rows import Row, Tables
from scs_rack.sonic.site import Site

TYPES = {"leaf": "LeafRouter", "spine": "SpineRouter", "oob": "MgmtToRRouter"}
"""Type of device by role; the YANG models know these words only."""


def is_split(release: str) -> bool:
    """True for releases where FRR's configuration is a file of its own."""
    return release < "202505"


def metadata(switch: SwitchDesign) -> Row:
    """The row `localhost` of DEVICE_METADATA."""
    portmap = load_portmap(switch.model)
    row = {
        "hostname": switch.name,
        "hwsku": portmap.sku,
        "platform": portmap.platform,
        "mac": switch.mac,
        "type": TYPES[switch.role],
        "docker_routing_config_mode": "split-unified" if is_split(switch.release) else "unified",
        # in split mode too: only with it BFD is started, and the older daemon would add neighbours of its own
        "frr_mgmt_framework_config": "true",
    }
    if switch.role != "oob":
        row["bgp_asn"] = str(switch.asn)
    return row


def management(site: Site) -> Tables:
    """Where the switch is managed: an SVI on out-of-band switches, the management port on others."""
    vlan, gateway, switch = site.oob.vlan, site.gateway, site.switch
    if not site.routed:
        tables: Tables = {"VLAN_INTERFACE": {f"Vlan{vlan}": {}, f"Vlan{vlan}|{switch.mgmt}": {}}}
        if gateway:
            tables["STATIC_ROUTE"] = {"default|0.0.0.0/0": {"nexthop": str(gateway), "ifname": f"Vlan{vlan}"}}
        return tables
    # the YANG models want a gateway: in a network without a router the manager is the one address that must be reached
    tables = {
        "MGMT_PORT": {"eth0": {"alias": "eth0", "admin_status": "up"}},
        "MGMT_INTERFACE": {f"eth0|{switch.mgmt}": {"gwaddr": str(gateway or site.design.manager.mgmt.ip)}},
    }
    if site.options.management_vrf is not None:
        tables["MGMT_VRF_CONFIG"] = {"vrf_global": {"mgmtVrfEnabled": str(site.management_vrf).lower()}}
    return tables


def neighbours(site: Site) -> Tables:
    """The cable plan on the switch itself: `show interfaces neighbor expected` reads it."""
    design = site.design
    data = {name: use for name, use in site.switch.ports.items() if name in site.ports}
    known: dict[str, Row] = {}
    for use in data.values():
        other = design.switches.get(use.peer)
        if other:
            known[other.name] = {
                "hwsku": load_portmap(other.model).sku,
                "mgmt_addr": str(other.mgmt.ip),
                "type": TYPES[other.role],
            }
    tables: Tables = {
        "DEVICE_NEIGHBOR": {name: {"name": use.peer, "port": use.peer_port} for name, use in data.items()}
    }
    if known:
        tables["DEVICE_NEIGHBOR_METADATA"] = known
    return {table: rows for table, rows in tables.items() if rows}
