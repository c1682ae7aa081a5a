"""The serial console of a server of the lab: `python -m scs_rack.lab.serial GROUP FOLDER PROGRAM…`.

Runs the machine on a terminal of its own. What the machine prints goes to standard output (which is its console's
log); what is sent to the datagram socket `console.sock` in its folder is typed. Imports nothing but Python's own
library: one such process runs for each server that is on.
"""

import contextlib
import fcntl
import os
import pty
import select
import socket
import struct
import sys
import termios
from pathlib import Path

SOCKET = "console.sock"
ESCAPE = b"\x1d"
"""Typed three times it would end systemd-nspawn; no serial line does that, so it is left out."""
CHUNK = 4096


def _child(group: Path, program: list[str]) -> None:
    """Become the machine, in its own control group."""
    (group / "machine/cgroup.procs").write_text("0", encoding="ascii")
    os.execvp(program[0], program)  # noqa: S606 (no shell is meant)


def _listen(folder: Path) -> socket.socket:
    os.chdir(folder)  # paths of sockets are short
    with contextlib.suppress(FileNotFoundError):
        Path(SOCKET).unlink()
    typing = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    before = os.umask(0o177)
    typing.bind(SOCKET)
    os.umask(before)
    return typing


def relay(terminal: int, typing: socket.socket, out: int) -> None:
    """Carry characters both ways until the machine has gone."""
    while True:
        ready, _, _ = select.select([terminal, typing.fileno()], [], [])
        if terminal in ready:
            try:
                printed = os.read(terminal, CHUNK)
            except OSError:  # the last one who held the other end is gone
                return
            if not printed:
                return
            os.write(out, printed)
        if typing.fileno() in ready:
            typed = typing.recv(CHUNK).replace(ESCAPE, b"")
            with contextlib.suppress(OSError):
                os.write(terminal, typed)


def main(argv: list[str]) -> int:
    """Run a machine; returns its exit code, 128 and more for a signal."""
    group, folder, program = Path(argv[0]), Path(argv[1]), argv[2:]
    typing = _listen(folder)
    process, terminal = pty.fork()
    if process == 0:
        try:
            _child(group, program)
        finally:
            os._exit(127)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 80, 0, 0))
    relay(terminal, typing, 1)
    with contextlib.suppress(FileNotFoundError):
        Path(SOCKET).unlink()
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
