"""OSDs of a server: kept in while it is away for a while, emptied and forgotten when it goes."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from scs_rack.days import ceph, kept
from scs_rack.days.ceph import Ceph, Osd
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.design.inventory import node_vars
from scs_rack.errors import Interrupted, StageFailed
from scs_rack.results import Result

PAUSE = 3.0
SAY = 10
"""Looks between two words of progress."""
STILL = 1800.0
"""Seconds without any progress after which waiting ends; the command goes on when it is given again."""


def is_storage(tools: Tools, node: str) -> bool:
    """True if the server holds OSDs, as the rack file says."""
    return "storage" in tools.ctx.design.nodes[node].roles


def osd_uuid(fsid: str, node: str, disk: str) -> str:
    """UUID of the OSD on a disk, as module `ceph_cluster` makes it (RFC 9562, version 5)."""
    return str(uuid.uuid5(uuid.UUID(fsid), f"{node}/{disk}"))


def names(osds: Iterable[Osd | int]) -> str:
    """For people."""
    return ", ".join(f"osd.{osd if isinstance(osd, int) else osd.id}" for osd in osds)


@dataclass(frozen=True)
class KeepIn:
    """While the server is away its OSDs are not declared out: no data moves, and no copy more is lost."""

    node: str
    name: str = "noout"
    summary: str = "Ceph knows that the server's OSDs come back"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """All data must be served without them."""
        if not is_storage(tools, self.node):
            return
        cluster = ceph.of(tools, self.node)
        osds = [osd for osd in cluster.osds(self.node) if osd.up]
        if not osds:
            return
        verdict = cluster.ok_to_stop([osd.id for osd in osds])
        if not verdict.good:
            reason = f"Ceph would not serve all data without {names(osds)} of {self.node}: {verdict.words}"
            yield Refusal(reason, "`ceph health detail` says what is ill; mend it and wait for active+clean")

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The flag, unless it is set."""
        if is_storage(tools, self.node):
            cluster = ceph.of(tools, self.node)
            if cluster.has_bucket(self.node) and not cluster.noout(self.node):
                yield Doing("ceph", f"set noout for {self.node}: {names(cluster.osds(self.node))} stay in")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Set the flag and read it back."""
        for doing in self.plan(tools):
            kept.note(tools.ctx.state_dir, self.node, noout=True)
            cluster = ceph.of(tools, self.node)
            cluster.set_noout(self.node, on=True)
            seen = None if cluster.noout(self.node) else "the flag is not set"
            yield Result(doing.device, doing.words, changed=True, error=seen)


@dataclass(frozen=True)
class Empty:
    """All data leaves the server's OSDs before they are forgotten."""

    node: str
    only: tuple[int, ...] | None = None
    """Numbers of some OSDs; all when None."""
    name: str = "empty"
    summary: str = "no data lies on the server's OSDs any more"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """There must be room for all copies on other hosts, and all data must be served meanwhile."""
        cluster, osds = self._osds(tools)
        staying = [osd for osd in osds if osd.is_in]
        if not staying:
            return
        ids = [osd.id for osd in osds]
        if self.only is None:
            hosts = {osd.host for osd in cluster.osds() if osd.host != self.node and osd.is_in and osd.up}
            copies = cluster.copies()
            if len(hosts) < copies:
                others = ", ".join(sorted(hosts)) or "none"
                reason = f"{copies} copies want {copies} storage hosts; without {self.node} there are {others}"
                way = (
                    f"add a storage host first (`state: active`, `scs-rack up`), or `scs-rack node replace {self.node}`"
                )
                yield Refusal(reason, way)
        full, limit = cluster.fullness_without(ids)
        if full > limit:
            reason = f"without {names(osds)} the others would be {full:.0%} full, and Ceph warns from {limit:.0%}"
            yield Refusal(reason, "add disks or delete data first")
        up = [osd.id for osd in osds if osd.up]
        verdict = cluster.ok_to_stop(up) if up else None
        if verdict and not verdict.good:
            way = "`ceph health detail` says what is ill; mend it and wait for active+clean"
            yield Refusal(f"Ceph would not serve all data without {names(up)}: {verdict.words}", way)

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """OSDs that are in, or hold data still."""
        cluster, osds = self._osds(tools)
        staying = [osd for osd in osds if osd.is_in]
        if staying:
            yield Doing("ceph", f"take {names(staying)} of {self.node} out, and wait until they are safe to destroy")
        elif osds and not cluster.safe_to_destroy([osd.id for osd in osds]).good:
            yield Doing("ceph", f"wait until {names(osds)} of {self.node} are safe to destroy")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Take them out and wait, with progress, as long as there is some.

        Raises:
            Interrupted: the operator wants to stop; Ceph goes on moving data.
            StageFailed: nothing moves any more.
        """
        if not list(self.plan(tools)):
            return
        cluster, osds = self._osds(tools)
        ids = [osd.id for osd in osds]
        leaving = [osd.id for osd in osds if osd.is_in]
        if leaving:
            cluster.order("osd", "out", *map(str, leaving))
            left = [osd.id for osd in self._osds(tools)[1] if osd.is_in]
            error = f"{names(left)} are in still" if left else None
            yield Result("ceph", f"take {names(leaving)} out", changed=True, error=error)
            if error:
                return
        wait_safe(tools, cluster, ids)
        yield Result("ceph", f"{names(ids)} hold nothing that is needed", changed=True)

    def _osds(self, tools: Tools) -> tuple[Ceph, list[Osd]]:
        if not is_storage(tools, self.node):
            return ceph.of(tools, self.node), []
        cluster = ceph.of(tools, self.node)
        found = cluster.osds(self.node)
        return cluster, [osd for osd in found if self.only is None or osd.id in self.only]


@dataclass(frozen=True)
class Purge:
    """Ceph forgets the OSDs; done only with what is safe to destroy."""

    node: str
    only: tuple[int, ...] | None = None
    name: str = "purge"
    summary: str = "Ceph has forgotten the server's OSDs"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """Judged when it comes to it: what is emptied before is not empty yet."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """What Ceph knows still."""
        if not is_storage(tools, self.node):
            return
        cluster = ceph.of(tools, self.node)
        for osd in self._osds(cluster):
            yield Doing("ceph", f"stop and purge osd.{osd.id} of {self.node}")
        if self.only is None and cluster.has_bucket(self.node):
            yield Doing("ceph", f"remove {self.node} from the CRUSH map")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Stop each, ask once more, and forget it.

        Raises:
            StageFailed: one is not safe to destroy.
        """
        if not is_storage(tools, self.node):
            return
        cluster = ceph.of(tools, self.node)
        osds = self._osds(cluster)
        if osds:
            verdict = cluster.safe_to_destroy([osd.id for osd in osds])
            if not verdict.good:
                raise StageFailed(f"{names(osds)}: {verdict.words}", "nothing was purged; give the command again")
            units = [f"ceph-osd@{osd.id}" for osd in osds]
            answer = tools.runner.run(self.node, ["systemctl", "disable", "--now", *units], 120)
            if not answer.ok and not answer.unreachable:
                raise StageFailed(f"{self.node}: {', '.join(units)} can't be stopped: {answer.why}")
            paths = self._paths(tools)
            for osd in osds:
                yield purge(tools, cluster, osd.id)
                if osd.uuid in paths:
                    yield unprepare(tools, self.node, osd.id, paths[osd.uuid])
        if self.only is None and cluster.has_bucket(self.node):
            cluster.order("osd", "crush", "rm", self.node)
            error = f"the CRUSH map has {self.node} still" if cluster.has_bucket(self.node) else None
            yield Result("ceph", f"remove {self.node} from the CRUSH map", changed=True, error=error)
        kept.note(tools.ctx.state_dir, self.node, noout=None)

    def _paths(self, tools: Tools) -> dict[str, str]:
        """Paths of the server's disks by the UUID of their OSD."""
        design = tools.ctx.design
        disks = node_vars(design, design.nodes[self.node])["osd_disks"]
        return {osd_uuid(design.fsid, self.node, str(one["name"])): str(one["path"]) for one in disks}

    def _osds(self, cluster: Ceph) -> list[Osd]:
        return [osd for osd in cluster.osds(self.node) if self.only is None or osd.id in self.only]


def purge(tools: Tools, cluster: Ceph, number: int) -> Result:
    """Forget one OSD, which does not run; read back."""
    for _ in range(20):  # the map says that it runs until its death was told
        if not any(osd.up for osd in cluster.osds() if osd.id == number):
            break
        tools.pause(1.0)
    cluster.order("osd", "purge", str(number), "--yes-i-really-mean-it")
    cluster.order("config", "rm", f"osd.{number}", "osd_crush_initial_weight")  # of one that had not entered yet
    left = any(row["osd"] == number for row in cluster.ask("osd", "dump")["osds"])
    return Result("ceph", f"purge osd.{number}", changed=True, error="it is known still" if left else None)


UNPREPARE = r"""
set -eu
rm -rf "/var/lib/ceph/osd/ceph-$1"
test -e "$2" || exit 0
dd if=/dev/zero of="$2" bs=1M count=16 conv=notrunc,fsync status=none
cmp -s -n 16777216 "$2" /dev/zero
"""
"""Takes an OSD's folder and the label of its disk away: the next OSD of this host and disk has the same UUID, and would
be taken for the old one."""


def unprepare(tools: Tools, node: str, number: int, path: str) -> Result:
    """Have a server forget an OSD that Ceph has forgotten; what its disk holds is worth nothing any more."""
    answer = tools.runner.run(node, ["sh", "-c", UNPREPARE, "sh", str(number), path], 120)
    words = f"the disk of osd.{number} carries no label any more"
    return Result(node, words, changed=True, error=None if answer.ok or answer.unreachable else answer.why)


def wait_safe(tools: Tools, cluster: Ceph, ids: Sequence[int]) -> None:
    """Wait until OSDs are safe to destroy.

    Raises:
        Interrupted: the operator wants to stop.
        StageFailed: no progress for long.
    """
    least, still, looks = 2.0, 0.0, 0
    while not (verdict := cluster.safe_to_destroy(ids)).good:
        left = cluster.left()
        still = 0.0 if left < least else still + PAUSE
        least = min(least, left)
        if looks % SAY == 0:
            tools.say("ceph", f"moving data off {names(ids)}: {left:.1%} of all objects left; {verdict.words}")
        looks += 1
        if still > STILL:
            raise StageFailed(f"nothing moves any more: {verdict.words}", "`ceph pg stat`; then give the command again")
        if tools.pause(PAUSE):
            raise Interrupted("stopped; Ceph goes on moving data")
