"""Power reading and limit by DCMI 1.5 (6.6): the group extension 0xDC of IPMI."""

import struct

from scs_rack.bmc.errors import NonsenseAnswer, NotSupported, Refused
from scs_rack.bmc.facts import PowerDraw, PowerLimit
from scs_rack.bmc.ipmi.session import IpmiSession

_GROUP = 0x2C
_DCMI = b"\xdc"
_NO_LIMIT = 0x80
_CORRECTION_MS = 1000
_SAMPLING_S = 5


async def draw(session: IpmiSession, where: str) -> PowerDraw:
    """Get Power Reading (6.6.1), system power statistics."""
    raw = await _ask(session, where, 0x02, b"\x01\x00\x00")
    if len(raw) < 18:
        raise NonsenseAnswer(f"{where}: the power reading is too short")
    now, least, most, average, _, period, state = struct.unpack_from("<HHHHIIB", raw + b"\0\0", 1)
    if not state & 0x40:  # no measurement is going on
        return PowerDraw(None, source="dcmi")
    return PowerDraw(float(now), float(average), float(least), float(most), period / 1000, "dcmi")


async def limit(session: IpmiSession, where: str) -> PowerLimit:
    """Get Power Limit (6.6.2); a BMC without one answers with a completion code of its own."""
    try:
        raw = await _ask(session, where, 0x03, b"\0\0")
    except Refused as error:
        if error.status == _NO_LIMIT:
            return PowerLimit(None)
        raise
    if len(raw) < 6:
        raise NonsenseAnswer(f"{where}: the power limit is too short")
    watts = int.from_bytes(raw[4:6], "little")
    return PowerLimit(watts or None, bool(watts))


async def set_limit(session: IpmiSession, where: str, watts: int | None) -> None:
    """Set Power Limit (6.6.3), without an action where it is exceeded, and (de)activate it (6.6.4)."""
    if watts is not None:
        if not 0 < watts <= 0xFFFF:
            raise Refused(f"{where}: DCMI limits from 1 to 65535 W")
        body = struct.pack("<xxxBHIxxH", 0, watts, _CORRECTION_MS, _SAMPLING_S)
        await _ask(session, where, 0x04, body)
    await _ask(session, where, 0x05, bytes([watts is not None, 0, 0]))


async def _ask(session: IpmiSession, where: str, number: int, data: bytes) -> bytes:
    """A DCMI command; its answer begins with the group's number."""
    try:
        raw = await session.command(_GROUP, number, _DCMI + data)
    except NotSupported as error:
        raise NotSupported(f"{where}: it has no DCMI power management", "Redfish may have it") from error
    if raw[:1] != _DCMI:
        raise NonsenseAnswer(f"{where}: an answer that is not of DCMI")
    return raw
