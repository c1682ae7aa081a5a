import dataclasses
import json
import time

import pytest

from scs_rack.engine.stage import Context
from scs_rack.results import Finding
from scs_rack.sonic import apply as change
from scs_rack.sonic import plan as planning
from scs_rack.sonic import watch
from scs_rack.sonic.apply import NeedsReload, RolledBack
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.plan import Invalid, Means
from scs_rack.sonic.transport import Switch, SwitchBusy, SwitchRefused, SwitchUnreachable
from scs_rack.stages import switches as stage
from scs_rack.stages.switches import SwitchesStage

from .racks import shipped
from .shell_switch import ShellSwitches

BAD = Finding("x", "error", "leaf1", "up", "down")


@pytest.fixture
def rack(monkeypatch, tmp_path):
    design = shipped("lab")
    ctx = Context(design, tmp_path, tmp_path / "state", tmp_path, {})
    monkeypatch.setattr(watch, "LEARN", 0.0)
    monkeypatch.setattr(watch, "WINDOW", dict.fromkeys(watch.WINDOW, 0.0))
    monkeypatch.setattr(stage, "SESSION_WAIT", 0.0)
    return ShellSwitches(ctx, tmp_path / "switches", monkeypatch), ctx


def wanted(ctx, name="leaf1"):
    switch = Switch(ctx, name)
    return switch, planning.plan(switch)


def configured(fake, ctx):
    """A leaf in service, and a small change of it."""
    switch, plan = wanted(ctx)
    fake.write("leaf1", plan.goal)
    (fake.folder / "leaf1/saved.json").write_text(json.dumps(plan.goal))
    plan = planning.plan(switch)
    goal = json.loads(json.dumps(plan.goal))
    goal["PORT"]["Ethernet3"]["mtu"] = "1500"
    goal["VLAN"] = {**goal.get("VLAN", {}), "Vlan77": {"vlanid": "77"}}
    return switch, plan.towards(goal)


def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_all_switches_get_what_the_rack_file_says(rack):
    fake, ctx = rack
    results = list(SwitchesStage().apply(ctx))
    assert {(result.device, result.changed, result.error) for result in results} == {
        ("oob1", True, None),
        ("leaf1", True, None),
        ("leaf2", True, None),
    }
    for name in ctx.design.switches:
        assert fake.saved(name) == fake.tables(name)
        assert not fake.timers(name)
        assert not fake.left(name)
    assert not list(SwitchesStage().plan(ctx))
    assert not any(result.changed for result in SwitchesStage().apply(ctx))


def test_a_small_change_of_a_switch_in_service_is_a_patch(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    assert plan.means == Means.PATCH
    change.apply(switch, plan, lambda _: [])
    assert fake.tables("leaf1") == fake.saved("leaf1") == plan.goal


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        (["objects"], "it objects to the configuration, nothing was changed: Error: Given config is not valid"),
        (["no-timer"], "the way back could not be prepared, nothing was changed: Error: Failed to start"),
        (["apply-patch-fails"], "it refused the configuration: Error: Failed to apply-patch config; went back to what"),
        (["half"], "it refused the configuration: Error: Failed to apply patch; went back to what ran before"),
        (
            ["half", "rollback-fails"],
            "Failed to apply patch; its rollback failed; a reload brought back what ran before",
        ),
        (["half", "rollback-fails", "reload-fails"], "going back failed, its timer tries again within"),
        (["save-fails"], "could not be saved: Error: Failed to save config; went back to what ran before"),
        (["save-lies"], "lacks ~ PORT|Ethernet3 mtu: 9100 → 1500; went back to what ran before"),
    ],
)
def test_what_goes_wrong_on_the_switch_is_undone(rack, faults, says):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    fake.fault("leaf1", *faults)
    with pytest.raises(SwitchRefused) as caught:
        change.apply(switch, plan, lambda _: [])
    assert says in caught.value.message
    if "reload-fails" not in faults:
        assert fake.tables("leaf1") == fake.saved("leaf1") == plan.running
        assert fake.timers("leaf1") == fake.left("leaf1") == []
    else:
        assert len(fake.timers("leaf1")) == 1


def test_a_timer_that_can_go_back_in_no_way_restarts_the_switch(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    fake.fault("leaf1", "half", "rollback-fails", "reload-fails")
    with pytest.raises(RolledBack, match="going back failed"):
        change.apply(switch, plan, lambda _: [], deadman=1)
    units = fake.folder / "leaf1/units"
    assert until(lambda: "reboot" in units.read_text())


def test_a_bad_finding_undoes_and_a_warning_does_not(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    with pytest.raises(RolledBack, match="expected up, seen down; went back"):
        change.apply(switch, plan, lambda _: [BAD])
    assert fake.tables("leaf1") == plan.running
    change.apply(switch, plan, lambda _: [dataclasses.replace(BAD, severity="warning")])
    assert fake.saved("leaf1") == plan.goal


@pytest.mark.parametrize("moment", ["change.sh apply", "sonic-cfggen", "change.sh confirm"])
def test_a_switch_that_is_lost_comes_back_by_itself(rack, moment):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)

    def lose(_switch):
        fake.lost["leaf1"] = moment
        return []

    if moment == "change.sh confirm":
        check = lose
    else:
        check = lambda _: []  # noqa: E731
        fake.lost["leaf1"] = moment if moment != "sonic-cfggen" else "never"
    if moment == "sonic-cfggen":  # the look after the change
        usual = change._make

        def made(*words):
            said = usual(*words)
            fake.lost["leaf1"] = moment
            return said

        change._make, restore = made, usual
    try:
        with pytest.raises((RolledBack, SwitchUnreachable)):
            change.apply(switch, plan, check, deadman=1)
    finally:
        if moment == "sonic-cfggen":
            change._make = restore
    assert until(lambda: fake.tables("leaf1") == plan.running and not fake.timers("leaf1"))
    fake.lost.clear()
    assert until(lambda: [left.outcome for left in change.unconfirmed(switch)] == ["rolled-back"])
    said = change.settle(switch)
    assert "went back to what ran before, by itself" in said[0]
    assert fake.left("leaf1") == []


def test_what_a_dead_process_left_is_undone_by_the_next_run_which_says_so(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)

    def die(_switch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change.apply(switch, plan, die)
    assert fake.tables("leaf1") == plan.goal
    assert "change-unconfirmed" in {finding.type for finding in SwitchesStage().gate(ctx)}
    said = change.settle(switch)
    assert said[0].startswith("leaf1: undid a change of ")
    assert fake.tables("leaf1") == plan.running
    assert fake.timers("leaf1") == fake.left("leaf1") == []
    assert change.settle(switch) == []


def test_what_was_confirmed_and_not_saved_is_saved_by_the_next_run(rack, monkeypatch):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    monkeypatch.setattr(change, "_confirm", lambda *_words: None)
    change.apply(switch, plan, lambda _: [])
    (ident,) = fake.left("leaf1")
    (fake.folder / "leaf1/changes" / ident / "state").write_text("confirmed\n")
    assert "saved a change" in change.settle(switch)[0]
    assert fake.saved("leaf1") == plan.goal
    assert fake.timers("leaf1") == []


def test_a_timer_that_fired_is_no_success(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)

    def slow(_switch):
        assert until(lambda: fake.tables("leaf1") == plan.running)
        return []

    with pytest.raises(RolledBack, match="could not be confirmed: it went back already: rolled-back"):
        change.apply(switch, plan, slow, deadman=4)
    assert fake.saved("leaf1") != plan.goal


def test_what_changed_since_the_plan_is_not_overwritten(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    fake.write("leaf1", {**plan.running, "NTP_SERVER": {"192.0.2.1": {}}})
    with pytest.raises(SwitchRefused, match="changed after it was compared"):
        change.apply(switch, plan, lambda _: [])


def test_a_reload_needs_consent(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    goal = json.loads(json.dumps(plan.running))
    goal["PORT"]["Ethernet3"]["lanes"] = "999"
    plan = plan.towards(goal)
    with pytest.raises(NeedsReload, match=r"only a reload can bring this: change of PORT\|Ethernet3"):
        change.apply(switch, plan, lambda _: [])
    assert fake.tables("leaf1") == plan.running
    change.apply(switch, plan, lambda _: [], allow_reload=True)
    assert fake.saved("leaf1") == goal


def test_a_switch_that_runs_what_is_not_valid_takes_a_reload_with_consent(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    fake.fault("leaf1", "stuck")
    with pytest.raises(NeedsReload, match="what it runs is not valid, so it takes no change but a reload"):
        change.apply(switch, plan, lambda _: [])
    assert fake.tables("leaf1") == plan.running
    assert fake.timers("leaf1") == fake.left("leaf1") == []
    change.apply(switch, plan, lambda _: [], allow_reload=True)
    assert fake.saved("leaf1") == plan.goal


def test_a_reload_that_is_not_liked_is_undone_by_a_reload(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    fake.fault("leaf1", "stuck")
    with pytest.raises(RolledBack, match="went back to what ran before"):
        change.apply(switch, plan, lambda _: [BAD], allow_reload=True)
    assert fake.tables("leaf1") == plan.running


def test_one_writer_for_a_switch(rack):
    fake, ctx = rack
    switch, plan = configured(fake, ctx)
    with switch.locked(), pytest.raises(SwitchBusy):
        change.apply(switch, plan, lambda _: [])


def test_an_oob_switch_that_cuts_others_off_is_undone(rack, monkeypatch):
    fake, ctx = rack
    usual = fake.run

    def cut(switch, command, **options):
        if command == "true" and switch.name == "leaf2" and "VLAN" not in fake.tables("oob1"):
            raise SwitchUnreachable("leaf2: no route")
        return usual(switch, command, **options)

    fake.run = cut
    monkeypatch.setattr(planning.Plan, "restore_seconds", 0.0)
    switch, plan = wanted(ctx, "oob1")
    plan = plan.towards({table: rows for table, rows in plan.goal.items() if table != "VLAN"})
    with pytest.raises(RolledBack, match="expected leaf2 reachable as before, seen no answer; went back"):
        change.apply(switch, plan, watch.checker(switch, plan))
    assert fake.tables("oob1") == plan.running


def test_an_oob_switch_that_loses_a_bmc_is_undone(rack, monkeypatch):
    fake, ctx = rack
    monkeypatch.setattr(planning.Plan, "restore_seconds", 0.0)
    switch, plan = wanted(ctx, "oob1")
    answers = fake.folder / "oob1/answers"
    answers.write_text(f"{ctx.design.nodes['node1'].bmc.address} {ctx.design.nodes['node2'].mgmt.ip}")
    check = watch.checker(switch, plan)
    assert check(switch) == []
    answers.write_text(f"{ctx.design.nodes['node2'].mgmt.ip}")
    assert [finding.expected for finding in check(switch)] == [
        f"the BMC of node1 ({ctx.design.nodes['node1'].bmc.address}) answers as before"
    ]


def test_neighbours_that_frr_forgot_bring_a_restart_and_then_an_error(rack, monkeypatch):
    fake, ctx = rack
    monkeypatch.setattr(planning.Plan, "restore_seconds", 0.0)
    switch, plan = wanted(ctx)
    check = watch.checker(switch, plan)
    fake.write("leaf1", plan.goal)
    fake.fault("leaf1", "forgetful")
    assert {finding.type for finding in check(switch)} == {"bgp-session-missing"}
    assert ("leaf1", "sudo systemctl restart bgp") in fake.said
    fake.fault("leaf1")
    assert check(switch) == []


def test_a_session_that_stays_down_undoes_the_change(rack, monkeypatch):
    fake, ctx = rack
    monkeypatch.setattr(planning.Plan, "restore_seconds", 0.0)
    switch, plan = configured(fake, ctx)
    (fake.folder / "leaf1/sessions").write_text("Established")
    (fake.folder / "leaf1/answers").write_text("10.91.0.1 10.91.0.2")
    (fake.folder / "leaf2/answers").write_text("10.91.0.1")
    check = watch.checker(switch, plan)
    assert check(switch) == []
    (fake.folder / "leaf1/answers").write_text("10.91.0.1")
    found = check(switch)
    assert [(finding.type, finding.where, finding.expected) for finding in found] == [
        ("loopback-lost", "leaf1", "10.91.0.2 of node2 answers as before")
    ]
    fake.fault("leaf1", "idle")
    assert {finding.type for finding in check(switch)} == {"bgp-session-lost"}


def test_after_a_failure_no_further_switch_is_touched(rack):
    fake, ctx = rack
    tables = fake.tables("oob1")
    tables["VLAN_MEMBER"].pop("Vlan10|Ethernet0")
    fake.write("oob1", tables)
    fake.fault("oob1", "no-timer")
    results = {result.device: result for result in SwitchesStage().apply(ctx)}
    assert "nothing was changed" in results["oob1"].error
    assert results["leaf1"].error == "not touched, because something failed before"
    assert not any(result.changed for result in results.values())


def test_a_switch_that_does_not_answer_stops_the_stage_and_is_named(rack):
    fake, ctx = rack
    fake.lost["leaf1"] = ""
    errors = {result.device: result.error for result in SwitchesStage().apply(ctx)}
    assert errors["leaf1"] == "unreachable: leaf1: connection lost"
    assert errors["leaf2"] == "not touched, because something failed before"
    assert {finding.type for finding in SwitchesStage().gate(ctx)} >= {"switch-unreachable"}


def test_an_invalid_outcome_is_never_sent(rack, monkeypatch):
    fake, ctx = rack
    wrong = config_db(ctx.design, "leaf1")
    wrong["VLAN_MEMBER"]["Vlan7|Ethernet9"] = {"tagging_mode": "tagged"}
    monkeypatch.setattr(planning, "config_db", lambda *_words: wrong)
    with pytest.raises(Invalid, match="Vlan7"):
        planning.plan(Switch(ctx, "leaf1"))
    assert all("change.sh" not in command for _, command in fake.said)


def test_the_stage_brings_accounts_where_the_rack_file_states_them(rack, monkeypatch):
    _, ctx = rack
    list(SwitchesStage().apply(ctx))
    due = {"leaf1": ["made account anna"]}
    monkeypatch.setattr(stage.accounts, "foresee", lambda switch: due.get(switch.name, []))
    monkeypatch.setattr(stage.accounts, "bring_all", lambda those: {one.name: due.pop(one.name, []) for one in those})
    monkeypatch.setattr(stage, "host_script", lambda _design, name: "a script" if name == "leaf1" else None)
    assert [(change.device, change.summary) for change in SwitchesStage().plan(ctx)] == [
        ("leaf1", "accounts: made account anna")
    ]
    assert [one.type for one in SwitchesStage().gate(ctx) if one.type.startswith("acc")] == ["accounts-differ"]
    changed = [result for result in SwitchesStage().apply(ctx) if result.changed]
    assert [(result.device, result.step, result.diff) for result in changed] == [
        ("leaf1", "accounts", "made account anna")
    ]
    assert not list(SwitchesStage().plan(ctx))
    assert not any(result.changed for result in SwitchesStage().apply(ctx))
