"""The `Bmc` interface over IPMI 2.0. Sections are those of the IPMI specification v2.0 rev. 1.1."""

import contextlib
import datetime as dt
import uuid
from contextlib import AbstractAsyncContextManager
from typing import Any

from scs_rack.bmc.errors import AnswerLost, NonsenseAnswer, ProtocolLacks, Refused
from scs_rack.bmc.facts import Board, EventLog, Firmware, Inventory, PowerDraw, PowerLimit, Role, Sensor, User
from scs_rack.bmc.ipmi import dcmi, deep, fru, sel, told, users, wire
from scs_rack.bmc.ipmi.session import IpmiSession
from scs_rack.bmc.types import Bmc, BootDevice, BootOverride, Console, Identity, Macs, Power, Target

APP, CHASSIS, STORAGE, TRANSPORT = 0x06, 0x00, 0x0A, 0x0C
THIS_CHANNEL = 0x0E
_DOWN, _UP, _CYCLE, _RESET, _NMI, _SOFT = 0, 1, 2, 3, 4, 5
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
        self._boot_set: BootDevice = "none"
        """What this session has set."""

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

    async def nmi(self) -> None:
        """Chassis Control: pulse diagnostic interrupt."""
        await self._control(_NMI, once=True)

    async def last_reset(self) -> str | None:
        """IPMI has no time of the last reset."""
        return None

    async def identity(self) -> Identity:
        """Get Device ID (20.1), Get System GUID (22.14), FRU 0 (34)."""
        firmware = await self._version()
        guid = ""
        with contextlib.suppress(Refused):
            guid = str(uuid.UUID(bytes=(await self._read(APP, 0x37, b"", 16))[:16][::-1]))
        known = fru.Fru()
        with contextlib.suppress(Refused):
            known = await self._fru()
        return Identity(known.manufacturer, known.product, known.serial, guid, firmware)

    async def _version(self) -> str:
        device = await self._read(APP, 0x01, b"", 5)
        return f"{device[2] & 0x7F}.{device[3] >> 4}{device[3] & 0x0F}"

    async def macs(self) -> Macs:
        """Get LAN Configuration Parameters, parameter 5 (23.2). The server's own NICs are not in the standard."""
        await self._session.administrator()  # operator would do
        try:
            data = await self._read(TRANSPORT, 0x02, bytes([THIS_CHANNEL, 5, 0, 0]), 7)
        except Refused:  # the parameter is optional
            return Macs(bmc=(), nics=None)
        return Macs(bmc=(data[1:7].hex(":"),), nics=None)

    async def boot_override(self) -> BootOverride:
        """Get System Boot Options, parameter 5 (28.13)."""
        await self._session.administrator()
        data = await self._read(CHASSIS, 0x09, bytes([5, 0, 0]), 4)
        number, valid = data[3] >> 2 & 0x0F, bool(data[2] & 0x80)
        if not valid and (not number or _DEVICES.get(number) != self._boot_set):
            return BootOverride()  # left over from an earlier boot
        if number not in _DEVICES:
            raise NonsenseAnswer(f"{self.target.where}: unknown boot device {number}")
        if not valid:
            return BootOverride(_DEVICES[number], certain=False)
        return BootOverride(_DEVICES[number], bool(data[2] & 0x40), "uefi" if data[2] & 0x20 else "legacy")

    async def set_boot(self, wanted: BootOverride) -> None:
        """Set System Boot Options, parameter 5 (28.12)."""
        if wanted.device not in _BOOT:
            raise ProtocolLacks(f"{self.target.where}: IPMI can't boot from {wanted.device}", "Redfish can")
        await self._session.administrator()
        if wanted.device != "none":
            with contextlib.suppress(Refused):  # else many BMCs forget it after 60 s (parameter 3, bit 3)
                await self._session.command(CHASSIS, 0x08, bytes([3, 0x08]))
        flags = 0x80 | 0x40 * wanted.persistent | 0x20 * (wanted.mode != "legacy") if wanted.device != "none" else 0
        await self._session.command(CHASSIS, 0x08, bytes([5, flags, _BOOT[wanted.device] << 2, 0, 0, 0]))
        self._boot_set = wanted.device

    async def inventory(self) -> Inventory:
        """Identity, and boards with a FRU inventory; IPMI tells nothing of CPUs, memory and disks."""
        identity = await self.identity()
        try:
            boards = told.boards(await self._deep("inventory"))
        except Refused:  # pyghmi asks for more bytes at once than some give
            boards = (Board("System", identity.manufacturer, identity.model, identity.serial),)
        return Inventory(identity, boards=boards)

    async def sensors(self) -> tuple[Sensor, ...]:
        """Sensors of the SDR repository."""
        return told.sensors(await self._deep("sensors"))

    async def events(self) -> EventLog:
        """The SEL, and how full it is."""
        _, capacity, full = await sel.fill(self._session, self.target.where)
        return EventLog(told.events(await self._deep("events")), capacity, full)

    async def clear_events(self) -> None:
        """Clear SEL."""
        await self._session.administrator()
        await sel.clear(self._session, self.target.where)

    async def clock(self) -> dt.datetime | None:
        """Get SEL Time."""
        return await sel.clock(self._session, self.target.where)

    async def identify(self) -> bool | None:
        """Get Chassis Status, bits 4 to 6 of byte 4: some say nothing."""
        data = await self._read(CHASSIS, 0x01, b"", 3)
        return bool(data[2] >> 4 & 0x03) if data[2] & 0x40 else None

    async def set_identify(self, *, on: bool) -> None:
        """Chassis Identify (28.5): for ever, or off."""
        await self._session.administrator()
        await self._session.command(CHASSIS, 0x04, bytes([0, on]))

    async def power_draw(self) -> PowerDraw:
        """DCMI."""
        await self._session.administrator()
        return await dcmi.draw(self._session, self.target.where)

    async def power_limit(self) -> PowerLimit:
        """DCMI."""
        await self._session.administrator()
        return await dcmi.limit(self._session, self.target.where)

    async def set_power_limit(self, watts: int | None) -> None:
        """DCMI."""
        await self._session.administrator()
        await dcmi.set_limit(self._session, self.target.where, watts)

    async def firmware(self) -> tuple[Firmware, ...]:
        """Get Device ID: that of the BMC alone."""
        return (Firmware("BMC", await self._version()),)

    async def users(self) -> tuple[User, ...]:
        """Accounts of this channel."""
        await self._session.administrator()
        return await users.read(self._session, self.target.where)

    async def add_user(self, name: str, password: str, role: Role) -> None:
        """See `users.add`."""
        await self._session.administrator()
        await users.add(self._session, self.target.where, name, password, role)

    async def set_user(self, name: str, *, role: Role | None = None, enabled: bool | None = None) -> None:
        """See `users.change`."""
        await self._session.administrator()
        await users.change(self._session, self.target.where, name, role, enabled=enabled)

    async def set_password(self, name: str, password: str) -> None:
        """See `users.set_password`."""
        await self._session.administrator()
        await users.set_password(self._session, self.target.where, name, password)

    async def remove_user(self, name: str) -> None:
        """See `users.remove`."""
        await self._session.administrator()
        await users.remove(self._session, self.target.where, name)

    async def reset_bmc(self) -> None:
        """Cold Reset (20.2)."""
        await self._session.administrator()
        with contextlib.suppress(AnswerLost):  # many are gone before they answer
            await self._session.command(APP, 0x02, once=True)

    def console(self) -> AbstractAsyncContextManager[Console]:
        """Serial over LAN."""
        self._session.release()
        return deep.console(self.target, self._session.limits)

    async def _deep(self, work: str) -> Any:
        self._session.release()  # BMCs have room for few
        return await deep.ask(self.target, self._session.limits, work)

    async def _control(self, number: int, *, once: bool) -> None:
        """Chassis Control (28.3)."""
        await self._session.administrator()
        await self._session.command(CHASSIS, 0x02, bytes([number]), once=once)

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
