"""Sessions with the provider's routers, as `ss` of a controller shows them."""

from ipaddress import IPv6Address

from scs_rack.remote import Answer
from scs_rack.stages.guest_routes import far_ends, session_findings

ROUTER = IPv6Address("fd5c:5::fd")
WITH = """0      0      [fd5c:5::1]:41234 [fd5c:5::fd]:179
0      0      [fe80::1%br-up0]:50510 [fe80::2%br-up0]:179
0      0      10.91.0.1:40000 10.91.0.9:179
"""
WITHOUT = "".join(WITH.splitlines(keepends=True)[1:])


def answer(out: str) -> Answer:
    return Answer("node", 0, out, "", 0.0)


def test_far_ends_are_read_with_and_without_an_interface() -> None:
    assert far_ends(WITH) == {ROUTER, IPv6Address("fe80::2")}
    assert far_ends("") == set()


def test_a_router_that_all_tell_is_no_finding() -> None:
    assert session_findings({"node1": answer(WITH), "node2": answer(WITH)}, [ROUTER]) == []


def test_one_silent_controller_is_a_warning_all_are_an_error() -> None:
    (one,) = session_findings({"node1": answer(WITH), "node2": answer(WITHOUT)}, [ROUTER])
    assert (one.severity, one.seen) == ("warning", "none with node2")
    (none,) = session_findings({"node1": answer(WITHOUT), "node2": Answer("node2", 255, WITH, "gone", 0.0)}, [ROUTER])
    assert (none.severity, none.seen) == ("error", "none with node1, node2")
