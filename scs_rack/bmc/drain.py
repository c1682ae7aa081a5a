"""What runs on servers is told before they are switched off, and told again when they are back.

Each `Drain` says beforehand what it will do and what it can't, so that nothing is skipped in silence. More can be
added to DRAINS; moving guests to other hosts is not among them yet.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from scs_rack.engine.stage import Context
from scs_rack.files import write_file
from scs_rack.remote import gather
from scs_rack.resources.ensure import connect

ANSWER = 15.0
"""Seconds for an answer of a node or the cloud."""
SERVERS = "servers"
"""Key of `drained` for the servers that were drained."""
_FILE = "power/drained.json"


@dataclass(frozen=True)
class Note:
    """One thing that is drained, was drained, or is not."""

    state: Literal["will", "can't", "done", "failed", "nothing"]
    words: str


class Drain(Protocol):
    """A service that is told before its hosts go."""

    name: str

    async def foresee(self, ctx: Context, servers: Sequence[str]) -> list[Note]:
        """What `drain` will do and what can't be drained; changes nothing."""
        ...

    async def drain(self, ctx: Context, servers: Sequence[str]) -> tuple[list[Note], list[str]]:
        """Do it; also returns what `restore` needs."""
        ...

    async def restore(self, ctx: Context, kept: Sequence[str]) -> list[Note]:
        """Undo it when the servers are back."""
        ...


class CephFlags:
    """Keeps Ceph from moving data while hosts of OSDs are off; all of them off also pauses clients."""

    name = "ceph"

    async def foresee(self, ctx: Context, servers: Sequence[str]) -> list[Note]:
        """Flags that will be set."""
        if not _with_role(ctx, servers, "storage"):
            return [Note("nothing", "Ceph: no host of OSDs among them")]
        speaker, flags = await self._flags(ctx)
        if not speaker:
            return [Note("can't", f"Ceph: {flags}")]
        wanted = [flag for flag in self._wanted(ctx, servers) if flag not in flags.split(",")]
        if not wanted:
            return [Note("nothing", "Ceph: its flags are set already")]
        return [Note("will", f"Ceph: set {', '.join(wanted)} by {speaker}")]

    async def drain(self, ctx: Context, servers: Sequence[str]) -> tuple[list[Note], list[str]]:
        """Set flags, and read them back."""
        speaker, before = await self._flags(ctx)
        if not speaker:
            return [Note("failed", f"Ceph: {before}")], []
        wanted = [flag for flag in self._wanted(ctx, servers) if flag not in before.split(",")]
        for flag in wanted:
            await _ask(ctx, speaker, "ceph", "osd", "set", flag)
        _, after = await self._flags(ctx)
        missing = [flag for flag in wanted if flag not in after.split(",")]
        if missing:
            return [Note("failed", f"Ceph: {', '.join(missing)} not set; it has {after or 'none'}")], wanted
        return [Note("done", f"Ceph: {', '.join(wanted)} set")] if wanted else [], wanted

    async def restore(self, ctx: Context, kept: Sequence[str]) -> list[Note]:
        """Unset the flags that `drain` set, and read them back."""
        speaker, before = await self._flags(ctx)
        if not speaker:
            return [Note("failed", f"Ceph: {before}; unset by hand: {', '.join(kept)}")]
        for flag in kept:
            if flag in before.split(","):
                await _ask(ctx, speaker, "ceph", "osd", "unset", flag)
        _, after = await self._flags(ctx)
        left = [flag for flag in kept if flag in after.split(",")]
        if left:
            return [Note("failed", f"Ceph: {', '.join(left)} still set")]
        return [Note("done", f"Ceph: {', '.join(kept)} unset")]

    def _wanted(self, ctx: Context, servers: Sequence[str]) -> list[str]:
        """Flags for some hosts, or for the whole cluster (Ceph's documentation on shutting down a cluster)."""
        whole = set(_with_role(ctx, ctx.design.nodes, "storage")) <= set(servers)
        return ["noout", *(["norebalance", "norecover", "nobackfill", "nodown"] if whole else [])]

    async def _flags(self, ctx: Context) -> tuple[str, str]:
        """A control node that can ask Ceph, and the flags that are set; or "" and why none can."""
        why = "no control node in service"
        for name in _with_role(ctx, ctx.design.nodes, "control"):
            code, out = await _ask(ctx, name, "timeout", "10", "ceph", "osd", "dump", "--format", "json")
            if code == 0:
                try:
                    return name, ",".join(json.loads(out)["flags_set"])
                except (ValueError, KeyError, TypeError):
                    why = f"{name} says no flags"
            else:
                why = f"{name}: {out}"
        return "", why


class ComputeServices:
    """Tells Nova that hosts go, so that no guest is placed there; guests are shut down with their host, not moved."""

    name = "compute"

    async def foresee(self, ctx: Context, servers: Sequence[str]) -> list[Note]:
        """Services that will be disabled, and guests that are not moved."""
        hosts = _with_role(ctx, servers, "compute")
        if not hosts:
            return [Note("nothing", "compute: no host of guests among them")]
        if not _clouds(ctx).is_file():
            return [Note("nothing", "compute: there is no cloud yet")]
        try:
            guests = await asyncio.wait_for(asyncio.to_thread(_guests, ctx, hosts), ANSWER)
        except Exception as error:  # noqa: BLE001 (an SDK raises anything; whatever it is, the cloud can't be told)
            words = f"compute: the cloud does not answer ({type(error).__name__}); its guests are not known"
            return [Note("can't", words)]
        notes = [Note("will", f"compute: disable nova-compute on {', '.join(hosts)}")]
        for host, names in guests.items():
            words = f"compute: {len(names)} guests on {host} are shut down with it, not moved: {', '.join(names)[:200]}"
            notes.append(Note("can't", words))
        return notes

    async def drain(self, ctx: Context, servers: Sequence[str]) -> tuple[list[Note], list[str]]:
        """Disable the services, and read them back."""
        hosts = _with_role(ctx, servers, "compute")
        if not hosts or not _clouds(ctx).is_file():
            return [], []
        return await self._switch(ctx, hosts, on=False)

    async def restore(self, ctx: Context, kept: Sequence[str]) -> list[Note]:
        """Enable what `drain` disabled."""
        return (await self._switch(ctx, kept, on=True))[0]

    async def _switch(self, ctx: Context, hosts: Sequence[str], *, on: bool) -> tuple[list[Note], list[str]]:
        words = f"nova-compute {'enabled' if on else 'disabled'} on"
        try:
            done = await asyncio.wait_for(asyncio.to_thread(_set_compute, ctx, hosts, on=on), 4 * ANSWER)
        except Exception as error:  # noqa: BLE001 (as above)
            return [
                Note("failed", f"compute: not {words} {', '.join(hosts)}: {type(error).__name__}: {error}"[:300])
            ], []
        return [Note("done", f"compute: {words} {', '.join(done)}")] if done else [], done


DRAINS: tuple[Drain, ...] = (ComputeServices(), CephFlags())
"""In the order in which they are drained; restored in the reverse order."""


async def foresee(ctx: Context, servers: Sequence[str]) -> list[Note]:
    """What draining these servers will do, and what it can't."""
    running = [name for name in servers if ctx.design.nodes[name].in_service]
    if not running:
        return [Note("nothing", "none of them is in service")]
    return [note for one in await asyncio.gather(*(d.foresee(ctx, running) for d in DRAINS)) for note in one]


async def drain(ctx: Context, servers: Sequence[str]) -> list[Note]:
    """Drain what can be drained now of these servers, and keep what was done until `restore`."""
    running = [name for name in servers if ctx.design.nodes[name].in_service]
    notes: list[Note] = []
    kept = drained(ctx.state_dir)
    for one in DRAINS if running else ():
        if not any(note.state == "will" for note in await one.foresee(ctx, running)):
            continue  # the plan has said so
        said, done = await one.drain(ctx, running)
        notes += said
        if done:
            kept[one.name] = sorted({*kept.get(one.name, []), *done})
            kept[SERVERS] = sorted({*kept.get(SERVERS, []), *running})
            _keep(ctx.state_dir, kept)
    return notes


async def restore(ctx: Context) -> list[Note]:
    """Undo all that `drain` did; what fails is kept for the next time."""
    notes: list[Note] = []
    kept = drained(ctx.state_dir)
    for one in reversed(DRAINS):
        if one.name not in kept:
            continue
        said = await one.restore(ctx, kept[one.name])
        notes += said
        if not any(note.state == "failed" for note in said):
            del kept[one.name]
            _keep(ctx.state_dir, kept if set(kept) != {SERVERS} else {})
    return notes


def drained(state_dir: Path) -> dict[str, list[str]]:
    """What is drained now, by the name of the drain, and which servers it was for."""
    try:
        data = json.loads((state_dir / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): [str(word) for word in words] for name, words in data.items()} if isinstance(data, dict) else {}


def _keep(state_dir: Path, kept: Mapping[str, list[str]]) -> None:
    path = state_dir / _FILE
    if kept:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_file(path, json.dumps(kept))
    else:
        path.unlink(missing_ok=True)


def _with_role(ctx: Context, servers: Iterable[str], role: str) -> list[str]:
    nodes = ctx.design.nodes
    return [name for name in servers if nodes[name].in_service and role in nodes[name].roles]


async def _ask(ctx: Context, host: str, *argv: str) -> tuple[int, str]:
    answer = (await gather(ctx, [host], argv, ANSWER))[host]
    return answer.code, answer.out if answer.ok else answer.why


def _clouds(ctx: Context) -> Path:
    from scs_rack.clouds import clouds_file

    return clouds_file(ctx.state_dir)


def _guests(ctx: Context, hosts: Sequence[str]) -> dict[str, list[str]]:
    """Names of running guests by host."""
    cloud = connect(_clouds(ctx), "admin")
    found: dict[str, list[str]] = {}
    for guest in cloud.compute.servers(all_projects=True):
        host = str(guest.compute_host or "").split(".", 1)[0]
        if host in hosts and guest.status == "ACTIVE":
            found.setdefault(host, []).append(str(guest.name))
    return found


def _set_compute(ctx: Context, hosts: Sequence[str], *, on: bool) -> list[str]:
    """Enable or disable nova-compute; returns the hosts on which it was changed and seen to be."""
    cloud = connect(_clouds(ctx), "admin")
    reason = "switched off by scs-rack"
    changed = []
    for service in list(cloud.compute.services(binary="nova-compute")):
        host, enabled = str(service.host).split(".", 1)[0], service.status == "enabled"
        if host not in hosts or enabled == on:
            continue
        if on:
            cloud.compute.enable_service(service)
        else:
            cloud.compute.disable_service(service, disabled_reason=reason)
        changed.append(host)
    wanted = "enabled" if on else "disabled"
    seen = {str(s.host).split(".", 1)[0]: s.status for s in cloud.compute.services(binary="nova-compute")}
    wrong = [host for host in changed if seen.get(host) != wanted]
    if wrong:
        raise RuntimeError(f"{', '.join(wrong)} did not become {wanted}")
    return changed
