"""Many virtual BMCs in one process on loopback, for benchmarks and tests: no node is behind them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scs_rack.lab.bmc.config import BmcConfig
from scs_rack.lab.bmc.faults import Fault
from scs_rack.lab.bmc.machine import Machine
from scs_rack.lab.bmc.power import FakePower
from scs_rack.lab.bmc.serve import serve_all


@dataclass
class Virtual:
    """One of them."""

    machine: Machine
    power: FakePower
    ports: dict[str, int]
    """Ports by protocol."""


@asynccontextmanager
async def many(
    count: int,
    *,
    protocol: Literal["redfish", "ipmi"] = "redfish",
    both: bool = False,
    kind: Literal["server", "shelf"] = "server",
    password: str = "lab-Passw0rd",  # noqa: S107 (of nothing but loopback)
    cert: Path | None = None,
    key: Path | None = None,
    on: bool = False,
    faults: Sequence[Fault] = (),
) -> AsyncIterator[list[Virtual]]:
    """Serve BMCs until the block ends.

    They are called n0, n1, …; their user is `admin`. Faults change at run time with `machine.faults.set(…)`.

    Args:
        count: how many.
        protocol: what they speak.
        both: speak the other protocol too.
        kind: what they manage.
        password: password of all.
        cert: certificate (PEM) that all show; Redfish needs it, `scs_rack.pki.issue` makes one.
        key: its key.
        on: True when the servers begin switched on.
        faults: what is wrong with all of them.

    Raises:
        UsageError: Redfish without a certificate.
        OSError: no ports or no file descriptors are left.
    """
    async with AsyncExitStack() as stack:
        made = []
        for number in range(count):
            config = BmcConfig(
                rack="many", rack_dir=Path("/nonexistent"), server=f"n{number}", address="127.0.0.1",
                protocol=protocol, both=both, kind=kind, user="admin", password=password, cert=cert, key=key,
                mac=f"02:5c:b0:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
                nics={"mgmt0": f"02:5c:b1:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"},
                model="virtual", serial=f"SN-{number:05d}", power="fake", port=0, other_port=0, faults=list(faults),
            )  # fmt: skip
            power = FakePower(on=on)
            machine = Machine(config, power)
            made.append(Virtual(machine, power, await stack.enter_async_context(serve_all(machine))))
        yield made
        for one in made:
            await one.machine.settle()
