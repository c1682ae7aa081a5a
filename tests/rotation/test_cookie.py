"""RabbitMQ's cookie: the script for a member, with a rabbitmqctl that lets in who knows what the member knows."""

import json
import os
import pwd
import subprocess
import sys

import pytest

from scs_rack.rotation.broker import COOKIE

CTL = r"""#!{python}
import os, pathlib, re, sys
home = pathlib.Path({home!r})
shown = os.environ.get("RABBITMQ_ERLANG_COOKIE") or (home / "cookie").read_text()
running = home / "running"
if shown != running.read_text():
    sys.exit("authentication failed")
words = sys.argv[1:]
if "eval" in words and "set_cookie" in words[-1]:
    said = re.search(r"'(.*)'", pathlib.Path(re.search(r'consult\("(.*?)"\)', words[-1])[1]).read_text())[1]
    running.write_text(said)
with (home / "log").open("a") as log:
    log.write(" ".join(words) + "\n")
"""


@pytest.fixture
def member(tmp_path):
    """Run the script on a member whose file and whose running node hold these cookies."""
    (tmp_path / "rabbitmqctl").write_text(CTL.format(python=sys.executable, home=str(tmp_path)))
    (tmp_path / "rabbitmqctl").chmod(0o755)

    def run(file, running):
        (tmp_path / "cookie").write_text(file)
        (tmp_path / "cookie").chmod(0o400)
        (tmp_path / "running").write_text(running)
        told = {
            "cookie": "NEW",
            "old": "OLD",
            "members": 1,
            "path": str(tmp_path / "cookie"),
            "held": str(tmp_path / "held"),
            "owner": pwd.getpwuid(os.getuid()).pw_name,
        }
        done = subprocess.run(
            [sys.executable, "-c", COOKIE],
            input=json.dumps(told),
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert not (tmp_path / "held").exists()
        assert "NEW" not in (tmp_path / "log").read_text() if (tmp_path / "log").exists() else True
        return json.loads(done.stdout), (tmp_path / "cookie").read_text(), (tmp_path / "running").read_text()

    return run


@pytest.mark.parametrize(
    ("file", "running"),
    [("OLD", "OLD"), ("OLD", "NEW"), ("NEW", "OLD"), ("NEW", "NEW")],
    ids=["at first", "died before the file", "the file came by `up`", "done"],
)
def test_wherever_a_run_died_the_node_and_its_file_know_the_new_one(member, file, running):
    assert member(file, running) == ("", "NEW", "NEW")


def test_a_node_that_knows_neither_is_told(member):
    why, _, running = member("OLD", "ODD")
    assert why == "authentication failed"
    assert running == "ODD"
