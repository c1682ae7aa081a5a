"""Asks the APIs until all services, agents, hypervisors and inventories are there, as the gate of the stage does."""

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

COMPUTES = json.loads((Path(os.environ["BENCH"]) / "catalog.json").read_text())["computes"]
cloud = openstack.connect(cloud="admin")


def up(services: Iterable[object], wanted: dict[str, int], alive: str, good: object) -> bool:
    """True if of each kind so many services are up."""
    seen = [one.binary for one in services if getattr(one, alive) == good]
    return all(seen.count(binary) >= count for binary, count in wanted.items())


def ready() -> bool:
    """True if nothing is missing."""
    nodes = len(COMPUTES)
    network = {"ovn-controller": nodes, "neutron-ovn-metadata-agent": nodes}
    volume = dict.fromkeys(("cinder-scheduler", "cinder-volume", "cinder-backup"), 1)
    compute = {"nova-conductor": 1, "nova-scheduler": 1, "nova-compute": nodes}
    if not up(cloud.compute.services(), compute, "state", "up"):
        return False
    if not up(cloud.network.agents(), network, "is_alive", True):
        return False
    if not up(cloud.block_storage.services(), volume, "state", "up"):
        return False
    list(cloud.image.images(limit=1))
    offers = [
        {one.resource_class for one in cloud.placement.resource_provider_inventories(provider)}
        for provider in cloud.placement.resource_providers()
    ]
    return sum({"VCPU", "MEMORY_MB", "DISK_GB"} <= offer for offer in offers) >= nodes


deadline = time.monotonic() + 120
while True:
    try:
        if ready():
            break
    except (ClientException, SDKException):
        if time.monotonic() > deadline:
            raise
    if time.monotonic() > deadline:
        raise SystemExit("the cloud's services do not come up")
    time.sleep(0.5)
