"""Accounts of a Tempest run: a domain of its own with projects, users, networks and flavors, all removed afterwards.

None of the users is an admin: scs-0128 is about what customers can do. Their passwords live as long as the run.
"""

import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from scs_rack.errors import StageFailed

NAME = "scs-rack-tempest"
"""Name, or first part of the name, of everything that a run makes."""
FLAVORS = {f"{NAME}-1": 256, f"{NAME}-2": 320}
"""Flavors with a disk of 1 GB and as many MiB: the small guest boots there, and a lab has room for several."""
AT_ONCE = 4
"""Projects that are made or emptied side by side."""
WAIT = 180
"""Seconds until a server or volume that was deleted must be gone."""

Cloud = Any
"""An `openstack.connection.Connection` with admin rights."""


@dataclass(frozen=True)
class Accounts:
    """What Tempest's file of accounts holds, and what its configuration names."""

    users: list[dict[str, Any]] = field(default_factory=list)
    flavors: tuple[str, ...] = ()
    """Ids."""
    network: str = NAME


def make(cloud: Cloud, number: int) -> Accounts:
    """Make projects with a member, a reader and a routed network each, and two flavors that only they see.

    Most of Tempest's classes want a member and a reader of one project; who is wanted beside them (`alt`) is the first
    that is free, so members of other projects stand before all readers.

    Args:
        cloud: with admin rights.
        number: of projects; each worker of Tempest takes two at a time.
    """
    identity = cloud.identity
    domain = identity.create_domain(name=NAME, description="For a run of Tempest; scs-rack removes it")
    roles = {name: identity.find_role(name, ignore_missing=False) for name in ("member", "reader")}
    external = _external(cloud)
    flavors = [
        cloud.compute.create_flavor(name=name, vcpus=1, ram=ram, disk=1, is_public=False)
        for name, ram in FLAVORS.items()
    ]

    def user(project: Any, role: str) -> dict[str, Any]:
        name, password = f"{project.name}-{role}", secrets.token_urlsafe(24)
        made = identity.create_user(name=name, domain_id=domain.id, default_project_id=project.id, password=password)
        identity.assign_project_role_to_user(project, made, roles[role])
        account = {"username": name, "password": password, "project_name": project.name, "domain_name": NAME}
        return account | {"roles": [role], "resources": {"network": NAME}}

    def accounts(one: int) -> list[dict[str, Any]]:
        project = identity.create_project(name=f"{NAME}-{one}", domain_id=domain.id)
        for flavor in flavors:
            cloud.compute.flavor_add_tenant_access(flavor, project.id)
        _network(cloud, project.id, one, external)
        return [user(project, role) for role in roles]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(accounts, range(number)))
    users = [of_project[index] for index in range(len(roles)) for of_project in made]
    return Accounts(users, tuple(flavor.id for flavor in flavors))


def _external(cloud: Cloud) -> Any:
    found = [one for one in cloud.network.networks(is_router_external=True) if one.is_default]
    if not found:
        raise StageFailed("the cloud has no default external network", "`scs-rack up` makes it (stage resources)")
    return found[0]


def _network(cloud: Cloud, project: str, number: int, external: Any) -> None:
    net = cloud.network
    network = net.create_network(name=NAME, project_id=project)
    subnet = net.create_subnet(
        name=NAME, project_id=project, network_id=network.id, ip_version=4, cidr=f"192.168.{200 + number}.0/24"
    )
    router = net.create_router(name=NAME, project_id=project, external_gateway_info={"network_id": external.id})
    net.add_interface_to_router(router, subnet_id=subnet.id)


def remove(cloud: Cloud) -> list[str]:
    """Remove everything of a run: of this one, or of one that was killed.

    Returns:
        Names of what the tests themselves had left behind.

    Raises:
        StageFailed: something is still there afterwards.
    """
    identity = cloud.identity
    domain = identity.find_domain(NAME)
    left: list[str] = []
    if domain is not None:
        projects = [project.id for project in identity.projects(domain_id=domain.id)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            left += [name for found in pool.map(partial(_empty, cloud), projects) for name in found]
        for user in list(identity.users(domain_id=domain.id)):
            for pair in list(cloud.compute.keypairs(user_id=user.id)):
                left.append(f"key pair {pair.name}")
                cloud.compute.delete_keypair(pair, user_id=user.id)
            identity.delete_user(user)
        for project in list(identity.projects(domain_id=domain.id)):
            identity.delete_project(project)
        identity.update_domain(domain, is_enabled=False)
        identity.delete_domain(domain)
        if identity.find_domain(NAME) is not None:
            raise StageFailed(f"the domain {NAME} is still there after its removal")
    for flavor in list(cloud.compute.flavors(is_public=None)):
        if flavor.name in FLAVORS:
            cloud.compute.delete_flavor(flavor)
    return left


def _empty(cloud: Cloud, project: str) -> list[str]:
    """Remove what is in a project, in the order of what depends on what."""
    compute, storage, image = cloud.compute, cloud.block_storage, cloud.image
    mine = {"all_projects": True, "project_id": project}
    left = _all(compute.servers(**mine), "server", lambda one: compute.delete_server(one, force=True), compute)
    left += _all(storage.backups(**mine), "backup", storage.delete_backup, storage)
    left += _all(storage.snapshots(**mine), "snapshot", storage.delete_snapshot, storage)
    left += _all(storage.volumes(**mine), "volume", storage.delete_volume, storage)
    owned = [one for one in image.images(visibility="all", owner=project) if one.owner_id == project]
    left += _all(owned, "image", image.delete_image, None)
    return left + _networks(cloud.network, project)


def _all(found: Iterable[Any], kind: str, delete: Callable[[Any], object], waiter: Any) -> list[str]:
    from openstack import exceptions

    listed = list(found)
    for one in listed:
        with suppress(exceptions.NotFoundException):
            delete(one)
    for one in listed if waiter else ():
        waiter.wait_for_delete(one, wait=WAIT)
    return [f"{kind} {one.name}" for one in listed]


def _networks(net: Any, project: str) -> list[str]:
    left = _all(net.ips(project_id=project), "floating address", net.delete_ip, None)
    for router in list(net.routers(project_id=project)):
        for port in list(net.ports(device_id=router.id)):
            if port.device_owner.startswith("network:router_interface"):
                net.remove_interface_from_router(router, port_id=port.id)
        net.delete_router(router)
        left += [f"router {router.name}"] if router.name != NAME else []
    for port in list(net.ports(project_id=project)):
        if not port.device_owner.startswith("network:"):
            net.delete_port(port)
    for network in list(net.networks(project_id=project)):
        net.delete_network(network)
        left += [f"network {network.name}"] if network.name != NAME else []
    pools = [one for one in net.subnet_pools(project_id=project) if one.project_id == project]
    left += _all(pools, "subnet pool", net.delete_subnet_pool, None)
    groups = [one for one in net.security_groups(project_id=project) if one.project_id == project]
    left += _all([one for one in groups if one.name != "default"], "security group", net.delete_security_group, None)
    for group in groups:
        if group.name == "default":
            net.delete_security_group(group)
    return left
