"""What a server boots from: the override and the persistent order."""

from dataclasses import dataclass, field
from typing import Literal

BootTarget = Literal[
    "none", "pxe", "disk", "safe", "diag", "cd", "bios", "remote-removable", "remote-cd", "remote-disk", "usb", "http"
]


@dataclass
class BootOverride:
    """What the server boots from next."""

    target: BootTarget = "none"
    persistent: bool = False
    uefi: bool = True
    extra: tuple[int, int, int, int] = (0, 0, 0, 0)
    """What else IPMI's boot flags said: the low bits of byte 2, and bytes 3 to 5 (IPMI v2.0, table 28-14)."""

    def __post_init__(self) -> None:
        self.extra = (self.extra[0], self.extra[1], self.extra[2], self.extra[3])


@dataclass(frozen=True)
class BootOption:
    """An entry of the persistent boot order."""

    reference: str
    """Name that firmware gives it, such as Boot0001."""
    name: str
    alias: Literal["Pxe", "Hdd", "Cd"]
    path: str
    """UEFI device path."""


@dataclass
class BootOrder:
    """The persistent order of the server's firmware."""

    options: tuple[BootOption, ...]
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.order = self.order or [one.reference for one in self.options]

    def disk_first(self) -> None:
        """What firmware does that knows better."""
        disks = [one.reference for one in self.options if one.alias == "Hdd"]
        self.order = disks + [one for one in self.order if one not in disks]


def options(nics: list[str], disks: list[str]) -> tuple[BootOption, ...]:
    """Entries for network ports, disks and the virtual drive, numbered as firmware does."""
    found: list[tuple[str, Literal["Pxe", "Hdd", "Cd"], str]] = []
    found += [(f"PXE IPv4 {name}", "Pxe", f"PciRoot(0x0)/Pci(0x{n + 1:X},0x0)/MAC/IPv4") for n, name in enumerate(nics)]
    found += [(f"UEFI {name}", "Hdd", f"PciRoot(0x0)/Pci(0x10,0x0)/NVMe(0x{n + 1:X})") for n, name in enumerate(disks)]
    found += [("UEFI virtual CD", "Cd", "PciRoot(0x0)/Pci(0x14,0x0)/USB(0x0,0x0)/CDROM(0x0)")]
    return tuple(BootOption(f"Boot{n:04X}", *one) for n, one in enumerate(found, 1))
