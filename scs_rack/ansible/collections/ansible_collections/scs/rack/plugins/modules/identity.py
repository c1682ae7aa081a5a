#!/usr/bin/python
"""Keystone's catalog, projects, users and roles in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: identity
short_description: Keystone's catalog, projects, users and roles in one call
description:
  - Brings domains, projects, roles, users with their roles, services and endpoints to their stated form, in one
    process and with one list call for each kind.
  - Whether a user's password is right is observed by logging in with it.
  - What is not stated is left alone, except further endpoints of a stated service, interface and region.
  - When the administrator can't log in, C(keystone-manage bootstrap) is run, which makes or repairs the account.
author: the scs-rack founders
options:
  auth_url: {description: URL of the API version 3., type: str, required: true}
  ca_file: {description: Certificates to trust; the system's when not stated., type: path}
  admin_password: {description: Password of the user C(admin) in its project C(admin)., type: str, required: true}
  region: {description: Region of the endpoints., type: str, required: true}
  bootstrap: {description: Command that makes the administrator; gets OS_BOOTSTRAP_PASSWORD., type: list, elements: str}
  domains: {description: Names of domains., type: list, elements: str, default: []}
  projects:
    description: Projects.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name., type: str, required: true}
      domain: {description: Name of its domain., type: str, default: Default}
      description: {description: Its purpose., type: str, default: ""}
  roles: {description: Names of roles., type: list, elements: str, default: []}
  users:
    description: Users.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name., type: str, required: true}
      domain: {description: Name of its domain., type: str, default: Default}
      password: {description: Password., type: str, required: true}
      project: {description: Project in which it has its roles., type: str}
      project_domain: {description: Domain of that project., type: str, default: Default}
      roles: {description: Names of roles., type: list, elements: str, default: []}
  services:
    description: Services with their endpoints.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name., type: str, required: true}
      type: {description: Type as in the service types authority., type: str, required: true}
      description: {description: Its purpose., type: str, default: ""}
      url: {description: URL of all its endpoints., type: str, required: true}
      interfaces: {description: Interfaces., type: list, elements: str, default: [public, internal]}
  wait: {description: Seconds to wait for Keystone., type: float, default: 90}
attributes:
  check_mode: {support: full, description: Says what would change.}
"""

EXAMPLES = r"""
- name: Write the catalog
  scs.rack.identity:
    auth_url: https://10.91.0.254:5000/v3
    admin_password: "{{ secrets.admin_password }}"
    region: lab
    projects: [{name: service}]
    users:
      - {name: glance, password: "{{ secrets.service_glance }}", project: service, roles: [admin, service]}
    services:
      - {name: glance, type: image, url: "https://10.91.0.254:9292"}
  no_log: true
"""

RETURN = r"""
changes: {description: What was done (in check mode would be done)., type: list, elements: str, returned: always}
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.scs.rack.plugins.module_utils.commands import Job, run_job
from ansible_collections.scs.rack.plugins.module_utils.identity import Keystone, Login, Refused, Silent
from ansible_collections.scs.rack.plugins.module_utils.quiet import QuietModule

Entry = dict[str, Any]
NEW = "(new)"
"""Stands for the id of what check mode would make."""


class Catalog:
    """The stated form of Keystone's content."""

    def __init__(self, keystone: Keystone, params: Entry, *, check: bool) -> None:
        self.keystone = keystone
        self.params = params
        self.check = check
        self.changes: list[str] = []
        self.domains: dict[str, str] = {}
        self.roles: dict[str, str] = {}
        self.projects: dict[tuple[str, str], str] = {}

    def bring_about(self) -> None:
        """Compare and change everything, in the order in which one needs the other."""
        self._domains()
        self._projects()
        self._roles()
        self._users()
        self._services()

    def _do(self, change: str, action: Callable[..., Any], *arguments: Any) -> str:
        """Note a change and make it unless this is check mode; the id of what was made."""
        self.changes.append(change)
        made = None if self.check else action(*arguments)
        return str(made["id"]) if isinstance(made, dict) else NEW

    def _domains(self) -> None:
        self.domains = {domain["name"]: domain["id"] for domain in self.keystone.list("domains")}
        for name in self.params["domains"]:
            if name not in self.domains:
                self.domains[name] = self._do(
                    f"create domain {name}", self.keystone.create, "domains", "domain", {"name": name}
                )

    def _domain(self, name: str) -> str:
        if name not in self.domains:
            raise Refused("domains", 404, f"there is no domain {name}")
        return self.domains[name]

    def _projects(self) -> None:
        there = {(p["domain_id"], p["name"]): p["id"] for p in self.keystone.list("projects")}
        self.projects = there
        for project in self.params["projects"]:
            key = (self._domain(project["domain"]), project["name"])
            if key not in there:
                fields = {"name": key[1], "domain_id": key[0], "description": project["description"]}
                there[key] = self._do(
                    f"create project {key[1]}",
                    self.keystone.create,
                    "projects",
                    "project",
                    fields,
                )

    def _roles(self) -> None:
        self.roles = {role["name"]: role["id"] for role in self.keystone.list("roles") if not role.get("domain_id")}
        wanted = {*self.params["roles"], *(role for user in self.params["users"] for role in user["roles"])}
        for name in sorted(wanted - set(self.roles)):
            self.roles[name] = self._do(f"create role {name}", self.keystone.create, "roles", "role", {"name": name})

    def _users(self) -> None:
        there = {(u["domain_id"], u["name"]): u["id"] for u in self.keystone.list("users")}
        with ThreadPoolExecutor(4) as pool:
            tries = list(pool.map(lambda user: self._password_works(user, there), self.params["users"]))
        granted = {
            (grant["role"]["id"], grant["user"]["id"], grant["scope"]["project"]["id"])
            for grant in self.keystone.list("role_assignments")
            if "user" in grant and "project" in grant["scope"]
        }
        for user, works in zip(self.params["users"], tries, strict=True):
            identifier = self._user(user, there, works=works)
            for role in user["roles"]:
                project = self._project_of(user)
                if (self.roles[role], identifier, project) not in granted:
                    path = f"/projects/{project}/users/{identifier}/roles/{self.roles[role]}"
                    self._do(f"give {user['name']} role {role}", self.keystone.call, "PUT", path)

    def _password_works(self, user: Entry, there: dict[tuple[str, str], str]) -> bool:
        if (self._domain(user["domain"]), user["name"]) not in there:
            return False
        login = Login(user["name"], user["password"], user["domain"])
        return bool(self.keystone.accepts(login))

    def _user(self, user: Entry, there: dict[tuple[str, str], str], *, works: bool) -> str:
        key = (self._domain(user["domain"]), user["name"])
        if key not in there:
            fields = {"name": key[1], "domain_id": key[0], "password": user["password"]}
            return self._do(f"create user {key[1]}", lambda: self.keystone.create("users", "user", fields))
        if not works:
            fields = {"password": user["password"], "enabled": True}
            self._do(
                f"change the password of {key[1]}",
                lambda: self.keystone.update("users", "user", there[key], fields),
            )
        return there[key]

    def _project_of(self, user: Entry) -> str:
        key = (self._domain(user["project_domain"]), user["project"])
        if key not in self.projects:
            raise Refused("projects", 404, f"there is no project {user['project']}")
        return self.projects[key]

    def _services(self) -> None:
        there = {(service["name"], service["type"]): service["id"] for service in self.keystone.list("services")}
        endpoints = self.keystone.list("endpoints", f"?region_id={self.params['region']}")
        for service in self.params["services"]:
            key = (service["name"], service["type"])
            if key not in there:
                fields = {"name": key[0], "type": key[1], "description": service["description"]}
                there[key] = self._do(
                    f"create service {key[0]}",
                    self.keystone.create,
                    "services",
                    "service",
                    fields,
                )
            for interface in service["interfaces"]:
                seen = [e for e in endpoints if e["service_id"] == there[key] and e["interface"] == interface]
                self._endpoint(service, there[key], interface, seen)

    def _endpoint(self, service: Entry, identifier: str, interface: str, seen: list[Entry]) -> None:
        title = f"{interface} endpoint of {service['name']}"
        if not seen:
            fields = {
                "service_id": identifier,
                "interface": interface,
                "region_id": self.params["region"],
                "url": service["url"],
            }
            self._do(f"create {title}", lambda: self.keystone.create("endpoints", "endpoint", fields))
            return
        if seen[0]["url"] != service["url"]:
            change = {"url": service["url"]}
            self._do(f"change {title}", lambda: self.keystone.update("endpoints", "endpoint", seen[0]["id"], change))
        for further in seen[1:]:
            self._do(f"delete a second {title}", self.keystone.delete, "endpoints", further["id"])


def log_in(keystone: Keystone, params: Entry, *, check: bool) -> list[str]:
    """Log in as the administrator, who is made when this fails; what was done for it.

    Raises:
        Refused: the administrator can't log in, and can't be made.
        Silent: Keystone does not come up.
    """
    login = Login("admin", params["admin_password"], project="admin")
    try:
        keystone.log_in(login, 0 if check else params["wait"])
    except Refused as error:
        if error.status != 401 or not params["bootstrap"]:
            raise
        if check:
            return ["bootstrap the administrator"]
        job = Job(
            "bootstrap",
            [params["bootstrap"]],
            user="keystone",
            environment={"OS_BOOTSTRAP_PASSWORD": params["admin_password"]},
        )
        failure = run_job(job).error
        if failure:
            raise Refused("bootstrap", 0, failure) from error
        keystone.log_in(login, params["wait"])
        return ["bootstrap the administrator"]
    return []


def everything(params: Entry) -> list[str]:
    """What there would be to do in a Keystone that does not run yet."""
    kinds = (("projects", "project"), ("users", "user"), ("services", "service"))
    return [f"create {kind} {entry['name']}" for collection, kind in kinds for entry in params[collection]]


def main() -> None:
    """Entry point."""
    name = {"type": "str", "required": True}
    domain = {"type": "str", "default": "Default"}
    text = {"type": "str", "default": ""}
    names = {"type": "list", "elements": "str", "default": []}
    secret = {"type": "str", "required": True, "no_log": True}
    entries = {"type": "list", "elements": "dict", "default": []}
    module = QuietModule(
        argument_spec={
            "auth_url": name,
            "ca_file": {"type": "path"},
            "admin_password": secret,
            "region": name,
            "bootstrap": {"type": "list", "elements": "str"},
            "domains": names,
            "projects": {**entries, "options": {"name": name, "domain": domain, "description": text}},
            "roles": names,
            "users": {
                **entries,
                "options": {
                    "name": name,
                    "domain": domain,
                    "password": secret,
                    "project": {"type": "str"},
                    "project_domain": domain,
                    "roles": names,
                },
            },
            "services": {
                **entries,
                "options": {
                    "name": name,
                    "type": name,
                    "description": text,
                    "url": name,
                    "interfaces": {**names, "default": ["public", "internal"]},
                },
            },
            "wait": {"type": "float", "default": 90.0},
        },
        supports_check_mode=True,
    )
    params, check = module.params, module.check_mode
    keystone = Keystone(params["auth_url"], params["ca_file"])
    try:
        changes = log_in(keystone, params, check=check)
        if check and changes:
            changes += everything(params)
        else:
            catalog = Catalog(keystone, params, check=check)
            catalog.changes = changes
            catalog.bring_about()
    except Silent as error:
        if check:
            module.exit_json(changed=True, changes=everything(params), note=str(error))
        module.fail_json(msg=f"Keystone does not come up: {error}")
    except Refused as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changes), changes=changes)


if __name__ == "__main__":
    main()
