"""What there is to update on each server."""

import importlib.resources
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scs_rack.bmc.power_budget import loads
from scs_rack.days import kept
from scs_rack.days.tools import Tools
from scs_rack.errors import StageFailed, Unreachable

Reboot = Literal["needed", "always", "never"]
MARK = "upgrade"
"""In what is kept of a server: an upgrade of it has begun."""
WITHIN = 120.0
SHOWN = 6


@dataclass(frozen=True)
class Update:
    """A package with a newer version."""

    name: str
    old: str
    new: str
    security: bool

    def __str__(self) -> str:
        return f"{self.name} {self.old} -> {self.new}"


@dataclass(frozen=True)
class Server:
    """What a server says."""

    name: str
    updates: tuple[Update, ...]
    reboot: tuple[str, ...]
    """Why it should be restarted."""
    boot: str
    """Changes with each start."""
    begun: bool
    """True when an upgrade of it did not get to its end."""

    def work(self, reboot: Reboot) -> bool:
        """True when there is something to do."""
        return bool(self.updates or self.begun or (self.reboot and reboot != "never"))

    @property
    def words(self) -> str:
        """What there is to do, for people."""
        names = [str(one) for one in self.updates[:SHOWN]]
        more = f" and {len(self.updates) - SHOWN} more" if len(self.updates) > SHOWN else ""
        said = [f"{len(self.updates)} packages: {', '.join(names)}{more}"] if self.updates else []
        said += [f"restart: {why}" for why in self.reboot]
        return "; ".join([*said, *(["go on where it stopped"] if self.begun else [])]) or "up to date"


def order(tools: Tools, names: Sequence[str]) -> list[str]:
    """Servers in the order in which they are upgraded: who serves fewest others first, controllers last."""
    rank = {load.name: load.rank for load in loads(tools.ctx.design.rack)}
    place = {name: number for number, name in enumerate(tools.ctx.design.in_service)}
    return sorted(names, key=lambda name: (not _begun(tools, name), -rank[name], -place[name]))


def look(tools: Tools, name: str, *, security: bool) -> Server:
    """Ask a server.

    Raises:
        Unreachable: it does not answer.
        StageFailed: apt can't tell.
    """
    program = importlib.resources.files("scs_rack.upgrade").joinpath("probe.py").read_text(encoding="utf-8")
    answer = tools.runner.run(name, ["python3", "-c", program, "security" if security else "all"], WITHIN)
    if answer.unreachable:
        raise Unreachable(f"{name} can't be reached: {answer.why}")
    if not answer.ok:
        raise StageFailed(f"{name}: {answer.why}")
    return read(tools, name, json.loads(answer.out))


def read(tools: Tools, name: str, said: dict[str, Any]) -> Server:
    """What the program on the server printed."""
    found = tuple(Update(one["name"], one["old"], one["new"], one["security"]) for one in said["updates"])
    return Server(name, found, tuple(said["reboot"]), said["boot"], _begun(tools, name))


def _begun(tools: Tools, name: str) -> bool:
    return bool(kept.read(tools.ctx.state_dir, name).get(MARK))
