"""Waits for the end of standard input (Keystone is bootstrapped), then writes the service users and the catalog."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openstack
from keystoneauth1.exceptions import ClientException

content = json.loads((Path(os.environ["BENCH"]) / "catalog.json").read_text())
cloud = openstack.connect(cloud="admin")
sys.stdin.read()
deadline = time.monotonic() + 90
while True:
    try:
        cloud.session.get_token()
    except ClientException:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.2)
    else:
        break
identity = cloud.identity
project = identity.create_project(name="service", domain_id="default", description="Users of the services")
roles = {role.name: role for role in identity.roles()}


def user(entry: dict[str, str]) -> None:
    """A user of a service, with its roles."""
    made = identity.create_user(name=entry["name"], password=entry["password"], domain_id="default")
    for role in ("admin", "service"):
        identity.assign_project_role_to_user(project, made, roles[role])


def service(entry: dict[str, str]) -> None:
    """A service with its endpoints; the identity service itself is there since the bootstrap."""
    if entry["type"] == "identity":
        return
    made = identity.create_service(name=entry["name"], type=entry["type"], description=entry["description"])
    for interface in ("public", "internal"):
        identity.create_endpoint(service_id=made.id, interface=interface, region_id=content["region"], url=entry["url"])


with ThreadPoolExecutor(4) as pool:
    list(pool.map(user, content["users"]))
    list(pool.map(service, content["services"]))
