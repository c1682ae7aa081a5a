"""How the smoke test asks a name server."""

import socket
import struct
import threading
from ipaddress import IPv4Address

import pytest

from scs_rack.conformance.smoke_zone import ADDRESS, addresses

RECORD = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + ADDRESS.packed  # its name is a pointer to the question's
ALIAS = b"\3www\4else\0" + struct.pack("!HHIH", 5, 1, 60, 2) + b"\xc0\x0c"


@pytest.fixture
def ask():
    """Ask a server that answers with what a function makes of the question."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def call(make):
            def serve():
                wire, who = server.recvfrom(512)
                server.sendto(make(wire), who)

            threading.Thread(target=serve, daemon=True).start()
            return addresses("127.0.0.1", "www.zone.example.", port=server.getsockname()[1], timeout=1)

        yield call


def reply(wire, records, *, flags=0x8400, number=None):
    ident = struct.unpack("!H", wire[:2])[0] if number is None else number
    return struct.pack("!6H", ident, flags, 1, len(records), 0, 0) + wire[12:] + b"".join(records)


def test_an_address_is_read_behind_an_alias_too(ask):
    assert ask(lambda wire: reply(wire, [ALIAS, RECORD])) == [ADDRESS]


def test_the_question_is_one_for_the_name(ask):
    seen = []
    ask(lambda wire: seen.append(wire) or reply(wire, [RECORD]))
    assert seen[0][12:] == b"\3www\4zone\7example\0" + struct.pack("!HH", 1, 1)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda wire: reply(wire, [RECORD], flags=0x8403), id="no such name"),
        pytest.param(lambda wire: reply(wire, [RECORD], flags=0x8405), id="refused"),
        pytest.param(lambda wire: reply(wire, [RECORD], number=wire[0] ^ 0x55), id="an answer to somebody else"),
        pytest.param(lambda wire: reply(wire, [RECORD[:7]]), id="cut short"),
        pytest.param(lambda wire: b"", id="empty"),
        pytest.param(lambda wire: reply(wire, []), id="nothing"),
    ],
)
def test_other_answers_bring_nothing(ask, make):
    assert ask(make) == []


def test_nobody_there_brings_nothing():
    assert addresses("127.0.0.1", "x.example.", port=1, timeout=0.2) == []
    assert IPv4Address("192.0.2.53") == ADDRESS
