"""Commands on a switch over SSH: the rack's key and known hosts only, real exit codes, one writer per switch."""

import fcntl
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, Unreachable
from scs_rack.remote import SSH_FAILED, ssh_command

T = TypeVar("T")

AT_ONCE = 32
"""Switches that are talked to at the same time."""
TIMEOUT = 60.0
"""Seconds for a command; a `config replace` of a big change gets more."""


class SwitchRefused(ScsRackError):
    """A switch answered, and did not do what it was asked."""


class SwitchUnreachable(Unreachable):
    """A switch does not answer over SSH."""


class SwitchBusy(ScsRackError):
    """Another process of this machine is changing the switch."""

    exit_code = 4


@dataclass(frozen=True)
class Reply:
    """What a command on a switch said."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def why(self) -> str:
        """Why it failed, in one line."""
        lines = [line for line in (self.err or self.out).strip().splitlines() if line]
        return lines[-1] if lines else f"exit code {self.code}"


@dataclass(frozen=True)
class Switch:
    """A switch that can be called."""

    ctx: Context
    name: str
    line: str = ""
    """Name of a connection of its own; calls without one share a connection."""

    def renewed(self) -> "Switch":
        """The same switch over a new connection, to see that it still takes one. Call `hang_up` in the end."""
        return replace(self, line=secrets.token_hex(4))

    def _ssh(self, *options: str) -> list[str]:
        argv = [
            f"{word}-{self.line}" if self.line and word.startswith("ControlPath=") else word
            for word in ssh_command(self.ctx, self.name)
        ]
        return [argv[0], *options, *argv[1:]]

    def hang_up(self) -> None:
        """Close the connection."""
        subprocess.run(self._ssh("-O", "exit"), capture_output=True, check=False)  # there may be none

    def run(self, command: str, *, stdin: str = "", timeout: float = TIMEOUT) -> Reply:
        """Run a shell command.

        Args:
            command: for the switch's shell; put no secret into it.
            stdin: what the command reads.
            timeout: seconds.

        Raises:
            SwitchUnreachable: SSH failed, or the command took too long.
        """
        argv = [*self._ssh(), command]
        started = time.monotonic()
        try:
            done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired as error:
            raise SwitchUnreachable(f"{self.name}: no answer within {timeout:g} s") from error
        reply = Reply(done.returncode, done.stdout, done.stderr, time.monotonic() - started)
        if reply.code == SSH_FAILED:
            raise SwitchUnreachable(f"{self.name}: {reply.why}", "is the switch on, and its host key known?")
        return reply

    def ask(self, command: str, *, timeout: float = TIMEOUT) -> str:
        """Run a shell command that must succeed; returns what it prints.

        Raises:
            SwitchUnreachable: as in `run`.
            SwitchRefused: it failed.
        """
        reply = self.run(command, timeout=timeout)
        if reply.code:
            raise SwitchRefused(f"{self.name}: `{command}` failed: {reply.why}")
        return reply.out

    def ask_json(self, command: str) -> Any:
        """Run a shell command that must succeed and print JSON.

        Raises:
            SwitchUnreachable, SwitchRefused: as in `ask`; also when it is no JSON.
        """
        text = self.ask(command)
        try:
            return json.loads(text)
        except ValueError as error:
            raise SwitchRefused(f"{self.name}: `{command}` did not print JSON: {text[:80]!r}") from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the right to change the switch, on this machine.

        Raises:
            SwitchBusy: another process holds it.
        """
        folder = self.ctx.state_dir / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"switch-{self.name}").open("w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise SwitchBusy(f"another process is changing {self.name}", "wait for it to end") from error
            yield


def switches(ctx: Context) -> list[Switch]:
    """All switches of a rack that the limit takes in."""
    return [Switch(ctx, name) for name in ctx.design.switches if ctx.selected(name)]


def on_all(targets: Iterable[Switch], work: Callable[[Switch], T]) -> dict[str, T | ScsRackError]:
    """Do something on many switches at once; a switch's failure is its answer."""

    def one(switch: Switch) -> T | ScsRackError:
        try:
            return work(switch)
        except ScsRackError as error:
            return error

    chosen = list(targets)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return {switch.name: answer for switch, answer in zip(chosen, pool.map(one, chosen), strict=True)}
