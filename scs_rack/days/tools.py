"""What the parts of an operation act by: commands on nodes, the cloud's API, and BMCs; each can be stood in for."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

from scs_rack import pki
from scs_rack.bmc import Bmc, Fleet, Power, TimeLimits, targets
from scs_rack.bmc.actions import Action, act
from scs_rack.clouds import clouds_file
from scs_rack.days.nova import Nova
from scs_rack.days.placement import Placement
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, StageFailed, Unreachable
from scs_rack.remote import Answer, run_one
from scs_rack.resources.ensure import connect
from scs_rack.results import Result

T = TypeVar("T")


class Runner(Protocol):
    """Runs a command on a node."""

    def run(self, host: str, argv: Sequence[str], timeout: float = 30.0) -> Answer:
        """What it said; a node that can't be reached has the exit code of ssh(1)."""
        ...


class Machines(Protocol):
    """Power of servers, by their BMCs."""

    def is_on(self, name: str) -> bool:
        """As the BMC says.

        Raises:
            BmcError: it can't be asked.
        """
        ...

    def switch(self, name: str, action: Action) -> Result:
        """Do it and observe it."""
        ...


@dataclass(frozen=True)
class Ssh:
    """Commands over SSH."""

    ctx: Context

    def run(self, host: str, argv: Sequence[str], timeout: float = 30.0) -> Answer:
        """As `scs_rack.remote`."""
        return run_one(self.ctx, host, argv, timeout)


@dataclass(frozen=True)
class Bmcs:
    """Servers' BMCs."""

    ctx: Context

    def is_on(self, name: str) -> bool:
        """As the BMC says."""

        async def ask(bmc: Bmc, _limits: TimeLimits) -> Power:
            return await bmc.power_state()

        return self._with(name, ask) is Power.ON

    def switch(self, name: str, action: Action) -> Result:
        """Do it and observe it."""
        return self._with(name, lambda bmc, limits: act(bmc, action, limits))

    def _with(self, name: str, work: Callable[[Bmc, TimeLimits], Awaitable[T]]) -> T:
        (target,) = targets(self.ctx.design, self.ctx.secrets, [name])
        ca, known = pki.files(self.ctx.state_dir).ca, self.ctx.state_dir / "bmc/known.json"

        async def call() -> T:
            async with Fleet.open(ca, known=known) as fleet, fleet.bmc(target) as bmc:
                return await work(bmc, fleet.limits)

        return asyncio.run(call())


@dataclass
class Tools:
    """All of them, for one run."""

    ctx: Context
    runner: Runner
    machines: Machines

    @cached_property
    def connection(self) -> Any:
        """The cloud's API as its administrator (openstacksdk ships no types)."""
        return connect(clouds_file(self.ctx.state_dir), "admin")

    @cached_property
    def nova(self) -> Nova:
        """Nova's API."""
        return Nova(self.connection.compute)

    @cached_property
    def placement(self) -> Placement:
        """Placement's API."""
        return Placement(self.connection.placement)

    @property
    def has_cloud(self) -> bool:
        """False for a rack whose cloud was never brought up."""
        return clouds_file(self.ctx.state_dir).is_file()

    def answers(self, host: str) -> bool:
        """True if a node answers over SSH."""
        return self.runner.run(host, ["true"], 15).ok

    def say(self, device: str, words: str) -> None:
        """Progress."""
        self.ctx.emit(Result(device, words))

    def pause(self, seconds: float) -> bool:
        """Wait; True when the operator wants to stop."""
        return self.ctx.stop.wait(seconds)

    def ask(self, hosts: Iterable[str], argv: Sequence[str], timeout: float = 30.0) -> Answer:
        """Run a command on the first of some nodes that can be reached; its own failure is an answer too.

        Raises:
            Unreachable: none can.
        """
        answer = None
        for host in hosts:
            answer = self.runner.run(host, argv, timeout)
            if not answer.unreachable:
                return answer
        words = f"{answer.host}: {answer.why}" if answer else "there is none"
        raise Unreachable(f"no node can be asked for `{' '.join(argv[:4])}`: {words}")

    def told(self, hosts: Iterable[str], argv: Sequence[str], timeout: float = 30.0) -> str:
        """The same; what it printed.

        Raises:
            StageFailed: it failed.
        """
        answer = self.ask(hosts, argv, timeout)
        if not answer.ok:
            raise StageFailed(f"{answer.host}: `{' '.join(argv)}`: {answer.why}")
        return answer.out

    def json(self, hosts: Iterable[str], argv: Sequence[str], timeout: float = 30.0) -> Any:
        """The same; decoded.

        Raises:
            StageFailed: it failed, or printed something else.
        """
        text = self.told(hosts, argv, timeout)
        try:
            return json.loads(text)
        except ValueError as error:
            raise StageFailed(f"`{' '.join(argv)}` printed no JSON: {text[:200]!r}") from error


def of(ctx: Context) -> Tools:
    """The real ones."""
    return Tools(ctx, Ssh(ctx), Bmcs(ctx))


Make = Callable[[Context], Tools]


def words_of(error: Exception) -> str:
    """An error in one line, whoever raised it."""
    return error.message if isinstance(error, ScsRackError) else f"{type(error).__name__}: {error}"[:300]
