"""OpenIPMI's ipmi_sim, a BMC that is not ours, with a sensor, an event, a board and a serial console."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from scs_rack.bmc import Target
from scs_rack.bmc.errors import BmcError
from scs_rack.bmc.ipmi import fru
from scs_rack.bmc.ipmi.session import IpmiSession

from .emulators import PASSWORD, QUICK, target

LIMITS = replace(QUICK, answer=3.0, repeats=(1.0,), power=5.0, deep=20.0)
SERIAL = "SIM-0042"
CELSIUS = 42
_NONE = "0" * 15
"""No event of a sensor."""


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sensor_record() -> bytes:
    """A full sensor record (IPMI v2.0, 43.1): a temperature, linear, one degree a step."""
    name = b"Inlet Temp"
    body = bytes([0x20, 0x00, 1, 0x07, 0x01, 0x7F, 0x68, 0x01, 0x01])  # owner, sensor, entity, type, threshold
    body += bytes([0x95, 0x0A, 0x95, 0x7A, 0x3F, 0x3F])  # events and readable thresholds
    body += bytes([0x00, 0x01, 0x00, 0x00, 1, 0, 0, 0, 0, 0, 0])  # degrees Celsius, linear, M=1
    body += bytes([25, 40, 10, 0xFF, 0, 100, 90, 80, 0, 2, 5, 1, 1, 0, 0, 0])
    body += bytes([0xC0 | len(name)]) + name
    return bytes([1, 0, 0x51, 0x01, len(body)]) + body


def _words(raw: bytes) -> str:
    return " ".join(f"0x{byte:02x}" for byte in raw)


def _write(folder: Path, port: int, console: int) -> None:
    script = folder / "chassis"
    script.write_text(
        f"""#!/bin/sh
case "$2 $3" in
"get power") echo "power:$(cat {folder}/power 2>/dev/null || echo 0)" ;;
"get boot") echo "boot:$(cat {folder}/boot 2>/dev/null || echo none)" ;;
"set power"|"set boot") echo "$4" > {folder}/"$3" ;;
esac
""",
        encoding="utf-8",
    )
    script.chmod(0o755)
    (folder / "lan.conf").write_text(
        f"""name "judge"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{script} 0x20"
  sol "tcp:127.0.0.1:{console}" 115200
  user 1 false "" "" user 10 none md2 md5 straight
  user 2 true "admin" "{PASSWORD}" admin 10 none md2 md5 straight
  user 3 false "" "" user 10 none md2 md5 straight
""",
        encoding="utf-8",
    )
    board = fru.encode(fru.Fru("Judge Inc", "Simulated", SERIAL))
    (folder / "sim.emu").write_text(
        f"""mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 100 0x0a
sel_add 0x20 0x02 0x10 0x00 0x00 0x60 0x20 0x00 0x04 0x01 0x01 0x01 0x59 0x55 0x50
sensor_add 0x20 0 1 1 1
sensor_set_value 0x20 0 1 {CELSIUS} 0
sensor_set_event_support 0x20 0 1 enable scanning per-state {_NONE} {_NONE} {_NONE} {_NONE}
main_sdr_add 0x20 {_words(_sensor_record())}
mc_add_fru_data 0x20 0 {len(board)} data {_words(board)}
mc_enable 0x20
""",
        encoding="utf-8",
    )


class Serial:
    """The server's end of the serial line: greets, and says back what is typed, in capitals."""

    GREETING = b"judge login: "

    def __init__(self) -> None:
        self.heard = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            self.heard += data
            writer.write(self.GREETING + data.upper())


@asynccontextmanager
async def ipmi_sim(folder: Path) -> AsyncIterator[tuple[Target, Serial]]:
    """Run it until the end of the block."""
    port, serial = _free_port(), Serial()
    line = await asyncio.start_server(serial.serve, "127.0.0.1", 0)
    _write(folder, port, line.sockets[0].getsockname()[1])
    (folder / "state").mkdir()
    arguments = ("-n", "-c", str(folder / "lan.conf"), "-f", str(folder / "sim.emu"), "-s", str(folder / "state"))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "ipmi_sim", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=asyncio.subprocess.STDOUT
        )
    found = target("ipmi", port)
    try:
        for _ in range(50):
            try:
                async with IpmiSession(found, LIMITS):
                    break
            except BmcError:  # it is starting
                await asyncio.sleep(0.1)
        yield found, serial
    finally:
        line.close()
        if process.returncode is None:
            process.terminate()
        await process.wait()
