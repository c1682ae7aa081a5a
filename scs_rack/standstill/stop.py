"""The stages of `scs-rack stop`, each before what it needs: guests, compute, control, Ceph's flags, the rest."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from scs_rack import pki
from scs_rack.bmc import Fleet, Outcome, Power, Target, TimeLimits, targets
from scs_rack.bmc.power_budget import Load, loads
from scs_rack.bmc.power_run import Seen, in_reverse, look
from scs_rack.bmc.stream import stream
from scs_rack.days.tools import Tools, words_of
from scs_rack.engine.stage import Context, Stage
from scs_rack.errors import ScsRackError, StageFailed
from scs_rack.results import Change, Finding, Result
from scs_rack.stages.platform import KEYSTONE_PORT
from scs_rack.stages.platform_members import look as members
from scs_rack.standstill import ceph, guests, record, units
from scs_rack.standstill.step import ANYWAY, CUT, GRACE, USUAL_GRACE, Step, finished

COMPUTE = 3
"""Rank of servers that only run guests (`scs_rack.bmc.power_budget`)."""
SHUTDOWN = 180.0
ANSWER = 10.0
"""Seconds for a connection to the API."""
DISABLED = "the rack is stopped by scs-rack"


def stages() -> list[Stage]:
    """All of them, in their order."""
    found: list[Any] = []
    for kind in (Fit, Guests, ComputeOff, Control, Flags, PowerOff):
        found.append(kind(needs=(found[-1].name,) if found else ()))
    return found


def reached(tools: Tools) -> Any:
    """Nova's part of the SDK; None where the cloud's API does not answer, or there is no cloud."""
    if not tools.has_cloud:
        return None
    try:
        # the SDK would wait for minutes on an address that nobody announces
        socket.create_connection((tools.ctx.design.api.host, KEYSTONE_PORT), ANSWER).close()
        tools.connection.session.get_token()
    except Exception:  # noqa: BLE001 (whatever an SDK raises: it does not answer)
        return None
    return tools.connection.compute


class Fit(Step):
    """Nothing is ill that is better mended while the rack runs, and no guest is in a state that would be lost."""

    name: ClassVar[str] = "fit"
    summary: ClassVar[str] = "copies, quorums and guests are in a state that can be put to rest"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Nothing: this stage only looks."""
        del tools
        yield from ()

    def act(self, tools: Tools) -> Iterator[Result]:
        """Look; a rack of which a part is stopped already was judged when that began."""
        if record.read(tools.ctx.state_dir) is not None:
            yield Result("manager", "judged before; going on with what is left")
            return
        faults = list(self.faults(tools))
        if faults and not tools.ctx.options.get(ANYWAY):
            words = "; ".join(f"{where}: {what}" for where, what in faults)
            raise StageFailed(words, "mend it first, or `scs-rack stop --anyway`; nothing was stopped")
        for where, what in faults:
            seen = Finding("stopped-anyway", "warning", where, "well before it is stopped", what)
            yield Result(where, "judge", findings=(seen,))
        yield Result("manager", "judge")

    def plan(self, ctx: Context) -> Iterable[Change]:
        """What forbids it, as far as it can be seen now."""
        if record.read(ctx.state_dir) is not None:
            return []
        return [Change(self.name, where, f"forbids it: {what}") for where, what in self.faults(self.make(ctx))]

    def faults(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """What is ill: device and words."""
        compute = reached(tools)
        if tools.has_cloud and compute is None:
            yield "cloud", "the API does not answer: guests can't be listed, they are shut down with their hosts"
        elif compute is not None:
            for what, way in guests.obstacles(guests.rows(compute)).items():
                yield "cloud", f"guest {what}: {way}"
        for what in self._storage(tools) if tools.ctx.design.groups["ceph_mon"] else ():
            yield "ceph", what
        for finding in members(tools.ctx):
            yield finding.where, f"{finding.type}: {finding.seen}"

    def _storage(self, tools: Tools) -> list[str]:
        try:
            return ceph.trouble(ceph.ask(tools, "status"), tools.ctx.design.groups["ceph_mon"])
        except Exception as error:  # noqa: BLE001 (no answer is a fault too, whatever the reason)
            return [f"does not answer: {words_of(error)}"]


class Guests(Step):
    """Guests are remembered and shut down; no host takes new ones meanwhile."""

    name: ClassVar[str] = "guests"
    summary: ClassVar[str] = "guests shut down with grace, and remembered"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Hosts that take guests, and guests that run."""
        compute = reached(tools)
        if compute is not None:
            for service in compute.services(binary="nova-compute"):
                if service.status == "enabled":
                    yield str(service.host), "take no new guests"
            for guest in guests.running(guests.rows(compute)):
                yield guest.host or "cloud", f"shut down guest {guest.name} ({guest.id})"
        else:
            for host, names in domains(tools).items():
                yield host, f"guests run, and the cloud's API does not answer: {', '.join(names)}"

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """As the hosts themselves see it, too: what Nova calls off may run."""
        tools = self.make(ctx)
        if ctx.options.get(ANYWAY) and reached(tools) is None:
            return
        yield from super().gate(ctx)
        for host, names in domains(tools).items():
            seen = ", ".join(names)
            yield Finding("guest-runs", "error", host, "no guest runs", seen, f"`virsh list` on {host}")

    def act(self, tools: Tools) -> Iterator[Result]:
        """Close the hosts first, so that the list of guests is whole."""
        compute, state = reached(tools), tools.ctx.state_dir
        if compute is None:
            before = finished(tools.ctx, self.name)
            words = "the API does not answer: guests go down with their hosts, and Nova starts them again"
            yield Result("cloud", "done before" if before else words)
            return
        for service in list(compute.services(binary="nova-compute")):
            if service.status == "enabled":
                record.add(state, "computes", [str(service.host)])
                compute.disable_service(service, disabled_reason=DISABLED)
                yield Result(str(service.host), "take no new guests", changed=True)
        grace = float(tools.ctx.options.get(GRACE, USUAL_GRACE))
        self._calm(tools, compute)
        chosen = guests.running(guests.rows(compute))
        record.add_guests(state, chosen)
        failed = guests.each(lambda guest: compute.stop_server(guest.id), chosen)
        left = guests.settle(tools, chosen, "SHUTOFF", grace)
        for guest in chosen:
            why = failed.get(guest.id) or left.get(guest.id, "")
            error = f"still {why} after {grace:.0f} s" if why and why != "deleted" else None
            yield Result(guest.host or "cloud", f"shut down guest {guest.name}", changed=not why, error=error)
        if not left and not failed:
            record.add(state, "done", [self.name])

    def _calm(self, tools: Tools, compute: Any) -> None:
        """Let what is under way get to its end.

        Raises:
            StageFailed: it does not, in time.
        """
        deadline = time.monotonic() + float(tools.ctx.options.get(GRACE, USUAL_GRACE))
        while busy := guests.passing(guests.rows(compute)):
            if time.monotonic() > deadline or tools.pause(guests.PAUSE):
                raise StageFailed(f"guests have something under way: {', '.join(busy)}", "wait for it, or end it")


def domains(tools: Tools) -> dict[str, list[str]]:
    """Guests that run as libvirt of each host sees it; hosts that don't answer run none that we can tell of."""
    found = {}
    argv = ["virsh", "--connect", "qemu:///system", "list", "--name", "--state-running", "--state-paused"]
    for host in tools.ctx.design.groups["compute"]:
        answer = tools.runner.run(host, argv, 30)
        if answer.ok and (names := answer.out.split()):
            found[host] = names
    return found


class ComputeOff(Step):
    """Servers that only ran guests are switched off."""

    name: ClassVar[str] = "compute"
    summary: ClassVar[str] = "servers that only run guests shut down and seen off"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Those that are on."""
        return _left_on(tools, [load for load in loads(tools.ctx.design.rack) if load.rank == COMPUTE])

    def act(self, tools: Tools) -> Iterable[Result]:
        """Ask their operating systems, and cut what does not obey."""
        return _off(tools, [load for load in loads(tools.ctx.design.rack) if load.rank == COMPUTE])


class Control(Step):
    """The cloud's services stop first, then RabbitMQ, then MariaDB, one controller after the other."""

    name: ClassVar[str] = "control"
    summary: ClassVar[str] = "services of the cloud, RabbitMQ and MariaDB stopped in order"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Units that run, on servers that answer."""
        for host, patterns in self._all(tools).items():
            answer = units.alive(tools, [host], patterns)[host]
            for unit in units.listed(answer) if not answer.unreachable else ():
                yield host, f"stop {unit}"

    def act(self, tools: Tools) -> Iterator[Result]:
        """Stop them; which ones is kept before, so that `start` starts no others."""
        reach = [host for host in tools.ctx.design.in_service if tools.answers(host)]
        for answer in units.alive(tools, reach, (*units.CLOUD, *units.BROKER, *units.DATABASE)).values():
            self._remember(tools, answer.host, units.listed(answer))
        for result in units.stop(tools, reach, units.CLOUD).values():
            yield _stopped("the cloud's services", result)
        controllers = [host for host in tools.ctx.design.groups["controller"] if host in reach]
        for what, patterns in (("RabbitMQ", units.BROKER), ("MariaDB", units.DATABASE)):
            for host in reversed(controllers):  # the first one, which is written to, last
                yield _stopped(what, units.stop(tools, [host], patterns)[host])

    def _remember(self, tools: Tools, host: str, names: Sequence[str]) -> None:
        have = record.begin(tools.ctx.state_dir).units
        both = tuple(dict.fromkeys((*have.get(host, ()), *names)))
        record.note(tools.ctx.state_dir, units={**have, host: both})

    def _all(self, tools: Tools) -> dict[str, tuple[str, ...]]:
        controllers = tools.ctx.design.groups["controller"]
        more = (*units.BROKER, *units.DATABASE)
        return {host: (*units.CLOUD, *(more if host in controllers else ())) for host in tools.ctx.design.in_service}


def _stopped(what: str, answer: Any) -> Result:
    names = units.listed(answer) if answer.ok else []
    error = None if answer.ok else answer.why
    left = units.listed(answer, "left") if answer.ok else []
    if left:
        error = f"still run: {', '.join(left)}"
    return Result(answer.host, f"stop {what}", changed=bool(names), diff="\n".join(names), error=error)


class Flags(Step):
    """Ceph moves nothing, calls nobody dead, and lets clients wait."""

    name: ClassVar[str] = "flags"
    summary: ClassVar[str] = "Ceph's flags set, so that it stays as it is"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Flags that are not set; nothing where all storage hosts are off already."""
        storage = [name for name, node in tools.ctx.design.in_service.items() if "storage" in node.roles]
        if not tools.ctx.design.groups["ceph_mon"]:
            return
        if finished(tools.ctx, self.name) and not any(tools.answers(name) for name in storage):
            return
        has = self._set(tools)
        for flag in ceph.FLAGS:
            if flag not in has:
                yield "ceph", f"set {flag}"

    def _set(self, tools: Tools) -> Sequence[str]:
        """Those that are set; a cluster that does not answer needs none, if the operator said so."""
        try:
            return ceph.flags(tools)
        except ScsRackError:
            if tools.ctx.options.get(ANYWAY):
                return ceph.FLAGS
            raise

    def act(self, tools: Tools) -> Iterator[Result]:
        """Set them; those that are set already are somebody else's, and stay when we start again."""
        if not tools.ctx.design.groups["ceph_mon"]:
            return
        wanted = [words.removeprefix("set ") for _, words in self.left(tools)]
        record.add(tools.ctx.state_dir, "flags", wanted)
        ceph.change(tools, wanted, on=True)
        record.add(tools.ctx.state_dir, "done", [self.name])
        yield Result("ceph", f"set {', '.join(wanted) or 'no more flags'}", changed=bool(wanted))


class PowerOff(Step):
    """All other servers are switched off: storage, network, control."""

    name: ClassVar[str] = "power-off"
    summary: ClassVar[str] = "all servers shut down and seen off; switches stay on"

    def left(self, tools: Tools) -> Iterator[tuple[str, str]]:
        """Servers that are on."""
        return _left_on(tools, loads(tools.ctx.design.rack))

    def act(self, tools: Tools) -> Iterable[Result]:
        """Ask their operating systems, and cut what does not obey; a group begins when the one before is seen off."""
        return _off(tools, loads(tools.ctx.design.rack))


def _left_on(tools: Tools, chosen: Sequence[Load]) -> Iterator[tuple[str, str]]:
    seen = asyncio.run(_look(tools.ctx, chosen))
    for load in chosen:
        if load.name in seen.silent:
            error = seen.silent[load.name].error
            yield load.name, f"its BMC does not tell whether it is on: {error.message if error else 'no answer'}"
        elif seen.states[load.name] is Power.ON:
            yield load.name, "shut down and switch off"


async def _look(ctx: Context, chosen: Sequence[Load]) -> Seen:
    wanted = _targets(ctx, chosen)
    async with Fleet.open(pki.files(ctx.state_dir).ca, known=ctx.state_dir / "bmc/known.json") as fleet:
        return await look(fleet, wanted)


def _targets(ctx: Context, chosen: Sequence[Load]) -> list[Target]:
    return targets(ctx.design, ctx.secrets, [load.name for load in chosen])


def _off(tools: Tools, chosen: Sequence[Load]) -> Iterator[Result]:
    """Switch servers off; each outcome as a result."""
    if not chosen:
        return
    for one in stream(lambda: _switch(tools.ctx, chosen)):
        if one.value is not None:
            yield one.value
        else:
            words = one.error.message if one.error else "no answer"
            yield Result(one.target.name, "power off", duration=one.duration, error=words)


async def _switch(ctx: Context, chosen: Sequence[Load]) -> AsyncIterator[Outcome[Result]]:
    limits = TimeLimits(shutdown=float(ctx.options.get(CUT, SHUTDOWN)))
    wanted = {target.name: target for target in _targets(ctx, chosen)}
    async with Fleet.open(pki.files(ctx.state_dir).ca, limits, known=ctx.state_dir / "bmc/known.json") as fleet:
        seen = await look(fleet, list(wanted.values()))
        for silent in seen.silent.values():
            yield Outcome(silent.target, None, silent.error, silent.duration)
        on = [load for load in chosen if seen.states.get(load.name) is Power.ON]
        unknown = [load for load in chosen if load.name in seen.silent]
        async for outcome in in_reverse(fleet, wanted, on, unknown, cut=True):
            yield outcome
