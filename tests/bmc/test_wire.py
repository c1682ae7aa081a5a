import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.bmc.ipmi import fru, rakp, wire
from scs_rack.bmc.ipmi.suites import SUITES, Handshake, decrypt, encrypt

# The RMCP ping that every IPMI scanner sends: Get Channel Authentication Capabilities, channel 14, administrator,
# with the bit for IPMI 2.0 data; byte for byte as in the IPMI specification's packet layout (13.6, 22.13).
PUBLISHED = bytes.fromhex("0600ff07 00 00000000 00000000 09 20 18 c8 81 00 38 8e 04 b5")


def test_a_published_packet_is_read_and_written() -> None:
    packet = wire.decode(PUBLISHED)
    assert packet.legacy
    message = wire.Message.decode(packet.payload)
    assert (message.netfn, message.command, message.data) == (0x06, 0x38, b"\x8e\x04")
    assert wire.legacy(message.encode()) == PUBLISHED


@given(st.binary(max_size=300), st.integers(0, 32))
def test_no_bytes_break_the_packet_reader(raw: bytes, code_length: int) -> None:
    try:
        packet = wire.decode(raw, code_length)
    except wire.Malformed:
        return
    assert len(packet.payload) <= len(raw)
    with contextlib.suppress(wire.Malformed):
        wire.Message.decode(packet.payload)


@given(st.binary(max_size=120))
def test_headers_with_any_content_are_read_or_refused(rest: bytes) -> None:
    for kind in (b"\x06", b"\x00"):
        with contextlib.suppress(wire.Malformed):
            wire.decode(wire.RMCP + kind + rest, 16)


@given(st.binary(max_size=80))
def test_no_bytes_break_the_readers_of_the_handshake(raw: bytes) -> None:
    for reader in (rakp.OpenRequest, rakp.OpenResponse, rakp.Rakp1, rakp.Rakp2, rakp.Proof):
        with contextlib.suppress(wire.Malformed):
            reader.decode(raw)


@given(st.integers(0, 63), st.integers(0, 255), st.binary(max_size=60), st.integers(0, 63), st.integers(0, 3))
def test_messages_survive_the_way(netfn: int, command: int, data: bytes, sequence: int, lun: int) -> None:
    message = wire.Message(netfn, command, data, sequence, target_lun=lun)
    assert wire.Message.decode(message.encode()) == message


@given(st.binary(min_size=8, max_size=40), st.integers(0, 7))
def test_one_wrong_bit_is_noticed(data: bytes, bit: int) -> None:
    raw = bytearray(wire.Message(6, 1, data).encode())
    raw[7] ^= 1 << bit
    with pytest.raises(wire.Malformed):
        wire.Message.decode(bytes(raw))


@given(st.binary(max_size=200))
def test_encryption_is_undone(data: bytes) -> None:
    key = bytes(range(20))
    secret = encrypt(key, data)
    assert data == decrypt(key, secret)
    assert len(secret) % 16 == 0


@given(st.binary(max_size=200))
def test_no_bytes_break_decryption(raw: bytes) -> None:
    with contextlib.suppress(wire.Malformed):
        decrypt(b"k" * 20, raw)


@pytest.mark.parametrize("number", [3, 17])
def test_both_sides_make_the_same_codes_and_a_wrong_password_does_not(number: int) -> None:
    def side(password: bytes) -> Handshake:
        return Handshake(SUITES[number], password, 1, 2, b"c" * 16, b"b" * 16, b"g" * 16, 0x14, b"admin")

    assert side(b"right").code2() == side(b"right").code2()
    assert side(b"right").code2() != side(b"wrong").code2()
    assert side(b"right").code3() != side(b"wrong").code3()
    right, wrong = side(b"right"), side(b"wrong")
    assert right.code4(right.keys()) != wrong.code4(wrong.keys())
    assert len(right.code4(right.keys())) == SUITES[number].code_length


def test_integrity_trailers_fill_to_whole_words() -> None:
    for length in range(40):
        body = wire.covered(0, 1, 1, bytes(length))
        assert len(body) % 4 == 0
        packet = wire.decode(wire.RMCP + body + b"c" * 12, 12)
        assert (packet.payload, packet.covered, packet.code) == (bytes(length), body, b"c" * 12)


def test_fru_text_in_all_its_codings_is_read() -> None:
    # FRU Information Storage Definition, 13: 6-bit "IPMI" is 29 DC A6 (its own example), BCD plus counts "-" as 0xB.
    fields = bytes([0x83, 0x29, 0xDC, 0xA6, 0x42, 0x12, 0xB3, 0xC2]) + b"p1" + bytes([0xC0, 0xC4]) + b"S-01" + b"\xc1"
    body = bytes([1, 0, 25]) + fields
    size = -(-(len(body) + 1) // 8) * 8
    area = (bytes([1, size // 8, 25]) + fields).ljust(size - 1, b"\0")
    area += bytes([wire.checksum(area)])
    head = bytes([1, 0, 0, 0, 1, 0, 0])
    assert fru.decode(head + bytes([wire.checksum(head)]) + area) == fru.Fru("IPMI", "12-3", "S-01")


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=80))
def test_fru_is_written_and_read_for_any_text(maker: str, product: str, serial: str) -> None:
    seen = fru.decode(fru.encode(fru.Fru(maker, product, serial)))
    for stated, read in ((maker, seen.manufacturer), (product, seen.product), (serial, seen.serial)):
        if stated.isascii() and stated.isprintable() and len(stated) < 60:
            assert read == stated.strip()


@given(st.binary(max_size=400))
def test_no_bytes_break_the_fru_reader(raw: bytes) -> None:
    head = b"\x01\x00\x00\x01\x04\x00\x00"
    for content in (raw, head + bytes([wire.checksum(head)]) + raw):
        with contextlib.suppress(wire.Malformed):
            fru.decode(content)
