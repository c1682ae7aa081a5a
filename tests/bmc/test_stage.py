"""Stage `bmc`, role module's work and command line, with the lab's rack file over emulated BMCs."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

import pytest

from scs_rack.bmc import Power, Target, boot, targets
from scs_rack.bmc import drain as draining
from scs_rack.bmc.bring_up import switch_on
from scs_rack.cli import fleet as cli_fleet
from scs_rack.cli import main as cli
from scs_rack.design import Design, make_design
from scs_rack.engine.stage import Context, Stop
from scs_rack.errors import StageFailed, UsageError
from scs_rack.model.load import load_rack
from scs_rack.stages import bmc as stage_module
from scs_rack.stages.bmc import BmcStage

from .emulators import PASSWORD, QUICK, Emulated, emulated

INVENTORY = Path(__file__).parents[2] / "inventory/lab"
SECRETS = {f"bmc_node{number}": PASSWORD for number in range(1, 5)}


@dataclass
class Hall:
    """Four virtual BMCs, as the lab's rack file states them, served from a thread of their own."""

    design: Design
    machines: dict[str, Emulated]
    ca_file: Path

    @property
    def on(self) -> list[str]:
        return [name for name, machine in self.machines.items() if machine.power.on]


def _design() -> Design:
    design = make_design(load_rack(INVENTORY))
    nodes = {
        name: replace(node, mgmt=IPv4Interface("127.0.0.1/8"), bmc=replace(node.bmc, fingerprint=None))
        for name, node in design.nodes.items()
    }
    return replace(design, nodes=nodes)


@pytest.fixture
def hall(tls_files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hall]:
    design = _design()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(20)

    stack = contextlib.AsyncExitStack()
    machines = {}
    for node in design.nodes.values():
        options = {"server": node.name, "mac": node.bmc.mac, "nics": node.macs}
        it = emulated(node.bmc.protocol, cert=tls_files[0], key=tls_files[1], **options)
        machines[node.name] = run(stack.enter_async_context(it))

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-test\r\n")
        writer.close()

    ssh = run(asyncio.start_server(greet, "127.0.0.1", 0))
    monkeypatch.setattr(boot, "SSH_PORT", ssh.sockets[0].getsockname()[1])
    monkeypatch.setattr(stage_module, "boot_limit", lambda _design: 2.0)
    monkeypatch.setattr(stage_module, "GATE_WAIT", 0.5)
    hall = Hall(design, machines, tls_files[0])

    def chosen(ctx: Context) -> list[Target]:
        names = [name for name in design.nodes if ctx.selected(name)]
        return [replace(one, port=machines[one.name].target.port, address=machines[one.name].target.address)
                for one in targets(ctx.design, ctx.secrets, names)]  # fmt: skip

    monkeypatch.setattr(stage_module, "_targets", chosen)
    monkeypatch.setattr(stage_module, "_fleet", lambda _ctx: stage_module.bmc.Fleet.open(tls_files[0], QUICK))
    yield hall
    run(stack.aclose())
    ssh.close()
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def context(hall: Hall, **changes: Any) -> Context:
    stated: dict[str, Any] = {"secrets": SECRETS, "design": hall.design, **changes}
    return Context(rack_dir=Path(), state_dir=Path(), run_dir=Path(), **stated)


def test_what_is_in_service_is_switched_on_and_spares_are_not(hall: Hall) -> None:
    stage, ctx = BmcStage(), context(hall)
    assert [(change.device, change.summary) for change in stage.plan(ctx)] == [
        ("node1", "power on"), ("node2", "power on"), ("node3", "power on")
    ]  # fmt: skip
    assert hall.on == []  # a plan changes nothing
    assert {finding.type for finding in stage.gate(ctx) if finding.severity == "error"} == {"server-is-off"}
    results = list(stage.apply(ctx))
    assert [result.error for result in results if result.error] == []
    assert {result.device for result in results if result.changed} == {"node1", "node2", "node3"}
    assert {result.device for result in results if result.step == "answer to SSH"} == {"node1", "node2", "node3"}
    assert hall.on == ["node1", "node2", "node3"]
    assert [finding for finding in stage.gate(ctx) if finding.severity != "info"] == []
    again = list(stage.apply(ctx))
    assert [result for result in again if result.changed or result.error] == []
    assert list(stage.plan(ctx)) == []


def test_ipmi_says_that_host_nics_were_not_compared(hall: Hall) -> None:
    found = {finding.where for finding in BmcStage().gate(context(hall)) if finding.type == "nics-not-compared"}
    assert found == {"node3", "node4"}


def test_the_limit_is_kept(hall: Hall) -> None:
    results = list(BmcStage().apply(context(hall, limit=frozenset({"node2"}))))
    assert {result.device for result in results} == {"node2"}
    assert hall.on == ["node2"]


def test_a_spare_that_is_on_is_told_and_left_on(hall: Hall) -> None:
    hall.machines["node4"].power.on = True
    results = list(BmcStage().apply(context(hall)))
    findings = [finding for result in results for finding in result.findings if finding.severity == "warning"]
    assert [(finding.type, finding.where) for finding in findings] == [("spare-is-on", "node4")]
    assert "node4" in hall.on


@pytest.mark.parametrize("wrong", ["bmc", "up0"])
def test_another_server_than_meant_is_not_switched_on(hall: Hall, wrong: str) -> None:
    node = hall.design.nodes["node1"]
    if wrong == "bmc":
        node = replace(node, bmc=replace(node.bmc, mac="02:00:00:00:00:99"))
    else:
        node = replace(node, macs={**node.macs, wrong: "02:00:00:00:00:99"})
    ctx = context(hall, design=replace(hall.design, nodes={**hall.design.nodes, "node1": node}))
    errors = {result.device: result.error for result in BmcStage().apply(ctx) if result.error}
    assert list(errors) == ["node1"]
    assert "02:00:00:00:00:99" in errors["node1"]  # both values
    assert (hall.design.nodes["node1"].bmc.mac if wrong == "bmc" else node.macs["up1"][:-1]) in errors["node1"]
    assert "node1" not in hall.on
    mismatches = [finding for finding in BmcStage().gate(ctx) if finding.type == "mac-mismatch"]
    assert [finding.where for finding in mismatches] == [f"node1 {wrong}"]


def test_dead_and_locked_bmcs_cost_only_themselves(hall: Hall) -> None:
    hall.machines["node1"].machine.faults.set("silent")
    ctx = context(hall, secrets={**SECRETS, "bmc_node3": "wrong"})
    errors = {result.device: result.error or "" for result in BmcStage().apply(ctx) if result.error}
    assert set(errors) == {"node1", "node3"}
    assert errors["node1"].startswith("unreachable: ")
    assert "password" in errors["node3"]
    assert hall.on == ["node2"]
    found = {finding.where: finding.type for finding in BmcStage().gate(ctx) if finding.severity == "error"}
    assert found == {"node1": "bmc-unreachable", "node3": "bmc-refuses"}
    with pytest.raises(StageFailed, match="password"):
        list(BmcStage().plan(ctx))


def test_a_liar_fails_the_stage(hall: Hall) -> None:
    hall.machines["node2"].machine.faults.set("lies")
    results = [result for result in BmcStage().apply(context(hall)) if result.error]
    assert [result.device for result in results] == ["node2"]
    assert results[0].findings[0].type == "bmc-lied"


def test_a_server_that_is_on_but_does_not_answer_is_found(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    list(BmcStage().apply(context(hall)))
    monkeypatch.setattr(boot, "SSH_PORT", 1)
    found = [finding.where for finding in BmcStage().gate(context(hall)) if finding.type == "ssh-unreachable"]
    assert found == ["node1", "node2", "node3"]
    errors = [result.error or "" for result in BmcStage().apply(context(hall)) if result.error]
    assert len(errors) == 3
    assert all(error.startswith("unreachable: 127.0.0.1 by SSH") for error in errors)


def test_a_stop_ends_the_wait(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_module, "boot_limit", lambda _design: 600.0)
    monkeypatch.setattr(boot, "SSH_PORT", 1)
    stop = Stop()
    threading.Timer(1.5, stop.requested.set).start()
    assert [result.device for result in BmcStage().apply(context(hall, stop=stop)) if result.error]


def test_a_missing_password_is_said(hall: Hall) -> None:
    with pytest.raises(UsageError, match="bmc_node1"):
        targets(hall.design, {})


async def test_the_modules_work(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = stage_module._targets(context(hall))
    looked = await switch_on(hall.design, chosen, hall.ca_file, only_look=True)
    assert [one.server for one in looked if one.changed] == ["node1", "node2", "node3"]
    assert hall.on == []
    done = await switch_on(hall.design, chosen, hall.ca_file, boot=2.0)
    assert [one.server for one in done if one.changed] == ["node1", "node2", "node3"]
    assert [one.error for one in done if one.error] == []
    assert [one.server for one in await switch_on(hall.design, chosen, hall.ca_file) if one.changed] == []
    monkeypatch.setattr(boot, "SSH_PORT", 1)
    dead = await switch_on(hall.design, chosen, hall.ca_file, boot=0.1)
    assert [one.server for one in dead if one.error] == ["node1", "node2", "node3"]


# Command line


@pytest.fixture
def commands(hall: Hall, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path))
    monkeypatch.setattr(draining, "DRAINS", ())

    def call(args: Any) -> cli_fleet.Call:
        chosen = stage_module._targets(context(hall))
        found = [one for one in chosen if not args.servers or one.name in args.servers]
        return cli_fleet.Call(hall.design, found, hall.ca_file, tmp_path, dict(SECRETS))

    monkeypatch.setattr(cli_fleet, "call", call)

    def run(*argv: str) -> tuple[int, str, str]:
        code = cli.main([*argv, "-r", str(INVENTORY)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_power_status_and_on(hall: Hall, commands: Any) -> None:
    code, out, _ = commands("power", "status", "--json")
    assert code == 0
    said = [json.loads(line) for line in out.splitlines()]
    assert {one["server"]: one["power"] for one in said} == {f"node{n}": "off" for n in range(1, 5)}
    code, out, _ = commands("power", "on", "node1", "node3")
    assert code == 0
    assert out.count("changed") == 2
    assert hall.on == ["node1", "node3"]
    code, out, _ = commands("power", "status")
    assert sorted(line.split()[:2] for line in out.splitlines()[1:]) == [
        ["node1", "on"], ["node2", "off"], ["node3", "on"], ["node4", "off"]
    ]  # fmt: skip


def test_what_interrupts_is_not_done_unasked(hall: Hall, commands: Any) -> None:
    hall.machines["node1"].power.on = True
    code, _, err = commands("power", "off", "node1")
    assert code == 2
    assert "--yes" in err
    assert hall.on == ["node1"]
    assert commands("power", "off", "node1", "--yes")[0] == 0
    assert hall.on == []


def test_exit_codes(hall: Hall, commands: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_fleet.Fleet, "open", _quick(cli_fleet.Fleet.open))
    hall.machines["node3"].machine.faults.set("silent")
    code, out, _ = commands("power", "status")
    assert code == 3
    assert "no answer" in out
    hall.machines["node2"].machine.faults.set("lies")
    code, out, _ = commands("power", "on", "node2")
    assert code == 1
    assert "bmc-lied" in out


def _quick(original: Any) -> Any:
    return lambda ca_file, *_: original(ca_file, QUICK)


def test_bmc_show(commands: Any) -> None:
    code, out, _ = commands("bmc", "show")
    assert code == 0
    assert "SN-0001" in out
    assert "nics-not-compared" in out
    code, out, _ = commands("bmc", "show", "--json")
    data = {one["server"]: one for one in json.loads(out)}
    assert data["node1"]["seen"]["macs"]["nics"]["up0"] == "02:5c:05:00:01:02"
    assert data["node3"]["seen"]["macs"]["nics"] is None
    assert data["node1"]["seen"]["power"] == Power.OFF


def test_what_a_bmc_says_can_neither_paint_nor_break_the_terminal(hall: Hall, commands: Any) -> None:
    machine = hall.machines["node1"].machine
    machine.config = machine.config.model_copy(update={"serial": "[/red]\x1b[2J[bold]", "model": "m" * 5000})
    code, out, _ = commands("bmc", "show", "node1")
    assert code == 0
    assert "[/red][2J[bold]" in out
    assert "\x1b[2J" not in out
    assert out.count("m") < 700


def test_no_password_is_ever_printed(commands: Any) -> None:
    for words in (("power", "status"), ("power", "on", "--json"), ("bmc", "show", "--json")):
        _, out, err = commands(*words)
        assert PASSWORD not in out + err


def test_a_plan_is_shown_and_nothing_done(hall: Hall, commands: Any) -> None:
    code, out, _ = commands("power", "on", "--dry-run")
    assert code == 0
    assert "at once: node1, node2, node3, node4" in out
    code, out, _ = commands("power", "on", "--dry-run", "--json")
    assert [json.loads(line) for line in out.splitlines()] == [
        {"server": f"node{n}", "action": "on", "after_seconds": 0.0} for n in range(1, 5)
    ]
    assert hall.on == []


def test_each_outcome_is_a_line_of_json(hall: Hall, commands: Any) -> None:
    code, out, err = commands("power", "on", "--json")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert sorted(one["server"] for one in lines) == ["node1", "node2", "node3", "node4"]
    assert all(one["result"]["changed"] and one["error"] is None for one in lines)
    assert "4 of 4 servers" in err, "the plan is for people"


def test_off_at_once_says_what_it_does_not_do(hall: Hall, commands: Any) -> None:
    for machine in hall.machines.values():
        machine.power.on = True
    code, out, _ = commands("power", "off", "--now", "--yes")
    assert code == 0
    assert "nothing is drained, and no operating system is asked" in out
    assert hall.on == []
    assert {machine.power.actions[-1] for machine in hall.machines.values()} == {"kill"}
    code, out, _ = commands("power", "off", "--yes")
    assert (code, out.count("is off")) == (0, 4)


def test_off_asks_operating_systems(hall: Hall, commands: Any) -> None:
    for machine in hall.machines.values():
        machine.power.on = True
    code, out, _ = commands("power", "off", "--yes")
    assert code == 0
    assert out.index("first, storage: node4") < out.index("then, with the control plane: node1, node2, node3")
    assert {machine.power.actions[-1] for machine in hall.machines.values()} == {"shutdown"}


def test_an_interrupt_of_the_processors_is_sent(hall: Hall, commands: Any) -> None:
    hall.machines["node1"].power.on = True
    code, out, _ = commands("power", "nmi", "node1", "--yes")
    assert code == 0
    assert "nmi-not-observable" in out


@pytest.mark.parametrize("words", [("--at-once", "0"), ("--rate", "x")])
def test_nonsense_is_refused(words: tuple[str, str], commands: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        commands("power", "status", *words)
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err
