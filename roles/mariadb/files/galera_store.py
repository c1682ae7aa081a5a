"""What the nodes of a Galera cluster agree on, kept in etcd (API v3 by its JSON gateway, TLS both ways)."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from galera_decision import Position, View

LEASE = 15
"""Seconds after which what a dead node said is forgotten."""


class Unavailable(Exception):
    """etcd does not answer, or has no majority; says why."""


@dataclass(frozen=True)
class Seen:
    """Everything that is kept."""

    positions: dict[str, Position]
    view: View | None
    view_revision: int
    """Revision at which the view was written; 0 when there is none."""
    claim: str | None
    """Name of the node that starts the cluster now."""


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()


class Store:
    """A connection to the first etcd member that answers."""

    def __init__(self, urls: list[str], context: ssl.SSLContext, prefix: str, timeout: float = 4.0) -> None:
        self.urls = urls
        self.context = context
        self.prefix = prefix
        self.timeout = timeout
        self._connection: http.client.HTTPSConnection | None = None

    def read(self) -> Seen:
        """All that is kept, by a linearizable read: nothing older than what any node has written.

        Raises:
            Unavailable: no etcd member with a majority answers.
        """
        end = self.prefix[:-1] + chr(ord(self.prefix[-1]) + 1)
        answer = self._call("/v3/kv/range", {"key": _encoded(self.prefix), "range_end": _encoded(end)})
        positions: dict[str, Position] = {}
        view, revision, claim = None, 0, None
        for item in answer.get("kvs", []):
            name, value = _decoded(item["key"]).removeprefix(self.prefix), json.loads(_decoded(item["value"]))
            if name == "view":
                view = View(value["uuid"], value["seqno"], tuple(value["members"]))
                revision = int(item["mod_revision"])
            elif name == "claim":
                claim = value["name"]
            elif name.startswith("position/"):
                positions[name.removeprefix("position/")] = Position(**value)
        return Seen(positions, view, revision, claim)

    def lease(self, seconds: int = LEASE) -> str:
        """A new lease; what is written with it goes when it is not kept alive."""
        return str(self._call("/v3/lease/grant", {"TTL": str(seconds)})["ID"])

    def keep(self, lease: str) -> bool:
        """Keep a lease alive; False when it has gone."""
        return int(self._call("/v3/lease/keepalive", {"ID": lease}).get("result", {}).get("TTL", 0)) > 0

    def revoke(self, lease: str) -> None:
        """Remove a lease and all that was written with it."""
        self._call("/v3/lease/revoke", {"ID": lease})

    def say(self, name: str, position: Position, lease: str) -> None:
        """Write where a node stands."""
        self._call("/v3/kv/put", self._put(f"position/{name}", asdict(position), lease))

    def claim(self, name: str, view_revision: int, lease: str) -> bool:
        """Claim the start of the cluster; False if another node did, or the view is not the one that was seen."""
        return self._transaction(
            [
                {"key": self._key("claim"), "target": "CREATE", "create_revision": "0"},
                {"key": self._key("view"), "target": "MOD", "mod_revision": str(view_revision)},
            ],
            [{"request_put": self._put("claim", {"name": name, "lease": lease}, lease)}],
        )

    def confirm(self, name: str, lease: str, view: View) -> bool:
        """Turn a claim into a view; False if the claim has lapsed, so that another node may start a cluster."""
        value = json.dumps({"name": name, "lease": lease})
        return self._transaction(
            [{"key": self._key("claim"), "target": "VALUE", "value": _encoded(value)}],
            [
                {"request_put": self._put("view", _fields(view))},
                {"request_delete_range": {"key": self._key("claim")}},
            ],
        )

    def record(self, view: View, view_revision: int) -> bool:
        """Record a new view of a running cluster; False if another node was quicker."""
        return self._transaction(
            [{"key": self._key("view"), "target": "MOD", "mod_revision": str(view_revision)}],
            [{"request_put": self._put("view", _fields(view))}],
        )

    def _transaction(self, compare: list[dict[str, str]], success: list[dict[str, Any]]) -> bool:
        body = {"compare": [{"result": "EQUAL", **one} for one in compare], "success": success}
        return bool(self._call("/v3/kv/txn", body).get("succeeded"))

    def _key(self, name: str) -> str:
        return _encoded(self.prefix + name)

    def _put(self, name: str, value: dict[str, Any], lease: str | None = None) -> dict[str, Any]:
        body = {"key": self._key(name), "value": _encoded(json.dumps(value))}
        return body | ({"lease": lease} if lease else {})

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        troubles = []
        for url in list(self.urls):
            try:
                return self._ask(path, body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                troubles.append(f"{self.urls[0]}: {error or type(error).__name__}")
                self.close()
                self.urls.append(self.urls.pop(0))  # the next one is asked first from now on
            del url
        raise Unavailable("; ".join(troubles))

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._connection is None:
            place = urlsplit(self.urls[0])
            self._connection = http.client.HTTPSConnection(
                place.hostname or "", place.port, timeout=self.timeout, context=self.context
            )
        self._connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        text = response.read()
        answer = json.loads(text)
        if response.status != http.client.OK:
            raise ValueError(f"{path} gave {response.status}: {answer.get('message', '')}")
        return dict(answer)

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _fields(view: View) -> dict[str, Any]:
    return {"uuid": view.uuid, "seqno": view.seqno, "members": list(view.members)}
