"""What is asked of Ceph, and what is ordered: `ceph … --format json` on a monitor's host (Ceph 18)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scs_rack.days.tools import Tools
from scs_rack.errors import StageFailed
from scs_rack.stages.copies import is_clean, left

CONNECT = "15"
"""Seconds to wait for a quorum."""
LONG = 60.0


@dataclass(frozen=True)
class Osd:
    """One OSD."""

    id: int
    uuid: str
    host: str
    up: bool
    is_in: bool
    weight: float
    """In CRUSH."""


@dataclass(frozen=True)
class Verdict:
    """Of `ok-to-stop` or `safe-to-destroy`."""

    good: bool
    words: str
    """Why not."""


class Ceph:
    """The cluster.

    Args:
        tools: what commands are run by.
        hosts: hosts of monitors, those first that should be asked first.
    """

    def __init__(self, tools: Tools, hosts: Sequence[str]) -> None:
        self._tools = tools
        self._hosts = tuple(hosts)

    def ask(self, *words: str) -> Any:
        """A question; the decoded answer."""
        return self._tools.json(self._hosts, self._argv(*words), LONG)

    def order(self, *words: str) -> None:
        """An order."""
        self._tools.told(self._hosts, self._argv(*words), LONG)

    def osds(self, host: str | None = None) -> list[Osd]:
        """OSDs of a host, or all."""
        tree = self.ask("osd", "tree")["nodes"]
        rows = {row["osd"]: row for row in self.ask("osd", "dump")["osds"]}
        nodes = {node["id"]: node for node in tree}
        found = []
        for bucket in tree:
            if bucket["type"] != "host" or (host is not None and bucket["name"] != host):
                continue
            for child in bucket.get("children", []):
                row = rows.get(child)
                if row is not None:
                    weight = float(nodes.get(child, {}).get("crush_weight", 0.0))
                    state = bool(row["up"]), bool(row["in"])
                    found.append(Osd(child, str(row["uuid"]), bucket["name"], *state, weight))
        return sorted(found, key=lambda osd: osd.id)

    def osd_of(self, uuid: str) -> Osd | None:
        """The OSD with a UUID, wherever it is in CRUSH."""
        for row in self.ask("osd", "dump")["osds"]:
            if row["uuid"] == uuid:
                known = {osd.id: osd for osd in self.osds()}
                fallback = Osd(row["osd"], uuid, "", bool(row["up"]), bool(row["in"]), 0.0)
                return known.get(row["osd"], fallback)
        return None

    def has_bucket(self, host: str) -> bool:
        """True if CRUSH knows the host."""
        return any(node["type"] == "host" and node["name"] == host for node in self.ask("osd", "tree")["nodes"])

    def ok_to_stop(self, ids: Sequence[int]) -> Verdict:
        """Whether all placement groups go on without these OSDs; it answers by its exit code, and why in JSON."""
        answer = self._tools.ask(self._hosts, self._argv("osd", "ok-to-stop", *map(str, ids)), LONG)
        try:
            said = json.loads(answer.out.strip().splitlines()[0]) if answer.out.strip() else {}
        except ValueError:
            said = {}
        if answer.ok and said.get("ok_to_stop", True):
            return Verdict(True, "")
        kinds = {
            "bad_become_inactive": "would stop",
            "bad_already_inactive": "have stopped already",
            "bad_no_pool_pgs": "belong to a pool that is being made or deleted",
            "unknown_pgs": "are in an unknown state",
        }
        told = [f"{len(said[kind])} placement groups {words}" for kind, words in kinds.items() if said.get(kind)]
        return Verdict(False, ", ".join(told) or answer.why)

    def safe_to_destroy(self, ids: Sequence[int]) -> Verdict:
        """Whether nothing of value lies on these OSDs any more; with JSON it ends with 0 whatever the answer is."""
        answer = self._tools.ask(self._hosts, self._argv("osd", "safe-to-destroy", *map(str, ids)), LONG)
        try:
            said = json.loads(answer.out.strip().splitlines()[0]) if answer.out.strip() else {}
        except ValueError:
            said = {}
        if answer.ok and set(said.get("safe_to_destroy", ())) >= set(ids):
            return Verdict(True, "")
        kinds = {
            "active": "placement groups are mapped to",
            "stored_pgs": "data may be needed that is stored on",
            "missing_stats": "nothing is known of",
        }
        told = [
            f"{words} {', '.join(f'osd.{one}' for one in said[kind])}"
            for kind, words in kinds.items()
            if said.get(kind)
        ]
        return Verdict(False, ", ".join(told) or answer.why)

    def noout(self, host: str) -> bool:
        """True if OSDs of the host are not declared out when they are silent."""
        said = self.ask("osd", "dump")
        return "noout" in said["flags_set"] or "noout" in said.get("crush_node_flags", {}).get(host, [])

    def set_noout(self, host: str, *, on: bool) -> None:
        """For this host alone."""
        self.order("osd", "set-group" if on else "unset-group", "noout", host)

    def unclean(self) -> dict[str, int]:
        """Placement groups that are not active and clean, by state."""
        rows = self.ask("status")["pgmap"].get("pgs_by_state", [])
        return {row["state_name"]: row["count"] for row in rows if not is_clean(row["state_name"])}

    def left(self) -> float:
        """Share of objects that are misplaced or lack a copy."""
        return left(self.ask("status"))

    def quorum(self) -> tuple[list[str], list[str]]:
        """All monitors of the map, and those in the quorum."""
        said = self.ask("quorum_status")
        return [mon["name"] for mon in said["monmap"]["mons"]], list(said["quorum_names"])

    def fullness_without(self, ids: Sequence[int]) -> tuple[float, float]:
        """How full the others would be, and how full they may be (1 is full)."""
        rows = self.ask("osd", "df")["nodes"]
        used = sum(row["kb_used"] for row in rows)
        room = sum(row["kb"] for row in rows if row["id"] not in ids and row["reweight"] > 0)
        limit = float(self.ask("osd", "dump").get("nearfull_ratio", 0.85))
        return (used / room if room else 1.0), limit

    def copies(self) -> int:
        """The most copies that a pool wants."""
        return max((int(pool["size"]) for pool in self.ask("osd", "dump")["pools"]), default=1)

    def _argv(self, *words: str) -> list[str]:
        return ["ceph", "--connect-timeout", CONNECT, *words, "--format", "json"]


def of(tools: Tools, without: str = "") -> Ceph:
    """The cluster, asked by way of monitors' hosts; one that may be dead comes last.

    Raises:
        StageFailed: the rack has no monitor.
    """
    mons = tools.ctx.design.groups["ceph_mon"]
    if not mons:
        raise StageFailed("the rack has no monitor of Ceph")
    return Ceph(tools, sorted(mons, key=lambda name: name == without))
