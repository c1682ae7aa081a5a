"""A server is replaced by another one of the same name: the old one is removed from all, the new one joins by `up`."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.days import ceph, kept
from scs_rack.days.ceph import Osd
from scs_rack.days.osds import is_storage, names, osd_uuid, purge, unprepare
from scs_rack.days.part import Doing, Part, Refusal
from scs_rack.days.tools import Tools
from scs_rack.design.inventory import node_vars
from scs_rack.engine import settled
from scs_rack.errors import StageFailed
from scs_rack.provision import burnt, records
from scs_rack.results import Result

GONE = "replaced"
"""Key of `kept`: the old server is out of everything; from here on there is only the new one."""
BLOCKED = frozenset({"PG_AVAILABILITY", "OBJECT_UNFOUND", "PG_DAMAGED"})
"""Ceph's health checks that say that copies are missed which exist nowhere else (`health checks`, Ceph 18)."""


@dataclass(frozen=True)
class Old:
    """A part that is about the old server: nothing to do, and nothing to refuse, once that is gone."""

    part: Part

    @property
    def name(self) -> str:
        """The part's."""
        return self.part.name

    @property
    def summary(self) -> str:
        """The part's."""
        return self.part.summary

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """The part's."""
        return () if self._gone(tools) else self.part.refusals(tools)

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The part's."""
        return () if self._gone(tools) else self.part.plan(tools)

    def apply(self, tools: Tools) -> Iterator[Result]:
        """The part's."""
        if not self._gone(tools):
            yield from self.part.apply(tools)

    def _gone(self, tools: Tools) -> bool:
        return bool(kept.read(tools.ctx.state_dir, str(getattr(self.part, "node", ""))).get(GONE))


@dataclass(frozen=True)
class Swap:
    """The old server is out of everything. One that we switched off is still in the rack: somebody has to change it."""

    node: str
    name: str = "swap"
    summary: str = "the new server is in its place"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """To be changed by hand, if it worked until now."""
        known = kept.read(tools.ctx.state_dir, self.node)
        if not known.get(GONE):
            words = "the old server is forgotten"
            if tools.answers(self.node):
                words += "; put the new one in its place, then give the command again"
            yield Doing(self.node, words)

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Write down that the old one is gone.

        Raises:
            StageFailed: it was switched off by us, and has to be changed now.
        """
        folder = tools.ctx.state_dir
        if kept.read(folder, self.node).get(GONE):
            return
        worked = bool(kept.read(folder, self.node).get("worked"))
        if tools.ctx.design.rack.model(self.node).provision:
            records.path(folder, self.node).unlink(missing_ok=True)
            burnt.path(folder, self.node).unlink(missing_ok=True)
        settled.drop(folder, self.node)
        kept.note(folder, self.node, **{GONE: True, "worked": None})
        if worked:
            hint = "state its MAC addresses and serial number in the rack file, then give the same command again"
            raise StageFailed(f"{self.node} is off and out of everything: put the new server in its place", hint)
        yield Result(self.node, "the old server is forgotten", changed=True)


@dataclass(frozen=True)
class Note:
    """Whether the old server worked when it was given up."""

    node: str
    mark: str = ""
    """Key that is set, too."""
    name: str = "note"
    summary: str = "known whether the old server works"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Nothing that anybody would see."""
        del tools
        return ()

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Ask it."""
        known = kept.read(tools.ctx.state_dir, self.node)
        if self.mark:
            kept.note(tools.ctx.state_dir, self.node, **{self.mark: True})
        if not known.get(GONE) and not known.get("worked") and tools.answers(self.node):
            kept.note(tools.ctx.state_dir, self.node, worked=True)
        yield from ()


@dataclass(frozen=True)
class Lost:
    """OSDs whose disks did not come with the new server are forgotten; those whose disks did are put to use again."""

    node: str
    name: str = "disks"
    summary: str = "Ceph has forgotten OSDs whose disks are gone"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """Judged when the new server answers: only it can tell which disks it has."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """OSDs whose disks are not there; unknown before the server answers."""
        if not is_storage(tools, self.node) or not tools.answers(self.node):
            return
        if not kept.read(tools.ctx.state_dir, self.node).get(GONE):
            return
        for osd in self._lost(tools):
            yield Doing("ceph", f"purge osd.{osd.id} of {self.node}: its disk is gone; copies are made from the others")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Purge them, if all data is there without.

        Raises:
            StageFailed: an OSD that is gone may hold the last copy of something.
        """
        if not is_storage(tools, self.node) or not (lost := self._lost(tools)):
            return
        cluster = ceph.of(tools, self.node)
        if up := [osd for osd in lost if osd.up]:
            raise StageFailed(f"{names(up)} work, although their disks are not on {self.node}", "`ceph osd find`")
        checks = cluster.ask("status")["health"]["checks"]
        if bad := sorted(BLOCKED & set(checks)):
            words = "; ".join(str(checks[one]["summary"]["message"]) for one in bad)
            hint = f"bring the old disks back into {self.node}; `ceph health detail` says what is missed"
            raise StageFailed(f"{names(lost)} may hold the last copy of something: {words}", hint)
        for osd in lost:
            yield purge(tools, cluster, osd.id)

    def _lost(self, tools: Tools) -> list[Osd]:
        """OSDs of this host whose UUID stands on none of its disks."""
        design = tools.ctx.design
        there = set()
        for disk in node_vars(design, design.nodes[self.node])["osd_disks"]:
            argv = ["ceph-bluestore-tool", "show-label", "--dev", str(disk["path"])]
            answer = tools.runner.run(self.node, argv, 60)
            if answer.ok:
                there |= {str(one.get("osd_uuid")) for one in json.loads(answer.out).values()}
            elif answer.unreachable:
                raise StageFailed(f"{self.node} does not answer: {answer.why}")
        return [osd for osd in ceph.of(tools, self.node).osds(self.node) if osd.uuid not in there]


@dataclass(frozen=True)
class Stale:
    """Disks of OSDs that were purged while their server was off carry no label any more."""

    node: str
    name: str = "disks"
    summary: str = "no disk is taken for that of an OSD that Ceph has forgotten"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Such disks; unknown before the server answers."""
        if is_storage(tools, self.node) and tools.answers(self.node):
            for path in self._stale(tools):
                yield Doing(self.node, f"take the label from {path}: Ceph has forgotten its OSD")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Take the labels away."""
        if is_storage(tools, self.node):
            for path, number in self._stale(tools).items():
                yield unprepare(tools, self.node, number, path)

    def _stale(self, tools: Tools) -> dict[str, int]:
        """Paths, and the numbers that their OSDs had."""
        design, found = tools.ctx.design, {}
        known = {row["uuid"] for row in ceph.of(tools, self.node).ask("osd", "dump")["osds"]}
        for disk in node_vars(design, design.nodes[self.node])["osd_disks"]:
            path = str(disk["path"])
            answer = tools.runner.run(self.node, ["ceph-bluestore-tool", "show-label", "--dev", path], 60)
            for label in json.loads(answer.out).values() if answer.ok else ():
                mine = osd_uuid(design.fsid, self.node, str(disk["name"]))
                if label.get("osd_uuid") == mine and mine not in known:
                    found[path] = int(label.get("whoami", -1))
        return found
