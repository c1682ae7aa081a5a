"""Clients that are compared: each asks the same BMCs for the power, and is run as a program of its own.

`bmc_clients.py NAME JSON` runs one and prints what it needed as JSON: seconds on the clock (wall) and of processors
(cpu, children included) from the first packet to the last, memory at its highest, and how many BMCs told their power
(a cycle leaves some off for a second).
"""

import asyncio
import base64
import concurrent.futures
import ipaddress
import json
import resource
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Case = dict[str, Any]
"""`hosts` (address and port), `user`, `password`, `folder` for files, `ca` of Redfish services."""


def ours(case: Case, protocol: str, *, cycle: bool = False) -> int:
    """scs-rack: `Fleet.run`, and for a cycle the boot device and the power cycle by one session each."""
    from scs_rack.bmc.fleet import Fleet
    from scs_rack.bmc.types import Bmc, BootOverride, Target, TimeLimits

    secret = case["password"]
    targets = [
        Target(f"n{number}", protocol, ipaddress.IPv4Address(host), case["user"], secret, port=port)  # type: ignore[arg-type]
        for number, (host, port) in enumerate(case["hosts"])
    ]
    limits = TimeLimits(answer=5.0)

    async def status(bmc: Bmc) -> bool:
        return await bmc.power_state() in {"on", "off"}

    async def boot_and_cycle(bmc: Bmc) -> bool:
        await bmc.set_boot(BootOverride("pxe", mode="uefi"))
        await bmc.cycle()
        return True

    async def run() -> int:
        known = Path(case["folder"]) / f"known-{protocol}.json" if case.get("known") else None
        done = 0
        async with Fleet.open(Path(case["ca"]), limits, known=known) as fleet:
            async for outcome in fleet.run(targets, boot_and_cycle if cycle else status):
                done += bool(outcome.value)
                case.setdefault("last", []).append(round(outcome.duration, 2))
        return done

    return asyncio.run(run())


def ipmitool(case: Case, parallel: int) -> int:
    """One process a BMC."""
    file = Path(case["folder"]) / "password"
    file.touch(mode=0o600)
    file.write_text(case["password"], encoding="utf-8")

    def one(host: str, port: int) -> bool:
        argv = ["ipmitool", "-I", "lanplus", "-C", "3", "-H", host, "-p", str(port), "-U", case["user"], "-f", file]
        done = subprocess.run([*argv, "power", "status"], capture_output=True, text=True, check=False)
        return "Chassis Power is o" in done.stdout

    with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
        return sum(pool.map(lambda pair: one(*pair), case["hosts"]))


def ipmipower(case: Case, action: str = "--stat") -> int:
    """FreeIPMI: one process for all."""
    lines = [f"username {case['user']}", f"password {case['password']}", "driver-type LAN_2_0", "cipher-suite-id 3"]
    file = Path(case["folder"]) / "freeipmi.conf"
    file.touch(mode=0o600)
    file.write_text("\n".join([*lines, "workaround-flags opensesspriv", ""]), encoding="utf-8")
    hosts = ",".join(f"{host}:{port}" for host, port in case["hosts"])
    program = shutil.which("ipmipower") or "/usr/sbin/ipmipower"
    done = subprocess.run(
        [program, f"--config-file={file}", action, "-h", hosts], capture_output=True, text=True, check=False
    )
    return sum(line.rsplit(": ", 1)[-1] in {"on", "off", "ok"} for line in done.stdout.splitlines())


def pyghmi(case: Case) -> int:
    """One BMC after the other: the only way that never hangs."""
    from pyghmi.ipmi import command

    done = 0
    for host, port in case["hosts"]:
        session = command.Command(host, case["user"], case["password"], port=port)
        done += session.get_power()["powerstate"] in {"on", "off"}
        session.ipmi_session.logout()
    return done


def sushy(case: Case) -> int:
    """32 threads."""
    import sushy as library
    from sushy.auth import SessionOrBasicAuth

    def one(host: str, port: int) -> bool:
        login = SessionOrBasicAuth(case["user"], case["password"])
        root = library.Sushy(f"https://{host}:{port}/redfish/v1/", auth=login, verify=case["ca"])
        on = root.get_system("/redfish/v1/Systems/1").power_state == library.PowerState.ON
        login.close()
        return on

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        return sum(pool.map(lambda pair: one(*pair), case["hosts"]))


def floor_redfish(case: Case) -> int:
    """TLS and one request to each BMC, 256 at a time; nothing is parsed or checked that need not be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(case["ca"])
    pair = base64.b64encode(f"{case['user']}:{case['password']}".encode()).decode()
    request = f"GET /redfish/v1/Systems/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {pair}\r\n\r\n".encode()

    class Wire(asyncio.Protocol):
        def __init__(self, answer: asyncio.Future[bool]) -> None:
            self.answer = answer

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            transport.write(request)

        def data_received(self, data: bytes) -> None:
            if not self.answer.done():
                self.answer.set_result(b'"PowerState": "On"' in data)
                self.transport.abort()

        def connection_lost(self, _error: Exception | None) -> None:
            if not self.answer.done():
                self.answer.set_result(False)

    async def run() -> int:
        loop, places = asyncio.get_running_loop(), asyncio.Semaphore(256)

        async def one(host: str, port: int) -> bool:
            async with places:
                answer = loop.create_future()
                await loop.create_connection(lambda: Wire(answer), host, port, ssl=context)
                return await answer

        return sum(await asyncio.gather(*(one(host, port) for host, port in case["hosts"])))

    return asyncio.run(run())


def floor_ipmi(case: Case) -> int:
    """Cryptography and packets alone: what each BMC must be sent and what must be computed, and nothing else.

    Four round trips, one after the other for all BMCs at once, as fast as the packets can be sent and read: no event
    loop, no time limits, no checks of what comes back.
    """
    import bmc_floor

    return bmc_floor.ipmi(case["hosts"], case["user"], case["password"])


CLIENTS: dict[str, Callable[[Case], int]] = {
    "ours": lambda case: ours(case, "ipmi"),
    "ours cycle": lambda case: ours(case, "ipmi", cycle=True),
    "ours redfish": lambda case: ours(case, "redfish"),
    "ipmitool": lambda case: ipmitool(case, 1),
    "ipmitool 32": lambda case: ipmitool(case, 32),
    "ipmipower": ipmipower,
    "ipmipower cycle": lambda case: ipmipower(case, "--cycle"),
    "pyghmi": pyghmi,
    "sushy": sushy,
    "floor": floor_ipmi,
    "floor redfish": floor_redfish,
}


def measured(name: str, case: Case) -> dict[str, Any]:
    """Run a client as a program of its own and give what it needed."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(case, file)
        file.flush()
        argv = [sys.executable, __file__, name, file.name]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no words"])[-1][:200]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _main() -> None:
    case = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    if sys.argv[1].startswith("ours"):
        import scs_rack.bmc.redfish.driver  # noqa: F401 (loading is no part of the comparison, for any library)
    elif sys.argv[1] == "sushy":
        import sushy  # noqa: F401
    elif sys.argv[1] == "pyghmi":
        import pyghmi.ipmi.command  # noqa: F401
    begin, used = time.perf_counter(), _used()
    done = CLIENTS[sys.argv[1]](case)
    wall = time.perf_counter() - begin
    highest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    last = sorted(case.get("last", []))
    print(
        json.dumps(
            {
                "wall": round(wall, 3),
                "cpu": round(_used() - used, 3),
                "memory_mib": highest // 1024,
                "answered": done,
                "slowest": last[-1:],
                "slowest_but_silent": last[-2:-1],
            }
        )
    )


def _used() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


if __name__ == "__main__":
    _main()
