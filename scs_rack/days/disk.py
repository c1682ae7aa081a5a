"""One disk of a server is replaced: its OSD is emptied where there is room, forgotten, and made anew on the next."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.days import ceph, kept
from scs_rack.days.ceph import Ceph, Osd
from scs_rack.days.osds import osd_uuid, purge, unprepare, wait_safe
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.replace import BLOCKED
from scs_rack.days.tools import Tools
from scs_rack.design.inventory import node_vars
from scs_rack.errors import StageFailed, UsageError
from scs_rack.model import Rack
from scs_rack.results import Result

LOOK = ["lsblk", "--nodeps", "--json", "--output", "SERIAL,WWN,MODEL"]


def checked(rack: Rack, node: str, disk: str) -> None:
    """The disk must be one of Ceph's.

    Raises:
        UsageError: it is not.
    """
    disks = rack.disks(node)
    if disk not in disks or disks[disk].use != "osd":
        ours = ", ".join(name for name, one in disks.items() if one.use == "osd") or "none"
        raise UsageError(f"{node} has no disk {disk} that belongs to Ceph", f"those that do: {ours}")


@dataclass(frozen=True)
class Where:
    """A disk and what is known of it."""

    node: str
    disk: str

    @property
    def key(self) -> str:
        """Name of what is kept of it."""
        return f"{self.node}.{self.disk}"

    def path(self, tools: Tools) -> str:
        """Its path on the server."""
        design = tools.ctx.design
        disks = node_vars(design, design.nodes[self.node])["osd_disks"]
        return str(next(one["path"] for one in disks if one["name"] == self.disk))

    def osd(self, tools: Tools) -> Osd | None:
        """Its OSD, as long as Ceph knows one that was made on the old disk."""
        if kept.read(tools.ctx.state_dir, self.key).get("purged"):
            return None
        return ceph.of(tools, self.node).osd_of(osd_uuid(tools.ctx.design.fsid, self.node, self.disk))

    def serial(self, tools: Tools) -> str:
        """What tells it from another disk; empty where nothing does (in the lab it is a file)."""
        answer = tools.runner.run(self.node, [*LOOK, self.path(tools)], 20)
        try:
            (row,) = json.loads(answer.out)["blockdevices"] if answer.ok else ({},)
        except (ValueError, KeyError):
            return ""
        return str(row.get("serial") or row.get("wwn") or "")


@dataclass(frozen=True)
class Give:
    """The OSD of the disk is empty, or its loss was accepted; Ceph has forgotten it."""

    where: Where
    degraded: bool = False
    """Accept that copies are missing until the new disk is filled."""
    name: str = "give-up"
    summary: str = "Ceph needs the old disk no more"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """All data must be served without it, and its copies must find another place, or be given up for a while."""
        osd = self.where.osd(tools)
        if osd is None:
            return
        if not tools.answers(self.where.node):
            yield Refusal(
                f"{self.where.node} does not answer", f"`scs-rack node replace {self.where.node}`, or mend it"
            )
            return
        cluster = ceph.of(tools)
        if osd.up:
            verdict = cluster.ok_to_stop([osd.id])
            if not verdict.good:
                way = "`ceph health detail` says what is ill; mend it and wait for active+clean"
                yield Refusal(f"Ceph would not serve all data without osd.{osd.id}: {verdict.words}", way)
        if not self.degraded and (why := self._no_place(cluster, osd)):
            way = "--degraded goes on: copies are missing until the new disk is filled, all data is served meanwhile"
            yield Refusal(why, way)

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The OSD."""
        if osd := self.where.osd(tools):
            how = "stop and purge it" if self.degraded else "move its data off, stop and purge it"
            yield Doing("ceph", f"osd.{osd.id} on {self.where.disk} of {self.where.node}: {how}")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Empty it, stop it, and forget it.

        Raises:
            StageFailed: it may hold the last copy of something.
        """
        osd = self.where.osd(tools)
        if osd is None:
            return
        cluster = ceph.of(tools)
        kept.note(tools.ctx.state_dir, self.where.key, serial=self.where.serial(tools), osd=osd.id)
        if not self.degraded:
            cluster.order("osd", "out", str(osd.id))
            wait_safe(tools, cluster, [osd.id])
        elif bad := BLOCKED & set(cluster.ask("status")["health"]["checks"]):
            words = f"osd.{osd.id} may hold the last copy of something: {', '.join(sorted(bad))}"
            raise StageFailed(words, "`ceph health detail`")
        answer = tools.runner.run(self.where.node, ["systemctl", "disable", "--now", f"ceph-osd@{osd.id}"], 120)
        if not answer.ok:
            raise StageFailed(f"{self.where.node}: ceph-osd@{osd.id} can't be stopped: {answer.why}")
        gone = purge(tools, cluster, osd.id)
        yield gone
        if not gone.error:
            yield unprepare(tools, self.where.node, osd.id, self.where.path(tools))
            kept.note(tools.ctx.state_dir, self.where.key, purged=True)

    def _no_place(self, cluster: Ceph, osd: Osd) -> str:
        """Why its copies would find no other place; empty when they would."""
        rest = [one for one in cluster.osds() if one.id != osd.id and one.up and one.is_in]
        hosts, copies = {one.host for one in rest}, cluster.copies()
        if len(hosts) < copies:
            return f"without osd.{osd.id} there are {len(hosts)} hosts for {copies} copies"
        full, limit = cluster.fullness_without([osd.id])
        return f"without osd.{osd.id} the others would be {full:.0%} full of {limit:.0%}" if full > limit else ""


@dataclass(frozen=True)
class Change:
    """Another disk is in the slot."""

    where: Where
    name: str = "change"
    summary: str = "another disk is in the slot"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """To be done by hand, where the old disk can be told from the next."""
        if self._is_old(tools):
            words = f"light the slot of {self.where.disk}, where the hardware can; somebody changes the disk"
            yield Doing(self.where.node, words)

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Light the slot, and end: it takes hands now. With another disk in it, put the light out.

        Raises:
            StageFailed: the old disk is there still, or none.
        """
        path = self.where.path(tools)
        if self._is_old(tools):
            lit = tools.runner.run(self.where.node, ["ledctl", f"locate={path}"], 30).ok
            yield Result(
                self.where.node, "light the slot" if lit else "no light: the hardware can't, or ledctl is not there"
            )
            words = f"change disk {self.where.disk} of {self.where.node} now ({path}, serial {self._serial(tools)})"
            raise StageFailed(words, "then give the same command again")
        if not tools.runner.run(self.where.node, ["test", "-e", path], 20).ok:
            raise StageFailed(f"{self.where.node} sees no disk at {path}", "is it in? then give the same command again")
        tools.runner.run(self.where.node, ["ledctl", f"locate_off={path}"], 30)

    def _serial(self, tools: Tools) -> str:
        return str(kept.read(tools.ctx.state_dir, self.where.key).get("serial") or "")

    def _is_old(self, tools: Tools) -> bool:
        known = self._serial(tools)
        return bool(known) and self.where.serial(tools) == known
