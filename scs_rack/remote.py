"""Runs commands on many nodes at once over SSH, with the rack's own key and known hosts.

One SSH connection a node serves all commands of a run (ssh_config(5), ControlMaster); it closes by itself when idle.
"""

import asyncio
import hashlib
import os
import shlex
import signal
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scs_rack import ssh
from scs_rack.engine.stage import Context
from scs_rack.errors import UsageError

SSH_FAILED = 255
"""Exit code of ssh(1) when it could not reach the node; commands seldom use it."""
TIMED_OUT = 124
IDLE = 60
"""Seconds after which an unused connection closes."""
AT_ONCE = 24
LONGEST_FOLDER = 107 - 1 - 40 - 9 - 17
"""Bytes of a socket's path (unix(7)), less the slash, the name that ssh gives (`%C`), the mark of a connection that
must be a new one (`scs_rack.sonic`), and what ssh adds while it makes the socket."""


@dataclass(frozen=True)
class Answer:
    """What a command on a node said."""

    host: str
    code: int
    out: str
    err: str
    seconds: float

    @property
    def ok(self) -> bool:
        """True when it ended with exit code 0."""
        return self.code == 0

    @property
    def unreachable(self) -> bool:
        """True when SSH itself failed."""
        return self.code == SSH_FAILED

    @property
    def why(self) -> str:
        """Why it failed, in one line."""
        words = (self.err or self.out).strip().splitlines()
        return words[-1] if words else f"exit code {self.code}"


def run_many(
    ctx: Context, hosts: Iterable[str], argv: Sequence[str] | Mapping[str, Sequence[str]], timeout: float = 30.0
) -> dict[str, Answer]:
    """Run a command on nodes or switches, all at once.

    Args:
        ctx: rack and state.
        hosts: names of servers or switches.
        argv: the command, without a shell; or one for each host. Put no secret into it: others see it in `ps`.
        timeout: seconds until a command is given up (exit code 124).

    Returns:
        One answer for each host, by name; a host that can't be reached has exit code 255.
    """
    return asyncio.run(gather(ctx, hosts, argv, timeout))


def run_one(ctx: Context, host: str, argv: Sequence[str], timeout: float = 30.0) -> Answer:
    """Run a command on one node; as `run_many`."""
    return run_many(ctx, [host], argv, timeout)[host]


async def gather(
    ctx: Context, hosts: Iterable[str], argv: Sequence[str] | Mapping[str, Sequence[str]], seconds: float = 30.0
) -> dict[str, Answer]:
    """As `run_many`, for callers that have an event loop already."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(host: str) -> Answer:
        command = argv[host] if isinstance(argv, Mapping) else argv
        async with places:
            return await _run(host, [*ssh_command(ctx, host), shlex.join(command)], seconds)

    answers = await asyncio.gather(*(one(host) for host in dict.fromkeys(hosts)))
    return {answer.host: answer for answer in answers}


def ssh_command(ctx: Context, host: str) -> list[str]:
    """The ssh(1) command that reaches a server or switch, without what it shall run there.

    Raises:
        UsageError: the rack has no such device.
    """
    design = ctx.design
    device = design.nodes.get(host) or design.switches.get(host)
    if device is None:
        raise UsageError(f"{design.rack.name} has no server or switch {host}")
    options = ssh.options(ctx.state_dir) | {
        "ControlMaster": "auto",
        "ControlPath": f"{_sockets(ctx.state_dir)}/%C",
        "ControlPersist": str(IDLE),
    }
    user = design.rack.access.user if host in design.nodes else "admin"
    command = ["ssh", "-F", "/dev/null", "-T", "-i", str(ssh.files(ctx.state_dir).key)]
    for name, value in options.items():
        command += ["-o", f"{name}={value}"]
    return [*command, f"{user}@{device.mgmt.ip}"]


def _sockets(state_dir: Path) -> Path:
    """A private folder for the sockets: in the state, or elsewhere if that makes their paths too long (unix(7))."""
    folder = state_dir / "ssh/mux"
    if len(str(folder)) > LONGEST_FOLDER:
        key = hashlib.sha256(str(state_dir).encode()).hexdigest()[:8]
        folder = Path(tempfile.gettempdir()) / f"scs-rack-ssh-{os.geteuid()}-{key}"
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise UsageError(f"{folder} is not ours alone", "remove it; another user may have put it there")
    return folder


async def _run(host: str, command: list[str], seconds: float) -> Answer:
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        return Answer(host, TIMED_OUT, "", f"no answer within {seconds:g} s", time.monotonic() - started)
    code = process.returncode if process.returncode is not None else SSH_FAILED
    return Answer(host, code, _text(out), _text(err), time.monotonic() - started)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
