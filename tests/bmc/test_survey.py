from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack.bmc import Identity, Macs, Power
from scs_rack.bmc.survey import Survey, differences
from scs_rack.design import Design, NodeDesign, make_design
from scs_rack.model.load import load_rack


@pytest.fixture(scope="module")
def design() -> Design:
    return make_design(load_rack(Path(__file__).parents[2] / "inventory/lab"))


@pytest.fixture
def node(design: Design) -> NodeDesign:
    return design.nodes["node1"]


def seen(node: NodeDesign, **changes: object) -> Survey:
    macs = Macs(**{"bmc": (node.bmc.mac,), "nics": dict(node.macs), **changes})  # type: ignore[arg-type]
    return Survey(Power.ON, Identity(serial="SN-1"), macs)


def types(design: Design, node: NodeDesign, what: Survey) -> list[tuple[str, str, str]]:
    return [(finding.type, finding.severity, finding.where) for finding in differences(design, node, what)]


def test_all_as_stated(design: Design, node: NodeDesign) -> None:
    assert types(design, node, seen(node)) == []


def test_upper_case_in_the_rack_file_is_the_same_address(design: Design, node: NodeDesign) -> None:
    shouted = replace(
        node,
        macs={name: mac.upper() for name, mac in node.macs.items()},
        bmc=replace(node.bmc, mac=(node.bmc.mac or "").upper()),
    )
    assert types(design, shouted, seen(node)) == []


def test_names_of_real_bmcs_differ_and_addresses_decide(design: Design, node: NodeDesign) -> None:
    other = {f"NIC.Slot.{number}": mac for number, mac in enumerate(node.macs.values())}
    assert types(design, node, seen(node, nics=other)) == []
    del other["NIC.Slot.0"]
    assert types(design, node, seen(node, nics=other)) == [("mac-not-listed", "warning", "node1 mgmt0")]


def test_two_nics_swapped_are_found(design: Design, node: NodeDesign) -> None:
    swapped = {**node.macs, "up0": node.macs["up1"], "up1": node.macs["up0"]}
    found = differences(design, node, seen(node, nics=swapped))
    assert [(finding.type, finding.where) for finding in found] == [
        ("mac-mismatch", "node1 up0"),
        ("mac-mismatch", "node1 up1"),
    ]
    assert (found[0].expected, found[0].seen) == (node.macs["up0"], node.macs["up1"])


def test_what_a_bmc_does_not_tell_is_no_mismatch(design: Design, node: NodeDesign) -> None:
    assert types(design, node, seen(node, bmc=())) == [("mac-not-listed", "warning", "node1 bmc")]
    assert types(design, node, seen(node, nics=None)) == [("nics-not-compared", "info", "node1")]


def test_another_serial_number(design: Design, node: NodeDesign) -> None:
    servers = {**design.rack.servers, "node1": design.rack.servers["node1"].model_copy(update={"serial": "SN-2"})}
    stated = replace(design, rack=design.rack.model_copy(update={"servers": servers}))
    assert types(stated, node, seen(node)) == [("serial-mismatch", "error", "node1")]
    unknown = replace(seen(node), identity=Identity())
    assert types(stated, node, unknown) == []
