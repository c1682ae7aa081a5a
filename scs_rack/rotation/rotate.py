"""The rotation of secrets as stages of a run: both valid, clients moved server by server, the old ones invalid."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scs_rack import clouds, vault
from scs_rack.design import Design
from scs_rack.engine.stage import Context, Stage
from scs_rack.errors import UsageError
from scs_rack.results import Change, Finding, Result
from scs_rack.rotation import states
from scs_rack.rotation.broker import Broker, Cookie
from scs_rack.rotation.database import Databases
from scs_rack.rotation.identity import Logins, ServiceUsers
from scs_rack.rotation.keys import KeyRow, too_early
from scs_rack.rotation.kinds import CLOUD, PLATFORM, Kind, all_names, refusal
from scs_rack.rotation.master_key import MasterKey
from scs_rack.rotation.rolling import release, rolls
from scs_rack.rotation.states import State
from scs_rack.rotation.traces import traces

_DATABASES = Databases()
_SERVICES = ServiceUsers()
_KINDS: dict[str, Kind] = {
    "rabbitmq_password": Broker(),
    "rabbitmq_cookie": Cookie(),
    "metadata_secret": Kind((CLOUD,)),
    "horizon_secret_key": Kind((CLOUD,)),
    "admin_password": Logins(),
    "test_user_password": Logins(()),
    "barbican_kek": MasterKey(),
    "fernet": KeyRow(),
    "credential": KeyRow(),
}

Step = Callable[[Kind, Context, dict[str, str], list[str]], Iterable[Result]]


def kind(name: str) -> Kind:
    """The kind of a secret that can be rotated."""
    if name == "db_keystone":
        return Databases((PLATFORM,))
    if name.startswith("db_"):
        return Databases((CLOUD,))
    return _SERVICES if name.startswith("service_") else _KINDS[name]


def chosen(design: Design, stored: dict[str, str], names: Sequence[str], *, everything: bool) -> list[str]:
    """The secrets to rotate: those named, or all, and those whose rotation did not get to its end.

    Raises:
        UsageError: a name is unknown, or can't be rotated; or nothing is named.
    """
    known = {*vault.names(design), "fernet", "credential"}
    faults = [f"{design.rack.name} has no secret {name}" for name in names if name not in known]
    faults += [f"{name}: {why}" for name in names if name in known and (why := refusal(design, name))]
    left = [name for name in states.unfinished(stored) if refusal(design, name) is None]
    early = None if "fernet" in left else too_early(stored)
    faults += [f"fernet: {early}"] if early and "fernet" in names else []
    if faults:
        raise UsageError("; ".join(faults), "`scs-rack secrets rotate --list` names those that can be rotated")
    if not (names or everything or left):
        raise UsageError("no secret named", "name some, or use --all")
    every = [name for name in all_names(design) if not (early and name == "fernet")]
    wanted = [*(every if everything else names), *left]
    missing = [name for name in wanted if name not in stored and f"{name}_0" not in stored]
    if missing:
        raise UsageError(f"not yet generated: {', '.join(missing)}", "`scs-rack up` does it")
    return list(dict.fromkeys(wanted))


def prepare(keep: Callable[[states.Changes], None], stored: dict[str, str], names: Sequence[str]) -> None:
    """Generate the next ones: from here on a rotation that dies is finished by the next."""
    changes: states.Changes = {}
    for name in names:
        changes |= kind(name).begin(stored, name)
    if changes:
        keep(changes)


def stages(design: Design, names: Sequence[str]) -> list[Stage]:
    """The stages of a rotation."""
    playbooks = [one for one in (PLATFORM, CLOUD) if any(one in kind(name).playbooks for name in names)]
    accept = Accept("accept", (), tuple(names))
    switch = Switch("switch", ("accept",), tuple(names))
    moving = rolls(design, playbooks, "switch")
    retire = Retire("retire", (moving[-1].name if moving else "switch",), tuple(names))
    return [accept, switch, *moving, retire]


@dataclass
class _Part:
    """What the parts share."""

    name: str
    needs: tuple[str, ...]
    names: tuple[str, ...]

    def plan(self, ctx: Context) -> Iterable[Change]:
        """Which secrets."""
        del ctx
        return [Change(self.name, "manager", name) for name in self.names]

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Each step observes what it did: there is nothing more to ask."""
        del ctx
        return ()

    def each(self, ctx: Context, where: State, step: Step) -> Iterable[Result]:
        """Call a step once for each kind, with those of its secrets that stand there."""
        stored = vault.load(ctx.rack_dir)
        by_kind: dict[tuple[str, Kind], list[str]] = {}
        for name in self.names:
            if states.state(stored, name) is where:
                one = kind(name)
                by_kind.setdefault((type(one).__name__, _plain(one)), []).append(name)
        # the administrator's password last: the others are changed in that name
        for (_, one), names in sorted(by_kind.items(), key=lambda item: isinstance(item[0][1], Logins)):
            yield from step(one, ctx, stored, names)


class Accept(_Part):
    """Both the old and the new ones are valid."""

    summary = "the new secrets are valid beside the old ones"

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Make them so."""
        yield from release(ctx)
        yield from self.each(ctx, State.PENDING, lambda one, *rest: one.accept(*rest))


class Switch(_Part):
    """The vault says the new ones."""

    summary = "the vault holds the new secrets"

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Write the vault and clouds.yaml."""
        stored = vault.load(ctx.rack_dir)
        changes: states.Changes = {}
        for name in self.names:
            changes |= kind(name).switch(stored, name)
        if changes:
            vault.change(ctx.rack_dir, changes)
        clouds.ensure(ctx.state_dir, ctx.design, vault.load(ctx.rack_dir))
        yield Result("manager", "write the vault and clouds.yaml", changed=bool(changes))
        yield from self.each(ctx, State.MOVING, lambda one, *rest: one.moved(*rest))


class Retire(_Part):
    """The old ones are invalid."""

    summary = "the old secrets are refused"

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Make them so; only what was observed is forgotten, and only when no server's settings say it any more."""
        stored = vault.load(ctx.rack_dir)
        moving = [name for name in self.names if states.state(stored, name) is State.MOVING and kind(name).written]
        left = traces(ctx, {name: stored[f"{name}_old"] for name in moving})
        if left:
            return left
        results = list(self.each(ctx, State.MOVING, lambda one, *rest: one.retire(*rest)))
        if not any(result.error for result in results):
            stored = vault.load(ctx.rack_dir)
            changes: states.Changes = {}
            for name in self.names:
                changes |= kind(name).finish(stored, name)
            if changes:
                vault.change(ctx.rack_dir, changes)
        return results


def _plain(one: Kind) -> Kind:
    """The same for all secrets of a kind, so that they are done together."""
    return type(one)()
