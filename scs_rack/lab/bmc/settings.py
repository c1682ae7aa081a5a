"""Settings of the server's firmware, its versions, and its virtual drives, as its BMC keeps them."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

BiosValue = str | int | bool


@dataclass(frozen=True)
class BiosAttribute:
    """One setting of the server's firmware."""

    kind: Literal["Enumeration", "Integer", "Boolean", "String"]
    default: BiosValue
    text: str
    allowed: tuple[str, ...] = ()
    bounds: tuple[int, int] = (0, 0)

    def fault(self, value: Any) -> str | None:
        """Why a value is refused; None when it is good."""
        if self.kind == "Boolean":
            return None if isinstance(value, bool) else "type"
        if self.kind == "Integer":
            if isinstance(value, bool) or not isinstance(value, int):
                return "type"
            return None if self.bounds[0] <= value <= self.bounds[1] else "range"
        if not isinstance(value, str):
            return "type"
        if self.kind == "Enumeration":
            return None if value in self.allowed else "list"
        return None if len(value) <= 64 else "range"


_SWITCH = ("Disabled", "Enabled")
BIOS: dict[str, BiosAttribute] = {
    "BootMode": BiosAttribute("Enumeration", "Uefi", "Boot mode", ("Uefi", "LegacyBios")),
    "NumLock": BiosAttribute("Boolean", default=True, text="Num lock at start"),
    "PowerProfile": BiosAttribute("Enumeration", "Balanced", "Power profile", ("Performance", "Balanced", "PowerSave")),
    "ProcVirtualization": BiosAttribute("Enumeration", "Enabled", "Virtualization", _SWITCH),
    "ProcHyperthreading": BiosAttribute("Enumeration", "Enabled", "Simultaneous multithreading", _SWITCH),
    "SriovGlobalEnable": BiosAttribute("Enumeration", "Disabled", "SR-IOV", _SWITCH),
    "TpmState": BiosAttribute("Enumeration", "Enabled", "TPM", _SWITCH),
    "PxeRetries": BiosAttribute("Integer", 3, "Network boot retries", bounds=(0, 20)),
    "AssetTag": BiosAttribute("String", "", "Asset tag"),
    "SerialConsole": BiosAttribute("Enumeration", "Com1", "Serial console", ("Off", "Com1", "Com2")),
}
"""The registry of attributes (Redfish AttributeRegistry)."""


@dataclass
class Bios:
    """Settings in force, and those that wait for the next start."""

    values: dict[str, BiosValue] = field(default_factory=lambda: {name: one.default for name, one in BIOS.items()})
    pending: dict[str, BiosValue] = field(default_factory=dict)

    def apply(self) -> bool:
        """Take what waited; True if anything did."""
        changed = bool(self.pending)
        self.values |= self.pending
        self.pending = {}
        return changed


@dataclass
class SecureBoot:
    """Secure Boot in force, and from the next start on."""

    enabled: bool = False
    wanted: bool | None = None

    def apply(self) -> None:
        """Take what waited."""
        if self.wanted is not None:
            self.enabled, self.wanted = self.wanted, None


@dataclass
class Media:
    """A virtual drive."""

    kinds: tuple[str, ...]
    image: str | None = None
    write_protected: bool = True
    user: str | None = None
    by: Literal["URI", "Applet", "NotConnected"] = "NotConnected"

    def insert(self, image: str, *, write_protected: bool, user: str | None) -> None:
        """Put an image in."""
        self.image, self.write_protected, self.user, self.by = image, write_protected, user, "URI"

    def eject(self) -> None:
        """Take it out."""
        self.image, self.user, self.write_protected, self.by = None, None, True, "NotConnected"


@dataclass
class Firmware:
    """Something with a version."""

    name: str
    version: str
    needs_reset: bool
    """True when a new version comes into force with the server's next start."""
    staged: str | None = None
    released: str = "2026-01-15T00:00:00Z"

    def take(self, version: str) -> None:
        """Install a version."""
        if self.needs_reset:
            self.staged = version
        else:
            self.version = version

    def apply(self) -> None:
        """Bring into force what waited."""
        if self.staged:
            self.version, self.staged = self.staged, None

    def following(self, image: str) -> str:
        """Version of an image: the one in its name, else the next one after this."""
        found = re.findall(r"\d+(?:\.\d+)+", image.rsplit("/", 1)[-1])
        if found:
            return str(found[-1])
        head, _, last = self.version.rpartition(".")
        return f"{head}.{int(last) + 1:0{len(last)}d}"
