"""Compare what is wanted with what the cloud has, and make it so; every change is read back."""

import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from scs_rack.clouds import TEST_NAME
from scs_rack.errors import StageFailed
from scs_rack.resources.external6 import external6, make_external6
from scs_rack.resources.flavors import flavors
from scs_rack.resources.images import images
from scs_rack.resources.step import Connection, Step
from scs_rack.resources.subnet_pools import subnet_pools
from scs_rack.resources.volume_types import volume_types
from scs_rack.resources.wanted import ExternalNetwork, Wanted

AT_ONCE = 6
"""Things that are made side by side: two uploads of images, and flavors meanwhile."""


def networks(cloud: Connection, wanted: tuple[ExternalNetwork, ...]) -> Iterator[Step]:
    """Provider networks and their subnets."""
    for network in wanted:
        found = cloud.network.find_network(network.name)
        if found is None:
            yield f"external network {network.name}", partial(_new_network, cloud, network)
            continue
        subnet = next(iter(cloud.network.subnets(network_id=found.id, ip_version=4)), None)
        if subnet is None:
            yield (
                f"subnet of {network.name}",
                partial(_new_subnet, cloud, network, found.id),
            )
        elif subnet.cidr != network.cidr:
            raise StageFailed(
                f"external network {network.name} has the subnet {subnet.cidr}, the rack file says {network.cidr}",
                "change the rack file, or delete the network while nothing uses it",
            )
        if network.ipv6:
            yield from external6(cloud, network.ipv6, found.id)


def _new_network(cloud: Connection, network: ExternalNetwork) -> None:
    flat = {"provider_network_type": "flat"}
    made = cloud.network.create_network(
        name=network.name,
        is_router_external=True,
        is_default=network.default,
        provider_physical_network=network.physnet,
        **({"provider_network_type": "vlan", "provider_segmentation_id": network.vlan} if network.vlan else flat),
        mtu=1500,
    )
    _new_subnet(cloud, network, made.id)
    if network.ipv6:
        make_external6(cloud, network.ipv6, made.id)


def _new_subnet(cloud: Connection, network: ExternalNetwork, network_id: str) -> None:
    cloud.network.create_subnet(
        name=network.name,
        network_id=network_id,
        ip_version=4,
        cidr=network.cidr,
        gateway_ip=network.gateway,
        is_dhcp_enabled=False,
        allocation_pools=[{"start": network.first, "end": network.last}],
    )


def test_project(cloud: Connection, password: str) -> Iterator[Step]:
    """A domain, a project, and a user that has nothing but the role member there."""
    identity = cloud.identity
    domain = identity.find_domain(TEST_NAME)
    if domain is None:
        yield f"test domain, project and user {TEST_NAME}", partial(_new_test_project, cloud, password)
        return
    project = identity.find_project(TEST_NAME, domain_id=domain.id)
    user = identity.find_user(TEST_NAME, domain_id=domain.id)
    if project is None or user is None:
        yield f"test project and user {TEST_NAME}", partial(_new_test_project, cloud, password)
        return
    member = identity.find_role("member")
    assigned = [row.role["id"] for row in identity.role_assignments(user_id=user.id)]
    if assigned != [member.id]:
        yield (
            f"role member for the user {TEST_NAME}",
            partial(identity.assign_project_role_to_user, project, user, member),
        )


def _new_test_project(cloud: Connection, password: str) -> None:
    identity = cloud.identity
    domain = identity.find_domain(TEST_NAME) or identity.create_domain(
        name=TEST_NAME, description="For tests of scs-rack"
    )
    project = identity.find_project(TEST_NAME, domain_id=domain.id) or identity.create_project(
        name=TEST_NAME, domain_id=domain.id
    )
    user = identity.find_user(TEST_NAME, domain_id=domain.id) or identity.create_user(
        name=TEST_NAME, domain_id=domain.id, default_project_id=project.id, password=password
    )
    identity.assign_project_role_to_user(project, user, identity.find_role("member"))


def steps(cloud: Connection, wanted: Wanted, test_password: str) -> Iterator[Step]:
    """Everything that is missing; none of it needs another, and what takes longest comes last."""
    yield from test_project(cloud, test_password)
    yield from networks(cloud, wanted.networks)
    yield from subnet_pools(cloud, wanted.subnet_pools)
    yield from flavors(cloud, wanted.flavors)
    yield from volume_types(cloud, wanted.volume_types)
    yield from images(cloud, wanted.images)


def make_all(found: Iterable[Step], made: list[str]) -> None:
    """Make what is missing, side by side, what takes longest first; all is tried even if a part fails.

    Args:
        found: all of `steps`.
        made: gets the words for what was made, also when something else fails.

    Raises:
        Exception: the first failure, as the SDK raised it.
    """
    listed = list(
        reversed(list(found))
    )  # every API was asked before a thread starts: the SDK sets up its adapters then

    def make(step: Step) -> None:
        step[1]()
        made.append(step[0])

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        jobs = [pool.submit(make, step) for step in listed]
    for job in jobs:
        job.result()


def connect(clouds: Path, name: str) -> Connection:
    """Connect by a clouds.yaml (openstacksdk's format).

    Args:
        clouds: path of the file.
        name: which cloud of it.
    """
    import openstack

    # what it can't reach comes to us as an exception; beside that it prints a line for each try
    logging.getLogger("keystoneauth").setLevel(logging.ERROR)
    config = openstack.config.OpenStackConfig(config_files=[str(clouds)], load_envvars=False)
    return openstack.connection.Connection(config=config.get_one(cloud=name))


def unreachable() -> tuple[type[Exception], ...]:
    """Exceptions that say that the API does not answer (or not yet), as keystoneauth names them."""
    from keystoneauth1 import exceptions

    return (exceptions.ConnectFailure, exceptions.DiscoveryFailure, exceptions.HttpError)
