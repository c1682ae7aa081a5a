"""The stages of `scs-rack start`: servers as the feeds can carry them, quorums, flags, services, the same guests."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from scs_rack.days.tools import Tools, words_of
from scs_rack.engine.stage import Context, Stage
from scs_rack.errors import ScsRackError, StageFailed
from scs_rack.results import Finding, Result
from scs_rack.stages.ceph import CephStage
from scs_rack.stages.copies import is_clean
from scs_rack.standstill import ceph, guests, record, units
from scs_rack.standstill.step import ANYWAY, GRACE, PAUSE, USUAL_GRACE, Await, Step
from scs_rack.standstill.stop import reached

QUORUM = 600.0
"""Seconds for servers that have just booted to find each other."""
CLEAN = 900.0
"""Seconds for Ceph to have all copies again."""
SERVICES = 900.0
"""Seconds for MariaDB's members to agree on the newest data, and for the cloud's services to come up after that."""


def stages(known: Iterable[Stage]) -> list[Stage]:
    """All of them, in their order.

    Args:
        known: the stages of `up`; `bmc` is run as it is, the gates of others are waited for.
    """
    by_name = {stage.name: stage for stage in known}
    found: list[Any] = [by_name["bmc"], Await(by_name["base"], ("bmc",), QUORUM)]
    for kind in (Quorum, Awake):
        found.append(kind(needs=(found[-1].name,)))
    found.append(Await(by_name["platform"], ("units",), SERVICES))
    found.append(Open(needs=("platform",)))
    found.append(Await(by_name["cloud"], ("open",), SERVICES))
    found.append(GuestsBack(needs=("cloud",)))
    return found


def _until(tools: Tools, seconds: float, left: Callable[[], list[str]]) -> list[str]:
    """Wait until nothing is left; what is when time is up."""
    deadline, said = time.monotonic() + seconds, list[str]()
    while True:
        try:
            found = left()
        except ScsRackError as error:
            found = [error.message]
        except Exception as error:  # noqa: BLE001 (an SDK raises anything while services come up)
            found = [words_of(error)]
        if found and found != said:
            tools.say("manager", f"waiting: {'; '.join(found[:3])}"[:200])
            said = found
        if not found or time.monotonic() > deadline or tools.pause(PAUSE):
            return found


class Quorum(Step):
    """Monitors agree, OSDs run, and only then our flags go; `noout` when all copies are there."""

    name: ClassVar[str] = "quorum"
    summary: ClassVar[str] = "Ceph's monitors and OSDs back, its flags removed, all copies there"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Flags that we set and that are still there."""
        kept = record.begin(tools.ctx.state_dir).flags if record.read(tools.ctx.state_dir) else ()
        has = ceph.flags(tools) if kept else []
        for flag in kept:
            if flag in has:
                yield "ceph", f"unset {flag}"

    def act(self, tools: Tools) -> Iterator[Result]:
        """Wait, take flags away, wait again."""
        if not tools.ctx.design.groups["ceph_mon"]:
            return
        yield self._wait(tools, "all monitors in the quorum", lambda: self._mons(tools), QUORUM)
        yield self._wait(tools, "all OSDs run", lambda: ceph.silent_osds(tools), QUORUM)
        ours = [words.removeprefix("unset ") for _, words in self.left(tools)]
        moving = [flag for flag in reversed(ceph.FLAGS) if flag in ours and flag != "noout"]
        ceph.change(tools, moving, on=False)
        yield Result("ceph", f"unset {', '.join(moving) or 'nothing'}", changed=bool(moving))
        yield self._wait(tools, "all placement groups active and clean", lambda: self._unclean(tools), CLEAN)
        if "noout" in ours:
            ceph.change(tools, ["noout"], on=False)
            yield Result("ceph", "unset noout", changed=True)

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """No flag of ours is left; then the gate of stage `ceph`, which writes and reads data."""
        yield from super().gate(ctx)
        if not ctx.options.get(ANYWAY):
            yield from CephStage().gate(ctx)

    def _wait(self, tools: Tools, what: str, left: Callable[[], list[str]], seconds: float) -> Result:
        begin = time.monotonic()
        found = _until(tools, seconds, left)
        took = time.monotonic() - begin
        if found and not tools.ctx.options.get(ANYWAY):
            hint = "mend it and give the command again; `--anyway` goes on without"
            raise StageFailed(f"not so after {took:.0f} s: {what}: {'; '.join(found)}", hint)
        findings = [Finding("started-anyway", "warning", "ceph", what, one) for one in found]
        return Result("ceph", what, findings=tuple(findings), duration=took)

    def _mons(self, tools: Tools) -> list[str]:
        here = set(ceph.ask(tools, "quorum_status")["quorum_names"])
        return [
            f"monitor {name} is out of the quorum" for name in tools.ctx.design.groups["ceph_mon"] if name not in here
        ]

    def _unclean(self, tools: Tools) -> list[str]:
        status = ceph.ask(tools, "status")
        osds = status["osdmap"]
        states = status["pgmap"].get("pgs_by_state", [])
        found = [f"{row['count']} {row['state_name']}" for row in states if not is_clean(row["state_name"])]
        if osds["num_up_osds"] < osds["num_in_osds"]:
            found.append(f"{osds['num_in_osds'] - osds['num_up_osds']} OSDs down")
        return found


class Awake(Step):
    """Units that we stopped run again; on servers that were switched off they have started by themselves."""

    name: ClassVar[str] = "units"
    summary: ClassVar[str] = "services that were stopped, started where they don't run already"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Units that don't run."""
        found = record.read(tools.ctx.state_dir)
        for host, names in (found.units if found else {}).items():
            alive = units.listed(units.alive(tools, [host], names)[host])
            for unit in names:
                if unit not in alive:
                    yield host, f"start {unit}"

    def act(self, tools: Tools) -> Iterator[Result]:
        """Start them, on all hosts at once: members of clusters wait for each other."""
        by_host: dict[str, list[str]] = {}
        for host, words in self.left(tools):
            by_host.setdefault(host, []).append(words.removeprefix("start "))
        for host, names in by_host.items():
            units.start(tools, host, names)
            yield Result(host, f"start {len(names)} units", changed=True, diff="\n".join(names))

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """The gates of platform and cloud tell whether they came up: here they were only begun."""
        del ctx
        return ()


class Open(Step):
    """Hosts take guests again, where we closed them."""

    name: ClassVar[str] = "open"
    summary: ClassVar[str] = "nova-compute enabled where it was disabled by us"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Hosts that are closed."""
        found = record.read(tools.ctx.state_dir)
        if found is None or not found.computes:
            return
        for service in tools.connection.compute.services(binary="nova-compute"):
            if str(service.host) in found.computes and service.status != "enabled":
                yield str(service.host), "take guests"

    def act(self, tools: Tools) -> Iterator[Result]:
        """Open them, once the API can be asked."""
        found = record.read(tools.ctx.state_dir)
        if found is None or not found.computes:
            return
        if why := _until(tools, SERVICES, lambda: self._deaf(tools)):
            raise StageFailed(f"nova-compute can't be enabled: {'; '.join(why)}", "give the command again")
        compute = tools.connection.compute
        for service in list(compute.services(binary="nova-compute")):
            if str(service.host) in found.computes and service.status != "enabled":
                compute.enable_service(service)
                yield Result(str(service.host), "take guests", changed=True)

    def _deaf(self, tools: Tools) -> list[str]:
        """Why the API can't be asked; what the SDK raises is a reason too."""
        if reached(tools) is None:
            return ["the cloud's API does not answer"]
        list(tools.connection.compute.services(binary="nova-compute"))
        return []


@dataclass
class GuestsBack(Step):
    """Guests that ran before run again; those that were deleted meanwhile, or were off, are left."""

    name: ClassVar[str] = "guests"
    summary: ClassVar[str] = "the guests that ran before started"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Those that don't run."""
        found = record.read(tools.ctx.state_dir)
        if found is None or not found.guests:
            return
        states = {one.guest.id: one.status for one in guests.rows(tools.connection.compute)}
        for guest in found.guests:
            if states.get(guest.id, "ACTIVE") != "ACTIVE":
                yield guest.host or "cloud", f"start guest {guest.name} ({states[guest.id]})"

    def act(self, tools: Tools) -> Iterator[Result]:
        """Start them, and forget what we remembered once all run."""
        found = record.read(tools.ctx.state_dir)
        if found is None:
            yield Result("cloud", "no guest to start")
            return
        compute = tools.connection.compute
        states = {one.guest.id: one.status for one in guests.rows(compute)}
        chosen = [guest for guest in found.guests if states.get(guest.id) not in (None, "ACTIVE")]
        failed = guests.each(lambda guest: compute.start_server(guest.id), chosen)
        grace = float(tools.ctx.options.get(GRACE, USUAL_GRACE))
        left = guests.settle(tools, chosen, "ACTIVE", grace)
        for guest in chosen:
            why = failed.get(guest.id) or left.get(guest.id, "")
            error = f"still {why}" if why and why != "deleted" else None
            yield Result(guest.host or "cloud", f"start guest {guest.name}", changed=not why, error=error)
        if not {name: why for name, why in (left | failed).items() if why != "deleted"}:
            record.forget(tools.ctx.state_dir)
            yield Result("manager", f"{len(chosen)} guests run again; the rack is as it was", changed=True)
