"""Compare what is wanted with what the cloud has, and make it so; every change is read back."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from scs_rack.clouds import TEST_NAME
from scs_rack.errors import StageFailed
from scs_rack.resources.flavors import Flavor
from scs_rack.resources.wanted import ExternalNetwork, Image, VolumeType, Wanted

Connection = Any
"""An `openstack.connection.Connection` with admin rights (the SDK ships no types)."""
Step = tuple[str, Callable[[], object]]
"""What is missing, in words, and the call that makes it."""
AT_ONCE = 6
"""Things that are made side by side: two uploads of images, and flavors meanwhile."""


def flavors(cloud: Connection, wanted: tuple[Flavor, ...]) -> Iterator[Step]:
    """Flavors: a flavor whose size differs is an error, since Nova can't change it under running guests."""
    present = {flavor.name: flavor for flavor in cloud.compute.flavors(get_extra_specs=True)}
    for flavor in wanted:
        found = present.get(flavor.name)
        specs = dict(flavor.extra_specs)
        if found is None:
            yield f"flavor {flavor.name}", partial(_new_flavor, cloud, flavor)
            continue
        size = (found.vcpus, found.ram, found.disk)
        if size != (flavor.vcpus, flavor.ram, flavor.disk):
            raise StageFailed(
                f"flavor {flavor.name} exists with (vCPU, MiB, GB) = {size}",
                "rename or delete it: a flavor's size can't be changed",
            )
        if {key: found.extra_specs.get(key) for key in specs} != specs:
            yield (
                f"extra specs of flavor {flavor.name}",
                partial(cloud.compute.create_flavor_extra_specs, found, specs),
            )


def _new_flavor(cloud: Connection, flavor: Flavor) -> None:
    size = {key: value for key, value in asdict(flavor).items() if key in ("name", "vcpus", "ram", "disk")}
    made = cloud.compute.create_flavor(**size, is_public=True)
    cloud.compute.create_flavor_extra_specs(made, dict(flavor.extra_specs))


def networks(cloud: Connection, wanted: tuple[ExternalNetwork, ...]) -> Iterator[Step]:
    """Provider networks and their subnets."""
    for network in wanted:
        found = cloud.network.find_network(network.name)
        if found is None:
            yield f"external network {network.name}", partial(_new_network, cloud, network)
            continue
        subnet = next(iter(cloud.network.subnets(network_id=found.id)), None)
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


def volume_types(cloud: Connection, wanted: tuple[VolumeType, ...]) -> Iterator[Step]:
    """Volume types; their description carries the aspects of scs-0114."""
    present = {kind.name: kind for kind in cloud.block_storage.types()}
    for kind in wanted:
        found = present.get(kind.name)
        if found is None:
            yield (
                f"volume type {kind.name}",
                partial(
                    cloud.block_storage.create_type,
                    name=kind.name,
                    description=kind.description,
                    is_public=True,
                    extra_specs={"volume_backend_name": kind.backend},
                ),
            )
        elif found.description != kind.description:
            yield (
                f"description of volume type {kind.name}",
                partial(cloud.block_storage.update_type, found, description=kind.description),
            )


def images(cloud: Connection, wanted: tuple[Image, ...]) -> Iterator[Step]:
    """Images by name and digest; a replaced image is hidden, not deleted, since volumes may rest on it."""
    present = list(cloud.image.images(visibility="public"))
    for image in wanted:
        same = [found for found in present if found.name == image.name]
        good = [found for found in same if found.hash_value == image.sha512 and found.status == "active"]
        if not good:
            yield f"image {image.name}", partial(_new_image, cloud, image, same)
            continue
        stated = {key: value for key, value in image.properties if key != "image_build_date"}
        differing = {key: value for key, value in stated.items() if _property(good[0], key) != value}
        if differing:
            yield (
                f"properties of image {image.name}: {', '.join(differing)}",
                partial(cloud.image.update_image, good[0], **differing),
            )


def _property(image: Any, key: str) -> str | None:
    data = image.to_dict()
    value = data.get(key, (data.get("properties") or {}).get(key))
    return None if value is None else str(value)


def _new_image(cloud: Connection, image: Image, old: list[Any]) -> None:
    made = cloud.image.create_image(
        image.name,
        filename=str(image.path),
        disk_format="raw",
        container_format="bare",
        visibility="public",
        min_disk=image.min_disk,
        min_ram=image.min_ram,
        wait=True,
        validate_checksum=False,
        allow_duplicates=True,
        **dict(image.properties),
    )
    seen = cloud.image.get_image(made.id)
    if seen.status != "active" or seen.hash_value != image.sha512:
        raise StageFailed(f"image {image.name} is {seen.status} with digest {seen.hash_value} after the upload")
    for replaced in old:
        cloud.image.update_image(replaced, is_hidden=True)


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
