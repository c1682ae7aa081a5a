"""Is it the server that the rack file means?"""

from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.model.server import Baseline
from scs_rack.provision.facts import NoFacts, parse
from scs_rack.provision.hardware import judge
from scs_rack.provision.inventory import odd

DESIGN = make_design(load_rack(Path(__file__).parents[1] / "metal"))
NODE = DESIGN.nodes["metal1"]
REPORT = """firmware\tbios
memory_kib\t990148
cpus\t1
product_serial\tS1
bios_version\t1.16.3
nic\teth0\t02:5c:05:95:01:01\t1\t-1
nic\teth1\t02:5c:05:95:01:02\t1\t25000
nic\teth2\t02:5C:05:95:01:03\t0\t-1
nic\teth3\t02:5c:05:95:01:04\t1\t-1
disk\tvda\t3999268864\tvirtual\troot\t\t\t0
disk\tvdb\t1999634432\tvirtual\tosd0\t\t\t0
holds\tvdb\tvdb\tceph_bluestore
"""


def kinds(report, **allowed):
    return [one.type for one in judge(DESIGN, NODE, parse(report), **allowed).findings]


def test_the_right_server_is_good_and_its_root_disk_is_chosen():
    verdict = judge(DESIGN, NODE, parse(REPORT))
    assert verdict.good
    assert [disk.name for disk in verdict.disks] == ["vda"]
    assert verdict.findings == ()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("02:5c:05:95:01:02", "02:00:00:00:00:99", ["mac-missing"]),
        ("02:5c:05:95:01:02", "02:5c:05:95:02:02", ["mac-missing", "mac-of-another"]),
        ("memory_kib\t990148", "memory_kib\t500000", ["memory-missing"]),
        ("cpus\t1", "cpus\t2", ["cpus-differ"]),
        ("firmware\tbios", "firmware\tuefi", ["boot-mode"]),
        ("disk\tvdb\t1999634432\tvirtual\tosd0\t\t\t0\nholds\tvdb\tvdb\tceph_bluestore\n", "", ["disk-missing"]),
        ("vda\t3999268864", "vda\t8999268864", ["disk-missing"]),
        ("disk\tvdb", "smart\tvda\tFAILED!\ndisk\tvdb", ["disk-failing"]),
        ("disk\tvdb", "smart\tvda\tPASSED\ndisk\tvdb", []),
        ("disk\tvdb", "holds\tvda\tvda1\tntfs\ndisk\tvdb", ["disk-holds-data"]),
    ],
)
def test_each_difference_is_said(before, after, expected):
    assert before in REPORT
    assert kinds(REPORT.replace(before, after)) == expected


def test_all_differences_at_once():
    spoilt = REPORT.replace("990148", "100").replace("bios\n", "uefi\n", 1).replace("3999268864", "1")
    assert kinds(spoilt) == ["boot-mode", "memory-missing", "disk-missing"]


@pytest.mark.parametrize(("seen", "expected"), [("1.9", ["firmware-behind"]), ("1.16.3", []), ("2.0", [])])
def test_firmware_is_not_older_than_the_baseline(seen, expected):
    legacy = DESIGN.rack.server_models["legacy"]
    newer = legacy.model_copy(update={"baseline": Baseline(firmware={"BIOS": "1.16"})})
    rack = DESIGN.rack.model_copy(update={"server_models": {**DESIGN.rack.server_models, "legacy": newer}})
    report = parse(REPORT.replace("bios_version\t1.16.3", f"bios_version\t{seen}"))
    assert [one.type for one in judge(replace(DESIGN, rack=rack), NODE, report).findings] == expected


def test_a_wrong_serial_number_is_another_server():
    stated = DESIGN.rack.servers["metal1"].model_copy(update={"serial": "S2"})
    rack = DESIGN.rack.model_copy(update={"servers": {**DESIGN.rack.servers, "metal1": stated}})
    found = judge(replace(DESIGN, rack=rack), NODE, parse(REPORT)).findings
    assert [one.type for one in found] == ["serial-mismatch"]


@pytest.mark.parametrize(
    "report", ["", "firmware\tbios\n", "nic\teth0\n", REPORT.replace("990148", "much"), "holds\tsda\tsda1\text4\n", "a"]
)
def test_what_is_no_report_is_refused(report):
    with pytest.raises(NoFacts):
        parse(report)


def test_the_odd_one_of_equal_servers_is_found():
    usual, small = parse(REPORT), parse(REPORT.replace("990148", "500000").replace("1.16.3", "1.15"))
    found = odd({"a": usual, "b": small, "c": usual})
    assert [(one.server, one.what, one.others) for one in found] == [("b", "bios_version", 2), ("b", "memory", 2)]
    assert odd({"a": usual, "b": parse(REPORT.replace("S1", "S2"))}) == []
