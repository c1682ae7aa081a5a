"""What an audit looks at, gathered from one BMC: what it tells over its session, and what it shows to strangers."""

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from scs_rack.bmc.audit import ipmi_probe, tls_probe
from scs_rack.bmc.audit.ipmi_probe import Offers
from scs_rack.bmc.audit.tls_probe import Tls
from scs_rack.bmc.errors import BmcError, NotSupported
from scs_rack.bmc.facts import Bios, EventLog, Firmware, NetworkService, User
from scs_rack.bmc.types import Bmc, Target

T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What was seen. None where the BMC has no way to tell; what failed is in `failed`."""

    users: tuple[User, ...] | None = None
    services: tuple[NetworkService, ...] | None = None
    firmware: tuple[Firmware, ...] | None = None
    bios: Bios | None = None
    log: EventLog | None = None
    clock_off_s: float | None = None
    """Seconds that its clock is ahead of ours (negative: behind)."""
    ipmi: Offers | None = None
    tls: Tls | None = None
    failed: dict[str, str] = field(default_factory=dict)
    """Questions without an answer, and why."""


async def gather(bmc: Bmc) -> Facts:
    """Ask one BMC everything; nothing is changed."""
    failed: dict[str, str] = {}

    async def ask(what: str, question: Callable[[], Awaitable[T]]) -> T | None:
        try:
            return await question()
        except NotSupported:
            return None
        except BmcError as error:
            failed[what] = error.message
            return None

    told = await ask("clock", bmc.clock)
    off = (told - dt.datetime.now(dt.UTC)).total_seconds() if told else None
    ports = _ports(bmc.target)
    return Facts(
        users=await ask("users", bmc.users),
        services=await ask("services", bmc.network_services),
        firmware=await ask("firmware", bmc.firmware),
        bios=await ask("bios", bmc.bios),
        log=await ask("events", bmc.events),
        clock_off_s=off,
        ipmi=await ipmi_probe.probe(bmc.target.address, ports["ipmi"]),
        tls=await tls_probe.probe(bmc.target.address, ports["redfish"]),
        failed=failed,
    )


def _ports(target: Target) -> dict[str, int]:
    """Port of each protocol."""
    usual = {"redfish": 443, "ipmi": 623}
    other = "ipmi" if target.protocol == "redfish" else "redfish"
    stated = {target.protocol: target.port, other: target.fallback_port}
    return {name: stated[name] or port for name, port in usual.items()}
