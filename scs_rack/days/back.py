"""A server is in service again: what was done when it left is undone, and nothing else."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.days import ceph, kept
from scs_rack.days.guests import hypervisor
from scs_rack.days.osds import PAUSE, SAY, STILL, is_storage, names
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.errors import Interrupted, StageFailed
from scs_rack.results import Result

UP = 120.0
"""Seconds that OSDs and nova-compute have to speak up."""


@dataclass(frozen=True)
class Whole:
    """Its OSDs are up, all copies are there, and it may be declared out again when it is silent."""

    node: str
    name: str = "storage"
    summary: str = "the server's OSDs are up, and all copies are there"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """OSDs that are down, copies that are missing, the flag."""
        if not is_storage(tools, self.node):
            return
        cluster = ceph.of(tools, self.node)
        osds = cluster.osds(self.node)
        if down := [osd for osd in osds if not osd.up]:
            yield Doing("ceph", f"wait for {names(down)} of {self.node}")
        if osds and cluster.left() > 0:
            yield Doing("ceph", f"wait for copies of {cluster.left():.1%} of all objects")
        if kept.read(tools.ctx.state_dir, self.node).get("noout"):
            yield Doing("ceph", f"unset noout for {self.node}")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Wait with progress, then take the flag away and read it."""
        if not is_storage(tools, self.node):
            return
        cluster = ceph.of(tools, self.node)
        waited = 0.0
        while down := [osd for osd in cluster.osds(self.node) if not osd.up]:
            if waited > UP:
                hint = f"`systemctl status 'ceph-osd@*'` on {self.node}"
                raise StageFailed(f"{names(down)} of {self.node} are down after {UP:.0f} s", hint)
            _wait(tools)
            waited += PAUSE
        self._copies(tools, cluster)
        if kept.read(tools.ctx.state_dir, self.node).get("noout"):
            cluster.set_noout(self.node, on=False)
            error = "it is set still" if cluster.noout(self.node) else None
            if error is None:
                kept.note(tools.ctx.state_dir, self.node, noout=None)
            yield Result("ceph", f"unset noout for {self.node}", changed=True, error=error)

    def _copies(self, tools: Tools, cluster: ceph.Ceph) -> None:
        least, still, looks = 2.0, 0.0, 0
        while (left := cluster.left()) > 0:
            still = 0.0 if left < least else still + PAUSE
            least = min(least, left)
            if looks % SAY == 0:
                tools.say("ceph", f"copies of {left:.1%} of all objects are made anew")
            looks += 1
            if still > STILL:
                raise StageFailed("nothing is copied any more", "`ceph pg stat`; then give the command again")
            _wait(tools)


@dataclass(frozen=True)
class Open:
    """Guests may be placed there again."""

    node: str
    name: str = "open"
    summary: str = "guests may be placed on the server again"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """What we did to the service."""
        known = kept.read(tools.ctx.state_dir, self.node)
        if known.get("forced_down"):
            yield Doing(self.node, "tell Nova that the hypervisor is not down")
        if known.get("closed"):
            yield Doing(self.node, "enable nova-compute, once it is up")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Undo it, in this order, and read it back."""
        folder = tools.ctx.state_dir
        known = kept.read(folder, self.node)
        one = hypervisor(tools, self.node)
        if one is None:
            kept.note(folder, self.node, forced_down=None, closed=None)
            return
        if known.get("forced_down"):
            if one.forced_down:
                tools.nova.force_down(one, down=False)
            kept.note(folder, self.node, forced_down=None)
            yield Result(self.node, "tell Nova that the hypervisor is not down", changed=True)
        if not known.get("closed"):
            return
        waited = 0.0
        while (one := hypervisor(tools, self.node)) is None or not one.up:
            if waited > UP:
                hint = f"`journalctl -u nova-compute` on {self.node}"
                raise StageFailed(f"nova-compute of {self.node} is not up after {UP:.0f} s", hint)
            _wait(tools)
            waited += PAUSE
        if not one.enabled:
            tools.nova.enable(one)
        seen = hypervisor(tools, self.node)
        error = None if seen and seen.enabled else "it is disabled still"
        if error is None:
            kept.note(folder, self.node, closed=None)
        yield Result(self.node, "enable nova-compute", changed=True, error=error)


def _wait(tools: Tools) -> None:
    if tools.pause(PAUSE):
        raise Interrupted("stopped; give the command again")
