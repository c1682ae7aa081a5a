"""Makes what the cloud offers, on an empty cloud, by one process; then looks at it as the test user."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openstack
from openstack.exceptions import raise_from_response

content = json.loads((Path(os.environ["BENCH"]) / "wanted.json").read_text())
cloud = openstack.connect(cloud="admin")
cloud.session.get_token()
for proxy in (cloud.identity, cloud.network, cloud.compute, cloud.block_storage, cloud.image):
    proxy.get_endpoint_data()  # the SDK sets up its adapters before a thread starts


def test_user() -> None:
    """A domain, a project and a user who is a member there."""
    identity, name = cloud.identity, content["test"]["name"]
    domain = identity.create_domain(name=name, description="For tests of scs-rack")
    project = identity.create_project(name=name, domain_id=domain.id)
    user = identity.create_user(
        name=name, domain_id=domain.id, default_project_id=project.id, password=content["test"]["password"]
    )
    identity.assign_project_role_to_user(project, user, identity.find_role("member"))


def network(entry: dict[str, Any]) -> None:
    """A provider network with its subnet."""
    vlan = {"provider_segmentation_id": entry["vlan"]} if entry["vlan"] else {}
    made = cloud.network.create_network(
        name=entry["name"],
        is_router_external=True,
        is_default=entry["default"],
        provider_physical_network=entry["physnet"],
        provider_network_type="vlan" if vlan else "flat",
        mtu=1500,
        **vlan,
    )
    cloud.network.create_subnet(
        name=entry["name"],
        network_id=made.id,
        ip_version=4,
        cidr=entry["cidr"],
        gateway_ip=entry["gateway"],
        is_dhcp_enabled=False,
        allocation_pools=[{"start": entry["first"], "end": entry["last"]}],
    )


def flavor(entry: dict[str, Any]) -> None:
    """A flavor with its extra specs."""
    size = {key: entry[key] for key in ("name", "vcpus", "ram", "disk")}
    made = cloud.compute.create_flavor(**size, is_public=entry["public"])
    cloud.compute.create_flavor_extra_specs(made, dict(entry["extra_specs"]))


def subnet_pool(entry: dict[str, Any]) -> None:
    """A default pool of customers' subnets."""
    cloud.network.create_subnet_pool(
        name=entry["name"],
        prefixes=[entry["prefix"]],
        default_prefix_length=entry["subnet"],
        minimum_prefix_length=entry["widest"],
        maximum_prefix_length=entry["narrowest"],
        is_shared=True,
        is_default=True,
        description="Subnets of customers who name no prefix",
    )


def volume_type(entry: dict[str, Any]) -> None:
    """A volume type; nobody sees an encrypted one before it encrypts."""
    specs, name = {"volume_backend_name": entry["backend"]}, entry["name"]
    public = not entry["encrypted"]
    made = cloud.block_storage.create_type(
        name=name, description=entry["description"], is_public=public, extra_specs=specs
    )
    if entry["encrypted"]:
        cloud.block_storage.create_type_encryption(made, **content["luks"])
        # the SDK would send this under a name that Cinder refuses
        show = {"volume_type": {"is_public": True}}
        raise_from_response(cloud.block_storage.put(f"/types/{made.id}", json=show))


def image(entry: dict[str, Any]) -> None:
    """An image, uploaded."""
    made = cloud.image.create_image(
        entry["name"],
        disk_format="raw",
        container_format="bare",
        visibility=entry["visibility"],
        min_disk=entry["min_disk"],
        min_ram=entry["min_ram"],
        validate_checksum=False,
        allow_duplicates=True,
        **dict(entry["properties"]),
        **entry["marks"],
    )
    with Path(entry["path"]).open("rb") as file:
        raise_from_response(made.upload(cloud.image, data=file))
    seen = cloud.image.get_image(made.id)
    if seen.status != "active" or f"sha512:{seen.hash_value}" != entry["digest"]:
        raise SystemExit(f"image {entry['name']} is {seen.status} with digest {seen.hash_value}")


with ThreadPoolExecutor(6) as pool:
    jobs = [pool.submit(image, entry) for entry in content["images"]]
    jobs += [pool.submit(test_user)]
    jobs += [pool.submit(network, entry) for entry in content["networks"]]
    jobs += [pool.submit(subnet_pool, entry) for entry in content["subnet_pools"]]
    jobs += [pool.submit(volume_type, entry) for entry in content["volume_types"]]
    jobs += [pool.submit(flavor, entry) for entry in content["flavors"]]
    for job in jobs:
        job.result()

test = openstack.connect(cloud="test")
for kind, seen in (
    ("flavors", {one.name for one in test.compute.flavors()}),
    ("images", {one.name for one in test.image.images(status="active")}),
    ("volume_types", {one.name for one in test.block_storage.types()}),
    ("networks", {one.name for one in test.network.networks(is_router_external=True)}),
):
    if missing := {entry["name"] for entry in content[kind]} - seen:
        raise SystemExit(f"the test user does not see {kind} {', '.join(missing)}")
