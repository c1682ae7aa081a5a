"""Stage `conformance`: the smoke test as a customer, then the official SCS suite."""

import datetime as dt
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from scs_rack.clouds import clouds_file
from scs_rack.conformance.proof import Proof, findings, read_proof
from scs_rack.conformance.scs_suite import Verdict, run_draft, run_suite
from scs_rack.conformance.smoke import Smoke, Step, outside
from scs_rack.engine import runs
from scs_rack.engine.fingerprint import fingerprint
from scs_rack.engine.stage import Context
from scs_rack.errors import Interrupted, ScsRackError
from scs_rack.paths import guest_accel
from scs_rack.resources import ensure
from scs_rack.resources.wanted_images import STAND_IN_CASES, stand_ins
from scs_rack.results import Change, Finding, Result

FRESH = dt.timedelta(hours=24)
"""How old a proof may be that a run without any change leaves as it is."""


def proof_file(state_dir: Path) -> Path:
    """Where the newest proof of a rack lies."""
    return state_dir / "conformance/proof.json"


class ConformanceStage:
    """Proves the cloud; changes nothing in it that it does not remove again."""

    name = "conformance"
    needs: tuple[str, ...] = ("resources",)
    summary = "smoke test as a customer, then the SCS suite"

    def plan(self, ctx: Context) -> Iterable[Change]:
        """Nothing: tests leave no change behind."""
        del ctx
        return ()

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Test, unless a fresh proof rests on the same input and no stage of this run has changed anything."""
        kept = self._kept(ctx)
        if kept is not None:
            return [Result(ctx.design.rack.name, f"proof of {kept.taken_at} holds: nothing has changed since")]
        results: list[Result] = []

        def note(step: Step) -> None:
            result = Result(ctx.design.rack.name, f"smoke test: {step.name}", duration=step.seconds, error=step.error)
            ctx.emit(result)
            results.append(replace(result, error=None))  # the gate judges it

        clouds = clouds_file(ctx.state_dir)
        emulated = ctx.design.rack.lab is not None and guest_accel(ctx.state_dir) == "tcg"
        cloud = ensure.connect(clouds, "test")
        smoke = Smoke(cloud, note, ctx.stop.wait, emulated=emulated, **outside(ctx.design)).run()
        if ctx.stop.requested.is_set():
            raise Interrupted("the smoke test was stopped, and what it made removed")
        if smoke.passed:
            verdict, draft = self._suite(ctx, clouds, results)
        else:
            draft = None
            verdict = Verdict("not run", ctx.design.rack.conformance.scs.version, "the smoke test failed")
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        proof = Proof(now, fingerprint(ctx.rack_dir, ctx.secrets, None), smoke, verdict, draft)
        proof.write(proof_file(ctx.state_dir))
        proof.write(ctx.run_dir / "conformance/proof.json")
        return results

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """The newest proof belongs to this input and has no failure, and the test user can log in now."""
        proof = read_proof(proof_file(ctx.state_dir))
        if proof is None:
            yield Finding("no-proof", "error", ctx.design.rack.name, "a smoke test", "none was run", "scs-rack up")
            return
        if proof.fingerprint != fingerprint(ctx.rack_dir, ctx.secrets, None):
            yield Finding(
                "proof-outdated", "error", ctx.design.rack.name, "a proof of this rack file", f"one of {proof.taken_at}"
            )
        yield from findings(proof)
        ensure.connect(clouds_file(ctx.state_dir), "test").authorize()

    def _kept(self, ctx: Context) -> Proof | None:
        proof = read_proof(proof_file(ctx.state_dir))
        run = runs.record(ctx.run_dir)
        if proof is None or run is None or any(stage.outcome.changed for stage in run.stages.values()):
            return None
        age = dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(proof.taken_at)
        same = proof.fingerprint == fingerprint(ctx.rack_dir, ctx.secrets, None)
        suite_named = ctx.design.rack.conformance.scs.checkout is not None
        settled = proof.smoke.passed and (proof.verdict.state == "passed" or not suite_named)
        return proof if same and settled and age < FRESH else None

    def _suite(self, ctx: Context, clouds: Path, results: list[Result]) -> tuple[Verdict, Verdict | None]:
        rack = ctx.design.rack
        options = rack.conformance.scs
        folder = ctx.run_dir / "conformance"
        folder.mkdir(parents=True, exist_ok=True)
        start = time.monotonic()
        draft = None
        try:
            verdict = run_suite(
                options,
                rack.name,
                clouds,
                "test",
                folder=folder,
                stand_ins=stand_ins(ctx.design),
                resting=STAND_IN_CASES,
                stop=ctx.stop.requested,
            )
        except ScsRackError as error:
            verdict = Verdict("failed", options.version, f"{error.message} ({error.hint})")
        else:
            with suppress(ScsRackError):
                draft = run_draft(
                    options, rack.name, clouds, "test", folder=folder, known=verdict, stop=ctx.stop.requested
                )
        step = f"SCS suite {verdict.version}: {counted(verdict)}"
        if draft:
            step += f"; {draft.version} (for information): {counted(draft)}"
        results.append(Result(rack.name, step, duration=time.monotonic() - start))
        return verdict, draft


def counted(verdict: Verdict) -> str:
    """A verdict in few words: failed (52 PASS, 2 FAIL)."""
    counts = ", ".join(f"{count} {result}" for result, count in verdict.counts.items() if count)
    return f"{verdict.state}{' (' + counts + ')' if counts else ''}"
