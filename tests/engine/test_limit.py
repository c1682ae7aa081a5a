import pytest
from engine_fakes import order

from scs_rack.engine.limit import limited
from scs_rack.errors import UsageError


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("node1", {"node1"}),
        ("servers:!node1", {"node2", "node3"}),
        ("servers,!node1", {"node2", "node3"}),
        ("leaf*", {"leaf1", "leaf2"}),
        ("control:&ceph_mgr", {"node1", "node2"}),
        ("servers[0]", {"node1"}),
        ("~node[12]", {"node1", "node2"}),
        ("spares", {"node4"}),
    ],
)
def test_patterns_mean_what_they_mean_to_ansible(tmp_path, pattern, wanted):
    assert limited(order(tmp_path, []).design, pattern) == wanted


def test_no_pattern_is_no_limit(tmp_path):
    assert limited(order(tmp_path, []).design, None) is None


def test_a_pattern_that_fits_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--limit nowhere fits no server or switch"):
        limited(order(tmp_path, []).design, "nowhere")
