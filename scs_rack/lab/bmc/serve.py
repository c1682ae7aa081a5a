"""Serve one virtual BMC by one protocol or by both."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

from scs_rack.lab.bmc.ipmi_server import IpmiServer, serve_ipmi
from scs_rack.lab.bmc.machine import Machine

PORTS = {"redfish": 443, "ipmi": 623}


@asynccontextmanager
async def serve(machine: Machine) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port that the protocol of its configuration really uses."""
    async with serve_all(machine) as ports:
        yield ports[machine.config.protocol]


@asynccontextmanager
async def serve_all(machine: Machine) -> AsyncIterator[dict[str, int]]:
    """Serve until the block ends; gives the ports that are really used, by protocol."""
    config = machine.config
    wanted: dict[Literal["redfish", "ipmi"], int | None] = {config.protocol: config.port}
    if config.both:
        wanted["ipmi" if config.protocol == "redfish" else "redfish"] = config.other_port
    host, ports = str(config.address), {}
    async with AsyncExitStack() as stack:
        for protocol, port in wanted.items():
            number = PORTS[protocol] if port is None else port
            if protocol == "ipmi":
                ports["ipmi"] = await stack.enter_async_context(_ipmi(machine, host, number))
            else:
                from scs_rack.lab.bmc.redfish_server import serve_redfish  # spares IPMI BMCs the HTTP server's memory

                ports["redfish"] = await stack.enter_async_context(serve_redfish(machine, host, number))
        yield ports


@asynccontextmanager
async def _ipmi(machine: Machine, host: str, port: int) -> AsyncIterator[int]:
    """Serve IPMI while it is switched on."""
    server, port = await serve_ipmi(machine, host, port)
    running: list[IpmiServer] = [server]
    switching = asyncio.Lock()
    tasks: set[asyncio.Task[None]] = set()

    async def follow() -> None:
        async with switching:
            if machine.ipmi_enabled and not running:
                with contextlib.suppress(OSError):
                    running.append((await serve_ipmi(machine, host, port))[0])
            elif not machine.ipmi_enabled and running:
                running.pop().close()

    def switch() -> None:
        task = asyncio.ensure_future(follow())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    machine.on_services.append(switch)
    if not machine.ipmi_enabled:
        running.pop().close()
    try:
        yield port
    finally:
        machine.on_services.remove(switch)
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in running:
            one.close()
