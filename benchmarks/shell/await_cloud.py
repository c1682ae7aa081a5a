"""Opens the hypervisors, and asks until all services, agents, inventories and APIs are there, as the stage's gate does.

Waits for the end of standard input first: then all services were started.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException, raise_from_response

wanted = json.loads((Path(os.environ["BENCH"]) / "await.json").read_text())
cloud: Any = openstack.connect(cloud="admin")
PATIENCE, PAUSE = 180.0, 0.3
RESOURCES = {"VCPU", "MEMORY_MB", "DISK_GB"}
Pairs = set[tuple[str, str]]


def on(nodes: Iterable[str], *binaries: str) -> Pairs:
    """Each of the programs on each of the nodes."""
    return {(binary, node) for binary in binaries for node in nodes}


def compute() -> object:
    """Nova's services; hypervisors register closed, and are opened here since nobody uses the cloud yet."""
    seen = list(cloud.compute.services())
    for one in seen:
        if one.binary == "nova-compute" and one.status == "disabled":
            cloud.compute.enable_service(one.id)
    up = {(one.binary, one.host) for one in seen if (one.state, one.status) == ("up", "enabled")}
    control = on(wanted["controllers"], "nova-conductor", "nova-scheduler")
    return (control | on(wanted["computes"], "nova-compute")) - up


def network() -> object:
    """Neutron's agents."""
    up = {(one.binary, one.host) for one in cloud.network.agents() if one.is_alive}
    return (on(wanted["chassis"], "ovn-controller") | on(wanted["computes"], "neutron-ovn-metadata-agent")) - up


def volumes() -> object:
    """Cinder's services; cinder-volume is called by host and backend."""
    seen = cloud.block_storage.services()
    up = {(one.binary, one.host.split("@")[0]) for one in seen if (one.state, one.status) == ("up", "enabled")}
    return on(wanted["controllers"], "cinder-scheduler", "cinder-volume", "cinder-backup") - up


def inventories() -> object:
    """Hypervisors without an offer; later microversions ask nova-compute itself, and may be stuck for a minute."""
    answer = cloud.compute.get("/os-hypervisors/detail", microversion="2.87")
    raise_from_response(answer)
    hosts = {one["hypervisor_hostname"]: one["service"]["host"] for one in answer.json()["hypervisors"]}
    offers = {
        hosts.get(one.name): {has.resource_class for has in cloud.placement.resource_provider_inventories(one)}
        for one in cloud.placement.resource_providers()
    }
    return [node for node in wanted["computes"] if not offers.get(node, set()) >= RESOURCES]


def endpoints() -> object:
    """Types without an endpoint, and APIs that don't answer at the address of the catalog and on each controller."""
    entries = cloud.session.auth.get_access(cloud.session).service_catalog.catalog
    urls = [urlsplit(endpoint["url"]) for entry in entries for endpoint in entry["endpoints"]]
    roots = {f"https://{url.netloc}/" for url in urls}
    roots |= {f"https://{host}:{url.port}/" for url in urls for host in wanted["hosts"]}
    if wanted["dashboard"]:
        roots.add(wanted["dashboard"])

    def dead(root: str) -> bool:
        answer = cloud.session.get(root, authenticated=False, raise_exc=False, timeout=60, redirect=False)
        return bool(answer.status_code >= 400)

    with ThreadPoolExecutor(8) as pool:
        bad = [root for root, no in zip(roots, pool.map(dead, roots), strict=True) if no]
    return [*bad, *(set(wanted["types"]) - {entry["type"] for entry in entries})]


def answers() -> object:
    """Services that are only asked for a list."""
    next(iter(cloud.image.images(limit=1)), None)
    if "load-balancer" in wanted["types"]:
        return {"ovn"} - {one.name for one in cloud.load_balancer.providers()}
    return ()


def ask(question: Callable[[], Any]) -> str:
    """What is missing, in words; empty if nothing is."""
    try:
        found = question()
    except (ClientException, SDKException, OSError) as error:
        return f"{question.__name__}: {' '.join(str(error).split())[:300]}"
    return f"{question.__name__}: {found}" if found else ""


sys.stdin.read()
questions: list[Callable[[], object]] = [endpoints, compute, network, volumes, inventories, answers]
deadline = time.monotonic() + PATIENCE
while questions:
    missing = {question: ask(question) for question in questions}
    # what had a good answer is not asked again
    questions = [question for question in questions if missing[question]]
    if questions and time.monotonic() > deadline:
        raise SystemExit("\n".join(["the cloud does not come up", *(missing[one] for one in questions)]))
    if questions:
        time.sleep(PAUSE)
