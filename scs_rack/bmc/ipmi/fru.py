"""The part of a FRU inventory that identifies a server.

Source: IPMI Platform Management FRU Information Storage Definition v1.0 rev. 1.3, sections 8, 11, 12, 13.
"""

from dataclasses import dataclass

from scs_rack.bmc.ipmi.wire import Malformed, checksum

_ENGLISH = 25
_END = 0xC1
_SIX_BIT = 0x80
_BCD = 0x40
_DIGITS = "0123456789 -."


@dataclass(frozen=True)
class Fru:
    """Product area, with the board area standing in where a product says nothing."""

    manufacturer: str = ""
    product: str = ""
    serial: str = ""


def _field(text: str) -> bytes:
    raw = text.encode("latin-1", "replace")[:63]
    if len(raw) == 1:
        raw += b" "  # one byte of text would read as the end mark
    return bytes([0xC0 | len(raw)]) + raw


def _area(head: bytes, fields: list[str]) -> bytes:
    body = head + b"".join(_field(text) for text in fields) + bytes([_END])
    length = -(-(len(body) + 3) // 8) * 8
    area = (bytes([0x01, length // 8]) + body).ljust(length - 1, b"\0")
    return area + bytes([checksum(area)])


def encode(fru: Fru) -> bytes:
    """Common header, board area and product area."""
    board = _area(bytes([_ENGLISH, 0, 0, 0]), [fru.manufacturer, fru.product, fru.serial, "", ""])
    product = _area(bytes([_ENGLISH]), [fru.manufacturer, fru.product, "", "", fru.serial, "", ""])
    header = bytes([0x01, 0, 0, 1, 1 + len(board) // 8, 0, 0])
    return header + bytes([checksum(header)]) + board + product


def _text(kind: int, raw: bytes) -> str:
    if kind == _BCD:
        return "".join(_DIGITS[nibble] if nibble < len(_DIGITS) else "?" for b in raw for nibble in (b >> 4, b & 15))
    if kind == _SIX_BIT:
        bits = int.from_bytes(raw, "little")
        return "".join(chr(0x20 + (bits >> 6 * i & 0x3F)) for i in range(len(raw) * 8 // 6))
    return raw.decode("latin-1")


def _fields(raw: bytes, offset: int, skip: int) -> list[str]:
    if not offset or offset + 3 > len(raw):
        return []
    area = raw[offset : offset + raw[offset + 1] * 8]
    if len(area) < skip or sum(area) & 0xFF:
        raise Malformed("FRU area with a wrong checksum")
    fields: list[str] = []
    position = skip
    while position < len(area) and area[position] != _END:
        length = area[position] & 0x3F
        text = _text(area[position] & 0xC0, area[position + 1 : position + 1 + length])
        fields.append("".join(c for c in text if c.isprintable()).strip())
        position += 1 + length
    return fields


def decode(raw: bytes) -> Fru:
    """Read a FRU inventory.

    Raises:
        Malformed: no FRU inventory, or a wrong checksum.
    """
    if len(raw) < 8 or raw[0] & 0x0F != 1 or sum(raw[:8]) & 0xFF:
        raise Malformed("no FRU inventory")
    board = [*_fields(raw, raw[3] * 8, 6), "", "", ""]
    product = [*_fields(raw, raw[4] * 8, 3), "", "", "", "", ""]
    return Fru(
        manufacturer=product[0] or board[0],
        product=product[1] or board[1],
        serial=product[4] or board[2],
    )
