"""The tempest.conf of a live cloud: what it offers is asked, nothing is guessed."""

import configparser
import io
from pathlib import Path
from typing import Any

from scs_rack.conformance.tempest_accounts import Accounts
from scs_rack.errors import StageFailed

IMAGE = "scs-rack guest"
USER = "debian"
STORAGE_TYPES = ("block-storage", "volumev3", "volume")


def tempest_conf(cloud: Any, accounts: Accounts, folder: Path, ca: Path, image: str = IMAGE) -> str:
    """The text of a tempest.conf for accounts that are there already; it holds no secret.

    Args:
        cloud: an `openstack.connection.Connection` with admin rights.
        accounts: made for this run.
        folder: where `accounts.yaml`, locks and logs lie.
        ca: certificate of the authority that signed the API's.
        image: name of the image that guests boot.

    Raises:
        StageFailed: the cloud has no such image, or no default external network.
    """
    catalog = {entry["type"] for entry in cloud.session.auth.get_access(cloud.session).service_catalog.catalog}
    boot = cloud.image.find_image(image)
    if boot is None:
        raise StageFailed(f"the cloud has no image {image!r} for Tempest's guests", "`scs-rack up` makes it")
    external = next((one for one in cloud.network.networks(is_router_external=True) if one.is_default), None)
    if external is None:
        raise StageFailed("the cloud has no default external network", "`scs-rack up` makes it (stage resources)")
    nova = cloud.session.get_endpoint_data(service_type="compute", interface="public")
    cinder = cloud.session.get_endpoint_data(service_type="block-storage", interface="public")
    extensions = sorted(one.alias for one in cloud.network.extensions())
    region = cloud.config.get_region_name()
    storage = next((kind for kind in STORAGE_TYPES if kind in catalog), STORAGE_TYPES[0])
    sections: dict[str, dict[str, object]] = {
        "DEFAULT": {"log_dir": folder, "log_file": "tempest.log", "debug": False},
        "oslo_concurrency": {"lock_path": folder / "locks"},
        "auth": {
            "use_dynamic_credentials": False,
            "test_accounts_file": folder / "accounts.yaml",
            "tempest_roles": "member",
        },
        "identity": {
            "uri_v3": cloud.session.auth.auth_url,
            "region": region,
            "ca_certificates_file": ca,
            "v3_endpoint_type": "public",
        },
        "compute": {
            "region": region,
            "image_ref": boot.id,
            "image_ref_alt": boot.id,
            "flavor_ref": accounts.flavors[0],
            "flavor_ref_alt": accounts.flavors[1],
            "fixed_network_name": accounts.network,
            "build_timeout": 600,
            "build_interval": 2,
            "ready_wait": 0,
            "shelved_offload_time": 0,
            "max_microversion": _version(nova.max_microversion),
        },
        "compute-feature-enabled": {
            "attach_encrypted_volume": False,
            "console_output": True,
            "resize": True,
            "vnc_console": True,
        },
        "validation": {
            "run_validation": True,
            "connect_method": "floating",
            "auth_method": "keypair",
            "image_ssh_user": USER,
            "ssh_key_type": "ecdsa",
            "connect_timeout": 120,
            "ssh_timeout": 300,
            "ping_timeout": 120,
        },
        "image": {"region": region, "build_timeout": 300},
        "network": {
            "region": region,
            "public_network_id": external.id,
            "floating_network_name": external.name,
            "build_timeout": 300,
        },
        "network-feature-enabled": {
            "ipv6": True,
            "ipv6_subnet_attributes": True,
            "port_security": "port-security" in extensions,
            "api_extensions": ",".join(extensions),
            "floating_ips": True,
        },
        "volume": {
            "region": region,
            "catalog_type": storage,
            "build_timeout": 300,
            "build_interval": 2,
            "storage_protocol": "ceph",
            "vendor_name": "Open Source",
            "max_microversion": _version(cinder.max_microversion),
        },
        "volume-feature-enabled": {"backup": True, "snapshot": True, "manage_volume": False},
        "service_available": {
            "cinder": bool(catalog & set(STORAGE_TYPES)),
            "glance": "image" in catalog,
            "horizon": False,
            "neutron": "network" in catalog,
            "nova": "compute" in catalog,
            "swift": "object-store" in catalog,
        },
        "enforce_scope": dict.fromkeys(("cinder", "glance", "keystone", "neutron", "nova", "placement"), True),
    }
    return _ini(sections)


def _version(pair: tuple[int, int] | None) -> str:
    return ".".join(str(part) for part in pair) if pair else "latest"


def _ini(sections: dict[str, dict[str, object]]) -> str:
    parser = configparser.RawConfigParser()
    parser.read_dict({name: {key: str(value) for key, value in keys.items()} for name, keys in sections.items()})
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()
