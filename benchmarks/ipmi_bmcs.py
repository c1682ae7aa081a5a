"""BMCs that are not ours for benchmarks: one `ipmi_sim` of OpenIPMI a BMC, each behind a delay."""

import contextlib
import ipaddress
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).with_name("ipmi_sim")
SERVERS = ipaddress.IPv4Address("127.67.0.1")
"""Address of the first ipmi_sim; nobody but the relay calls it."""
CLIENTS = ipaddress.IPv4Address("127.66.0.1")
"""Address of the first BMC as clients see it."""
PORT = 6230
USER, PASSWORD = "admin", "bench-Passw0rd"
_AT_ONCE = 100
"""Emulators that are started at the same time."""
_RELAYED = 2500
"""BMCs of one relay, which holds two files for each."""

_LAN = """name "bmc"
set_working_mc 0x20
  startlan 1
    addr {address} {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  loadlib "{module}" "on"
  user 2 true "{user}" "{password}" admin 10 none md2 md5 straight
"""
_MC = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n"


def missing() -> list[str]:
    """Debian packages that are needed and not installed."""
    wanted = {"openipmi": shutil.which("ipmi_sim"), "gcc": shutil.which("gcc")}
    wanted["libopenipmi-dev"] = str(Path("/usr/include/OpenIPMI/mcserv.h").is_file() or "")
    return [name for name, found in wanted.items() if not found]


@dataclass
class Relay:
    """The processes that delay and count datagrams."""

    processes: list[subprocess.Popen[str]]

    def passed(self) -> int:
        """Datagrams so far, both ways."""
        found = 0
        for process in self.processes:
            assert process.stdin
            assert process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            found += int(process.stdout.readline())
        return found


@contextlib.contextmanager
def started(count: int, folder: Path, delay: float, addresses: int = 0, silent: int = 0) -> Iterator[Relay]:
    """Run emulators; the n-th BMC is called at CLIENTS + n, and every server is on.

    Args:
        count: how many emulators.
        folder: for their files.
        delay: seconds of a round trip that are added.
        addresses: how many BMCs they look like, several for each; `count` when 0.
        silent: addresses at the end that never answer.
    """
    module = _compiled("power.c", folder / "power.so", "-shared", "-fPIC")
    relay = _compiled("relay.c", folder / "relay")
    (folder / "mc.emu").write_text(_MC, encoding="ascii")
    many = addresses or count
    with contextlib.ExitStack() as stack:
        for number in range(count):
            _start(number, folder, module, stack)
            if number % _AT_ONCE == _AT_ONCE - 1:
                time.sleep(0.5)
        time.sleep(2.0)
        parts = [(first, min(_RELAYED, many - first), count) for first in range(0, many, _RELAYED)]
        parts += [(many, silent, 0)] if silent else []
        yield Relay([_relay(relay, part, delay, stack) for part in parts])


def _relay(
    program: Path, part: tuple[int, int, int], delay: float, stack: contextlib.ExitStack
) -> subprocess.Popen[str]:
    argv = [program, *part, SERVERS, CLIENTS, PORT, round(delay * 500_000)]
    process = subprocess.Popen([str(word) for word in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.callback(_end, process)
    assert process.stdout
    if process.stdout.readline() != "ready\n":
        sys.exit("the relay did not start")
    return process


def _start(number: int, folder: Path, module: Path, stack: contextlib.ExitStack) -> None:
    home = folder / str(number)
    home.mkdir()
    words = {"address": SERVERS + number, "port": PORT, "module": module, "user": USER, "password": PASSWORD}
    (home / "lan.conf").write_text(_LAN.format(**words), encoding="ascii")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            ["ipmi_sim", "-n", "-c", home / "lan.conf", "-f", folder / "mc.emu", "-s", home],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    stack.callback(_end, process)


def _end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def _compiled(source: str, target: Path, *options: str) -> Path:
    subprocess.run(["gcc", "-O2", *options, "-o", target, SOURCES / source], check=True)
    return target
