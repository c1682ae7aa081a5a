"""The proof that a run leaves: what the smoke test and the suite observed, and for which input."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scs_rack.conformance.scs_suite import Verdict
from scs_rack.conformance.smoke import SmokeReport, Step
from scs_rack.files import write_file
from scs_rack.results import Finding


@dataclass(frozen=True)
class Proof:
    """Smoke test and verdict of one moment."""

    taken_at: str
    """UTC, ISO 8601."""
    fingerprint: str
    """What the cloud was made from (`scs_rack.engine.fingerprint`)."""
    smoke: SmokeReport
    verdict: Verdict
    draft: Verdict | None = None
    """What the coming version of the scope would say: information, never a judgement."""

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(asdict(self), indent=1) + "\n", 0o644)


def read_proof(path: Path) -> Proof | None:
    """The proof in a file; None when there is none."""
    if not path.is_file():
        return None
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    smoke = SmokeReport([Step(**step) for step in data["smoke"]["steps"]])
    draft = read_verdict(data["draft"]) if data.get("draft") else None
    return Proof(data["taken_at"], data["fingerprint"], smoke, read_verdict(data["verdict"]), draft)


def read_verdict(data: dict[str, Any]) -> Verdict:
    """A verdict from JSON."""
    return Verdict(**data | {key: tuple(data.get(key, ())) for key in ("stand_ins", "resting")})


def findings(proof: Proof) -> list[Finding]:
    """What a proof says against the cloud; one finding a failed step and case."""
    found = [
        Finding("smoke-step-failed", "error", f"smoke test: {step.name}", "done", step.error, "see the run's report")
        for step in proof.smoke.steps
        if step.error
    ]
    found += [
        Finding("smoke-step-second-try", "warning", f"smoke test: {step.name}", "at the first try", step.warning)
        for step in proof.smoke.steps
        if step.warning and not step.error
    ]
    verdict = proof.verdict
    if verdict.state == "not run":
        hint = "name a checkout of SovereignCloudStack/standards in the rack file: conformance.scs.checkout"
        found.append(Finding("scs-suite-not-run", "info", "SCS suite", f"{verdict.version} judged", "not run", hint))
    found += [
        Finding(
            f"scs-case-{result.lower()}", "error", case, "PASS", result, f"commit {verdict.commit}: see scs-suite.log"
        )
        for case, result in verdict.cases.items()
        if result != "PASS"
    ]
    if verdict.reason and verdict.state == "failed":
        found.append(Finding("scs-suite-ended", "error", "SCS suite", "runs to its end", verdict.reason))
    if verdict.stand_ins and verdict.state != "not run":
        names = ", ".join(verdict.stand_ins)
        hint = "register the real images; until then no report calls this cloud compliant"
        found.append(Finding("scs-stand-in", "warning", "SCS suite", "real images", f"stand-ins: {names}", hint))
    if verdict.modified:
        found.append(
            Finding("scs-checkout-modified", "warning", "SCS suite", f"commit {verdict.commit}", "local changes")
        )
    return found
