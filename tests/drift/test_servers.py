"""Layer bmc against two virtual BMCs: one speaks Redfish, one IPMI."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack.bmc import Fleet, Power, act
from scs_rack.design import make_design
from scs_rack.drift import servers
from scs_rack.engine.stage import Context
from scs_rack.model.load import load_rack
from tests.bmc.emulators import QUICK
from tests.cli.test_bmc import Bmcs

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def bmcs(tmp_path, monkeypatch):
    found = Bmcs(tmp_path)
    found.start()
    opened = Fleet.open
    monkeypatch.setattr(servers, "targets", found.targets)
    monkeypatch.setattr(servers.Fleet, "open", lambda _ca, _limits=None, **_: opened(found.cert, QUICK))
    yield found
    found.stop()


@pytest.fixture
def ctx(tmp_path):
    design = make_design(load_rack(REPOSITORY / "inventory/lab"))
    return Context(design, REPOSITORY / "inventory/lab", tmp_path, tmp_path, {}, limit=frozenset({"node1", "node3"}))


def switch(bmcs, name, power):
    async def do():
        async with Fleet.open(bmcs.cert, QUICK) as fleet, fleet.bmc(bmcs.machines[name].target) as bmc:
            result = await act(bmc, "on" if power is Power.ON else "off", QUICK)
            assert result.error is None

    asyncio.run(do())


def seen(layer, what):
    return [one for one in layer.drifts if one.what == what]


def test_power_and_baseline_are_compared_on_both(bmcs, ctx):
    for name in ("node1", "node3"):
        switch(bmcs, name, Power.ON)
    before = servers.look(ctx)
    assert before.blind == []
    assert seen(before, "server-is-off") == []
    switch(bmcs, "node3", Power.OFF)
    assert [one.device for one in seen(servers.look(ctx), "server-is-off")] == ["node3"]


def test_a_baseline_that_firmware_and_bios_miss_is_told(bmcs, ctx, monkeypatch):
    switch(bmcs, "node1", Power.ON)
    model = ctx.design.rack.model("node1")
    high = model.baseline.model_copy(update={"firmware": {"BMC": "99"}, "bios": {"NoSuchThing": True}})
    monkeypatch.setattr(
        type(ctx.design.rack), "model", lambda _rack, _name: model.model_copy(update={"baseline": high})
    )
    layer = servers.look(replace(ctx, limit=frozenset({"node1"})))
    assert {one.what for one in layer.drifts} >= {"bios-unknown"}, layer
    assert [one for one in layer.drifts if one.what.startswith("firmware-")], layer


def test_a_bmc_that_does_not_answer_is_not_seen(bmcs, ctx, monkeypatch):
    gone = bmcs.machines["node1"]
    dead = [replace(gone.target, name="node1", port=1, fallback=False)]
    monkeypatch.setattr(servers, "targets", lambda *_: dead)
    layer = servers.look(replace(ctx, limit=frozenset({"node1"})))
    assert [one.device for one in layer.blind] == ["node1"]
    assert layer.state == "unknown"
