"""What hosts set aside for guests, as they and Placement tell it."""

from scs_rack.model.flavors import ComputeOptions
from scs_rack.remote import Answer
from scs_rack.stages.guest_hosts import cpu_findings, few_pages


def said(out: str, code: int = 0) -> Answer:
    return Answer("node", code, out, "no such file" if code else "", 0.0)


def test_fewer_pages_than_ordered_and_no_answer_are_findings() -> None:
    seen = {"node1": said("512\n"), "node2": said("511\n"), "node3": said("", 1), "node4": said("600\n")}
    assert [(one.where, one.seen) for one in few_pages(seen, 512)] == [
        ("node2 pages of 2 MiB", "511"),
        ("node3 pages of 2 MiB", seen["node3"].why),
    ]


def test_cpus_of_pinned_guests_are_those_of_the_rack_file() -> None:
    options = ComputeOptions(dedicated_cpus="2-5,8", shared_cpus="0-1")
    offered = {"node1": {"VCPU": 2, "PCPU": 5}, "node2": {"VCPU": 2, "PCPU": 4}, "node3": {"VCPU": 8}}
    found = cpu_findings(options, offered, ["node1", "node2", "node3"])
    assert [(one.where, one.expected, one.seen) for one in found] == [
        ("node2 PCPU", "5", "4"),
        ("node3 PCPU", "5", "0"),
    ]
    assert cpu_findings(ComputeOptions(), offered, ["node3"]) == []
