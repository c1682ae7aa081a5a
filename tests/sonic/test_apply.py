import dataclasses
import json
import re

import pytest

from scs_rack import ssh
from scs_rack.engine.stage import Context
from scs_rack.results import Finding
from scs_rack.sonic import apply as change
from scs_rack.sonic import plan as planning
from scs_rack.sonic import transport, watch
from scs_rack.sonic.apply import RolledBack
from scs_rack.sonic.generate import config_db, day0
from scs_rack.sonic.plan import Invalid, Plan, Unsupported, waves
from scs_rack.sonic.tables import compare
from scs_rack.sonic.transport import Reply, Switch, SwitchBusy, SwitchRefused, SwitchUnreachable, on_all
from scs_rack.stages.switches import SwitchesStage

from .racks import shipped


class Fake:
    """Switches as far as `apply` can tell: they keep tables, checkpoints and a timer."""

    def __init__(self, design):
        self.tables = {name: day0(design, name) for name in design.switches}
        self.saved = {}
        self.checkpoint = {}
        self.timer = set()
        self.fail = {}
        self.left = []
        self.seen = []

    def summary(self, name):
        ports = self.tables[name].get("BGP_NEIGHBOR", {})
        peers = {key.partition("|")[2]: {"remoteAs": 1, "state": "Idle"} for key in ports}
        return json.dumps({"ipv4Unicast": {"peers": peers}})

    def failing(self, command):
        for pattern, what in self.fail.items():
            if re.search(pattern, command):
                if isinstance(what, Exception):
                    raise what
                return Reply(2, "", what, 0.0)
        return None

    def run(self, switch, command, *, stdin="", timeout=0.0):
        name = switch.name
        if failed := self.failing(command):
            return failed
        self.seen.append((name, command))
        out = ""
        if "sonic-cfggen" in command:
            out = json.dumps(self.tables[name])
        elif "systemd-run" in command:
            self.checkpoint[name], self.timer = self.tables[name], self.timer | {name}
            self.goal = {**getattr(self, "goal", {}), name: json.loads(stdin)}
        elif "config replace" in command:
            self.tables[name] = self.goal[name]
        elif "config rollback" in command:
            self.tables[name] = self.checkpoint[name]
            self.timer -= {name}
        elif command.startswith("ls scs-rack"):
            out = "".join(f"{ident}\n" for owner, ident in self.left if owner == name)
        elif "config save" in command:
            self.timer -= {name}
            self.left = [one for one in self.left if one[0] != name]
            self.saved[name] = self.tables[name]
        elif "bgp summary" in command:
            out = self.summary(name)
        elif "ip -j link" in command:
            out = "[]"
        return Reply(0, out, "", 0.0)


@pytest.fixture
def rack(monkeypatch, tmp_path):
    design = shipped("lab")
    fake = Fake(design)
    monkeypatch.setattr(Switch, "hang_up", lambda switch: None)
    monkeypatch.setattr(Switch, "run", lambda *a, **k: fake.run(*a, **k))  # noqa: PLW0108 (becomes a method)
    return fake, Context(design, tmp_path, tmp_path, tmp_path, {})


def wanted(ctx, name="leaf1"):
    switch = Switch(ctx, name)
    return switch, planning.plan(switch)


def test_all_switches_get_what_the_rack_file_says(rack):
    fake, ctx = rack
    results = list(SwitchesStage().apply(ctx))
    assert {(result.device, result.changed, result.error) for result in results} == {
        ("oob1", True, None),
        ("leaf1", True, None),
        ("leaf2", True, None),
    }
    assert fake.saved.keys() == set(ctx.design.switches)
    assert not fake.timer
    assert not list(SwitchesStage().plan(ctx))


def test_a_refused_configuration_is_undone(rack):
    fake, ctx = rack
    switch, plan = wanted(ctx)
    fake.fail["config replace"] = "Failed to replace config"
    with pytest.raises(RolledBack, match="refused the configuration: Failed to replace config; went back"):
        change.apply(switch, plan, lambda _: [])
    assert fake.tables["leaf1"] == plan.running
    assert not fake.saved


def test_without_a_way_back_nothing_is_changed(rack):
    fake, ctx = rack
    switch, plan = wanted(ctx)
    fake.fail["systemd-run"] = "no"
    with pytest.raises(SwitchRefused, match="nothing was changed"):
        change.apply(switch, plan, lambda _: [])
    assert not any("config replace" in command for _, command in fake.seen)


def test_a_bad_finding_undoes_and_a_warning_does_not(rack):
    fake, ctx = rack
    switch, plan = wanted(ctx)
    with pytest.raises(RolledBack, match="expected up, seen down; went back"):
        change.apply(switch, plan, lambda _: [Finding("x", "error", "leaf1", "up", "down")])
    change.apply(switch, plan, lambda _: [Finding("x", "warning", "leaf1", "up", "down")])
    assert fake.saved["leaf1"] == plan.goal


def test_when_the_switch_is_lost_it_is_said_that_it_comes_back(rack):
    fake, ctx = rack
    switch, plan = wanted(ctx)
    fake.fail["sudo config (replace|rollback)"] = SwitchUnreachable("leaf1: timed out")
    with pytest.raises(RolledBack, match="it goes back by itself within 60 s"):
        change.apply(switch, plan, lambda _: [], deadman=60)
    assert fake.timer == {"leaf1"}


def test_a_timer_that_fired_is_no_success(rack):
    fake, ctx = rack
    switch, plan = wanted(ctx)
    fake.fail["config save"] = "Unit not loaded"
    with pytest.raises(RolledBack, match="could not be confirmed"):
        change.apply(switch, plan, lambda _: [])


def test_what_changed_since_the_plan_is_not_overwritten(rack):
    fake, ctx = rack
    switch, plan = wanted(ctx)
    fake.tables["leaf1"] = {**plan.running, "NTP_SERVER": {"192.0.2.1": {}}}
    with pytest.raises(SwitchRefused, match="changed after it was compared"):
        change.apply(switch, plan, lambda _: [])


def test_what_was_never_confirmed_is_undone_first(rack):
    fake, ctx = rack
    _, plan = wanted(ctx)
    fake.checkpoint["leaf1"], fake.tables["leaf1"], fake.timer = fake.tables["leaf1"], plan.goal, {"leaf1"}
    fake.left = [("leaf1", "scs-rack-1.json")]
    results = {result.device: result for result in SwitchesStage().apply(ctx)}
    assert results["leaf1"].changed  # it was undone, and is applied again, this time to the end
    assert fake.saved["leaf1"] == plan.goal
    assert not fake.timer


def test_one_writer_for_a_switch(rack):
    _, ctx = rack
    switch, plan = wanted(ctx)
    with switch.locked(), pytest.raises(SwitchBusy):
        change.apply(switch, plan, lambda _: [])


def test_an_oob_switch_that_cuts_others_off_is_undone(rack, monkeypatch):
    fake, ctx = rack
    monkeypatch.setattr(watch, "RESTORE", 0.0)
    usual = fake.run

    def cut(switch, command, **options):
        if command == "true" and switch.name == "leaf2" and "VLAN" not in fake.tables["oob1"]:
            raise SwitchUnreachable("leaf2: no route")
        return usual(switch, command, **options)

    fake.run = cut
    switch = Switch(ctx, "oob1")
    plan = planning.plan(switch)
    goal = {table: rows for table, rows in plan.goal.items() if table != "VLAN"}
    with pytest.raises(RolledBack, match="expected leaf2 reachable as before, seen no answer; went back"):
        change.apply(
            switch,
            dataclasses.replace(plan, goal=goal),
            watch.checker(switch, dataclasses.replace(plan, changes=compare(plan.running, goal))),
        )
    assert fake.tables["oob1"] == plan.running


def test_neighbours_that_frr_forgot_bring_a_restart_and_then_an_error(rack, monkeypatch):
    fake, ctx = rack
    monkeypatch.setattr(watch, "LEARN", 0.0)
    monkeypatch.setattr(watch, "RESTORE", 0.0)
    switch, plan = wanted(ctx)
    check = watch.checker(switch, plan)
    found = {finding.type for finding in check(switch)}  # CONFIG_DB is still that of day 0: FRR knows nobody
    assert found == {"bgp-session-missing"}
    assert ("leaf1", "sudo systemctl restart bgp") in fake.seen
    fake.tables["leaf1"] = plan.goal
    assert check(switch) == []


def test_after_a_failure_no_further_switch_is_touched(rack):
    fake, ctx = rack
    fake.tables["oob1"]["VLAN_MEMBER"].pop("Vlan10|Ethernet0")
    fake.fail["systemd-run"] = "no"
    results = {result.device: result for result in SwitchesStage().apply(ctx)}
    assert "nothing was changed" in results["oob1"].error
    assert results["leaf1"].error == "not touched, because something failed before"
    assert not any(result.changed for result in results.values())


def test_a_switch_that_does_not_answer_stops_the_stage_and_is_named(rack):
    fake, ctx = rack
    fake.fail["sonic-cfggen"] = SwitchUnreachable("leaf1: timed out")
    errors = [result.error for result in SwitchesStage().apply(ctx)]
    assert errors == ["unreachable: leaf1: timed out"] * 3
    assert {finding.type for finding in SwitchesStage().gate(ctx)} >= {"switch-unreachable"}


def test_oob_first_then_new_ones_together_then_those_in_service_one_by_one(rack):
    fake, ctx = rack
    fake.tables["leaf2"] = {**config_db(ctx.design, "leaf2"), "VLAN": {}}
    fake.tables["oob1"]["VLAN_MEMBER"].pop("Vlan10|Ethernet0")

    def order():
        plans = [planning.plan(Switch(ctx, name)) for name in ("leaf2", "leaf1", "oob1")]
        return [[plan.name for plan in wave] for wave in waves(ctx, plans)]

    assert order() == [["oob1"], ["leaf1"], ["leaf2"]]
    fake.tables["oob1"] = day0(ctx.design, "oob1")  # only descriptions are missing: nobody can be cut off
    assert order() == [["leaf1", "oob1"], ["leaf2"]]
    assert waves(ctx, [Plan("leaf1", {}, {})]) == []


def test_an_invalid_outcome_is_never_sent(rack):
    fake, ctx = rack
    fake.tables["leaf1"]["PORTCHANNEL_MEMBER"] = {"PortChannel1|Ethernet0": {}}
    with pytest.raises(Invalid, match="Ethernet0 is a member of PortChannel1 and a routed port"):
        planning.plan(Switch(ctx, "leaf1"))


def test_a_release_with_its_own_frr_conf_is_refused(rack, monkeypatch):
    _, ctx = rack
    monkeypatch.setattr(planning, "frr_file", lambda design, name: "router bgp 1\n")
    with pytest.raises(Unsupported, match=r"its own frr\.conf"):
        planning.plan(Switch(ctx, "leaf1"))


def test_ssh_that_fails_is_unreachable_and_a_real_exit_code_is_not(monkeypatch, tmp_path):
    ctx = Context(shipped("lab"), tmp_path, tmp_path, tmp_path, {})
    ssh.ensure(tmp_path)
    monkeypatch.setattr(transport, "ssh_command", lambda ctx, name: ["sh", "-c"])
    assert Switch(ctx, "leaf1").run("echo out; echo why >&2; exit 3").why == "why"
    with pytest.raises(SwitchUnreachable, match="gone"):
        Switch(ctx, "leaf1").run("echo gone >&2; exit 255")
    with pytest.raises(SwitchUnreachable, match="no answer within"):
        Switch(ctx, "leaf1").run("sleep 5", timeout=0.1)
    with pytest.raises(SwitchRefused, match="did not print JSON"):
        Switch(ctx, "leaf1").ask_json("echo no")
    assert isinstance(on_all([Switch(ctx, "leaf1")], lambda one: one.ask("exit 1"))["leaf1"], SwitchRefused)
