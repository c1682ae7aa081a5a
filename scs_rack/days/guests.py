"""Guests of a hypervisor: moved while they run, one by one; rebuilt elsewhere when the hypervisor is dead."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scs_rack.days import kept
from scs_rack.days.fence import Fence, dead
from scs_rack.days.nova import Guest, Hypervisor
from scs_rack.days.part import Doing, Refusal, refuse
from scs_rack.days.tools import Tools
from scs_rack.errors import Interrupted, StageFailed
from scs_rack.results import Result

REASON = "scs-rack: out of service"
MOVABLE = frozenset({"ACTIVE", "PAUSED"})
"""States in which Nova moves a guest while it runs."""
ASLEEP = frozenset({"SHUTOFF", "STOPPED"})
GONE = frozenset({"SHELVED_OFFLOADED", "DELETED", "SOFT_DELETED"})
PAUSE = 2.0
LIMIT = 1800.0
"""Seconds that one guest may take; Nova itself gives a migration up after less (live_migration_completion_timeout)."""
UNIT = "nova-compute"


def hypervisor(tools: Tools, node: str) -> Hypervisor | None:
    """A node's, where the cloud has one."""
    if "compute" not in tools.ctx.design.nodes[node].roles or not tools.has_cloud:
        return None
    return tools.nova.hypervisor(node)


@dataclass(frozen=True)
class Close:
    """No new guest is placed there."""

    node: str
    name: str = "close"
    summary: str = "no new guests are placed on the server"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """Somebody else must be left to take guests."""
        one = hypervisor(tools, self.node)
        if one is None or not tools.nova.guests(one.host):
            return
        others = [other for other in tools.nova.hypervisors() if other.host != one.host and other.enabled and other.up]
        if not others:
            reason = f"{self.node} is the only hypervisor that takes guests, and it has some"
            yield Refusal(reason, "enable or mend another one first (`openstack compute service list`)")

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The service, unless it is disabled."""
        one = hypervisor(tools, self.node)
        if one is not None and one.enabled:
            yield Doing(self.node, "disable nova-compute: no new guests")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Disable it and read it back."""
        one = hypervisor(tools, self.node)
        if one is None or not one.enabled:
            return
        kept.note(tools.ctx.state_dir, self.node, closed=True)
        tools.nova.disable(one, REASON)
        seen = hypervisor(tools, self.node)
        error = "it is enabled still" if seen and seen.enabled else None
        yield Result(self.node, "disable nova-compute: no new guests", changed=True, error=error)


@dataclass(frozen=True)
class Away:
    """Guests run elsewhere."""

    node: str
    leave: frozenset[str] = field(default_factory=frozenset)
    """Names or IDs of guests that stay."""
    asleep: bool = False
    """Also guests that are shut off: needed when the server does not come back."""
    unplugged: bool = False
    """The operator's word that a server whose BMC is silent has no power."""
    name: str = "guests"
    summary: str = "its guests run on other servers"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """Guests that can't be moved, each with its name and what helps."""
        one = hypervisor(tools, self.node)
        if one is None:
            return
        is_dead = dead(tools, self.node)
        for guest in self._there(tools, one):
            if guest.task and not is_dead:
                if guest.task != "migrating":
                    yield Refusal(f"guest {guest} is busy ({guest.task})", "wait until it is done")
            elif guest.status not in MOVABLE | ASLEEP and not (is_dead and guest.status in {"ERROR", "MIGRATING"}):
                way = "`--leave` it there" if not self.asleep else "its owner or you must end that first"
                yield Refusal(f"guest {guest} is {guest.status}, and can't be moved", _cure(guest.status) or way)

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Guests that are there."""
        one = hypervisor(tools, self.node)
        if one is None:
            return
        how = "rebuild from its disks elsewhere" if dead(tools, self.node) else "move while it runs"
        for guest in self._there(tools, one):
            words = "take over (it is shut off, and stays so)" if guest.status in ASLEEP else how
            if guest.status not in ASLEEP or self._takes_asleep(tools):
                yield Doing(self.node, f"guest {guest}: {words}")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """One guest after the other; what fails does not keep the others from being moved."""
        one = hypervisor(tools, self.node)
        if one is None:
            return
        if dead(tools, self.node):
            refuse(Fence(self.node, unplugged=self.unplugged).refusals(tools))  # off now, not some time ago
            yield from self._evacuate(tools, one, self._there(tools, one))
            return
        for guest in self._there(tools, one):
            if guest.status not in ASLEEP:
                yield self._move(tools, one, guest)
        left = [guest for guest in self._there(tools, one) if guest.status in ASLEEP]
        if left and self.asleep:
            # Nova hands over a guest that is shut off only from a host that is down: it is, as far as Nova goes
            answer = tools.runner.run(self.node, ["systemctl", "stop", UNIT], 90)
            if not answer.ok:
                raise StageFailed(f"{self.node}: {UNIT} can't be stopped: {answer.why}")
            running = tools.told([self.node], ["virsh", "--quiet", "list", "--uuid"]).split()
            if awake := [str(guest) for guest in left if guest.id in running]:
                raise StageFailed(f"{', '.join(awake)} run on {self.node}, although Nova says that they are shut off")
            yield from self._evacuate(tools, one, left)

    def _takes_asleep(self, tools: Tools) -> bool:
        return self.asleep or dead(tools, self.node)

    def _there(self, tools: Tools, one: Hypervisor) -> list[Guest]:
        return [
            guest
            for guest in tools.nova.guests(one.host)
            if guest.status not in GONE and not {guest.id, guest.name} & self.leave
        ]

    def _move(self, tools: Tools, one: Hypervisor, guest: Guest) -> Result:
        """Live migration of one; read back where it runs."""
        words = f"guest {guest}: move while it runs"
        try:
            if guest.task != "migrating":
                tools.nova.live_migrate(guest)
        except StageFailed as error:
            return Result(self.node, words, error=error.message)
        return self._arrived(tools, one, guest, words)

    def _arrived(self, tools: Tools, one: Hypervisor, guest: Guest, words: str) -> Result:
        waited = 0.0
        while True:
            now = tools.nova.guest(guest)
            if now is None:
                return Result(self.node, f"guest {guest}: deleted by its owner meanwhile")
            if not now.task and now.status != "MIGRATING":
                if now.host != one.host:
                    error = f"it is {now.status} on {now.host}: {now.fault}" if now.status == "ERROR" else None
                    return Result(self.node, words, changed=True, diff=f"{one.host} -> {now.host}", error=error)
                if now.status == "ERROR" or waited > 10 or tools.nova.last_migration(guest) in {"error", "failed"}:
                    why = tools.nova.last_error(guest) or now.fault or "Nova tells no reason"
                    return Result(self.node, words, error=f"it is still on {one.host}: {why}")
            if waited > LIMIT:
                return Result(self.node, words, error=f"not there after {LIMIT:.0f} s ({now.task or now.status})")
            if tools.pause(PAUSE):
                raise Interrupted("stopped; Nova ends the migration that it has begun")
            waited += PAUSE

    def _evacuate(self, tools: Tools, one: Hypervisor, guests: list[Guest]) -> Iterator[Result]:
        """Rebuild guests from their disks elsewhere; their host must be proven off, or run none of them."""
        if not guests:
            return
        if not one.forced_down:
            kept.note(tools.ctx.state_dir, self.node, forced_down=True)
            tools.nova.force_down(one, down=True)
            yield Result(self.node, "tell Nova that the hypervisor is down", changed=True)
        for guest in guests:
            words = f"guest {guest}: rebuild from its disks elsewhere"
            try:
                if not guest.task:
                    tools.nova.evacuate(guest)
            except StageFailed as error:
                yield Result(self.node, words, error=error.message)
                continue
            yield self._arrived(tools, one, guest, words)


def _cure(status: str) -> str:
    return {
        "SUSPENDED": "`openstack server resume` it first, or `--leave` it there",
        "RESCUE": "`openstack server unrescue` it first, or `--leave` it there",
        "VERIFY_RESIZE": "`openstack server resize confirm` or `revert` it first",
        "ERROR": "`openstack server show` says why; mend it, or `--leave` it there",
        "BUILD": "wait until it is built",
    }.get(status, "")
