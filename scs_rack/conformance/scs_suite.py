"""The official SCS suite (SovereignCloudStack/standards), called as a program from the operator's checkout.

Nothing of it is part of scs-rack. Its exit code is not used: it is 0 when cases aborted or none was selected. The
verdict comes from its report alone: every case of the version's target `main` must be there with the result 1.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
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
    resting: tuple[str, ...] = ()
    """Cases whose result rests on a stand-in."""

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


def environment(clouds: Path) -> dict[str, str]:
    """Environment of a suite: our clouds.yaml alone, and assertions that count (scs-0302's check consists of them)."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("OS_") and name not in ("PYTHONOPTIMIZE", "PYTHONINSPECT")
    }
    return kept | {"OS_CLIENT_CONFIG_FILE": str(clouds)}


def run_to_end(
    argv: list[str], log: Path, env: dict[str, str], timeout: float, stop: Event | None = None
) -> tuple[int | None, str | None]:
    """Run a program in its own session, its output in a log; it is ended when `stop` is set.

    Returns:
        Its exit code, and why it was ended; None for the one that there is not.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, env=env, start_new_session=True)
        try:
            if reason := _waited(process, timeout, stop):
                return None, reason
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
    return process.returncode, None


def _waited(process: "subprocess.Popen[bytes]", timeout: float, stop: Event | None) -> str | None:
    """Wait for the end of a program; returns why it must be ended before it."""
    end = time.monotonic() + timeout
    while process.poll() is None:
        if stop and stop.is_set():
            return "it was stopped by the operator"
        if time.monotonic() > end:
            return f"it did not end within {timeout:.0f} s"
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.3)
    return None


def run_suite(
    options: ScsSuiteOptions,
    subject: str,
    clouds: Path,
    cloud: str,
    *,
    folder: Path,
    stand_ins: tuple[str, ...] = (),
    resting: Collection[str] = (),
    stop: Event | None = None,
) -> Verdict:
    """Run the suite and judge its report.

    Args:
        options: where the checkout is, and which version to judge.
        subject: name of the cloud in the report.
        clouds: clouds.yaml with the test user's cloud.
        cloud: name of that cloud.
        folder: where report and log are written.
        stand_ins: images that only stand in for what the suite asks for.
        resting: cases whose result rests on them, if there are any.
        stop: ends the suite when it is set.

    Raises:
        UsageError: the checkout is not one, or lacks the version.
        StageFailed: the suite wrote no report.
    """
    if options.checkout is None:
        return Verdict("not run", options.version, "no checkout is named (conformance.scs.checkout in the rack file)")
    return _Suite(options, subject, clouds, cloud, folder, stand_ins, resting, stop).judge(options.version)


def run_draft(
    options: ScsSuiteOptions,
    subject: str,
    clouds: Path,
    cloud: str,
    *,
    folder: Path,
    known: Verdict,
    draft: str = "next",
    stop: Event | None = None,
) -> Verdict | None:
    """What the coming version of the scope would say: information only, it never decides anything.

    Only its cases that the judged version does not have are run; the others were seen a moment ago.

    Returns:
        None where the suite was not run, or does not know the draft.

    Raises:
        StageFailed: the suite wrote no report.
    """
    if known.state == "not run" or options.checkout is None or options.version == draft:
        return None
    suite = _Suite(options, subject, clouds, cloud, folder, known.stand_ins, known.resting, stop)
    try:
        return suite.judge(draft, known.cases)
    except UsageError:
        return None


@dataclass(frozen=True)
class _Suite:
    """One checkout and one cloud."""

    options: ScsSuiteOptions
    subject: str
    clouds: Path
    cloud: str
    folder: Path
    stand_ins: tuple[str, ...]
    resting: Collection[str]
    stop: Event | None = None

    def __post_init__(self) -> None:
        if not self.spec.is_file() or not (self.checkout / CHECK).is_file():
            raise UsageError(
                f"{self.checkout} is no checkout of SovereignCloudStack/standards", f"it has no {SPEC} or no {CHECK}"
            )

    @property
    def checkout(self) -> Path:
        return Path(self.options.checkout or "").expanduser().resolve()

    @property
    def spec(self) -> Path:
        return self.checkout / SPEC

    def judge(self, version: str, known: Mapping[str, Case] | None = None) -> Verdict:
        """Run a version's cases, but for those whose result is known, and judge all of them."""
        expected = mandatory_cases(self.spec, version)
        seen = dict(known or {})
        new = [case for case in expected if case not in seen]
        ended = None
        if new:
            report = self.folder / ("scs-report.yaml" if known is None else f"scs-report-{version}.yaml")
            ended = self._run(version, report, new if known else [])
            seen |= results_of(report)
        cases = judge(expected, seen)
        passed = all(result == "PASS" for result in cases.values())
        return Verdict(
            state="passed" if passed and ended is None else "failed",
            version=version,
            reason=ended or "",
            commit=_git(self.checkout, "rev-parse", "HEAD") or None,
            modified=bool(_git(self.checkout, "status", "--porcelain", "--untracked-files=no")),
            cases=cases,
            stand_ins=self.stand_ins,
            resting=tuple(case for case in cases if case in self.resting) if self.stand_ins else (),
        )

    def _run(self, version: str, report: Path, only: list[str]) -> str | None:
        log = report.with_name(report.name.replace("report", "suite")).with_suffix(".log")
        report.unlink(missing_ok=True)
        argv = [self.options.python or sys.executable, str(self.checkout / CHECK), str(self.spec)]
        argv += ["-s", self.subject, "-a", f"os_cloud={self.cloud}", "-V", version, "-o", str(report)]
        if only:
            argv += ["-t", f"^({'|'.join(map(re.escape, only))})$"]
        _, ended = run_to_end(argv, log, environment(self.clouds), self.options.timeout_s, self.stop)
        if not report.is_file():
            raise StageFailed(
                f"the SCS suite wrote no report{': ' + ended if ended else ''}", f"its output is in {log}"
            )
        return ended
