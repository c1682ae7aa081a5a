import os
import signal
import subprocess
import sys

import pytest
from engine_fakes import wait_for

from scs_rack.engine.lock import hold, holder
from scs_rack.errors import RackLocked

HOLD = """
import pathlib, sys, time
from scs_rack.engine.lock import hold
with hold(pathlib.Path(sys.argv[1])):
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lab")])
    wait_for(lambda: holder(tmp_path / "lab"))
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_refused_and_told_who_holds_the_rack(tmp_path, other):
    with pytest.raises(RackLocked, match=f"held by pid {other.pid} on") as caught, hold(tmp_path / "lab"):
        pass
    assert caught.value.exit_code == 4
    assert holder(tmp_path / "lab").alive


def test_the_lock_of_a_killed_run_is_free_and_names_it(tmp_path, other):
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert not holder(tmp_path / "lab").alive
    with hold(tmp_path / "lab") as lock:
        assert lock.before.pid == other.pid
        assert holder(tmp_path / "lab").pid == os.getpid()


def test_a_lock_that_was_let_go_names_nobody(tmp_path):
    with hold(tmp_path / "lab") as lock:
        lock.name_run("20260101T000000-1")
        assert holder(tmp_path / "lab").run == "20260101T000000-1"
    assert holder(tmp_path / "lab") is None
    with hold(tmp_path / "lab") as lock:
        assert lock.before is None


def test_a_pid_used_again_is_not_the_holder(tmp_path, monkeypatch):
    with hold(tmp_path / "lab"):
        monkeypatch.setattr("scs_rack.engine.lock.started", lambda _pid: "another start")
        assert not holder(tmp_path / "lab").alive
