"""A flow stays on its way: real TCP over a router with two next hops that both have the address."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")]

SHARED = "10.9.9.9"
NAME = "scs-mp"
ECHO = f"""
import socket, threading
def echo(link):
    while data := link.recv(4096):
        link.sendall(data)
with socket.create_server(("{SHARED}", 7777), backlog=64) as server:
    print("listening", flush=True)
    while True:
        threading.Thread(target=echo, args=(server.accept()[0],), daemon=True).start()
"""
CLIENT = f"""
import socket, sys
links = [socket.create_connection(("{SHARED}", 7777), 5) for _ in range(24)]
def ask(link):
    link.settimeout(10)
    link.sendall(b"x")
    return link.recv(1) == b"x"
assert all(map(ask, links))
print("connected", flush=True)
sys.stdin.readline()
for link in links:
    link.sendall(b"y")
print("sent", flush=True)
broken = 0
for link in links:
    try:
        broken += link.recv(1) != b"y"
    except OSError:
        broken += 1
print(broken, flush=True)
"""


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, stderr=None if check else subprocess.DEVNULL)


def start(end: str, program: str) -> subprocess.Popen[str]:
    argv = ["ip", "netns", "exec", f"{NAME}-{end}", sys.executable, "-c", program]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def on_router(words: str) -> None:
    code = "from pathlib import Path\nfrom scs_rack.lab.switch.device import daemon\n" + words
    argv = ["ip", "netns", "exec", f"{NAME}-router", sys.executable, "-c", code]
    subprocess.run(argv, check=True, cwd=Path(__file__).parents[2])


@pytest.fixture
def router() -> Iterator[None]:
    """A client, a router, and two servers that have the same address."""
    ends = ("client", "one", "two")
    try:
        for name in ("router", *ends):
            ip("netns", "add", f"{NAME}-{name}")
        for number, end in enumerate(ends, 1):
            here, there = ("-n", f"{NAME}-router"), ("-n", f"{NAME}-{end}")
            pair = f"link add eth0 netns {NAME}-{end} type veth peer name {end} netns {NAME}-router"
            ip(*pair.split())
            ip(*here, "address", "add", f"10.9.{number}.1/24", "dev", end)
            ip(*there, "address", "add", f"10.9.{number}.2/24", "dev", "eth0")
            ip(*here, "link", "set", end, "up")
            for link in ("lo", "eth0"):
                ip(*there, "link", "set", link, "up")
            ip(*there, "route", "add", "default", "via", f"10.9.{number}.1")
        for end in ends[1:]:
            ip("-n", f"{NAME}-{end}", "address", "add", f"{SHARED}/32", "dev", "lo")
        ip("-n", f"{NAME}-router", "route", "add", SHARED, "nexthop", "via", "10.9.2.2", "nexthop", "via", "10.9.3.2")
        on_router("daemon.prepare_kernel()")
        yield
    finally:
        for name in ("router", *ends):
            ip("netns", "del", f"{NAME}-{name}", check=False)


@pytest.mark.usefixtures("router")
def test_lost_packets_move_no_flow_to_another_next_hop() -> None:
    processes = [start("one", ECHO), start("two", ECHO)]
    try:
        assert [said(process) for process in processes] == ["listening", "listening"]
        client = start("client", CLIENT)
        processes.append(client)
        assert said(client) == "connected"
        on_router("daemon.sysctl('ipv4/ip_forward', 0)")
        print(file=client.stdin, flush=True)
        assert said(client) == "sent"
        time.sleep(1.0)  # until it is sent once more, for which Linux chooses another hash
        on_router("daemon.sysctl('ipv4/ip_forward', 1)")
        assert said(client) == "0"
    finally:
        for process in processes:
            process.kill()
            process.wait()
