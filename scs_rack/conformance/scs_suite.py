"""The official SCS suite (SovereignCloudStack/standards), called as a program from the operator's checkout.

Nothing of it is part of scs-rack. Its exit code is not used: it is 0 when cases aborted or none was selected. The
verdict comes from its report alone: every case of the version's target `main` must be there with the result 1.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from scs_rack.errors import StageFailed, UsageError
from scs_rack.model import ScsSuiteOptions

SPEC = "Tests/scs-compatible-iaas.yaml"
CHECK = "Tests/scs-compliance-check.py"
Case = Literal["PASS", "FAIL", "ABORT", "MISSING"]
_RESULTS: dict[Any, Case] = {1: "PASS", -1: "FAIL", 0: "ABORT"}


@dataclass(frozen=True)
class Verdict:
    """What the suite's report says of one version of the scope."""

    state: Literal["not run", "passed", "failed"]
    version: str
    reason: str = ""
    """Why it was not run, or why there is no report."""
    commit: str | None = None
    modified: bool = False
    """True if the checkout differs from its commit."""
    cases: dict[str, Case] = field(default_factory=dict)
    stand_ins: tuple[str, ...] = ()
    """Images that only stand in for what the suite asks for."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of cases by result."""
        return {result: list(self.cases.values()).count(result) for result in ("PASS", "FAIL", "ABORT", "MISSING")}

    @property
    def compliant(self) -> bool:
        """True only if all cases passed, on an unmodified checkout, without a stand-in."""
        return self.state == "passed" and not self.stand_ins and not self.modified


def mandatory_cases(spec: Path, version: str) -> list[str]:
    """Ids of all cases in the target `main` of a version.

    Raises:
        UsageError: the specification does not know the version.
    """
    data = yaml.safe_load(spec.read_text(encoding="utf-8"))
    modules = {module["id"]: module for module in data["modules"]}
    versions = {entry["version"]: entry for entry in data["versions"]}
    if version not in versions:
        raise UsageError(
            f"the SCS suite knows no version {version!r}", f"conformance.scs.version can be {', '.join(versions)}"
        )
    names = [item if isinstance(item, str) else item["ref"] for item in versions[version]["include"]]
    return sorted({case for name in names for case in modules[name].get("targets", {}).get("main", [])})


def results_of(report: Path) -> dict[str, Case]:
    """Result of each case in a report; a case that was run twice counts with the worse result."""
    data = yaml.safe_load(report.read_text(encoding="utf-8"))
    found: dict[str, Case] = {}
    for invocation in data["run"]["invocations"].values():
        for case, value in (invocation.get("results") or {}).items():
            result = _RESULTS.get(value, "ABORT")
            if found.get(case, "PASS") == "PASS":
                found[case] = result
    return found


def judge(expected: Iterable[str], seen: dict[str, Case]) -> dict[str, Case]:
    """Result of each expected case; those that the report does not have are MISSING."""
    return {case: seen.get(case, "MISSING") for case in expected}


def _git(checkout: Path, *argv: str) -> str:
    command = ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout), *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _run_to_end(argv: list[str], log: Path, env: dict[str, str], timeout: float) -> str | None:
    """Run a program in its own session; returns why it was ended, or None when it ended by itself."""
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, env=env, start_new_session=True)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return f"it did not end within {timeout:.0f} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
    return None


def run_suite(
    options: ScsSuiteOptions, subject: str, clouds: Path, cloud: str, *, folder: Path, stand_ins: tuple[str, ...] = ()
) -> Verdict:
    """Run the suite and judge its report.

    Args:
        options: where the checkout is, and which version to judge.
        subject: name of the cloud in the report.
        clouds: clouds.yaml with the test user's cloud.
        cloud: name of that cloud.
        folder: where report and log are written.
        stand_ins: images that only stand in for what the suite asks for.

    Raises:
        UsageError: the checkout is not one, or lacks the version.
        StageFailed: the suite wrote no report.
    """
    if options.checkout is None:
        return Verdict("not run", options.version, "no checkout is named (conformance.scs.checkout in the rack file)")
    checkout = Path(options.checkout).expanduser().resolve()
    spec = checkout / SPEC
    if not spec.is_file() or not (checkout / CHECK).is_file():
        raise UsageError(
            f"{checkout} is no checkout of SovereignCloudStack/standards", f"it has no {SPEC} or no {CHECK}"
        )
    expected = mandatory_cases(spec, options.version)
    report, log = folder / "scs-report.yaml", folder / "scs-suite.log"
    report.unlink(missing_ok=True)
    argv = [options.python or sys.executable, str(checkout / CHECK), str(spec)]
    argv += ["-s", subject, "-a", f"os_cloud={cloud}", "-V", options.version, "-o", str(report)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    ended = _run_to_end(argv, log, env | {"OS_CLIENT_CONFIG_FILE": str(clouds)}, options.timeout_s)
    if not report.is_file():
        raise StageFailed(f"the SCS suite wrote no report{': ' + ended if ended else ''}", f"its output is in {log}")
    cases = judge(expected, results_of(report))
    passed = all(result == "PASS" for result in cases.values())
    return Verdict(
        state="passed" if passed and ended is None else "failed",
        version=options.version,
        reason=ended or "",
        commit=_git(checkout, "rev-parse", "HEAD") or None,
        modified=bool(_git(checkout, "status", "--porcelain", "--untracked-files=no")),
        cases=cases,
        stand_ins=stand_ins,
    )
