"""The event log as a store (31.2 to 31.10): how full it is, emptying it, and its clock. pyghmi decodes the entries."""

import asyncio
import datetime as dt

from scs_rack.bmc.errors import AnswerLost, NonsenseAnswer, Refused
from scs_rack.bmc.ipmi.session import IpmiSession

_STORAGE = 0x0A
_ENTRY = 16
_UNKNOWN = 0xFFFFFFFF
_ERASED = 1
_LOOKS = 50
_PAUSE = 0.1


async def fill(session: IpmiSession, where: str) -> tuple[int, int, bool]:
    """Get SEL Info: entries, entries that fit, and whether any was lost."""
    raw = await session.command(_STORAGE, 0x40)
    if len(raw) < 14:
        raise NonsenseAnswer(f"{where}: the answer about the event log is too short")
    entries, free = int.from_bytes(raw[1:3], "little"), int.from_bytes(raw[3:5], "little")
    return entries, entries + free // _ENTRY, bool(raw[13] & 0x80) or free < _ENTRY


async def clear(session: IpmiSession, where: str) -> None:
    """Reserve, Clear, and wait until the BMC says that it is erased."""
    held = (await session.command(_STORAGE, 0x42))[:2]
    if len(held) < 2:
        raise NonsenseAnswer(f"{where}: it reserves no event log")
    ask = held + b"CLR"
    try:
        await session.command(_STORAGE, 0x47, ask + b"\xaa", once=True)
    except AnswerLost:
        held = (await session.command(_STORAGE, 0x42))[:2]  # to ask how far it is
        ask = held + b"CLR"
    for _ in range(_LOOKS):
        state = await session.command(_STORAGE, 0x47, ask + b"\x00")
        if state and state[0] & 0x0F == _ERASED:
            return
        await asyncio.sleep(_PAUSE)
    raise Refused(f"{where}: it says that it still erases its event log")


async def clock(session: IpmiSession, where: str) -> dt.datetime | None:
    """Get SEL Time, which most BMCs keep in UTC."""
    raw = await session.command(_STORAGE, 0x48)
    if len(raw) < 4:
        raise NonsenseAnswer(f"{where}: its time is too short")
    seconds = int.from_bytes(raw[:4], "little")
    return None if seconds == _UNKNOWN else dt.datetime.fromtimestamp(seconds, dt.UTC)
