"""What Placement remembers of a hypervisor that is gone: its provider, and shares of guests that live elsewhere now.

A guest that was rebuilt elsewhere keeps its share of the old host until that host starts again; for one that never
does, Nova can't delete the provider, and a new server of the same name could not register
(OpenStack API reference, Placement: allocations, microversion 1.28).
"""

from typing import Any

from scs_rack.errors import StageFailed

VERSION = "1.28"


class Placement:
    """Calls of the API.

    Args:
        placement: openstacksdk's proxy of the service: get, put, delete.
    """

    def __init__(self, placement: Any) -> None:
        self._placement = placement

    def providers(self, node: str) -> list[str]:
        """UUIDs of providers that are named as a node."""
        rows = self._call("get", "/resource_providers", "list providers")["resource_providers"]
        return [str(row["uuid"]) for row in rows if str(row["name"]).split(".", 1)[0] == node]

    def release(self, provider: str) -> int:
        """Remove the shares of a provider that guests hold beside another one; returns how many.

        Raises:
            StageFailed: a guest holds a share of this provider alone: it was never moved.
        """
        held = self._call("get", f"/resource_providers/{provider}/allocations", "list shares")["allocations"]
        for consumer in held:
            self._release(str(consumer), provider)
        return len(held)

    def delete(self, provider: str) -> None:
        """Delete a provider that nobody has a share of."""
        self._call("delete", f"/resource_providers/{provider}", "delete the provider")

    def _release(self, consumer: str, provider: str) -> None:
        said = self._call("get", f"/allocations/{consumer}", f"tell the shares of {consumer}")
        shares = said["allocations"]
        rest = {name: {"resources": one["resources"]} for name, one in shares.items() if name != provider}
        if not rest:
            hint = "move or delete it first: `openstack server show` tells whose it is"
            raise StageFailed(f"guest {consumer} has its resources on this hypervisor alone", hint)
        body = {
            "allocations": rest,
            "project_id": said["project_id"],
            "user_id": said["user_id"],
            "consumer_generation": said["consumer_generation"],
        }
        self._call("put", f"/allocations/{consumer}", f"change the shares of {consumer}", json=body)

    def _call(self, verb: str, path: str, what: str, **options: Any) -> Any:
        answer = getattr(self._placement, verb)(path, microversion=VERSION, **options)
        try:
            body = answer.json() if answer.content else {}
        except ValueError:
            body = {}
        if answer.status_code < 400 or (verb == "delete" and answer.status_code == 404):
            return body
        told = " ".join(str(one.get("detail", "")) for one in body.get("errors", [])).strip()
        raise StageFailed(f"Placement does not {what}: {told or f'status {answer.status_code}'}")
