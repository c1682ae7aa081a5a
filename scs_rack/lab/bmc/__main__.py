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
from scs_rack.lab.bmc.serve import serve_all

log = logging.getLogger("scs_rack.lab.bmc")

SAMPLE_SECONDS = 5.0


async def _serve(path: Path) -> None:
    config = load_config(path)
    machine = Machine(config, backend_of(config), path)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve_all(machine) as ports:
        port = ports[config.protocol]
        log.info("BMC of %s on %s: ports %s", config.server, config.address, ports)
        others = [f"{name} {number}" for name, number in ports.items() if name != config.protocol]
        print("ready", config.protocol, config.address, port, *others, flush=True)
        sampling = asyncio.ensure_future(_sample(machine))
        await stop.wait()
        sampling.cancel()


async def _sample(machine: Machine) -> None:
    """Read the meter now and then, so that energy and the mean are right while nobody asks."""
    while True:
        machine.meter.watts(on=await machine.power_state())
        await asyncio.sleep(SAMPLE_SECONDS)


def main() -> int:
    """Entry; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scs_rack.lab.bmc", description="Run one virtual BMC.")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    path = parser.parse_args().config
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # what clients say wrongly is no fault of ours
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
