import io
import time
from dataclasses import dataclass

import pytest
from rich.console import Console

from scs_rack.engine.listen import StageEnd
from scs_rack.report import terminal
from scs_rack.report.terminal import LiveTable, Plain, duration, progress
from scs_rack.results import Finding, Result, StageOutcome


@dataclass
class Stage:
    name: str
    needs: tuple[str, ...] = ()
    summary: str = "what it does"


BASE, CEPH, PLATFORM = Stage("base"), Stage("ceph", ("base",)), Stage("platform", ("base",))


def console(**more):
    return Console(file=io.StringIO(), width=160, **more)


def text(of):
    return of.file.getvalue()


def test_plain_lines_tell_start_failure_gate_and_end():
    out = console()
    plain = Plain([BASE], {}, out)
    plain.stage_started(BASE)
    plain.result(BASE, Result("node1", "write", changed=True))
    plain.result(BASE, Result("node2", "write", error="disk full\nreally"))
    plain.gate_started(BASE)
    finding = Finding("clock-off", "error", "node1", "0 s", "90 s", "start chrony")
    plain.stage_ended(
        StageEnd(
            BASE, StageOutcome("base", (Result("node1", "write", changed=True),), (finding,), 3.25), "failed", "gate"
        )
    )
    lines = [line[9:].split(maxsplit=1)[1] for line in text(out).splitlines()]
    assert lines == [
        "started: what it does",
        "node2: write: FAILED: disk full",
        "really",
        "gate: asking the devices",
        "error: clock-off at node1: expected 0 s, saw 90 s → start chrony",
        "failed (gate): 1 changed, 3.2 s",
    ]


def test_a_silent_stage_is_heard_of_now_and_then(monkeypatch):
    monkeypatch.setattr(terminal, "HEARTBEAT", 0.0)
    out = console()
    plain = Plain([BASE, CEPH], {}, out)
    plain.stage_started(BASE)
    plain.result(BASE, Result("node1", "write", changed=True))
    plain.tick()
    assert text(out).splitlines()[-1].endswith("1 devices, 1 steps, 1 changed, 0 s, last node1: write")
    assert "ceph" not in text(out)


def test_the_table_shows_devices_steps_and_failures():
    out = console(force_terminal=True, color_system=None)
    table = LiveTable([BASE, CEPH], {}, out)
    table.stage_started(BASE)
    table.result(BASE, Result("node1", "write", changed=True))
    table.result(BASE, Result("node2", "write", error="disk full"))
    out.print(table)
    shown = text(out)
    assert "✗ base: node2: write: disk full" in shown
    row = next(line for line in shown.splitlines() if line.startswith("▶"))
    assert row.split()[1:5] == ["base", "1/2", "2", "1"]


@pytest.mark.parametrize(
    ("started", "wanted"),
    [([], 70.0), ([BASE], 70.0)],
)
def test_time_left_is_the_longest_way_through_the_graph(started, wanted):
    live = LiveTable([BASE, CEPH, PLATFORM], {"base": 10.0, "ceph": 20.0, "platform": 60.0}, console())
    for stage in started:
        live.stage_started(stage)
    assert live.left() == pytest.approx(wanted, abs=0.5)


def test_stages_that_are_over_take_no_more_time():
    live = LiveTable([BASE, CEPH, PLATFORM], {"base": 10.0, "ceph": 20.0, "platform": 60.0}, console())
    live.stage_ended(StageEnd(BASE, StageOutcome("base", duration=9.0), "passed"))
    live.stage_started(PLATFORM)
    live.rows["platform"].started = time.monotonic() - 50
    assert live.left() == pytest.approx(20.0, abs=0.5)


def test_without_an_earlier_run_nothing_is_foretold():
    assert LiveTable([BASE, CEPH], {"base": 10.0}, console()).left() is None


def test_a_file_gets_lines_and_a_terminal_the_table():
    with progress(console(), [BASE], {}) as lines:
        assert isinstance(lines, Plain)
    with progress(console(force_terminal=True), [BASE], {}) as table:
        assert isinstance(table, LiveTable)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (754.6, "12 min 35 s")]
)
def test_durations_as_people_say_them(seconds, words):
    assert duration(seconds) == words


def test_a_run_goes_on_when_nobody_reads_its_output():
    class Gone(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    plain = Plain([BASE], {}, terminal.Steady(file=Gone()))
    plain.stage_started(BASE)
    plain.result(BASE, Result("node1", "write", error="disk full"))
    assert plain.rows["base"].failed == {"node1"}
