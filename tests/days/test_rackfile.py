"""One word of the rack file is written, and nothing else; and what it means for switches."""

import pytest
import yaml
from days_world import LAB

from scs_rack.days.rackfile import judged, with_state
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.model.load import load_rack
from scs_rack.sonic.generate import config_db

BLOCK = "servers:\n  a:\n    {}model: m  # why\n    unit: 1\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BLOCK.format(""), BLOCK.format("state: removed\n    ")),
        ("servers:\n  a: {model: m, unit: 1}\n", "servers:\n  a: {state: removed, model: m, unit: 1}\n"),
        ("servers:\n  a: {model: m, state: spare}\n", "servers:\n  a: {model: m, state: removed}\n"),
        ("servers:\n  a:\n    state: active   # since May\n", "servers:\n  a:\n    state: removed   # since May\n"),
        ('servers:\n  a:\n    state: "active"\n', "servers:\n  a:\n    state: removed\n"),
    ],
)
def test_only_the_state_is_written(before, after):
    assert with_state(before, "a", "removed") == after
    assert yaml.safe_load(after)["servers"]["a"]["state"] == "removed"
    assert with_state(after, "a", "removed") == after


@pytest.mark.parametrize("text", ["servers: {}\n", "servers:\n  b: {unit: 1}\n", "servers:\n  a:\n", "[]\n", ""])
def test_a_server_that_is_not_there_is_told(text):
    with pytest.raises(UsageError, match="no server a"):
        with_state(text, "a", "removed")


def test_faults_are_found_before_anything_is_written(tmp_path):
    (tmp_path / "rack.yml").write_text("old")
    design, faults = judged(tmp_path, with_state(LAB.read_text(), "node1", "removed"))
    assert design is None
    assert "even number of control nodes" in faults[0]
    assert (tmp_path / "rack.yml").read_text() == "old"


def test_ports_of_a_removed_server_are_shut_but_for_its_bmc(tmp_path):
    (tmp_path / "rack.yml").write_text(with_state(LAB.read_text(), "node4", "removed"))
    design = make_design(load_rack(tmp_path))
    states = {
        f"{name} {port}": row["admin_status"]
        for name in design.switches
        for port, row in config_db(design, name)["PORT"].items()
        if design.switches[name].ports.get(port) and design.switches[name].ports[port].peer == "node4"
    }
    assert states.pop("oob1 Ethernet3") == "up", "its BMC must answer when it comes back"
    assert set(states.values()) == {"down"}
    assert len(states) == 5
