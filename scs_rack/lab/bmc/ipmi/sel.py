"""IPMI: system event log, its clock, and FRU inventory (chapters 31 and 34)."""

from scs_rack.bmc.ipmi import fru
from scs_rack.lab.bmc.eventlog import CAPACITY
from scs_rack.lab.bmc.ipmi.commands import (
    ADMINISTRATOR,
    INVALID_FIELD,
    NOT_PRESENT,
    OK,
    OPERATOR,
    OUT_OF_RANGE,
    RESERVATION_LOST,
    STORAGE,
    Call,
    command,
    part,
)  # fmt: skip

FULL = b"\xc4"
RECORD = 16


@command(STORAGE, 0x10, length=1)
def _fru_info(call: Call) -> bytes:
    """34.1: one FRU, read by bytes."""
    return OK + len(_fru(call)).to_bytes(2, "little") + b"\0" if call.data[0] == 0 else NOT_PRESENT


@command(STORAGE, 0x11, length=4)
def _fru_read(call: Call) -> bytes:
    """34.2."""
    if call.data[0] != 0:
        return NOT_PRESENT
    content, offset = _fru(call), int.from_bytes(call.data[1:3], "little")
    return part(content, offset, call.data[3], 64) if offset < len(content) else OUT_OF_RANGE


def _fru(call: Call) -> bytes:
    config = call.machine.config
    return fru.encode(fru.Fru(manufacturer=config.vendor, product=config.model, serial=config.serial))


@command(STORAGE, 0x40)
def _info(call: Call) -> bytes:
    """31.2: reserve and delete are there, allocation too."""
    log = call.machine.log
    free = (CAPACITY - len(log.records)) * RECORD
    times = log.added.to_bytes(4, "little") + log.erased.to_bytes(4, "little")
    count = len(log.records).to_bytes(2, "little")
    return OK + b"\x51" + count + min(free, 0xFFFF).to_bytes(2, "little") + times + bytes([0x0B | log.lost << 7])


@command(STORAGE, 0x41)
def _allocation(call: Call) -> bytes:
    """31.3."""
    free = (CAPACITY - len(call.machine.log.records)).to_bytes(2, "little")
    return OK + CAPACITY.to_bytes(2, "little") + RECORD.to_bytes(2, "little") + free + free + b"\x01"


@command(STORAGE, 0x42)
def _reserve(call: Call) -> bytes:
    """31.4."""
    return OK + call.server.reserve("sel").to_bytes(2, "little")


@command(STORAGE, 0x43, length=6)
def _get(call: Call) -> bytes:
    """31.5."""
    log = call.machine.log
    record = log.find(int.from_bytes(call.data[2:4], "little"))
    if record is None:
        return NOT_PRESENT
    offset, count = call.data[4], call.data[5]
    if offset and not call.server.reserved("sel", call.data[0:2]):
        return RESERVATION_LOST
    if offset >= RECORD:
        return OUT_OF_RANGE
    return OK + log.after(record.number).to_bytes(2, "little") + record.raw[offset : offset + count]


@command(STORAGE, 0x44, privilege=OPERATOR, length=RECORD)
def _add(call: Call) -> bytes:
    """31.6."""
    if call.machine.lies:
        return OK + b"\x01\x00"
    record = call.machine.log.add_raw(call.data[:RECORD])
    return OK + record.number.to_bytes(2, "little") if record else FULL


@command(STORAGE, 0x46, privilege=OPERATOR, length=4)
def _delete(call: Call) -> bytes:
    """31.8; 0 names the first, FFFFh the last."""
    if not call.server.reserved("sel", call.data[0:2]):
        return RESERVATION_LOST
    record = call.machine.log.find(int.from_bytes(call.data[2:4], "little"))
    if record is None:
        return NOT_PRESENT
    if not call.machine.lies:
        call.machine.log.delete(record.number)
    return OK + record.number.to_bytes(2, "little")


@command(STORAGE, 0x47, privilege=OPERATOR, length=6)
def _clear(call: Call) -> bytes:
    """31.9: AAh begins, 00h asks how far it is."""
    if not call.server.reserved("sel", call.data[0:2]):
        return RESERVATION_LOST
    if call.data[2:5] != b"CLR" or call.data[5] not in (0xAA, 0x00):
        return INVALID_FIELD
    if call.data[5] == 0xAA and not call.machine.lies:
        call.machine.log.clear()
    return OK + b"\x01"


@command(STORAGE, 0x28)
@command(STORAGE, 0x48)
def _time(call: Call) -> bytes:
    """31.10 and 33.17."""
    return OK + (int(call.machine.clock.now()) & 0xFFFFFFFF).to_bytes(4, "little")


@command(STORAGE, 0x29, privilege=OPERATOR, length=4)
@command(STORAGE, 0x49, privilege=OPERATOR, length=4)
def _set_time(call: Call) -> bytes:
    """31.11 and 33.18."""
    if not call.machine.lies:
        call.machine.clock.set(int.from_bytes(call.data[:4], "little"))
    return OK


@command(STORAGE, 0x5C)
def _utc_offset(call: Call) -> bytes:
    """31.11a: minutes, signed."""
    return OK + call.machine.clock.utc_offset.to_bytes(2, "little", signed=True)


@command(STORAGE, 0x5D, privilege=ADMINISTRATOR, length=2)
def _set_utc_offset(call: Call) -> bytes:
    """31.11b."""
    minutes = int.from_bytes(call.data[:2], "little", signed=True)
    if minutes != 0x07FF and abs(minutes) > 1440:
        return INVALID_FIELD
    if not call.machine.lies:
        call.machine.clock.utc_offset = 0 if minutes == 0x07FF else minutes
    return OK
