"""SSH connections to switches: netmiko's type `linux`, pinned host keys, one exec channel a command (RFC 4254, 6.5).

An exec channel tells the exit code and keeps output and errors apart; netmiko's own way, reading a shell until its
prompt comes back, can do neither, and gives up on commands that take longer than it expects.
netmiko is imported when the first connection is made: that takes 0.2 s.
"""

import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scs_rack.errors import Unreachable

if TYPE_CHECKING:
    from paramiko import Channel

PORT = 22
CONNECT_TIMEOUT = 10.0
"""Seconds for each step of a login."""
SILENCE = 20.0
"""Seconds after which a switch that acknowledges nothing counts as lost (tcp(7), TCP_USER_TIMEOUT)."""
KEEPALIVE = 5
"""Seconds of rest after which a connection is tried, so that silence is noticed."""
KEPT = 64
"""Connections that stay open for further commands."""
PIECE = 65536


class SwitchUnreachable(Unreachable):
    """A switch does not answer over SSH."""


class HostKeyRefused(SwitchUnreachable):
    """What answers is not known as the switch."""


class LoginRefused(SwitchUnreachable):
    """The switch takes neither our key nor our password."""


@dataclass(frozen=True)
class Login:
    """Where a switch answers and who we are there."""

    name: str
    host: str
    user: str
    key: Path
    known_hosts: Path
    password: Callable[[], str | None] = field(compare=False)
    """Asked only when the key was refused."""


@cache
def _driver() -> Any:
    """Linux driver of netmiko, without the search for a prompt: no command runs in its shell."""
    from netmiko.linux.linux_ssh import LinuxSSH

    class ExecSSH(LinuxSSH):
        def session_preparation(self) -> None:
            """Nothing to prepare."""

        def cleanup(self, command: str = "exit") -> None:
            """Nothing to leave."""

    logging.getLogger("paramiko").addHandler(logging.NullHandler())  # what it logs comes to us as an exception too
    return ExecSSH


def _socket(login: Login) -> socket.socket:
    try:
        made = socket.create_connection((login.host, PORT), CONNECT_TIMEOUT)
    except OSError as error:
        reason = error.strerror or str(error) or "no answer"
        raise SwitchUnreachable(f"{login.name}: {login.host}: {reason}", "is the switch on, and cabled?") from error
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE * 1000))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _log_in(login: Login, **identity: Any) -> Any:
    from netmiko import NetmikoAuthenticationException, NetmikoBaseException
    from paramiko import BadHostKeyException, SSHException

    driver = _driver()
    sock = _socket(login)
    try:
        return driver(
            device_type="linux", host=login.host, username=login.user, sock=sock, use_keys=False, allow_agent=False,
            ssh_strict=True, system_host_keys=False, alt_host_keys=True, alt_key_file=str(login.known_hosts),
            conn_timeout=CONNECT_TIMEOUT, auth_timeout=CONNECT_TIMEOUT, banner_timeout=CONNECT_TIMEOUT,
            keepalive=KEEPALIVE, **identity,
        )  # fmt: skip
    except NetmikoAuthenticationException as error:
        sock.close()
        raise LoginRefused(f"{login.name}: it refuses the login of {login.user}") from error
    except (NetmikoBaseException, SSHException, OSError, EOFError) as error:
        sock.close()
        cause = error.__context__ or error
        if isinstance(cause, BadHostKeyException):
            raise HostKeyRefused(
                f"{login.name}: its host key is not the one that is pinned",
                f"if the switch was replaced, take its old key out of {login.known_hosts} and put the new one in",
            ) from error
        if "known_hosts" in str(cause):
            raise HostKeyRefused(
                f"{login.name}: its host key is not known", f"put it into {login.known_hosts}, as its console shows it"
            ) from error
        raise SwitchUnreachable(f"{login.name}: no SSH: {_first_line(cause)}", "does sshd run there?") from error


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__).strip()


class Connection:
    """One SSH connection; threads may share it."""

    def __init__(self, login: Login) -> None:
        """Log in by key, else, once, by password.

        Raises:
            SwitchUnreachable: nobody answers; HostKeyRefused, LoginRefused: as their names say.
        """
        self.login = login
        self._busy = 0
        self._channels: list[Channel] = []
        try:
            self._driver = _log_in(login, key_file=str(login.key))
        except LoginRefused as error:
            password = login.password()
            if password is None:
                raise LoginRefused(
                    f"{login.name}: it does not take our key",
                    f"add {login.key}.pub to its authorized_keys, or `scs-rack secrets set login_{login.name}`",
                ) from error
            try:
                self._driver = _log_in(login, password=password)
            except LoginRefused as again:
                raise LoginRefused(
                    f"{login.name}: it takes neither our key nor the password that is stored",
                    f"tried once, lest it locks {login.user}: `scs-rack secrets set login_{login.name}`",
                ) from again

    @property
    def alive(self) -> bool:
        """False once the connection is known to be lost."""
        transport = self._driver.remote_conn_pre and self._driver.remote_conn_pre.get_transport()
        return bool(transport and transport.is_active())

    @property
    def busy(self) -> bool:
        """True while something runs over it, or holds a channel open."""
        self._channels = [channel for channel in self._channels if not channel.closed]
        return bool(self._busy or self._channels)

    def close(self) -> None:
        """Close it; what runs over it loses its channel."""
        self._driver.disconnect()

    def start(self, command: str) -> "Channel":
        """Start a shell command; the caller talks to it over the channel.

        Raises:
            SwitchUnreachable: the connection is lost; the command was not started.
        """
        from paramiko import SSHException

        try:
            channel: Channel = self._driver.remote_conn_pre.get_transport().open_session(timeout=SILENCE)
            channel.settimeout(SILENCE)
            channel.exec_command(command)
            self._channels.append(channel)
        except (SSHException, OSError, EOFError, AttributeError) as error:
            raise SwitchUnreachable(f"{self.login.name}: connection lost: {_first_line(error)}") from error
        return channel

    def run(self, command: str, stdin: bytes, timeout: float) -> tuple[int, bytes, bytes]:
        """Run a shell command to its end; returns exit code, output, errors.

        Raises:
            NotStarted: the connection was lost before.
            SwitchUnreachable: it was lost meanwhile, or the time is over.
        """
        self._busy += 1
        try:
            try:
                channel = self.start(command)
            except SwitchUnreachable as error:
                raise NotStarted(error.message, error.hint) from error
            try:
                return self._talk(channel, stdin, time.monotonic() + timeout, timeout)
            finally:
                channel.close()
        finally:
            self._busy -= 1

    def _talk(self, channel: "Channel", stdin: bytes, deadline: float, timeout: float) -> tuple[int, bytes, bytes]:
        try:
            channel.sendall(stdin)
            channel.shutdown_write()
        except OSError:
            pass  # it ended without reading all: its exit code tells why
        out, err = bytearray(), bytearray()
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLIN)
        while True:
            ended = channel.closed or (channel.eof_received and channel.exit_status_ready())
            while channel.recv_ready():
                out += channel.recv(PIECE)
            while channel.recv_stderr_ready():
                err += channel.recv_stderr(PIECE)
            if ended:
                break
            left = deadline - time.monotonic()
            if left <= 0:
                raise SwitchUnreachable(f"{self.login.name}: no answer within {timeout:g} s")
            if channel.eof_received:
                channel.status_event.wait(min(left, 0.5))  # the pipe stays readable after the end of the output
            else:
                poll.poll(min(left, 1.0) * 1000)
        code = channel.recv_exit_status() if channel.exit_status_ready() else -1
        if code < 0:
            raise SwitchUnreachable(f"{self.login.name}: the connection was lost while a command ran")
        return code, bytes(out), bytes(err)

    def put(self, local: Path, remote: str, moved: Callable[[int, int], None]) -> None:
        """Copy a file to the switch by SFTP.

        Args:
            local: the file here.
            remote: its path there.
            moved: told bytes that are there, and bytes in all.

        Raises:
            SwitchUnreachable: it could not be copied.
        """
        from paramiko import SSHException

        self._busy += 1
        try:
            with self._driver.remote_conn_pre.open_sftp() as sftp:
                sftp.put(str(local), remote, callback=moved)
        except (SSHException, OSError, EOFError) as error:
            raise SwitchUnreachable(f"{self.login.name}: {local.name} was not copied: {_first_line(error)}") from error
        finally:
            self._busy -= 1


class NotStarted(SwitchUnreachable):
    """The connection was lost before the command ran: it may be tried over a new one."""


class Connections:
    """Connections that stay open, by login and line; the least used ones are closed when there are too many."""

    def __init__(self) -> None:
        """None yet."""
        self._open: dict[tuple[Login, str], Connection] = {}
        self._doors: dict[tuple[Login, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, login: Login, line: str = "") -> Connection:
        """The connection of that name, a new one if there is none that lives.

        Raises:
            SwitchUnreachable: as `Connection`.
        """
        key = (login, line)
        with self._lock:
            door = self._doors.setdefault(key, threading.Lock())
        with door:
            found = self._open.get(key)
            if found and found.alive:
                return found
            made = Connection(login)
            with self._lock:
                self._open[key] = made
                idle = [one for one in self._open.items() if not one[1].busy and one[1] is not made]
                surplus = idle[: max(0, len(self._open) - KEPT)]
                for old, _ in surplus:
                    del self._open[old]
            for _, connection in surplus:
                connection.close()
            return made

    def close(self, login: Login, line: str = "") -> None:
        """Close a connection if it is there."""
        with self._lock:
            found = self._open.pop((login, line), None)
            self._doors.pop((login, line), None)
        if found:
            found.close()


CONNECTIONS = Connections()
"""Those of this process."""
