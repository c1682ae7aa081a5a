"""`scs-rack node`: one server: its console, its installation, and its days in the rack."""

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import sys
import termios
import tty
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from scs_rack.bmc.types import Console
from scs_rack.cli import fleet
from scs_rack.cli.common import Commands, add_command, add_noun, rack_option
from scs_rack.cli.node_days import add_days
from scs_rack.cli.node_discover import add_discover
from scs_rack.cli.node_install import add_install
from scs_rack.errors import UsageError

_CHUNK = 1024
_HELP = b"\r\n~.  leave the console\r\n~~  type ~\r\n~?  this help\r\n"


def register(commands: Commands) -> None:
    """Add `node` with its verbs."""
    verbs = add_noun(commands, "node", "one server: its console, its installation, and its days in the rack")
    parser = add_command(
        verbs,
        "console",
        console,
        "open the serial console of a server; leave it by ~. at the beginning of a line",
        ("scs-rack node console node1 -r inventory/lab", "scs-rack node console node1 -r inventory/lab --seconds 60"),
    )
    rack_option(parser)
    parser.add_argument("servers", metavar="NODE", nargs=1)
    parser.add_argument("--seconds", type=float, metavar="S", help="leave after this time")
    parser.set_defaults(limit=None)
    add_install(verbs)
    add_discover(verbs)
    add_days(verbs)


def console(args: argparse.Namespace) -> int:
    """Open the console and keep what is printed."""
    which = fleet.call(args)
    log = which.state_dir / "consoles" / f"{args.servers[0]}.log"
    with _opened(log) as file, _raw_terminal() as interactive:
        screen = Screen(sys.stdout.buffer, file, interactive=interactive)
        if interactive:
            os.write(2, f"console of {args.servers[0]}; ~. leaves, ~? helps; kept in {log}\r\n".encode())
        try:
            asyncio.run(_talk(which, screen, args.seconds))
        except KeyboardInterrupt:
            return 130
    print(f"kept in {log}", file=sys.stderr)
    return 0


class Keys:
    """What a person types, with the escapes taken out: `~` counts at the beginning of a line only."""

    def __init__(self) -> None:
        self.left = False
        self._fresh = True
        self._tilde = False

    def read(self, typed: bytes) -> tuple[bytes, bytes]:
        """What goes to the server, and what is said to the person."""
        out, said = bytearray(), b""
        for byte in typed:
            if self._tilde:
                self._tilde = False
                if byte == ord("."):
                    self.left = True
                    break
                if byte == ord("?"):
                    said = _HELP
                    continue
                if byte != ord("~"):
                    out.append(ord("~"))
            elif byte == ord("~") and self._fresh:
                self._tilde = True
                continue
            out.append(byte)
            self._fresh = byte in b"\r\n"
        return bytes(out), said


class Screen:
    """A person's terminal, or pipes; all that is printed goes to the log too."""

    def __init__(self, out: BinaryIO, log: BinaryIO, *, interactive: bool) -> None:
        self.interactive = interactive
        self._out = out
        self._log = log

    def show(self, data: bytes) -> None:
        """Print what the server sent, and keep it."""
        self._log.write(data)
        self._log.flush()
        self.say(data)

    def say(self, data: bytes) -> None:
        """Print without keeping."""
        self._out.write(data)
        self._out.flush()


async def _talk(which: fleet.Call, screen: Screen, seconds: float | None) -> None:
    async with which.fleet() as calling, calling.bmc(which.targets[0]) as bmc, bmc.console() as line:
        tasks = [asyncio.create_task(_print(line, screen)), asyncio.create_task(_type(line, screen))]
        try:
            done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
        if tasks[0] in done:
            screen.say(b"\r\nthe BMC closed the console\r\n")


async def _print(line: Console, screen: Screen) -> None:
    async for data in line.output():
        screen.show(data)


async def _type(line: Console, screen: Screen) -> None:
    """Send what is typed until the person leaves; the end of a pipe ends only the typing."""
    keys = Keys()
    async for typed in _typed():
        out, said = keys.read(typed) if screen.interactive else (typed, b"")
        if out:
            await line.send(out)
        if said:
            screen.say(said)
        if keys.left:
            return
    if screen.interactive:
        return
    await asyncio.Event().wait()


async def _typed() -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    descriptor = sys.stdin.fileno()
    try:
        loop.add_reader(descriptor, ready.set)
    except OSError:  # a regular file is always ready
        while data := os.read(descriptor, _CHUNK):
            yield data
        return
    try:
        while True:
            await ready.wait()
            ready.clear()
            data = os.read(descriptor, _CHUNK)
            if not data:
                return
            yield data
    finally:
        loop.remove_reader(descriptor)


@contextlib.contextmanager
def _opened(log: Path) -> Iterator[BinaryIO]:
    """The log, for its owner only: consoles show secrets."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.fchmod(descriptor, 0o600)
    except OSError as error:
        raise UsageError(f"{log}: {error.strerror}", "the state of the rack must be writable") from error
    with os.fdopen(descriptor, "ab") as file:
        file.write(f"\n--- {dt.datetime.now(dt.UTC).isoformat(timespec='seconds')} ---\n".encode())
        file.flush()
        yield file


@contextlib.contextmanager
def _raw_terminal() -> Iterator[bool]:
    """Give each key to the server as it is typed; False where nobody sits at a terminal."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield False
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield True
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
