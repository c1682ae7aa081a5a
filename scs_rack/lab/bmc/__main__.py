"""Run one virtual BMC: `python -m scs_rack.lab.bmc --config FILE`."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from scs_rack.errors import ScsRackError
from scs_rack.lab.bmc.config import load_config
from scs_rack.lab.bmc.machine import Machine
from scs_rack.lab.bmc.power import backend_of
from scs_rack.lab.bmc.serve import serve

log = logging.getLogger("scs_rack.lab.bmc")


async def _serve(path: Path) -> None:
    config = load_config(path)
    machine = Machine(config, backend_of(config), path)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(machine) as port:
        log.info("BMC of %s: %s on %s port %d", config.server, config.protocol, config.address, port)
        print(f"ready {config.protocol} {config.address} {port}", flush=True)
        await stop.wait()


def main() -> int:
    """Entry; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scs_rack.lab.bmc", description="Run one virtual BMC.")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    path = parser.parse_args().config
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        asyncio.run(_serve(path))
    except ScsRackError as error:
        log.error("%s", error.message)  # noqa: TRY400 (a trace would say less)
        return error.exit_code
    except OSError as error:
        log.error("can't serve: %s", error)  # noqa: TRY400
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
