"""How many BMCs may be in work at the same time: as the open files and the memory of this process allow."""

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scs_rack.bmc.ipmi.sockets import SHARED
from scs_rack.bmc.types import ProtocolName, Target
from scs_rack.errors import ScsRackError

AT_ONCE: dict[ProtocolName, int] = {"ipmi": 2048, "redfish": 384}
"""BMCs in work at the same time, at most; a session in work holds about 20 KiB (IPMI) or 130 KiB (TLS)."""
RATE = 5000.0
"""BMCs that are begun in a second, at most."""
_RESERVE = 48
"""Open files that are left for everything else: logs, DNS, SSH, children."""


class TooFewFiles(ScsRackError):
    """Not even one BMC can be called with the open files that this process may have."""

    hint = "raise the limit: `ulimit -n 4096`"


@dataclass(frozen=True)
class Bounds:
    """Limits of one call."""

    ipmi: int
    """BMCs in work at the same time by IPMI."""
    redfish: int
    """The same by Redfish: each holds an open file."""
    rate: float
    """BMCs that are begun in a second."""

    def of(self, protocol: ProtocolName) -> int:
        """BMCs in work at the same time by a protocol."""
        return self.ipmi if protocol == "ipmi" else self.redfish


def bounds(targets: Sequence[Target], at_once: int | None = None, rate: float | None = None) -> Bounds:
    """What a call to these BMCs may use; raises this process's own limit of open files where that is allowed.

    Args:
        targets: whom to call.
        at_once: BMCs in work at the same time, at most; AT_ONCE when None.
        rate: BMCs begun in a second, at most; RATE when None.

    Raises:
        TooFewFiles: there is no room for one BMC.
    """
    ipmi = sum(target.protocol == "ipmi" for target in targets)
    redfish = len(targets) - ipmi
    either = sum(target.fallback for target in targets)
    wanted_ipmi = min(ipmi + either, at_once or AT_ONCE["ipmi"])
    wanted_redfish = min(redfish + either, at_once or AT_ONCE["redfish"])
    sockets = -(-wanted_ipmi // SHARED)
    free = _free_files(sockets + wanted_redfish)
    needed = (1 if wanted_ipmi else 0) + (1 if wanted_redfish else 0)
    if free < needed:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        raise TooFewFiles(f"{limit} open files are too few to call a BMC: {_used()} are in use, {_RESERVE} kept free")
    # Sockets of IPMI first: 64 BMCs cost as much as one by Redfish.
    for_ipmi = min(sockets, max(free - 1, 1) if wanted_redfish else free)
    return Bounds(
        ipmi=max(1, min(wanted_ipmi, for_ipmi * SHARED)),
        redfish=max(1, min(wanted_redfish, free - for_ipmi)),
        rate=rate or RATE,
    )


def _free_files(wanted: int) -> int:
    """Files that may still be opened, after raising the limit towards what is wanted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    aim = _used() + _RESERVE + wanted
    if soft != resource.RLIM_INFINITY and soft < aim and (hard == resource.RLIM_INFINITY or soft < hard):
        soft = aim if hard == resource.RLIM_INFINITY else min(aim, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(0, soft - _used() - _RESERVE)


def _used() -> int:
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 32
