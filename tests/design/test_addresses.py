from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.design import addresses, make_design
from scs_rack.errors import UsageError
from scs_rack.model import numbering
from scs_rack.model.load import load_rack

INVENTORY = Path(__file__).parents[2] / "inventory"
PREFIXES = st.integers(8, 30).map(lambda length: IPv4Network(f"10.0.0.0/{length}"))


def test_numbers_follow_from_the_unit():
    node = make_design(load_rack(INVENTORY / "example")).nodes["ctl1"]
    assert node.unit == 35
    assert str(node.mgmt) == "10.20.0.135/24"
    assert str(node.bmc.address) == "10.20.0.215"
    assert (str(node.loopback4), str(node.loopback6)) == ("10.21.0.35", "fd5c:21::23")
    assert node.asn == 4200210036


def test_what_is_stated_goes_before_what_follows():
    rack = load_rack(INVENTORY / "lab")
    server = rack.servers["node1"].model_copy(update={"asn": 4210091900})
    changed = rack.model_copy(update={"servers": {**rack.servers, "node1": server}})
    assert make_design(changed).nodes["node1"].asn == 4210091900


def test_a_pool_that_is_too_small_is_a_failure_of_usage():
    rack = load_rack(INVENTORY / "lab")
    pools = rack.pools.model_copy(update={"loopback4": IPv4Network("10.91.0.0/30")})
    with pytest.raises(UsageError, match="no address number 3 for node3"):
        make_design(rack.model_copy(update={"pools": pools}))
    assert issubclass(addresses.PoolExhausted, UsageError)


@given(PREFIXES, st.integers(-5, 70000))
def test_an_address_of_a_pool_is_one_that_a_host_can_have(prefix, offset):
    found = numbering.nth(prefix, offset)
    if found is not None:
        assert found in prefix
        assert prefix.network_address < found < prefix.broadcast_address
    else:
        assert not 0 < offset < prefix.num_addresses - 1


@given(PREFIXES)
def test_floating_addresses_leave_room_for_routers(prefix):
    found = numbering.floating(prefix)
    if found is None:
        assert prefix.num_addresses < 16
    else:
        assert prefix.network_address + numbering.FLOATING_OFFSET <= found[0] <= found[1] < prefix.broadcast_address


@given(st.integers(1, 1000), st.integers(0, 100), st.integers(1, 60))
def test_the_last_as_number_is_kept_for_the_manager(first, size, unit):
    found = numbering.nth_asn((first, first + size), unit)
    assert found is None or first < found < first + size
