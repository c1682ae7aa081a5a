"""The part of Nova's API that moves guests and speaks of hypervisors.

OpenStack API reference, Compute: os-services (PUT by UUID since microversion 2.53), server actions `os-migrateLive`
(2.68: without `force`) and `evacuate` (2.95: a guest that was shut off stays so).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scs_rack.errors import StageFailed

LIST = "2.87"
"""From 2.88 on hypervisors are asked for their uptime, which hangs on one that is gone."""
ACT = "2.95"


@dataclass(frozen=True)
class Hypervisor:
    """A service nova-compute."""

    id: str
    host: str
    enabled: bool
    up: bool
    forced_down: bool
    reason: str
    """Why it was disabled."""


@dataclass(frozen=True)
class Guest:
    """A server of a customer."""

    id: str
    name: str
    status: str
    task: str
    host: str
    fault: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


class Nova:
    """Calls of the API.

    Args:
        compute: openstacksdk's proxy of the service: get, post, put, delete.
    """

    def __init__(self, compute: Any) -> None:
        self._compute = compute

    def hypervisors(self) -> list[Hypervisor]:
        """All services nova-compute."""
        rows = self._call("get", "/os-services?binary=nova-compute", "list services")["services"]
        return [
            Hypervisor(
                str(row["id"]),
                row["host"],
                row["status"] == "enabled",
                row["state"] == "up",
                bool(row.get("forced_down")),
                row.get("disabled_reason") or "",
            )
            for row in rows
        ]

    def hypervisor(self, node: str) -> Hypervisor | None:
        """That of a node; None when there is none."""
        return next((one for one in self.hypervisors() if one.host.split(".", 1)[0] == node), None)

    def disable(self, one: Hypervisor, reason: str) -> None:
        """Let no new guest be placed there."""
        self._service(one, status="disabled", disabled_reason=reason)

    def enable(self, one: Hypervisor) -> None:
        """The contrary."""
        self._service(one, status="enabled")

    def force_down(self, one: Hypervisor, *, down: bool) -> None:
        """Say that the host is dead, or is not: only a dead one can be evacuated."""
        self._service(one, forced_down=down)

    def delete(self, one: Hypervisor) -> None:
        """Forget a hypervisor, with its resource provider and its place in a cell."""
        self._call("delete", f"/os-services/{one.id}", f"delete the service of {one.host}")

    def guests(self, host: str) -> list[Guest]:
        """All guests of a hypervisor."""
        return list(self._pages(f"/servers/detail?all_tenants=1&host={host}&limit=500"))

    def guest(self, known: Guest) -> Guest | None:
        """The guest as it is now; None when it was deleted meanwhile."""
        answer = self._compute.get(f"/servers/{known.id}", microversion=LIST)
        return None if answer.status_code == 404 else _guest(self._said(answer, f"look at {known}")["server"])

    def live_migrate(self, guest: Guest) -> None:
        """Ask for it; Nova chooses where to."""
        body = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
        self._call("post", f"/servers/{guest.id}/action", f"move {guest}", json=body)

    def evacuate(self, guest: Guest) -> None:
        """Ask for it; Nova chooses where to."""
        self._call("post", f"/servers/{guest.id}/action", f"evacuate {guest}", json={"evacuate": {}})

    def last_migration(self, guest: Guest) -> str:
        """State of the newest migration of a guest; empty when there is none."""
        path = f"/os-migrations?instance_uuid={guest.id}&limit=1"
        rows = self._call("get", path, f"migrations of {guest}")["migrations"]
        return str(rows[0]["status"]) if rows else ""

    def last_error(self, guest: Guest) -> str:
        """What went wrong in the newest action of a guest, in Nova's words; empty when it tells nothing."""
        rows = self._call("get", f"/servers/{guest.id}/os-instance-actions", f"actions of {guest}")["instanceActions"]
        if not rows:
            return ""
        path = f"/servers/{guest.id}/os-instance-actions/{rows[0]['request_id']}"
        found = self._call("get", path, f"the last action of {guest}")["instanceAction"]
        events = [one for one in found.get("events") or [] if one.get("result") == "Error"]
        told = [
            str(one.get("details") or (one.get("traceback") or "").strip().splitlines()[-1:] or "") for one in events
        ]
        return next((words for words in told if words), str(found.get("message") or ""))

    def _pages(self, path: str) -> Iterator[Guest]:
        marker = ""
        while True:
            rows = self._call("get", path + marker, "list guests")["servers"]
            yield from map(_guest, rows)
            if len(rows) < 500:
                return
            marker = f"&marker={rows[-1]['id']}"

    def _service(self, one: Hypervisor, **body: Any) -> None:
        self._call("put", f"/os-services/{one.id}", f"change the service of {one.host}", json=body)

    def _call(self, verb: str, path: str, what: str, **options: Any) -> Any:
        microversion = LIST if verb == "get" else ACT
        return self._said(getattr(self._compute, verb)(path, microversion=microversion, **options), what)

    def _said(self, answer: Any, what: str) -> Any:
        """The body.

        Raises:
            StageFailed: Nova refuses; in its words.
        """
        try:
            body = answer.json() if answer.content else {}
        except ValueError:
            body = {}
        if answer.status_code < 400:
            return body
        told = [str(one["message"]) for one in body.values() if isinstance(one, dict) and one.get("message")]
        raise StageFailed(f"Nova does not {what}: {' '.join(told) or f'status {answer.status_code}'}")


def _guest(row: dict[str, Any]) -> Guest:
    return Guest(
        str(row["id"]),
        str(row["name"]),
        str(row["status"]),
        str(row.get("OS-EXT-STS:task_state") or ""),
        str(row.get("OS-EXT-SRV-ATTR:host") or ""),
        str((row.get("fault") or {}).get("message") or ""),
    )
