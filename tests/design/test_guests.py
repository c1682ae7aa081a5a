"""What networks of customers get, and where optional services run."""

import ipaddress

from scs_rack.design import make_design
from scs_rack.design.guests import unique_local
from scs_rack.model.load import load_rack
from tests.golden.golden_racks import INVENTORY

LAB = load_rack(INVENTORY / "lab")


def test_an_own_prefix_is_unique_local_and_always_the_same() -> None:
    one, other = unique_local("a"), unique_local("b")
    assert one != other
    assert one == unique_local("a")
    assert all(
        prefix.prefixlen == 48 and prefix.subnet_of(ipaddress.IPv6Network("fd00::/8")) for prefix in (one, other)
    )


def test_what_is_stated_wins() -> None:
    stated = LAB.cloud.guests.model_copy(
        update={"pool6": ipaddress.IPv6Network("2001:db8::/40"), "domain": "vm.example.org", "resolvers": ["fd00::53"]}
    )
    rack = LAB.model_copy(update={"cloud": LAB.cloud.model_copy(update={"guests": stated})})
    guests = make_design(rack).guests
    assert (str(guests.pool6), guests.domain, guests.resolvers) == ("2001:db8::/40", "vm.example.org", ("fd00::53",))


def test_guests_ask_the_providers_router_when_no_resolver_is_stated() -> None:
    guests = make_design(LAB).guests
    assert guests.resolvers == ("10.92.0.1",)
    assert guests.domain == "guests.lab.internal"


def test_a_service_that_is_left_out_has_no_host() -> None:
    rack = LAB.model_copy(update={"cloud": LAB.cloud.model_copy(update={"services": ["swift", "designate"]})})
    groups = make_design(rack).groups
    assert groups["radosgw"] == groups["designate"] == groups["controller"]
    assert groups["barbican"] == groups["octavia"] == groups["horizon"] == ()
