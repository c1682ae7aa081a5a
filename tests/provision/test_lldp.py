"""What neighbours say of themselves on a cable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.provision.lldp import Neighbour, neighbours

HEAD = "0180c200000e02000000000188cc"


def field(kind, value):
    return ((kind << 9 | len(value)).to_bytes(2) + value).hex()


CHASSIS = field(1, bytes.fromhex("04020000000001"))
PORT = field(2, b"\x07Ethernet4")
NAME = field(5, b"leaf1.rack.internal")
END = "0000"


def test_a_neighbour_is_read():
    frame = HEAD + CHASSIS + PORT + field(3, b"\x00\x78") + field(4, b"to metal1") + NAME + END
    assert neighbours("eth1", frame) == [Neighbour("eth1", "leaf1", "Ethernet4", "to metal1")]


def test_one_with_a_vlan_tag_and_without_a_name_is_read():
    frame = "0180c200000e0200000000018100000a88cc" + CHASSIS + field(2, bytes.fromhex("03020000000099")) + END
    assert neighbours("eth1", frame) == [Neighbour("eth1", "02:00:00:00:00:01", "02:00:00:00:00:99")]


@pytest.mark.parametrize("frame", ["", "zz", HEAD, HEAD + CHASSIS, HEAD + PORT, "00" * 60, HEAD + CHASSIS + PORT[:10]])
def test_what_is_none_gives_none(frame):
    assert neighbours("eth1", frame) == []


def test_the_first_of_each_field_counts_and_nothing_moves_a_terminal():
    frame = HEAD + CHASSIS + PORT + field(5, b"leaf\x1b[2J1") + field(5, b"other") + END
    assert neighbours("eth1", frame)[0].device == "leaf[2J1"


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_left(data):
    neighbours("eth0", HEAD + data.hex())
