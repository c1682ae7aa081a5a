"""Nova, Placement and Neutron's agents of the rack that is played, as openstacksdk's proxies call them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from days_world import World


@dataclass
class Reply:
    """An answer of an API."""

    status_code: int = 200
    body: object = None

    @property
    def content(self):
        return b"" if self.body is None else json.dumps(self.body).encode()

    def json(self):
        return self.body


@dataclass
class Compute:
    """Nova, as openstacksdk's proxy calls it."""

    world: World
    services: dict = field(default_factory=dict)
    guests: dict = field(default_factory=dict)
    moves: list = field(default_factory=list)
    refuses: dict = field(default_factory=dict)
    """By a guest's ID, why its migration fails."""
    migrations: dict = field(default_factory=dict)

    def get(self, path, microversion):
        assert float(microversion) <= 2.87, "2.88 asks hypervisors for their uptime"
        if path.startswith("/os-services"):
            return Reply(body={"services": [dict(one) for one in self.services.values()]})
        if path.startswith("/servers/detail"):
            host = re.search(r"host=([^&]+)", path)[1]
            rows = [self._row(one) for one in self.guests.values() if one["host"] == host]
            return Reply(body={"servers": rows})
        if path.startswith("/os-migrations"):
            state = self.migrations.get(re.search(r"instance_uuid=([^&]+)", path)[1])
            return Reply(body={"migrations": [{"status": state}] if state else []})
        if path.endswith("/os-instance-actions"):
            return Reply(body={"instanceActions": [{"request_id": "req-1", "action": "live-migration"}]})
        if "/os-instance-actions/" in path:
            why = self.refuses.get(path.split("/")[2], "")
            events = [
                {"event": "conductor_live_migrate_instance", "result": "Error", "details": why, "traceback": None}
            ]
            return Reply(body={"instanceAction": {"message": "Error", "events": events}})
        guest = self.guests.get(path.removeprefix("/servers/"))
        return Reply(body={"server": self._row(guest)}) if guest else Reply(404)

    def put(self, path, microversion, json):
        self.world.ordered.append(f"nova service {path.rpartition('/')[2]} {json}")
        self.services[path.rpartition("/")[2]] |= json
        return Reply(body={"service": {}})

    def delete(self, path, microversion):
        one = self.services[path.rpartition("/")[2]]
        if any(guest["host"] == one["host"] for guest in self.guests.values()):
            message = "Unable to delete compute service that is hosting instances."
            return Reply(409, {"conflictingRequest": {"code": 409, "message": message}})
        self.world.ordered.append(f"nova delete {one['host']}")
        del self.services[path.rpartition("/")[2]]
        return Reply(204)

    def post(self, path, microversion, json):
        guest = self.guests[path.split("/")[2]]
        (action,) = json
        source = next(one for one in self.services.values() if one["host"] == guest["host"])
        if action == "evacuate" and not source["forced_down"]:
            message = f"Compute service of {guest['host']} is still in use."
            return Reply(400, {"badRequest": {"code": 400, "message": message}})
        self.world.ordered.append(f"nova {action} {guest['name']}")
        if guest["id"] in self.refuses:
            self.migrations[guest["id"]] = "error"
            return Reply(202)
        free = [one["host"] for one in self.services.values() if one["status"] == "enabled" and one["state"] == "up"]
        guest["host"] = next(host for host in free if host != guest["host"])
        self.migrations[guest["id"]] = "completed"
        return Reply(202)

    def _row(self, guest):
        return {
            "id": guest["id"],
            "name": guest["name"],
            "status": guest["status"],
            "OS-EXT-STS:task_state": guest.get("task"),
            "OS-EXT-SRV-ATTR:host": guest["host"],
        }


@dataclass
class Agent:
    host: str
    binary: str


@dataclass
class Placing:
    """Placement, as openstacksdk's proxy calls it."""

    world: World

    def get(self, path, microversion):
        assert microversion == "1.28"
        if path == "/resource_providers":
            rows = [{"uuid": name, "name": name.removeprefix("rp-")} for name in self.world.providers]
            return Reply(body={"resource_providers": rows})
        if path.startswith("/resource_providers/"):
            shares = self.world.providers[path.split("/")[2]]
            return Reply(body={"allocations": {guest: {"resources": one} for guest, one in shares.items()}})
        guest = path.removeprefix("/allocations/")
        held = {name: shares[guest] for name, shares in self.world.providers.items() if guest in shares}
        rows = {name: {"resources": one, "generation": 3} for name, one in held.items()}
        owner = {"project_id": "p", "user_id": "u", "consumer_generation": 2}
        return Reply(body={"allocations": rows, **owner})

    def put(self, path, microversion, json):
        assert json["consumer_generation"] == 2
        guest = path.removeprefix("/allocations/")
        for name, shares in self.world.providers.items():
            if name not in json["allocations"]:
                shares.pop(guest, None)
        self.world.ordered.append(f"placement release {guest}")
        return Reply(204)

    def delete(self, path, microversion):
        name = path.removeprefix("/resource_providers/")
        if self.world.providers.get(name):
            detail = "Unable to delete resource provider: Resource provider has allocations."
            return Reply(409, {"errors": [{"status": 409, "detail": detail}]})
        self.world.ordered.append(f"placement delete {name}")
        return Reply(204 if self.world.providers.pop(name, None) is not None else 404)
