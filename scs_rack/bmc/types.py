"""Values that both protocols share."""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Literal, Protocol


class Power(StrEnum):
    """Power of a server as its BMC reports it."""

    ON = "on"
    OFF = "off"


BootDevice = Literal["none", "pxe", "disk", "cd", "bios"]
"""What a server boots from once; `none` clears the override."""


@dataclass(frozen=True)
class Target:
    """One BMC to call."""

    name: str
    """Name of the server."""
    protocol: Literal["redfish", "ipmi"]
    address: IPv4Address
    user: str
    password: str = field(repr=False)
    port: int | None = None
    """The protocol's own port when None: 443 for Redfish, 623 for IPMI."""
    fingerprint: str | None = None
    """SHA-256 (hex) of the certificate to pin; the rack's CA decides when None."""


@dataclass(frozen=True)
class TimeLimits:
    """Time limits in seconds; none is shared between BMCs."""

    answer: float = 5.0
    """For one answer, repeats included: what a dead BMC costs."""
    repeats: tuple[float, ...] = (1.0, 3.0)
    """When a datagram that may be repeated is sent again, counted from the first."""
    login: float = 10.0
    """For the answer to a Redfish login: what a service costs that accepts connections and is dead."""
    slow_answer: float = 30.0
    """For one answer of a Redfish service that let us in (some need long)."""
    power: float = 60.0
    """Until a power state that was asked for is observed."""
    shutdown: float = 180.0
    """Until an operating system that was asked to shut down is observed off."""


@dataclass(frozen=True)
class Identity:
    """Who a server says it is; empty strings where it does not say."""

    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    uuid: str = ""
    bmc_firmware: str = ""


@dataclass(frozen=True)
class Macs:
    """MAC addresses as the BMC knows them: lower case, colons."""

    bmc: tuple[str, ...]
    """Of the BMC's own ports."""
    nics: dict[str, str] | None
    """Of the server's own NICs by the BMC's name for them; None where the protocol can't tell (IPMI)."""


class Bmc(Protocol):
    """A BMC that we are logged in to. Every method raises BmcError and its subclasses."""

    target: Target

    async def power_state(self) -> Power:
        """Power as it is now."""
        ...

    async def power_on(self) -> None:
        """Ask for power on; may be repeated safely."""
        ...

    async def power_off(self, *, hard: bool) -> None:
        """Cut the power, or ask the operating system to shut down."""
        ...

    async def reset(self) -> None:
        """Reset at once; sent once only."""
        ...

    async def cycle(self) -> None:
        """The BMC's own power cycle; sent once only. `scs_rack.bmc.actions.cycle` can be observed, this can't."""
        ...

    async def last_reset(self) -> str | None:
        """When the server was last reset, as the BMC words it; None where it does not say."""
        ...

    async def identity(self) -> Identity:
        """Who the server is."""
        ...

    async def macs(self) -> Macs:
        """MAC addresses that the BMC knows."""
        ...

    async def boot_device(self) -> BootDevice:
        """The override that is in force."""
        ...

    async def boot_once(self, device: BootDevice) -> None:
        """Boot from a device once, by UEFI."""
        ...
