"""The one interface to a BMC, and whom to call."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal, NoReturn, Protocol

from scs_rack.bmc.errors import ProtocolLacks
from scs_rack.bmc.facts import (
    Bios,
    BootDevice,
    BootOverride,
    EventLog,
    Firmware,
    Identity,
    Inventory,
    Macs,
    MediaSlot,
    NetworkService,
    Power,
    PowerDraw,
    PowerLimit,
    Role,
    SecureBoot,
    Sensor,
    Task,
    User,
)

__all__ = [
    "Bmc",
    "BootDevice",
    "BootOverride",
    "Console",
    "Identity",
    "Macs",
    "Power",
    "ProtocolName",
    "Target",
    "TimeLimits",
]

ProtocolName = Literal["redfish", "ipmi"]


@dataclass(frozen=True)
class Target:
    """One BMC to call."""

    name: str
    """Name of the server."""
    protocol: ProtocolName
    """The protocol to begin with."""
    address: IPv4Address
    user: str
    password: str = field(repr=False)
    port: int | None = None
    """The protocol's own port when None: 443 for Redfish, 623 for IPMI."""
    fingerprint: str | None = None
    """SHA-256 (hex) of the certificate to pin; the rack's CA decides when None."""
    fallback: bool = False
    """Speak the other protocol where this one is silent or lacks a function."""
    fallback_port: int | None = None
    """Port of the other protocol; its own when None."""
    quirks: frozenset[str] = frozenset()
    """Names of `scs_rack.bmc.redfish.quirks`, on top of what the BMC's own words tell."""

    @property
    def where(self) -> str:
        """How messages call this BMC."""
        return f"BMC of {self.name} ({self.address})"


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
    patience: tuple[float, ...] = (2.0, 4.0, 8.0, 15.0, 15.0)
    """Pauses before a change is asked for again, where the BMC says that it can't do it yet (in POST, overloaded)."""
    power: float = 60.0
    """Until a power state that was asked for is observed."""
    shutdown: float = 180.0
    """Until an operating system that was asked to shut down is observed off."""
    setting: float = 15.0
    """Until a setting (boot override, users, light, media, limit) is observed."""
    deep: float = 60.0
    """For one deep IPMI function (sensors, event log, FRU, users)."""
    task: float = 3600.0
    """For a task, such as a firmware update."""


class Console(Protocol):
    """A serial console that is open."""

    async def send(self, data: bytes) -> None:
        """Type."""
        ...

    def output(self) -> AsyncIterator[bytes]:
        """What the server prints; ends when the BMC closes the console."""
        ...


class Bmc:
    """A BMC that we are logged in to; each protocol's class overrides what the protocol can do.

    Every method raises BmcError and its subclasses; what the protocol lacks raises ProtocolLacks, which names the
    other one. Methods that change something return when the BMC accepted it: `scs_rack.bmc.actions` and
    `scs_rack.bmc.settings` do the same and observe it.
    """

    target: Target
    protocol: ProtocolName
    """What is spoken."""

    def _lacks(self, what: str) -> NoReturn:
        this, other = ("Redfish", "IPMI") if self.protocol == "redfish" else ("IPMI", "Redfish")
        message = f"{self.target.where}: {this} has no way to {what}"
        raise ProtocolLacks(message, f"{other} may have one: `bmc: {{protocol: {other.lower()}}}` in the rack file")

    # Power

    async def power_state(self) -> Power:
        """Power as it is now."""
        self._lacks("read the power state")

    async def power_on(self) -> None:
        """Ask for power on; may be repeated safely."""
        self._lacks("switch on")

    async def power_off(self, *, hard: bool) -> None:  # noqa: ARG002
        """Cut the power, or ask the operating system to shut down."""
        self._lacks("switch off")

    async def reset(self) -> None:
        """Reset at once; sent once only."""
        self._lacks("reset")

    async def cycle(self) -> None:
        """The BMC's own power cycle; sent once only. `act(bmc, "cycle", …)` can be observed, this can't."""
        self._lacks("cycle the power")

    async def nmi(self) -> None:
        """Send the processors a non-maskable interrupt (a crash dump, mostly); sent once only."""
        self._lacks("send an NMI")

    async def last_reset(self) -> str | None:
        """When the server was last reset, as the BMC words it; None where it does not say."""
        return None

    # Boot

    async def boot_override(self) -> BootOverride:
        """The override that is in force."""
        self._lacks("override the boot order")

    async def set_boot(self, wanted: BootOverride) -> None:  # noqa: ARG002
        """Set the override, in as many requests as this BMC needs."""
        self._lacks("override the boot order")

    async def boot_device(self) -> BootDevice:
        """The device of the override that is in force."""
        return (await self.boot_override()).device

    async def boot_once(self, device: BootDevice) -> None:
        """Boot from a device once, by UEFI."""
        await self.set_boot(BootOverride(device, mode=None if device == "none" else "uefi"))

    # What it is and how it is

    async def identity(self) -> Identity:
        """Who the server is."""
        self._lacks("tell an identity")

    async def macs(self) -> Macs:
        """MAC addresses that the BMC knows."""
        self._lacks("list MAC addresses")

    async def inventory(self) -> Inventory:
        """Parts of the server."""
        self._lacks("list parts")

    async def sensors(self) -> tuple[Sensor, ...]:
        """All readings."""
        self._lacks("read sensors")

    async def events(self) -> EventLog:
        """The system event log."""
        self._lacks("read or clear events")

    async def clear_events(self) -> None:
        """Empty the system event log."""
        self._lacks("read or clear events")

    async def clock(self) -> dt.datetime | None:
        """Time of the BMC's own clock, with a time zone; None where it does not say."""
        return None

    async def identify(self) -> bool | None:
        """True while the identify light shines or blinks; None where the BMC does not say."""
        self._lacks("switch an identify light")

    async def set_identify(self, *, on: bool) -> None:  # noqa: ARG002
        """Switch the identify light."""
        self._lacks("switch an identify light")

    # Energy

    async def power_draw(self) -> PowerDraw:
        """What the server draws now."""
        self._lacks("read the power draw")

    async def power_limit(self) -> PowerLimit:
        """The limit of its draw."""
        self._lacks("limit the power draw")

    async def set_power_limit(self, watts: int | None) -> None:  # noqa: ARG002
        """Limit its draw, or lift the limit (None)."""
        self._lacks("limit the power draw")

    # Virtual media, firmware settings, firmware

    async def media(self) -> tuple[MediaSlot, ...]:
        """Virtual drives."""
        self._lacks("insert virtual media")

    async def insert_media(self, image: str, slot: str = "") -> str:  # noqa: ARG002
        """Insert an image (URL that the BMC fetches); the first slot for CDs where none is named. Returns the slot."""
        self._lacks("insert virtual media")

    async def eject_media(self, slot: str = "") -> None:  # noqa: ARG002
        """Eject from a slot, or from all that hold something."""
        self._lacks("insert virtual media")

    async def bios(self) -> Bios:
        """Settings of the firmware, and those that wait for a reset."""
        self._lacks("read or set BIOS attributes")

    async def set_bios(self, attributes: Mapping[str, str | int | bool]) -> None:  # noqa: ARG002
        """Change settings; they wait for the next reset."""
        self._lacks("read or set BIOS attributes")

    async def secure_boot(self) -> SecureBoot:
        """State of Secure Boot."""
        self._lacks("tell the state of Secure Boot")

    async def set_secure_boot(self, *, on: bool) -> None:  # noqa: ARG002
        """Switch Secure Boot from the next reset on."""
        self._lacks("tell the state of Secure Boot")

    async def firmware(self) -> tuple[Firmware, ...]:
        """Versions of everything that has one."""
        self._lacks("list firmware")

    async def update_firmware(
        self,
        image: Path | str,  # noqa: ARG002
        target: str = "",  # noqa: ARG002
        report: Callable[[Task], None] = lambda _: None,  # noqa: ARG002
    ) -> Task:
        """Update firmware from a file or a URL and follow the task to its end.

        Args:
            image: a file is pushed, a URL is fetched by the BMC.
            target: `Firmware.number` of what is updated; the BMC finds out when empty.
            report: told each time that the task goes on.
        """
        self._lacks("update firmware")

    # The BMC itself

    async def users(self) -> tuple[User, ...]:
        """Accounts; empty slots are left out."""
        self._lacks("manage users")

    async def add_user(self, name: str, password: str, role: Role) -> None:  # noqa: ARG002
        """Add an account that is enabled; `role` is one of User.role's."""
        self._lacks("manage users")

    async def set_user(self, name: str, *, role: Role | None = None, enabled: bool | None = None) -> None:  # noqa: ARG002
        """Change an account; None leaves as it is."""
        self._lacks("manage users")

    async def set_password(self, name: str, password: str) -> None:  # noqa: ARG002
        """Change the password of an account. Open sessions of ours may end."""
        self._lacks("manage users")

    async def remove_user(self, name: str) -> None:  # noqa: ARG002
        """Remove an account (IPMI: disable it and clear its name)."""
        self._lacks("manage users")

    async def network_services(self) -> tuple[NetworkService, ...]:
        """Services that it offers on the network."""
        self._lacks("list network services")

    async def set_network_service(self, name: str, *, enabled: bool) -> None:  # noqa: ARG002
        """Switch a service of the BMC on or off; `name` is NetworkService.name."""
        self._lacks("switch network services")

    async def set_clock(self, now: dt.datetime) -> None:  # noqa: ARG002
        """Set the BMC's own clock; `now` has a time zone."""
        self._lacks("set the clock of the BMC")

    async def reset_bmc(self) -> None:
        """Restart the BMC itself; the server runs on. The session ends."""
        self._lacks("restart the BMC")

    def console(self) -> AbstractAsyncContextManager[Console]:
        """The serial console: `async with bmc.console() as console`."""
        self._lacks("open a serial console")
