"""From a Rack to its Design."""

import uuid
from typing import get_args

from scs_rack.design import addresses
from scs_rack.design.guests import guests
from scs_rack.design.ports import all_ports
from scs_rack.design.storage import storage
from scs_rack.design.types import Api, BmcDesign, Design, ManagerDesign, NodeDesign, PortUse, SwitchDesign
from scs_rack.model import Rack
from scs_rack.model.cloud import OptionalService
from scs_rack.model.draft import MANAGER
from scs_rack.model.numbering import default_api, manager_loopback

_NAMESPACE = uuid.UUID("5f0c7f5e-6d0b-5c9b-9f38-5c5ac4000001")


def _node(rack: Rack, name: str, ports: dict[str, PortUse]) -> NodeDesign:
    server = rack.servers[name]
    nics = rack.nics(name)
    loopback4 = addresses.loopback4(rack, name, server.unit, server.loopback4)
    return NodeDesign(
        name=name,
        unit=server.unit,
        in_service=server.state == "active",
        roles=tuple(server.roles),
        mgmt=addresses.mgmt(rack, name, server.unit, server.address),
        mgmt_nic=next((nic for nic, what in nics.items() if what.use == "mgmt"), ""),
        bmc=BmcDesign(
            address=addresses.bmc(rack, name, server.unit, server.bmc.address),
            protocol=rack.protocol(name),
            user=server.bmc.user,
            mac=server.bmc.mac,
            fingerprint=server.bmc.fingerprint,
            fallback=server.bmc.fallback,
            quirks=frozenset(rack.server_models[server.model].bmc_quirks),
        ),
        loopback4=loopback4,
        loopback6=addresses.loopback6(rack, loopback4),
        asn=addresses.asn(rack, name, server.unit, server.asn),
        uplinks=tuple(port for port in ports.values() if port.use == "host"),
        external=tuple(ports[nic] for nic, what in nics.items() if what.use == "external" and nic in ports),
        disks=rack.disks(name),
        macs=dict(server.macs),
        shut=server.state == "removed",
    )


def _switch(rack: Rack, name: str, ports: dict[str, PortUse]) -> SwitchDesign:
    switch = rack.switches[name]
    loopback4 = addresses.loopback4(rack, name, switch.unit, switch.loopback4)
    return SwitchDesign(
        name=name,
        model=switch.model,
        role=switch.role,
        release=switch.release,
        unit=switch.unit,
        mgmt=addresses.mgmt(rack, name, switch.unit, switch.address),
        loopback4=loopback4,
        loopback6=addresses.loopback6(rack, loopback4),
        asn=addresses.asn(rack, name, switch.unit, switch.asn),
        mac=switch.mac or f"02:5c:05:ff:{switch.unit:02x}:00",
        ports=ports,
        breakouts=dict(switch.breakouts),
        options=rack.switching_of(name),
        port_options=dict(switch.ports),
        lags=dict(switch.lags),
    )


_SERVICE_GROUPS = {"swift": "radosgw"}
"""Inventory groups of optional services, where they are not named like the service."""


def _groups(rack: Rack, nodes: dict[str, NodeDesign]) -> dict[str, tuple[str, ...]]:
    active = {name: node for name, node in nodes.items() if node.in_service}
    groups = {
        role: tuple(name for name, node in active.items() if role in node.roles)
        for role in ("control", "network", "storage", "compute")
    }
    groups["controller"] = groups["control"]
    groups["first_controller"] = groups["control"][:1]
    groups["ceph_mon"] = groups["control"][:5]
    groups["ceph_mgr"] = groups["control"][:2]
    for service in get_args(OptionalService):
        group = _SERVICE_GROUPS.get(service, service)
        groups[group] = groups["control"] if service in rack.cloud.services else ()
    return groups


def _api(rack: Rack) -> Api:
    free = default_api(rack.pools.loopback4)
    vip4 = rack.cloud.api_address4 or free
    host = rack.cloud.api_name or str(vip4)
    if rack.cloud.api_failover == "anycast":
        return Api(vip4, addresses.loopback6(rack, vip4), host)
    vrrp_id = rack.cloud.api_vrrp_id or int(vip4) % 256 or 255
    return Api(vip4, addresses.loopback6(rack, free), host, vrrp_id)


def make_design(rack: Rack) -> Design:
    """Derive everything from a rack.

    Raises:
        PoolExhausted: a pool is too small (`scs-rack validate` reports all such faults at once).
    """
    ports = all_ports(rack)
    nodes = {name: _node(rack, name, ports.get(name, {})) for name in rack.servers}
    manager4 = manager_loopback(rack.pools.loopback4)
    return Design(
        rack=rack,
        nodes=nodes,
        switches={name: _switch(rack, name, ports.get(name, {})) for name in rack.switches},
        manager=ManagerDesign(
            mgmt=addresses.manager(rack),
            loopback4=manager4,
            loopback6=addresses.loopback6(rack, manager4),
            asn=rack.pools.asn[1],
            ports=ports.get(MANAGER, {}),
        ),
        api=_api(rack),
        guests=guests(rack),
        storage=storage(rack, nodes),
        fsid=str(uuid.uuid5(_NAMESPACE, rack.name)),
        groups=_groups(rack, nodes),
    )
