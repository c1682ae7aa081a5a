"""Waits for the end of standard input (Keystone is bootstrapped), then writes service users and the catalog.

Raw calls of the Identity API v3 over TLS to the first controller: its address of the API may not be there yet.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests

content = json.loads((Path(os.environ["BENCH"]) / "catalog.json").read_text())
session = requests.Session()
session.trust_env = False  # a variable of the environment would replace the CA
session.verify = content["ca"]
PATIENCE = 90.0


def call(method: str, path: str, body: Any = None) -> Any:
    """Ask Keystone; its answer."""
    answer = session.request(method, content["url"] + path, json=body, timeout=60)
    if not answer.ok:
        raise SystemExit(f"{method} {path} gave {answer.status_code}: {answer.text[:500]}")
    return answer.json() if answer.content else None


def log_in() -> None:
    """Get a token as soon as Keystone gives one."""
    domain = {"name": "Default"}
    user = {"name": "admin", "domain": domain, "password": content["admin_password"]}
    body: Any = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": domain}},
        }
    }
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = session.post(f"{content['url']}/auth/tokens", json=body, timeout=60)
            seen = f"{answer.status_code}: {answer.text[:300]}"
        except requests.RequestException as error:
            answer, seen = None, str(error)
        if answer is not None and answer.ok:
            session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"no token of Keystone after {PATIENCE:.0f} s: {seen}")
        time.sleep(0.2)


def user(entry: dict[str, Any]) -> None:
    """A user of a service, with its roles."""
    fields = {"name": entry["name"], "password": entry["password"], "domain_id": "default"}
    made = call("POST", "/users", {"user": fields})["user"]["id"]
    for role in entry["roles"]:
        call("PUT", f"/projects/{projects[entry['project']]}/users/{made}/roles/{roles[role]}")


def service(entry: dict[str, Any]) -> None:
    """A service with its endpoints; the identity service itself is there since the bootstrap."""
    if entry["type"] == "identity":
        return
    fields = {key: entry[key] for key in ("name", "type", "description")}
    made = call("POST", "/services", {"service": fields})["service"]["id"]
    for interface in ("public", "internal"):
        place = {"service_id": made, "interface": interface, "region_id": content["region"], "url": entry["url"]}
        call("POST", "/endpoints", {"endpoint": place})


sys.stdin.read()
log_in()
projects = {
    one["name"]: call("POST", "/projects", {"project": {**one, "domain_id": "default"}})["project"]["id"]
    for one in content["projects"]
}
for name in content["roles"]:
    call("POST", "/roles", {"role": {"name": name}})
roles = {one["name"]: one["id"] for one in call("GET", "/roles")["roles"]}
with ThreadPoolExecutor(4) as pool:
    jobs = [pool.submit(user, entry) for entry in content["users"]]
    jobs += [pool.submit(service, entry) for entry in content["services"]]
    for job in jobs:
        job.result()
