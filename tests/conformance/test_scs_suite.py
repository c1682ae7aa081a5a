"""The adapter to the SCS suite judges reports, never exit codes."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scs_rack.conformance.proof import Proof, findings, read_proof
from scs_rack.conformance.scs_suite import Verdict, judge, mandatory_cases, results_of, run_suite
from scs_rack.conformance.smoke import SmokeReport, Step
from scs_rack.errors import StageFailed, UsageError
from scs_rack.model import ScsSuiteOptions

SPEC = {
    "modules": [
        {"id": "a", "targets": {"main": ["case-1", "case-2"], "recommended": ["case-9"]}},
        {"id": "b", "targets": {"main": ["case-3"]}},
        {"id": "c"},
    ],
    "versions": [
        {"version": "v1", "include": ["a", {"ref": "b", "parameters": {}}, "c"]},
        {"version": "next", "include": ["a"]},
    ],
}
PROGRAM = """
import sys, pathlib
report = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
text = pathlib.Path(__file__).with_name("wanted-report").read_text()
if text:
    report.write_text(text)
print("PASS (all of it)")
sys.exit({code})
"""


def report(results: dict[str, int]) -> str:
    return yaml.safe_dump({"run": {"invocations": {"x": {"results": results}}}})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder of the shape of the suite's checkout, whose program writes the report in `wanted-report`."""
    tests = tmp_path / "standards/Tests"
    tests.mkdir(parents=True)
    (tests / "scs-compatible-iaas.yaml").write_text(yaml.safe_dump(SPEC))
    (tests / "scs-compliance-check.py").write_text(PROGRAM.format(code=0))
    (tests / "wanted-report").write_text(report({"case-1": 1, "case-2": 1, "case-3": 1}))
    return tmp_path / "standards"


def run(checkout: Path, tmp_path: Path, **options: object) -> Verdict:
    chosen = ScsSuiteOptions.model_validate({"checkout": str(checkout), "version": "v1", **options})
    return run_suite(chosen, "lab", tmp_path / "clouds.yaml", "test", folder=tmp_path, stand_ins=())


def test_all_cases_passed(checkout: Path, tmp_path: Path) -> None:
    verdict = run(checkout, tmp_path)
    assert verdict.state == "passed"
    assert verdict.compliant
    assert verdict.counts == {"PASS": 3, "FAIL": 0, "ABORT": 0, "MISSING": 0}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({"case-1": 1, "case-2": -1, "case-3": 1}, "FAIL"),
        ({"case-1": 1, "case-2": 0, "case-3": 1}, "ABORT"),
        ({"case-1": 1, "case-3": 1}, "MISSING"),
        ({"case-1": 1, "case-2": 7, "case-3": 1}, "ABORT"),
    ],
)
def test_exit_code_zero_is_not_believed(checkout: Path, tmp_path: Path, results: dict[str, int], expected: str) -> None:
    (checkout / "Tests/wanted-report").write_text(report(results))
    verdict = run(checkout, tmp_path)
    assert verdict.state == "failed"
    assert verdict.cases["case-2"] == expected
    assert not verdict.compliant


def test_exit_code_of_a_passed_run_is_not_believed_either(checkout: Path, tmp_path: Path) -> None:
    (checkout / "Tests/scs-compliance-check.py").write_text(PROGRAM.format(code=2))
    assert run(checkout, tmp_path).state == "passed"


def test_no_report_is_a_failure(checkout: Path, tmp_path: Path) -> None:
    (checkout / "Tests/wanted-report").write_text("")
    with pytest.raises(StageFailed, match="wrote no report"):
        run(checkout, tmp_path)


def test_without_checkout_it_is_not_run(tmp_path: Path) -> None:
    verdict = run_suite(ScsSuiteOptions(), "lab", tmp_path / "c", "test", folder=tmp_path, stand_ins=())
    assert verdict.state == "not run"
    assert not verdict.compliant


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no checkout of SovereignCloudStack/standards"):
        run(tmp_path, tmp_path)


def test_unknown_version(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="knows no version 'v7'") as error:
        run(checkout, tmp_path, version="v7")
    assert "v1, next" in error.value.hint


def test_recommended_cases_are_not_mandatory(checkout: Path) -> None:
    assert mandatory_cases(checkout / "Tests/scs-compatible-iaas.yaml", "v1") == ["case-1", "case-2", "case-3"]


def test_commit_and_local_changes_are_recorded(checkout: Path, tmp_path: Path) -> None:
    git = ["git", "-C", str(checkout), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Add"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert run(checkout, tmp_path).commit == head
    (checkout / "Tests/wanted-report").write_text(report({"case-1": 1, "case-2": 1, "case-3": 1}) + "# changed\n")
    verdict = run(checkout, tmp_path)
    assert verdict.modified
    assert not verdict.compliant


def test_a_suite_that_hangs_is_ended(checkout: Path, tmp_path: Path) -> None:
    (checkout / "Tests/scs-compliance-check.py").write_text("import time\ntime.sleep(600)\n")
    options = ScsSuiteOptions.model_construct(checkout=str(checkout), python=sys.executable, version="v1", timeout_s=1)
    with pytest.raises(StageFailed, match="did not end within 1 s"):
        run_suite(options, "lab", tmp_path / "c", "test", folder=tmp_path, stand_ins=())


def test_worse_of_two_results_counts(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    invocations = {"x": {"results": {"a": 1, "b": -1}}, "y": {"results": {"a": 0, "b": 1}}}
    path.write_text(yaml.safe_dump({"run": {"invocations": invocations}}))
    assert results_of(path) == {"a": "ABORT", "b": "FAIL"}
    assert judge(["a", "c"], results_of(path)) == {"a": "ABORT", "c": "MISSING"}


def test_a_stand_in_is_never_compliant() -> None:
    verdict = Verdict("passed", "v5.1", commit="abc", cases={"case-1": "PASS"}, stand_ins=("Ubuntu 24.04",))
    proof = Proof("2026-01-01T00:00:00+00:00", "f", SmokeReport([Step("ping")]), verdict)
    assert not verdict.compliant
    assert [(finding.type, finding.severity) for finding in findings(proof)] == [("scs-stand-in", "warning")]


def test_proof_is_read_as_it_was_written(tmp_path: Path) -> None:
    verdict = Verdict("failed", "v5.1", commit="abc", cases={"a": "FAIL"}, stand_ins=("Ubuntu 24.04",))
    proof = Proof("2026-01-01T00:00:00+00:00", "f", SmokeReport([Step("ping", 1.5, "no answer")]), verdict)
    proof.write(tmp_path / "proof.json")
    assert read_proof(tmp_path / "proof.json") == proof
    assert [finding.severity for finding in findings(proof)] == ["error", "error", "warning"]


def test_not_run_is_said() -> None:
    proof = Proof("2026-01-01T00:00:00+00:00", "f", SmokeReport([Step("ping")]), Verdict("not run", "v5.1", "no"))
    assert [(finding.type, finding.seen) for finding in findings(proof)] == [("scs-suite-not-run", "not run")]
