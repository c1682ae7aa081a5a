"""Serve one virtual BMC by the protocol of its configuration."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from scs_rack.lab.bmc.ipmi_server import serve_ipmi
from scs_rack.lab.bmc.machine import Machine


@asynccontextmanager
async def serve(machine: Machine) -> AsyncIterator[int]:
    """Serve until the block ends; gives the port that is really used."""
    config = machine.config
    host = str(config.address)
    if config.protocol == "ipmi":
        server, port = await serve_ipmi(machine, host, 623 if config.port is None else config.port)
        try:
            yield port
        finally:
            server.close()
    else:
        from scs_rack.lab.bmc.redfish_server import serve_redfish  # spares IPMI BMCs the HTTP server's memory

        async with serve_redfish(machine, host, 443 if config.port is None else config.port) as port:
            yield port
