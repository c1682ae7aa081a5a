"""The Ansible inventory that follows from a Design.

Roles read three variables: `rack` (the same on all hosts), `node` (one server) and `secrets` (from the vault,
not part of the Design). Each role's defaults take what they need from these, so that group_vars and host_vars
override single settings as everybody expects.
"""

from dataclasses import asdict
from typing import Any

from scs_rack.design.addresses import PoolExhausted
from scs_rack.design.types import Design, NodeDesign
from scs_rack.model import Network
from scs_rack.model.network import AddressRange
from scs_rack.model.numbering import floating, routers6


def _disk_path(design: Design, disk: str, stated: str | None) -> str:
    return stated or (f"/srv/disks/{disk}" if design.rack.lab else f"/dev/disk/by-id/{disk}")


def _allocation(network: Network) -> AddressRange:
    span = network.allocation or floating(network.prefix)
    if span is None:
        raise PoolExhausted(f"{network.prefix} has no floating addresses")
    return span


def _external6(network: Network) -> dict[str, str] | None:
    """IPv6 of an external network, for roles; None where it has none."""
    if network.ipv6 is None:
        return None
    span = network.ipv6.allocation or routers6(network.ipv6.prefix)
    if span is None:
        raise PoolExhausted(f"{network.ipv6.prefix} has no addresses for routers")
    return {
        "prefix": str(network.ipv6.prefix),
        "gateway": str(network.ipv6.gateway),
        "first": str(span[0]),
        "last": str(span[1]),
    }


def rack_vars(design: Design) -> dict[str, Any]:
    """The variable `rack`."""
    rack = design.rack
    external = {name: net for name, net in rack.networks.items() if net.purpose == "external"}
    return {
        "name": rack.name,
        "region": rack.region,
        "domain": rack.domain,
        "lab": rack.lab is not None,
        "fsid": design.fsid,
        "api": {
            "vip4": str(design.api.vip4),
            "vip6": str(design.api.vip6),
            "host": design.api.host,
            "vrrp_id": design.api.vrrp_id,
        },
        "loopback4": str(rack.pools.loopback4),
        "loopback6": str(rack.pools.loopback6),
        "tunnel_mtu": rack.pools.tunnel_mtu,
        "oob_prefix": str(next(net.prefix for net in rack.networks.values() if net.purpose == "oob")),
        "manager": {"mgmt": str(design.manager.mgmt.ip), "loopback4": str(design.manager.loopback4)},
        "servers": [
            {"name": n.name, "loopback4": str(n.loopback4), "loopback6": str(n.loopback6), "mgmt": str(n.mgmt.ip)}
            for n in design.in_service.values()
        ],
        "controllers": [
            {"name": n.name, "loopback4": str(n.loopback4), "loopback6": str(n.loopback6), "mgmt": str(n.mgmt.ip)}
            for n in (design.nodes[name] for name in design.groups["controller"])
        ],
        "mons": [{"name": name, "loopback4": str(design.nodes[name].loopback4)} for name in design.groups["ceph_mon"]],
        "storage": {
            "failure_domain": design.storage.failure_domain,
            "places": design.storage.places,
            "pools": [asdict(pool) for pool in design.storage.pools],
        },
        "external_networks": {
            name: {
                "physnet": net.physnet,
                "vlan": net.vlan,
                "prefix": str(net.prefix),
                "gateway": str(net.gateway) if net.gateway else None,
                "tagged": number > 0,
                "first": str(_allocation(net)[0]),
                "last": str(_allocation(net)[1]),
                "default": net.default,
                "ipv6": _external6(net),
            }
            for number, (name, net) in enumerate(external.items())
        },
        "guests": {
            "pool4": str(design.guests.pool4),
            "pool6": str(design.guests.pool6),
            "domain": design.guests.domain,
            "resolvers": list(design.guests.resolvers),
            "routes": _guest_routes(design),
        },
        "access": rack.access.model_dump(mode="json"),
        "cloud": rack.cloud.model_dump(mode="json"),
    }


def _guest_routes(design: Design) -> dict[str, Any] | None:
    routes = design.guests.routes
    peers = [{"address": str(address), "asn": asn} for address, asn in routes.peers] if routes else []
    return {"network": routes.network, "asn": routes.asn, "peers": peers} if routes else None


def node_vars(design: Design, node: NodeDesign) -> dict[str, Any]:
    """The variable `node` of one server."""
    return {
        "name": node.name,
        "unit": node.unit,
        "roles": list(node.roles),
        "mgmt": str(node.mgmt.ip),
        "mgmt_prefixlen": node.mgmt.network.prefixlen,
        "mgmt_nic": node.mgmt_nic,
        "loopback4": str(node.loopback4),
        "loopback6": str(node.loopback6),
        "asn": node.asn,
        "uplinks": [port.port for port in node.uplinks],
        "external_nics": [port.port for port in node.external],
        "osd_disks": [
            {"name": name, "path": _disk_path(design, name, disk.path), "size_gb": disk.size_gb, "kind": disk.kind}
            for name, disk in node.disks.items()
            if disk.use == "osd"
        ],
        "bmc": {"address": str(node.bmc.address), "protocol": node.bmc.protocol, "user": node.bmc.user},
    }


def inventory(design: Design) -> dict[str, Any]:
    """The whole inventory in the form that `ansible-inventory --list` prints and that inventory scripts print.

    What all hosts share stands once, in the variables of the group `all`.
    """
    hostvars: dict[str, Any] = {}
    for node in design.nodes.values():
        hostvars[node.name] = {
            "ansible_host": str(node.mgmt.ip),
            "ansible_user": design.rack.access.user,
            "ansible_python_interpreter": "/usr/bin/python3",
            "node": node_vars(design, node),
        }
    for switch in design.switches.values():
        hostvars[switch.name] = {"ansible_host": str(switch.mgmt.ip)}
    groups: dict[str, Any] = {
        "servers": {"hosts": list(design.in_service)},
        "spares": {"hosts": [name for name, node in design.nodes.items() if not node.in_service]},
        "switches": {"hosts": list(design.switches)},
        **{name: {"hosts": list(hosts)} for name, hosts in design.groups.items()},
    }
    return {
        "_meta": {"hostvars": hostvars},
        "all": {"children": ["ungrouped", *groups], "vars": {"rack": rack_vars(design)}},
        **groups,
    }
