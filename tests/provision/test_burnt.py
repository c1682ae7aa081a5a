"""Servers that have to pass a burn-in before they are installed."""

import pytest

from scs_rack.engine.stage import Context
from scs_rack.provision import burnt
from scs_rack.results import Result
from scs_rack.stages import provision
from tests.provision.test_netboot import DESIGN, METAL

GOOD = burnt.BurnIn("SN1", 60, {"cpu": (True, "2 threads"), "memory": (True, "700 MiB")})
BAD = burnt.BurnIn("SN1", 60, {"cpu": (True, "2 threads"), "memory": (False, "1 wrong bit")})


@pytest.mark.parametrize(
    ("kept", "seconds", "serial", "why"),
    [
        (None, 0, None, ""),
        (None, 60, None, "it was never burnt in"),
        (GOOD, 60, None, ""),
        (GOOD, 60, "SN1", ""),
        (GOOD, 30, "SN1", ""),
        (GOOD, 61, "SN1", "its burn-in took 60 s a part only"),
        (GOOD, 60, "SN2", "the server SN1 was burnt in, which is another one"),
        (BAD, 60, "SN1", "it did not pass its burn-in"),
        (burnt.BurnIn("SN1", 60, {}), 60, None, "it did not pass its burn-in"),
    ],
)
def test_why_a_server_has_to_be_burnt_in(tmp_path, kept, seconds, serial, why):
    if kept:
        burnt.keep(tmp_path, "metal1", kept)
        assert burnt.read(tmp_path, "metal1") == kept
        assert burnt.path(tmp_path, "metal1").stat().st_mode & 0o077 == 0
    assert burnt.lacking(tmp_path, "metal1", seconds, serial) == why


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"serial": "x", "seconds": "many", "results": {}}'])
def test_a_file_that_cannot_be_read_is_no_burn_in(tmp_path, text):
    burnt.path(tmp_path, "metal1").parent.mkdir()
    burnt.path(tmp_path, "metal1").write_text(text, encoding="utf-8")
    assert burnt.lacking(tmp_path, "metal1", 60, None) == "it was never burnt in"


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """The stage with servers that do as they are told; returns context, and what was done to whom."""
    asked, faults = [], {}

    class Installer:
        def __init__(self, _ctx, names, wish, _say):
            self.names, self.wish = names, wish
            asked.append((wish.job, wish.burn_s, tuple(names)))

        async def run(self):
            for name in self.names:
                error = faults.get(name) if self.wish.burn_s else None
                if self.wish.burn_s and not error:
                    burnt.keep(tmp_path, name, burnt.BurnIn("", self.wish.burn_s, GOOD.results))
                yield Result(name, self.wish.job, changed=not self.wish.burn_s, error=error)

    monkeypatch.setattr(provision, "Installer", Installer)
    ctx = Context(DESIGN, METAL, tmp_path, tmp_path, {})
    models = [DESIGN.rack.model(name).provision for name in ("metal1", "metal2")]

    def apply(**seconds):
        for options, one in zip(models, (seconds.get("metal1", 0), seconds.get("metal2", 0)), strict=True):
            object.__setattr__(options, "burn_in_s", one)  # models of a rack file are frozen
        asked.clear()
        changes = {change.device: change.diff for change in provision.ProvisionStage().plan(ctx)}
        return list(provision.ProvisionStage().apply(ctx)), list(asked), changes

    yield apply, faults
    for options in models:
        object.__setattr__(options, "burn_in_s", 0)


def test_only_those_that_passed_are_installed(stage, monkeypatch):
    apply, faults = stage
    monkeypatch.setattr(provision.artifact, "artifact_of", lambda *_: type("Made", (), {"digest": "0123"}))
    faults["metal1"] = "metal1 did not pass: memory"
    results, asked, changes = apply(metal1=60, metal2=60)
    assert asked == [("burnin", 60, ("metal1", "metal2")), ("install", 0, ("metal2",))]
    assert [(one.device, one.error) for one in results if one.error] == [("metal1", "metal1 did not pass: memory")]
    assert changes["metal1"].startswith(
        "burn-in of 60 s a part (it was never burnt in); then root disk: empty -> image"
    )
    # the next time, only the one that failed is tried again; then there is nothing left to burn in
    faults.clear()
    assert apply(metal1=60, metal2=60)[1] == [("burnin", 60, ("metal1",)), ("install", 0, ("metal1", "metal2"))]
    assert apply(metal1=60, metal2=60)[1] == [("install", 0, ("metal1", "metal2"))]


def test_without_the_wish_nothing_is_burnt_in(stage, monkeypatch):
    apply, _ = stage
    monkeypatch.setattr(provision.artifact, "artifact_of", lambda *_: type("Made", (), {"digest": "0123"}))
    _, asked, changes = apply()
    assert asked == [("install", 0, ("metal1", "metal2"))]
    assert changes["metal2"].startswith("root disk: empty")
