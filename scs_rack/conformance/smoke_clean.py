"""Remove what the smoke test made in the test project: of this run, or of one that was killed."""

from typing import Any

from scs_rack.conformance import smoke_services
from scs_rack.conformance.smoke_names import PREFIX
from scs_rack.errors import StageFailed

WAIT = 120
"""Seconds until a deleted server or volume must be gone."""

Cloud = Any
"""An `openstack.connection.Connection` of the test user."""


def clean(cloud: Cloud, prefix: str = PREFIX) -> None:
    """Remove all of it, in the order of what depends on what.

    Args:
        cloud: connection of who made it.
        prefix: name, or first part of the name, of what is removed.

    Raises:
        StageFailed: something is still there afterwards.
    """
    if prefix == PREFIX:
        smoke_services.clean(cloud, WAIT)
    _servers(cloud, prefix)
    _volumes(cloud, prefix)
    _routers(cloud, prefix)
    _networks(cloud, prefix)
    left = [server.name for server in cloud.compute.servers() if server.name.startswith(prefix)]
    left += [network.name for network in cloud.network.networks(name=prefix)]
    left += [volume.name for volume in cloud.block_storage.volumes() if volume.name == prefix]
    if left:
        raise StageFailed(f"still there after the cleanup: {', '.join(left)}")


def _servers(cloud: Cloud, prefix: str) -> None:
    compute = cloud.compute
    servers = [server for server in compute.servers() if server.name.startswith(prefix)]
    for server in servers:
        compute.delete_server(server)
    for server in servers:
        compute.wait_for_delete(server, wait=WAIT)
    for group in compute.server_groups():
        if group.name == prefix:
            compute.delete_server_group(group)
    if compute.find_keypair(prefix):
        compute.delete_keypair(prefix)
    for floating in cloud.network.ips(description=prefix):
        cloud.network.delete_ip(floating)


def _volumes(cloud: Cloud, prefix: str) -> None:
    storage = cloud.block_storage
    volumes = [volume for volume in storage.volumes() if volume.name == prefix]
    for volume in volumes:
        storage.delete_volume(volume)
    for volume in volumes:
        storage.wait_for_delete(volume, wait=WAIT)


def _routers(cloud: Cloud, prefix: str) -> None:
    net = cloud.network
    for router in net.routers(name=prefix):
        for port in net.ports(device_id=router.id):
            if port.device_owner.startswith("network:router_interface"):
                net.remove_interface_from_router(router, port_id=port.id)
        net.delete_router(router)


def _networks(cloud: Cloud, prefix: str) -> None:
    net = cloud.network
    for network in net.networks(name=prefix):
        for port in net.ports(network_id=network.id):
            if not port.device_owner.startswith("network:"):
                net.delete_port(port)
        net.delete_network(network)
    for group in net.security_groups(name=prefix):
        net.delete_security_group(group)
