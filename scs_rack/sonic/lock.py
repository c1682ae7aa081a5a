"""One writer for a switch. The lock is on the switch, so that two managers of a rack see each other.

A process on the switch holds flock(1) as long as it hears from us: the lock is free at once when we end or die, and
after `LEASE` seconds when the link is cut. SONiC's own ConfigLock is a stub: two changes at once would mix.
"""

import getpass
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scs_rack.errors import ScsRackError
from scs_rack.sonic.connection import SwitchUnreachable

if TYPE_CHECKING:
    from scs_rack.sonic.transport import Switch

LEASE = 60
"""Seconds after which a switch frees the lock of a manager that it no longer hears."""
BEAT = 15.0
"""Seconds between two signs of life."""
BUSY = 75
LOCK, HOLDER = "/run/scs-rack.lock", "/run/scs-rack.holder"
_HOLD = f'read -r who; echo "$who" >{HOLDER}; echo held; while read -r -t {LEASE} _; do :; done; rm -f {HOLDER}'
COMMAND = f"sudo flock -n -E {BUSY} {LOCK} bash -c '{_HOLD}'"


class SwitchBusy(ScsRackError):
    """Another process is changing the switch."""

    exit_code = 4


def myself() -> str:
    """Who we are, for people on another manager."""
    return f"{getpass.getuser()}@{socket.gethostname()} pid {os.getpid()} since {time.strftime('%H:%M:%S')}"


class Held:
    """A lock that is held."""

    def __init__(self, switch: "Switch") -> None:
        """Take it.

        Raises:
            SwitchBusy: another process holds it.
            SwitchUnreachable: the switch can't be asked.
        """
        self.switch = switch
        self._ended = threading.Event()
        self._channel = switch.start(COMMAND)
        try:
            self._channel.sendall(f"{myself()}\n".encode())
            said = self._channel.recv(16)
        except OSError as error:
            said = b""
            self._channel.close()
            if isinstance(error, TimeoutError):
                raise SwitchUnreachable(f"{switch.name}: no answer when it was to be locked") from error
        if said.strip() != b"held":
            code = self._channel.recv_exit_status() if self._channel.exit_status_ready() or not said else -1
            self._channel.close()
            raise self._refused(code)
        threading.Thread(target=self._beat, name=f"lock of {switch.name}", daemon=True).start()

    def _refused(self, code: int) -> ScsRackError:
        if code != BUSY:
            return SwitchUnreachable(f"{self.switch.name}: it could not be locked (exit code {code})")
        holder = self.switch.run(f"sudo cat {HOLDER}").out.strip() or "another process"
        return SwitchBusy(f"{self.switch.name} is being changed by {holder}", "wait for it to end, then run again")

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            try:
                self._channel.sendall(b"\n")
            except OSError:
                return

    @property
    def alive(self) -> bool:
        """False once the switch has let go of it."""
        return not self._channel.closed and not self._channel.exit_status_ready()

    def release(self) -> None:
        """Let go, and see that the switch did, so that the next one can take it."""
        self._ended.set()
        try:
            self._channel.shutdown_write()
            self._channel.status_event.wait(2.0)
        except OSError:
            pass  # it was lost, and frees itself
        self._channel.close()


@contextmanager
def locked(switch: "Switch") -> Iterator[Held]:
    """Hold the right to change a switch.

    Raises:
        SwitchBusy: another process holds it.
        SwitchUnreachable: the switch can't be asked.
    """
    held = Held(switch)
    try:
        yield held
    finally:
        held.release()
