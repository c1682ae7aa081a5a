"""Commands on a switch over SSH: the rack's key and known hosts only, real exit codes, bounded in time."""

import json
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scs_rack import ssh, vault
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, UsageError
from scs_rack.sonic.connection import CONNECTIONS, Login, NotStarted, SwitchUnreachable
from scs_rack.sonic.lock import Held, SwitchBusy, locked

if TYPE_CHECKING:
    from paramiko import Channel

__all__ = ["Reply", "Switch", "SwitchBusy", "SwitchRefused", "SwitchUnreachable", "on_all", "switches"]

T = TypeVar("T")

AT_ONCE = 32
"""Switches that are talked to at the same time."""
TIMEOUT = 60.0
"""Seconds for a command; a change of the configuration gets more."""
USER = "admin"
"""Who may do all on a SONiC switch, by sudo(8) without a password."""


class SwitchRefused(ScsRackError):
    """A switch answered, and did not do what it was asked."""


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


@cache
def _stored(rack_dir: Path) -> dict[str, str]:
    try:
        return vault.load(rack_dir)
    except UsageError:
        return {}


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

    @property
    def login(self) -> Login:
        """Where it answers.

        Raises:
            UsageError: the rack has no such switch.
        """
        device = self.ctx.design.switches.get(self.name)
        if device is None:
            raise UsageError(f"{self.ctx.design.rack.name} has no switch {self.name}")
        files = ssh.files(self.ctx.state_dir)
        return Login(self.name, str(device.mgmt.ip), USER, files.key, files.known_hosts, self._password)

    def _password(self) -> str | None:
        name = f"login_{self.name}"
        return self.ctx.secrets.get(name) or _stored(self.ctx.rack_dir).get(name)

    def hang_up(self) -> None:
        """Close the connection."""
        CONNECTIONS.close(self.login, self.line)

    def start(self, command: str) -> "Channel":
        """Start a shell command and talk to it.

        Raises:
            SwitchUnreachable: there is no connection.
        """
        connection = CONNECTIONS.get(self.login, self.line)
        try:
            return connection.start(command)
        except SwitchUnreachable:  # it was lost while nobody looked
            self.hang_up()
            return CONNECTIONS.get(self.login, self.line).start(command)

    def run(self, command: str, *, stdin: str | bytes = "", timeout: float = TIMEOUT) -> Reply:
        """Run a shell command.

        Args:
            command: for the switch's shell; put no secret into it.
            stdin: what the command reads.
            timeout: seconds.

        Raises:
            SwitchUnreachable: SSH failed, or the command took too long.
        """
        data = stdin.encode() if isinstance(stdin, str) else stdin
        started = time.monotonic()
        try:
            code, out, err = CONNECTIONS.get(self.login, self.line).run(command, data, timeout)
        except NotStarted:
            self.hang_up()
            code, out, err = CONNECTIONS.get(self.login, self.line).run(command, data, timeout)
        return Reply(code, out.decode(errors="replace"), err.decode(errors="replace"), time.monotonic() - started)

    def put(self, local: Path, remote: str, moved: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        """Copy a file to the switch; `moved` is told bytes that are there, and bytes in all.

        Raises:
            SwitchUnreachable: it could not be copied.
        """
        CONNECTIONS.get(self.login, self.line).put(local, remote, moved)

    def ask(self, command: str, *, stdin: str | bytes = "", timeout: float = TIMEOUT) -> str:
        """Run a shell command that must succeed; returns what it prints.

        Raises:
            SwitchUnreachable: as in `run`.
            SwitchRefused: it failed.
        """
        reply = self.run(command, stdin=stdin, timeout=timeout)
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

    def locked(self) -> AbstractContextManager[Held]:
        """Hold the right to change the switch; raises SwitchBusy if another process holds it."""
        return locked(self)


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
