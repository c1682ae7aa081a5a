"""The `Bmc` interface over IPMI 2.0. Sections are those of the IPMI specification v2.0 rev. 1.1."""

import contextlib
import uuid

from scs_rack.bmc.errors import NonsenseAnswer, ProtocolLacks, Refused
from scs_rack.bmc.ipmi import fru, wire
from scs_rack.bmc.ipmi.session import IpmiSession
from scs_rack.bmc.types import Bmc, BootDevice, BootOverride, Identity, Macs, Power, Target

APP, CHASSIS, STORAGE, TRANSPORT = 0x06, 0x00, 0x0A, 0x0C
THIS_CHANNEL = 0x0E
_DOWN, _UP, _CYCLE, _RESET, _SOFT = 0, 1, 2, 3, 5
_DEVICES: dict[int, BootDevice] = {
    0: "none",
    1: "pxe",
    2: "disk",
    3: "disk",
    5: "cd",
    6: "bios",
    7: "usb",
    8: "cd",
    9: "usb",
    11: "disk",
    15: "usb",
}
"""Boot device selectors (table 28-14), remote ones included."""
_BOOT: dict[str, int] = {"none": 0, "pxe": 1, "disk": 2, "cd": 5, "bios": 6, "usb": 15}
_FRU_PART = 32
_FRU_LIMIT = 4096
"""Bytes of a FRU that are read at most."""


class IpmiBmc(Bmc):
    """A BMC that speaks IPMI 2.0.

    Args:
        target: whom it belongs to.
        session: a session that is open.
    """

    protocol = "ipmi"

    def __init__(self, target: Target, session: IpmiSession) -> None:
        self.target = target
        self._session = session
        self._raised = False

    async def power_state(self) -> Power:
        """Get Chassis Status (28.2)."""
        data = await self._read(CHASSIS, 0x01, b"", 1)
        return Power.ON if data[0] & 0x01 else Power.OFF

    async def power_on(self) -> None:
        """Chassis Control: power up."""
        await self._control(_UP, once=False)

    async def power_off(self, *, hard: bool) -> None:
        """Chassis Control: power down, or soft shutdown by an emulated overtemperature event."""
        await self._control(_DOWN if hard else _SOFT, once=not hard)

    async def reset(self) -> None:
        """Chassis Control: hard reset."""
        await self._control(_RESET, once=True)

    async def cycle(self) -> None:
        """Chassis Control: power cycle."""
        await self._control(_CYCLE, once=True)

    async def last_reset(self) -> str | None:
        """IPMI has no time of the last reset."""
        return None

    async def identity(self) -> Identity:
        """Get Device ID (20.1), Get System GUID (22.14), FRU 0 (34)."""
        device = await self._read(APP, 0x01, b"", 5)
        firmware = f"{device[2] & 0x7F}.{device[3] >> 4}{device[3] & 0x0F}"
        guid = ""
        with contextlib.suppress(Refused):
            guid = str(uuid.UUID(bytes=(await self._read(APP, 0x37, b"", 16))[:16][::-1]))
        known = fru.Fru()
        with contextlib.suppress(Refused):
            known = await self._fru()
        return Identity(known.manufacturer, known.product, known.serial, guid, firmware)

    async def macs(self) -> Macs:
        """Get LAN Configuration Parameters, parameter 5 (23.2). The server's own NICs are not in the standard."""
        await self._administrator()  # operator would do
        try:
            data = await self._read(TRANSPORT, 0x02, bytes([THIS_CHANNEL, 5, 0, 0]), 7)
        except Refused:  # the parameter is optional
            return Macs(bmc=(), nics=None)
        return Macs(bmc=(data[1:7].hex(":"),), nics=None)

    async def boot_override(self) -> BootOverride:
        """Get System Boot Options, parameter 5 (28.13)."""
        await self._administrator()
        data = await self._read(CHASSIS, 0x09, bytes([5, 0, 0]), 4)
        if not data[2] & 0x80:
            return BootOverride()
        number = data[3] >> 2 & 0x0F
        if number not in _DEVICES:
            raise NonsenseAnswer(f"{self.target.where}: unknown boot device {number}")
        return BootOverride(_DEVICES[number], bool(data[2] & 0x40), "uefi" if data[2] & 0x20 else "legacy")

    async def set_boot(self, wanted: BootOverride) -> None:
        """Set System Boot Options, parameter 5 (28.12)."""
        if wanted.device not in _BOOT:
            raise ProtocolLacks(f"{self.target.where}: IPMI can't boot from {wanted.device}", "Redfish can")
        await self._administrator()
        flags = 0x80 | 0x40 * wanted.persistent | 0x20 * (wanted.mode != "legacy") if wanted.device != "none" else 0
        await self._session.command(CHASSIS, 0x08, bytes([5, flags, _BOOT[wanted.device] << 2, 0, 0, 0]))

    async def _control(self, number: int, *, once: bool) -> None:
        """Chassis Control (28.3)."""
        await self._administrator()
        await self._session.command(CHASSIS, 0x02, bytes([number]), once=once)

    async def _administrator(self) -> None:
        if not self._raised:
            await self._session.administrator()
            self._raised = True

    async def _read(self, netfn: int, number: int, data: bytes, least: int) -> bytes:
        answer = await self._session.command(netfn, number, data)
        if len(answer) < least:
            raise NonsenseAnswer(f"BMC of {self.target.name}: answer to {netfn:#04x}/{number:#04x} is too short")
        return answer

    async def _fru(self) -> fru.Fru:
        info = await self._read(STORAGE, 0x10, b"\0", 3)
        size = min(int.from_bytes(info[:2], "little"), _FRU_LIMIT)
        content = b""
        while len(content) < size:
            ask = b"\0" + len(content).to_bytes(2, "little") + bytes([min(_FRU_PART, size - len(content))])
            part = await self._read(STORAGE, 0x11, ask, 2)
            if part[0] == 0:
                break
            content += part[1 : 1 + part[0]]
        try:
            return fru.decode(content)
        except wire.Malformed as error:
            raise Refused(f"BMC of {self.target.name}: {error}") from error
