"""One seed: a fresh rack, a command that is killed at a random moment, at most two further `up`, and a comparison."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .observe import State, differences

Kind = Literal["orchestrator", "node"]
AGAIN = 2
"""Runs of `up` after which the rack must be as if nothing had happened."""


class World(Protocol):
    """A rack that can be brought up, hurt and looked at."""

    nodes: Sequence[str]

    def fresh(self) -> None:
        """Nothing is configured, as before the first run."""
        ...

    def begin(self, words: Sequence[str]) -> "subprocess.Popen[Any]":
        """Start a command of scs-rack in a process group of its own."""
        ...

    def cut(self, node: str) -> None:
        """Cut a server's power."""
        ...

    def observe(self) -> State:
        """The state of all devices."""
        ...


@dataclass
class Outcome:
    """Of one seed."""

    seed: int
    kind: Kind
    what: str
    """What was killed, and when."""
    codes: list[int] = field(default_factory=list)
    """Exit codes of the runs of `up` afterwards."""
    differences: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """True when the rack is as it would be."""
        return bool(self.codes) and self.codes[-1] == 0 and not self.differences


def further(act: Sequence[str]) -> list[str]:
    """What an operator gives after a command was killed: `up`, as far as the command itself went when it was `up`."""
    return list(act) if act[0] == "up" else ["up"]


def reference(world: World, act: Sequence[str], say: Callable[[str], None]) -> tuple[float, State]:
    """Seconds that a run takes which nobody kills, and the state after it.

    Raises:
        RuntimeError: it failed: there is nothing to compare with.
    """
    world.fresh()
    begun = time.monotonic()
    code = world.begin(act).wait()
    took = time.monotonic() - begun
    if code:
        raise RuntimeError(f"a run that nobody killed ended with {code}")
    state = world.observe()
    again = world.begin(further(act)).wait()
    left = list(differences(state, world.observe()))
    if again or left:
        raise RuntimeError(f"the state is not stable without kills (exit code {again}): {'; '.join(left[:10])}")
    say(f"reference: {took:.0f} s")
    return took, state


def one(world: World, seed: int, kind: Kind, act: Sequence[str], whole: tuple[float, State]) -> Outcome:
    """Kill once, by the numbers of a seed; the same seed kills at the same place."""
    numbers = random.Random(f"{kind} {seed}")
    took, wanted = whole
    moment = numbers.uniform(0.0, took)
    node, children = numbers.choice(list(world.nodes)), numbers.random() < 0.5
    world.fresh()
    process = world.begin(act)
    with suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    early = process.poll() is not None
    if kind == "node":
        world.cut(node)
        process.wait()
        what = f"power of {node}"
    else:
        _kill(process, children=children)
        what = "scs-rack and its children" if children else "scs-rack alone"
    done = Outcome(seed, kind, f"{what} after {moment:.1f} s{' (it had ended)' if early else ''}")
    for _ in range(AGAIN):
        done.codes.append(world.begin(further(act)).wait())
        if not done.codes[-1]:
            break
    done.differences = list(differences(wanted, world.observe()))
    return done


def _kill(process: "subprocess.Popen[Any]", *, children: bool) -> None:
    with suppress(ProcessLookupError):
        if children:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
    process.wait()
