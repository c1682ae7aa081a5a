"""Bytes from a program on a node, and to one, as they come: nothing of a backup lies on a node's disk for long."""

import shlex
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import IO

from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, StageFailed, Unreachable
from scs_rack.remote import SSH_FAILED, ssh_command

READ = 1 << 18
LIMIT = 4 * 3600.0
"""Seconds after which a program is given up."""


def fetch(ctx: Context, host: str, argv: Sequence[str], sink: Callable[[bytes], object]) -> None:
    """Give what a program prints to `sink`.

    Raises:
        Unreachable: SSH failed.
        StageFailed: the program failed; what was given to `sink` is not whole then.
        Interrupted: the operator stopped it.
    """
    with _running(ctx, host, argv, stdin=False) as (process, errors):
        assert process.stdout is not None
        while piece := process.stdout.read(READ):
            sink(piece)
            if ctx.stop.requested.is_set():
                raise Interrupted(f"stopped while {host} was read")
        _judge(host, process, errors)


def feed(ctx: Context, host: str, argv: Sequence[str], pieces: Iterable[bytes]) -> str:
    """Give pieces to a program; what it prints (little) is returned.

    Raises:
        as `fetch`; and whatever `pieces` raises: the program is killed then.
    """
    with _running(ctx, host, argv, stdin=True) as (process, errors):
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # it ended early, and says why
            for piece in pieces:
                process.stdin.write(piece)
                if ctx.stop.requested.is_set():
                    raise Interrupted(f"stopped while {host} was written to")
            process.stdin.flush()
        with suppress(BrokenPipeError):
            process.stdin.close()
        said = process.stdout.read()
        _judge(host, process, errors)
    return said.decode(errors="replace")


class _running:  # noqa: N801 (reads as what it is: with _running(...))
    """A program on a node; killed when we leave before its end."""

    def __init__(self, ctx: Context, host: str, argv: Sequence[str], *, stdin: bool) -> None:
        self._command = [*ssh_command(ctx, host), shlex.join(argv)]
        self._stdin = subprocess.PIPE if stdin else subprocess.DEVNULL

    def __enter__(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command, stdin=self._stdin, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True
        )
        self._timer = threading.Timer(LIMIT, self._process.kill)
        self._timer.daemon = True
        self._timer.start()
        return self._process, self._errors

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        self._errors.close()


def _judge(host: str, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    code = process.wait()
    if not code:
        return
    errors.seek(0)
    lines = errors.read()[-4000:].decode(errors="replace").strip().splitlines()
    words = lines[-1] if lines else f"exit code {code}"
    if code == SSH_FAILED:
        raise Unreachable(f"{host} can't be reached: {words}")
    raise StageFailed(f"{host}: {words}")
