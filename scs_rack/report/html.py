"""A run as one HTML page that needs nothing else: no script, no style sheet or picture from anywhere."""

import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from scs_rack import __version__
from scs_rack.conformance.proof import Proof, read_proof
from scs_rack.conformance.scs_suite import Verdict
from scs_rack.conformance.tempest import read_report
from scs_rack.design import Design
from scs_rack.engine.execute import GOOD
from scs_rack.engine.runs import RunRecord, StageRecord
from scs_rack.report.curve import day_curve
from scs_rack.report.elevation import elevation
from scs_rack.report.summary import gate_word
from scs_rack.report.tally import cost
from scs_rack.report.terminal import STYLES, duration
from scs_rack.results import Finding

SLOWEST = 15


@dataclass(frozen=True)
class Bar:
    """A stage in the timeline, in percent of the run."""

    stage: StageRecord
    left: float
    width: float


def write_report(run: RunRecord, design: Design, path: Path) -> Path:
    """Write the page of a run; returns its path."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"duration": duration, "moment": _moment, "gate": gate_word, "sign": lambda s: STYLES[s][0]}
    spent, proof = cost(run.folder), _proof(run)
    page = environment.get_template("report.html.j2").render(
        run=run,
        passed=passed_words(run),
        design=design,
        version=__version__,
        bars=_bars(run),
        cost=spent,
        slowest=spent.slowest[:SLOWEST],
        findings=[(stage.name, one) for stage in run.stages.values() for one in _findings(stage)],
        errors=[(stage.name, one) for stage in run.stages.values() for one in stage.results if one.error],
        changes=sum(stage.outcome.changed for stage in run.stages.values()),
        verdict=verdict_words(proof.verdict if proof else None),
        proof=proof,
        tempest=read_report(run.folder.parents[1] / "conformance/tempest.json"),
        curve=Markup(day_curve(run.folder.parents[1], run.ended or time.time())),  # noqa: S704 (our own drawing: numbers)
        picture=Markup(elevation(design)),  # noqa: S704 (our own drawing; it escapes names itself)
    )
    path.write_text(page, encoding="utf-8")
    return path


def passed_words(run: RunRecord) -> str:
    """What a run that passed may say of the rack: all gates only if it went from the first stage to the last."""
    if run.limit is not None:
        return f"gates passed on {', '.join(run.limit)} only"
    if {"bmc", "conformance"} <= run.stages.keys():
        return "all gates passed"
    return f"gates passed: {', '.join(run.stages)} only"


def _findings(stage: StageRecord) -> list[Finding]:
    """What the gate found and what came with results, the worst first, each once."""
    carried = (finding for result in stage.results for finding in result.findings)
    worst_first = ("error", "warning", "info")
    return sorted(dict.fromkeys([*stage.gate, *carried]), key=lambda finding: worst_first.index(finding.severity))


def _bars(run: RunRecord) -> list[Bar]:
    begun = [(stage, stage.started) for stage in run.stages.values() if stage.started is not None]
    whole = max(run.duration, 0.001)
    return [
        Bar(stage, 100 * (started - run.started) / whole, max(0.4, 100 * stage.duration / whole))
        for stage, started in begun
    ]


def _proof(run: RunRecord) -> Proof | None:
    """The proof that the run took, or the earlier one that it found to hold still."""
    taken = read_proof(run.folder / "conformance/proof.json")
    stage = run.stages.get("conformance")
    if taken is None and stage is not None and stage.state in GOOD:
        return read_proof(run.folder.parents[1] / "conformance/proof.json")
    return taken


def verdict_words(verdict: Verdict | None) -> tuple[str, str, str]:
    """A verdict as a headline, its CSS class, and a sentence. Only a compliant cloud is ever called so."""
    if verdict is None:
        return "not run", "waiting", "Conformance was not tested in this run."
    if verdict.state == "not run":
        return "not run", "waiting", f"The SCS suite was not run: {verdict.reason or 'no checkout of it is named'}."
    counts = ", ".join(f"{number} {result}" for result, number in verdict.counts.items() if number)
    basis = f"Scope SCS-compatible IaaS {verdict.version}, suite at commit {verdict.commit}: {counts or 'no cases'}."
    if verdict.compliant:
        return "compliant", "passed", basis
    if verdict.state == "passed":
        names = ", ".join(verdict.stand_ins)
        why = f"stand-ins for real images ({names})" if names else "a checkout with local changes"
        return "not proven", "warning", f"{basis} It rests on {why}, so this cloud can't be called compliant."
    return "failed", "failed", f"{basis} {verdict.reason}"


def _moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
