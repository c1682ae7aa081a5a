"""What BMCs tell of their servers, the same for both protocols.

Text is empty and numbers are None where a BMC does not say. All text is printable and of bounded length.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Power(StrEnum):
    """Power of a server as its BMC reports it."""

    ON = "on"
    OFF = "off"


Health = Literal["ok", "warning", "critical", "unknown"]
"""How a part is; `unknown` where the BMC does not say or the part has no power."""

BootDevice = Literal["none", "pxe", "http", "disk", "cd", "usb", "bios"]
"""What a server boots from instead of its own order; `none` clears the override. `http` is UEFI HTTP boot."""

BootMode = Literal["uefi", "legacy"]
"""Firmware interface that a server boots by."""


@dataclass(frozen=True)
class BootOverride:
    """What stands before a server's own boot order."""

    device: BootDevice = "none"
    persistent: bool = False
    """False: for the next boot only."""
    mode: BootMode | None = None
    """None: the BMC does not say, or leave it as it is."""
    uri: str = ""
    """What `http` boots; the firmware asks DHCP when empty."""
    certain: bool = True
    """False where the device stands there as it was just set, but the BMC calls its flags invalid (ipmi_sim does)."""


@dataclass(frozen=True)
class Identity:
    """Who a server says it is."""

    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    uuid: str = ""
    bmc_firmware: str = ""
    bios_firmware: str = ""
    asset_tag: str = ""


@dataclass(frozen=True)
class Macs:
    """MAC addresses as the BMC knows them: lower case, colons."""

    bmc: tuple[str, ...]
    """Of the BMC's own ports."""
    nics: dict[str, str] | None
    """Of the server's own NICs by the BMC's name for them; None where the protocol can't tell (IPMI)."""


@dataclass(frozen=True)
class Cpu:
    """A processor (also a GPU or another accelerator)."""

    name: str
    model: str = ""
    kind: str = "cpu"
    """`cpu`, `gpu`, `accelerator`, …: Redfish's ProcessorType in lower case."""
    cores: int | None = None
    threads: int | None = None
    health: Health = "unknown"


@dataclass(frozen=True)
class Memory:
    """A memory module that is plugged in."""

    name: str
    mib: int | None = None
    kind: str = ""
    """E.g. DDR5."""
    speed_mhz: int | None = None
    serial: str = ""
    health: Health = "unknown"


@dataclass(frozen=True)
class Disk:
    """A disk that the BMC sees."""

    name: str
    model: str = ""
    serial: str = ""
    bytes: int | None = None
    kind: str = ""
    """`nvme`, `ssd`, `hdd`."""
    firmware: str = ""
    health: Health = "unknown"


@dataclass(frozen=True)
class Nic:
    """A network port of the server."""

    name: str
    mac: str = ""
    """Lower case, colons."""
    link: str = ""
    """`up`, `down`, or empty."""
    speed_mbps: int | None = None


@dataclass(frozen=True)
class Board:
    """A part with a label, as FRU inventory tells it (boards, power supplies)."""

    name: str
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    part: str = ""


@dataclass(frozen=True)
class Inventory:
    """Parts of a server. A list is None where the protocol can't tell it, empty where there is none."""

    identity: Identity
    cpus: tuple[Cpu, ...] | None = None
    memory: tuple[Memory, ...] | None = None
    disks: tuple[Disk, ...] | None = None
    nics: tuple[Nic, ...] | None = None
    boards: tuple[Board, ...] | None = None


SensorKind = Literal["temperature", "fan", "voltage", "current", "power", "energy", "other"]
"""What a sensor measures; `other` also for those that only have states."""


@dataclass(frozen=True)
class Sensor:
    """One reading."""

    name: str
    kind: SensorKind
    value: float | None
    """None where there is no reading now, and for sensors that only have states."""
    unit: str = ""
    """°C, rpm, %, V, A, W, kWh or as the BMC words it."""
    health: Health = "unknown"
    low: float | None = None
    """Lower critical limit."""
    high: float | None = None
    """Upper critical limit."""
    states: tuple[str, ...] = ()
    """What a sensor that only has states asserts."""


@dataclass(frozen=True)
class Event:
    """An entry of the event log."""

    number: str
    """The BMC's own name for it."""
    time: str
    """As ISO 8601; empty where the BMC had no clock."""
    severity: Health
    text: str
    sensor: str = ""


@dataclass(frozen=True)
class EventLog:
    """The system event log, oldest first."""

    events: tuple[Event, ...]
    capacity: int | None = None
    """Entries that fit."""
    full: bool | None = None
    """True when it can't take more, or has lost entries."""


@dataclass(frozen=True)
class PowerDraw:
    """What a server draws."""

    watts: float | None
    """None where the BMC has the function but no reading (host off, no meter)."""
    average: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    over_s: float | None = None
    """Seconds that average, minimum and maximum are taken over."""
    source: str = ""
    """`dcmi`, or the Redfish resource: `EnvironmentMetrics`, `PowerSubsystem`, `Power`."""


@dataclass(frozen=True)
class PowerLimit:
    """The limit of a server's draw."""

    watts: int | None
    """None where none is set."""
    active: bool = False


@dataclass(frozen=True)
class MediaSlot:
    """A virtual drive."""

    name: str
    kinds: tuple[str, ...] = ()
    """`cd`, `usb`, `floppy`, `dvd`."""
    image: str = ""
    """What is in it; empty where nothing is, or where it was inserted by other means."""
    inserted: bool = False
    usable: bool = True
    """False where the BMC only lets its own web page insert something."""


@dataclass(frozen=True)
class Bios:
    """Settings of the firmware."""

    attributes: dict[str, str | int | bool | None]
    pending: dict[str, str | int | bool | None] = field(default_factory=dict)
    """What differs after the next reset."""


@dataclass(frozen=True)
class SecureBoot:
    """Secure Boot."""

    enabled: bool
    """As it will be after the next reset."""
    active: bool | None = None
    """As the running system was booted."""
    mode: str = ""
    """`setup`, `user`, `audit`, `deployed`."""


Role = Literal["administrator", "operator", "readonly", "none", "other"]
"""What an account may do."""


@dataclass(frozen=True)
class User:
    """An account of the BMC."""

    number: str
    """The BMC's own name for the slot."""
    name: str
    """Empty for IPMI's null user."""
    role: Role
    enabled: bool
    locked: bool = False


@dataclass(frozen=True)
class Firmware:
    """One thing that has a version."""

    name: str
    version: str
    number: str = ""
    """The BMC's own name for it; `update_firmware` takes it as its target."""
    updateable: bool | None = None


@dataclass(frozen=True)
class Task:
    """Something that takes a BMC a while."""

    number: str
    state: Literal["running", "done", "failed"]
    percent: int | None = None
    text: str = ""


@dataclass(frozen=True)
class NetworkService:
    """A service that the BMC offers on the network."""

    name: str
    """`http`, `https`, `ipmi`, `ssh`, `ssdp`, `snmp`, `kvm`, `virtualmedia`, `telnet`, …"""
    enabled: bool
    port: int | None = None
