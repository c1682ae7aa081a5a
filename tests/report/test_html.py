import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scs_rack.conformance.scs_suite import Verdict
from scs_rack.design import make_design
from scs_rack.engine import runs
from scs_rack.engine.journal import Journal, result_body
from scs_rack.model.load import load_rack
from scs_rack.report.html import passed_words, verdict_words, write_report
from scs_rack.report.summary import as_data, faults
from scs_rack.report.tally import cost
from scs_rack.results import Finding, Result

REPOSITORY = Path(__file__).resolve().parents[2]
FINDING = Finding("bgp-down", "error", "leaf1 Ethernet3", "Established", "Idle <&>", "look at the cable")


@pytest.fixture
def run(tmp_path):
    folder = runs.create(tmp_path / "lab")
    journal = Journal(folder)
    journal.write("run-started", purpose="up", command="scs-rack up", stages=["base", "ceph", "cloud"])
    journal.write("stage-started", "base")
    journal.write("result", "base", **result_body(Result("node1", "write", changed=True, findings=(FINDING,))))
    journal.write("stage-ended", "base", state="passed", reason="", gate=[])
    journal.write("stage-started", "ceph")
    journal.write("result", "ceph", **result_body(Result("node2", "mon", error="<b>no quorum</b>")))
    journal.write("stage-ended", "ceph", state="failed", reason="node2: mon", gate=[vars(FINDING)])
    journal.write("stage-ended", "cloud", state="blocked", reason="needs ceph", gate=[])
    journal.write("run-ended", state="failed")
    journal.close()
    profile = folder / "ansible/base/profile.json"
    profile.parent.mkdir(parents=True)
    profile.write_text(
        json.dumps(
            {
                "tally": {"tasks": 2, "task_hosts": 6, "changed": 1, "by_role": {"frr": 6}},
                "tasks": [{"task": "frr : Write", "hosts": 3, "seconds": 1.5, "changed": 1}],
            }
        )
    )
    return runs.record(folder)


@pytest.fixture
def page(run, tmp_path):
    design = make_design(load_rack(REPOSITORY / "inventory/lab"))
    return write_report(run, design, tmp_path / "page.html").read_text()


def test_the_page_holds_stages_failures_findings_and_costs(page):
    for words in ("all gates passed", "frr : Write", "needs ceph", "bgp-down", "2 / 6", "scs-rack up"):
        assert (words in page) == (words != "all gates passed"), words


@pytest.mark.parametrize(
    ("stages", "limit", "words"),
    [
        (["bmc", "base", "conformance"], None, "all gates passed"),
        (["bmc", "base"], None, "gates passed: bmc, base only"),
        (["bmc", "base", "conformance"], ["node1"], "gates passed on node1 only"),
    ],
)
def test_only_the_whole_way_is_called_all(stages, limit, words, tmp_path):
    run = runs.RunRecord(tmp_path, stages={name: runs.StageRecord(name) for name in stages}, limit=limit)
    assert passed_words(run) == words


def test_what_devices_say_is_escaped(page):
    assert "&lt;b&gt;no quorum&lt;/b&gt;" in page
    assert "<b>no quorum" not in page


def test_a_finding_of_gate_and_result_stands_once(page):
    assert page.count("leaf1 Ethernet3") == 2  # of base, and of ceph


def test_the_page_needs_nothing_else(page):
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)""", page)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)
    assert "<script" not in page


def test_the_rack_is_drawn_in_the_page(page):
    drawing = page[page.index("<svg") : page.index("</svg>") + 6]
    words = "".join(ET.fromstring(drawing).itertext())
    assert "node4" in words


def test_every_tag_is_closed(page):
    open_tags = []

    class Balance(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag not in {"meta", "br"}:
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    parser = Balance()
    parser.feed(page)
    assert open_tags == []


def test_conformance_that_was_not_run_is_never_passed(page):
    assert 'SCS conformance: <span class="waiting">not run</span>' in page


PASSED = Verdict("passed", "v5.1", commit="abc", cases={"one": "PASS"})


@pytest.mark.parametrize(
    ("verdict", "headline"),
    [
        (None, "not run"),
        (Verdict("not run", "v5.1", "no checkout"), "not run"),
        (PASSED, "compliant"),
        (Verdict("passed", "v5.1", commit="abc", cases={"one": "PASS"}, stand_ins=("Ubuntu 24.04",)), "not proven"),
        (Verdict("passed", "v5.1", commit="abc", cases={"one": "PASS"}, modified=True), "not proven"),
        (Verdict("failed", "v5.1", commit="abc", cases={"one": "FAIL"}), "failed"),
    ],
)
def test_only_a_compliant_cloud_is_called_so(verdict, headline):
    assert verdict_words(verdict)[0] == headline


def test_machines_get_the_same(run):
    data = as_data(run, cost(run.folder))
    assert data["ansible"] == {"tasks": 2, "task_hosts": 6, "by_role": {"frr": 6}}
    assert [(one["stage"], one["state"], one["changed"]) for one in data["stages"]] == [
        ("base", "passed", 1),
        ("ceph", "failed", 0),
        ("cloud", "blocked", 0),
    ]
    assert data["stages"][1]["errors"] == [{"device": "node2", "step": "mon", "error": "<b>no quorum</b>"}]
    json.dumps(data)


def test_faults_are_told_in_lines(run):
    assert faults(run.stages["ceph"]) == [
        "ceph: node2: mon: <b>no quorum</b>",
        "ceph: error: bgp-down at leaf1 Ethernet3: expected Established, saw Idle <&> → look at the cable",
    ]
