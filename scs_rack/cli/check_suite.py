"""`scs-rack check --suite`: a test suite against the live cloud; what it makes there is removed again."""

import argparse
import datetime as dt
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scs_rack.cli.common import rack_dir
from scs_rack.clouds import clouds_file
from scs_rack.conformance.domain_manager import run_domain_manager
from scs_rack.conformance.scs_suite import Verdict, run_draft, run_suite
from scs_rack.conformance.smoke import Smoke, Step, outside
from scs_rack.conformance.tempest import (
    LIST,
    SHORT,
    Tempest,
    TempestReport,
    TestResult,
    chosen_python,
    install,
    read_report,
    wanted_tests,
)
from scs_rack.design import Design, make_design
from scs_rack.engine.lock import hold
from scs_rack.engine.signals import stoppable
from scs_rack.engine.stage import Stop
from scs_rack.errors import Interrupted, NotConformant, StageFailed, UsageError
from scs_rack.lab.namespace import enter
from scs_rack.model.load import load_rack
from scs_rack.paths import guest_accel, state_dir
from scs_rack.pki import files as pki_files
from scs_rack.resources import ensure
from scs_rack.resources.wanted_images import STAND_IN_CASES, stand_ins


class Bench:
    """One call: the rack, where results go, and how to stop."""

    def __init__(self, args: argparse.Namespace, design: Design, stop: Stop) -> None:
        self.args, self.design, self.stop = args, design, stop
        self.state = state_dir(design.rack.name)
        self.clouds = clouds_file(self.state)
        self.folder = self.state / "conformance"
        stated = {"checkout": args.checkout, "python": args.python}
        self.scs = design.rack.conformance.scs.model_copy(update={key: one for key, one in stated.items() if one})

    def say(self, line: str) -> None:
        """Progress: on standard error when standard output is for machines."""
        print(line, file=sys.stderr if self.args.json else sys.stdout, flush=True)

    def cloud(self, name: str) -> Any:
        """A connection to the live cloud."""
        return ensure.connect(self.clouds, name)


def run_suite_named(args: argparse.Namespace) -> int:
    """Run the suite that was named, and say what it observed."""
    if args.stages or args.limit:
        raise UsageError("--suite tests the cloud as a whole", "leave stages and --limit out, or --suite")
    _fitting(args)
    design = make_design(load_rack(rack_dir(args)))
    stop = Stop()
    bench = Bench(args, design, stop)
    if args.install and not design.rack.conformance.tempest.python:
        install(bench.say)  # before a lab is entered, which has no way to a package index
    enter(design)
    if not bench.clouds.is_file():
        raise UsageError(f"there is no cloud of rack {design.rack.name} yet", "bring it up first: scs-rack up")
    with hold(bench.state), stoppable(stop, _stopping):
        bench.folder.mkdir(parents=True, exist_ok=True)
        try:
            passed, data = _RUNNERS[args.suite](bench)
        except ensure.unreachable() as error:
            raise StageFailed(f"the API does not answer as it should: {error}"[:400], "scs-rack check cloud") from error
    if args.json:
        print(json.dumps(data, indent=2))
    if stop.requested.is_set():
        raise Interrupted(f"stopped; what the suite {args.suite} had made is removed", "run the same command again")
    return 0 if passed else NotConformant.exit_code


def _fitting(args: argparse.Namespace) -> None:
    for option in ("install", "short", "again"):
        if getattr(args, option) and args.suite != "tempest":
            raise UsageError(f"--{option} belongs to --suite tempest")
    if args.workers is not None and (args.suite != "tempest" or not 1 <= args.workers <= 16):
        raise UsageError("--workers is for --suite tempest, from 1 to 16")


def _smoke(bench: Bench) -> tuple[bool, dict[str, Any]]:
    def note(step: Step) -> None:
        bench.say(f"{'FAILED' if step.error else 'done':8}{step.seconds:7.1f} s  {step.name}")
        if step.error:
            bench.say(f"{'':10}{step.error}")

    emulated = bench.design.rack.lab is not None and guest_accel(bench.state) == "tcg"
    cloud = bench.cloud("test")
    report = Smoke(cloud, note, bench.stop.wait, emulated=emulated, **outside(bench.design)).run()
    return report.passed, asdict(report)


def _scs(bench: Bench) -> tuple[bool, dict[str, Any]]:
    rack = bench.design.rack
    options = bench.scs
    if options.checkout is None:
        raise UsageError(
            "no checkout of the SCS suite is named",
            "state where SovereignCloudStack/standards lies: --checkout, or conformance.scs.checkout in the rack file",
        )
    bench.say(f"running the SCS suite {options.version}, which takes a few minutes; log: {bench.folder}/scs-suite.log")
    verdict = run_suite(
        options,
        rack.name,
        bench.clouds,
        "test",
        folder=bench.folder,
        stand_ins=stand_ins(bench.design),
        resting=STAND_IN_CASES,
        stop=bench.stop.requested,
    )
    _say_verdict(bench, verdict)
    draft = None
    if not bench.stop.requested.is_set():
        draft = run_draft(
            options, rack.name, bench.clouds, "test", folder=bench.folder, known=verdict, stop=bench.stop.requested
        )
    if draft:
        bench.say("for information:")
        _say_verdict(bench, draft)
    return verdict.state == "passed", {"verdict": asdict(verdict), "draft": asdict(draft) if draft else None}


def _say_verdict(bench: Bench, verdict: Verdict) -> None:
    counts = verdict.counts
    bench.say(
        f"version {verdict.version}, commit {verdict.commit}: {counts['PASS']} of {len(verdict.cases)} cases pass"
    )
    for case, result in verdict.cases.items():
        if result != "PASS":
            bench.say(f"  {result:8}{case}")
    if verdict.stand_ins:
        bench.say(f"  stand-in: {', '.join(verdict.stand_ins)}; {len(verdict.resting)} cases rest on it")
    if verdict.modified:
        bench.say("  the checkout has local changes: no verdict of it is official")


def _domain_manager(bench: Bench) -> tuple[bool, dict[str, Any]]:
    options = bench.scs
    outcome = run_domain_manager(
        options, bench.cloud("admin"), pki_files(bench.state).trust, bench.folder, bench.stop.requested
    )
    for line in outcome.lines:
        bench.say(f"  {line}")
    bench.say(f"domain manager (scs-0302): {'passed' if outcome.passed else 'FAILED'}; log: {outcome.log}")
    return outcome.passed, {"passed": outcome.passed, "lines": outcome.lines, "log": str(outcome.log)}


def _tempest(bench: Bench) -> tuple[bool, dict[str, Any]]:
    rack, report_file = bench.design.rack, bench.folder / "tempest.json"
    options = rack.conformance.tempest
    source, wanted = _list(bench)
    python = chosen_python(options.python)
    before = read_report(report_file) if bench.args.again else None
    kept = [one for one in before.results if one.status in ("passed", "skipped")] if before else []
    done = {one.name for one in kept}
    todo = [name for name in wanted if name not in done]
    workers = bench.args.workers or options.workers
    tempest = Tempest(python, bench.folder / "tempest", bench.stop.requested)
    report = TempestReport(dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), source)
    begun = time.monotonic()
    cloud = bench.cloud("admin")
    bench.say(f"{len(todo)} tests ({source}), {workers} at a time; accounts and networks for them are made")
    try:
        tempest.configure(cloud, pki_files(bench.state).trust, workers)
        if not bench.stop.requested.is_set():
            tempest.run(todo, workers, options.timeout_s, _counter(bench, len(todo)))
    finally:
        bench.say("removing accounts, and what the tests have left")
        report.left = tempest.clean(cloud)
        report.interrupted = bench.stop.requested.is_set()
        report.results = kept + tempest.judged(todo)
        report.seconds = round(time.monotonic() - begun, 1)
        report.write(report_file)
    _say_tempest(bench, report)
    return report.passed, asdict(report)


def _list(bench: Bench) -> tuple[str, list[str]]:
    """Where the list of tests comes from, and the tests."""
    if bench.args.short:
        return "short list of scs-rack", wanted_tests(SHORT.read_text(encoding="utf-8").splitlines())
    checkout = bench.scs.checkout
    if checkout is None:
        raise UsageError(
            "the list of scs-0128 is in a checkout of the SCS standards, and none is named",
            "state it: --checkout, or conformance.scs.checkout in the rack file; or take our own list: --short",
        )
    path = Path(checkout).expanduser() / LIST
    if not path.is_file():
        raise UsageError(f"there is no {path}", "is conformance.scs.checkout one of SovereignCloudStack/standards?")
    return "scs-0128", wanted_tests(path.read_text(encoding="utf-8").splitlines())


def _counter(bench: Bench, total: int) -> Callable[[TestResult], None]:
    seen = [0]

    def tell(result: TestResult) -> None:
        seen[0] += 1
        sign = {"passed": "ok", "skipped": "skip"}.get(result.status, "FAILED")
        bench.say(f"{seen[0]:4}/{total} {sign:7}{result.seconds:7.1f} s  {result.name.removeprefix('tempest.api.')}")

    return tell


def _say_tempest(bench: Bench, report: TempestReport) -> None:
    for status, words in (("skipped", "skipped"), ("missing", "not run"), ("failed", "FAILED")):
        for result in report.of(status):  # type: ignore[arg-type]
            lines = result.words.strip().splitlines()
            bench.say(f"{words}: {result.name}: {lines[-1] if lines else 'no reason given'}")
    counts = ", ".join(f"{len(report.of(kind))} {kind}" for kind in ("passed", "skipped", "failed", "missing"))
    bench.say(f"Tempest, {report.source}: {counts}, in {report.seconds:.0f} s")
    if report.left:
        bench.say(f"the tests had left behind, and it is removed: {', '.join(report.left)}")


_RUNNERS: dict[str, Callable[[Bench], tuple[bool, dict[str, Any]]]] = {
    "smoke": _smoke,
    "scs": _scs,
    "domain-manager": _domain_manager,
    "tempest": _tempest,
}


def _stopping(times: int) -> None:
    words = "stopping, and removing what was made" if times == 1 else "already stopping; what was made must go first"
    os.write(sys.stderr.fileno(), f"\n{words}\n".encode())
