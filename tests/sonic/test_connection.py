"""Our SSH against a server of paramiko's in this process: it runs commands here, and knows a key or a password."""

import socket
import subprocess
import threading

import paramiko
import pytest

from scs_rack import ssh
from scs_rack.engine.stage import Context
from scs_rack.sonic import connection, transport
from scs_rack.sonic.connection import Connections, HostKeyRefused, LoginRefused
from scs_rack.sonic.transport import Switch, SwitchRefused, SwitchUnreachable, on_all

from .racks import shipped


class Server(paramiko.ServerInterface):
    """One login."""

    def __init__(self, home):
        self.home = home

    def get_allowed_auths(self, _user):
        return "publickey,password"

    def check_auth_publickey(self, _user, key):
        known = self.home.key and key.get_base64() == self.home.key
        return paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED

    def check_auth_password(self, _user, password):
        self.home.tried.append(password)
        return paramiko.AUTH_SUCCESSFUL if password == self.home.password else paramiko.AUTH_FAILED

    def check_channel_request(self, _kind, _number):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_pty_request(self, *_words):
        return True

    def check_channel_shell_request(self, _channel):
        return True

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=self.run, args=(channel, command), daemon=True).start()
        return True

    def run(self, channel, command):
        data = channel.makefile("rb").read()
        done = subprocess.run(["sh", "-c", command], input=data, capture_output=True, check=False)
        if b"drop" in command:
            channel.get_transport().close()
            return
        channel.sendall(done.stdout)
        channel.sendall_stderr(done.stderr)
        channel.send_exit_status(done.returncode)
        channel.close()


class Home:
    """What listens."""

    def __init__(self):
        self.key, self.password, self.tried, self.logins = "", "", [], 0
        self.host_key = paramiko.ECDSAKey.generate()
        self.socket = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connected, _ = self.socket.accept()
            except OSError:
                return
            self.logins += 1
            made = paramiko.Transport(connected)
            made.add_server_key(self.host_key)
            made.start_server(server=Server(self))


@pytest.fixture
def rack(monkeypatch, tmp_path):
    home = Home()
    ctx = Context(shipped("lab"), tmp_path, tmp_path, tmp_path, {})
    files = ssh.ensure(tmp_path)
    home.key = files.public.read_text().split()[1]
    files.known_hosts.write_text(f"{ctx.design.switches['leaf1'].mgmt.ip} {home.host_key.get_name()} "
                                 f"{home.host_key.get_base64()}\n")  # fmt: skip
    there = home.socket.getsockname()
    usual = socket.create_connection
    monkeypatch.setattr(socket, "create_connection", lambda _to, timeout: usual(there, timeout))
    monkeypatch.setattr(transport, "CONNECTIONS", Connections())
    yield home, ctx
    home.socket.close()


def test_exit_codes_outputs_and_input_are_real(rack):
    home, ctx = rack
    switch = Switch(ctx, "leaf1")
    reply = switch.run("cat; echo why >&2; exit 3", stdin="x" * 300_000)
    assert (reply.code, len(reply.out), reply.why) == (3, 300_000, "why")
    assert switch.run("seq 100000 >&2; seq 100000").out.endswith("\n100000\n")
    with pytest.raises(SwitchRefused, match="did not print JSON"):
        switch.ask_json("echo no")
    assert isinstance(on_all([switch], lambda one: one.ask("exit 1"))["leaf1"], SwitchRefused)
    assert home.logins == 1  # one connection for all
    line = switch.renewed()
    assert line.ask("echo new") == "new\n"
    assert home.logins == 2
    line.hang_up()


def test_time_is_limited_and_a_lost_connection_is_made_anew(rack):
    home, ctx = rack
    switch = Switch(ctx, "leaf1")
    with pytest.raises(SwitchUnreachable, match=r"no answer within 0\.2 s"):
        switch.run("sleep 2", timeout=0.2)
    with pytest.raises(SwitchUnreachable, match="lost while a command ran"):
        switch.run("echo drop")
    assert switch.ask("echo again") == "again\n"
    assert home.logins == 2


def test_only_the_pinned_key_is_talked_to(rack):
    home, ctx = rack
    known = ssh.files(ctx.state_dir).known_hosts
    right = known.read_text()
    known.write_text("")
    with pytest.raises(HostKeyRefused, match="is not known"):
        Switch(ctx, "leaf1").run("true")
    other = paramiko.ECDSAKey.generate()
    known.write_text(right.replace(home.host_key.get_base64(), other.get_base64()))
    with pytest.raises(HostKeyRefused, match="not the one that is pinned"):
        Switch(ctx, "leaf1").run("true")
    assert known.read_text().count("\n") == 1  # nothing was learnt


def test_a_password_is_tried_once_and_only_if_there_is_one(rack):
    home, ctx = rack
    home.key, home.password = "", "right"
    with pytest.raises(LoginRefused, match="does not take our key"):
        Switch(ctx, "leaf1").run("true")
    assert home.tried == []
    ctx.secrets["login_leaf1"] = "wrong"
    with pytest.raises(LoginRefused, match="neither our key nor the password"):
        Switch(ctx, "leaf1").run("true")
    assert home.tried == ["wrong"]
    ctx.secrets["login_leaf1"] = "right"
    assert Switch(ctx, "leaf1").ask("echo in") == "in\n"


def test_surplus_connections_are_closed_but_not_those_in_use(rack, monkeypatch):
    _, ctx = rack
    monkeypatch.setattr(connection, "KEPT", 2)
    switch = Switch(ctx, "leaf1")
    channel = switch.start("sleep 3")  # as the lock of a switch does
    lines = [switch.renewed() for _ in range(4)]
    for line in lines:
        line.run("true")
    login = switch.login
    assert transport.CONNECTIONS.get(login).alive
    assert not channel.closed
    kept = [one for _, one in transport.CONNECTIONS._open if one]
    assert len(kept) <= 2
    channel.close()


def test_whoever_does_not_answer_is_unreachable(rack, monkeypatch):
    _, ctx = rack

    def nobody(_to, timeout):
        raise OSError(113, "No route to host")

    monkeypatch.setattr(socket, "create_connection", nobody)
    with pytest.raises(SwitchUnreachable, match=r"leaf1: 10\.90\.0\.111: No route to host"):
        Switch(ctx, "leaf1").run("true")
