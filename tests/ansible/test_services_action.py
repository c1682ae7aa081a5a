"""The action plugin of `services`, by ansible-playbook itself: servers in service, and plans that tell restarts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import scs_rack

COLLECTIONS = Path(scs_rack.__file__).parent / "ansible/collections"
SYSTEMCTL = """#!/bin/sh
echo "$@" >> {log}
case "$1" in
  show) printf 'Id=a.service\\nLoadState=loaded\\nActiveState=active\\nSubState=running\\nUnitFileState=enabled\\n'
        printf 'NeedDaemonReload=no\\nNRestarts=0\\nInactiveExitTimestampMonotonic={stamp}\\n' ;;
esac
"""


@pytest.fixture
def play(tmp_path):
    """Write a file that a unit watches, then see to the unit; exit code, output, and what systemctl was asked."""
    log, conf = tmp_path / "log", tmp_path / "etc/a.conf"
    tool = tmp_path / "bin/systemctl"
    tool.parent.mkdir()
    uptime = int(float(Path("/proc/uptime").read_text().split()[0]) * 1e6)
    tool.write_text(SYSTEMCTL.format(log=log, stamp=uptime))
    tool.chmod(0o755)
    file = {"dest": str(conf), "content": "x", "owner": "root", "group": "root"}
    tasks = [
        {"name": "Write", "scs.rack.config_files": {"files": [file]}},
        {"name": "Run", "scs.rack.services": {"units": [{"name": "a", "state": "started", "watch": [str(conf)]}]}},
    ]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    environment = {
        **os.environ,
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }

    def call(*arguments):
        log.write_text("")
        program = shutil.which("ansible-playbook", path=str(Path(sys.executable).parent))
        command = [program, "-c", "local", "-i", "localhost,", *arguments, str(tmp_path / "play.yml")]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr, log.read_text()

    call.conf = conf
    return call


@pytest.mark.skipif(os.geteuid() != 0, reason="files are given to root")
def test_a_plan_tells_the_restart_and_a_server_in_service_refuses_it(play):
    code, output, asked = play("--check", "--diff")
    assert code == 0, output
    assert "restart a.service" in output
    assert not play.conf.exists()
    assert "restart" not in asked
    code, output, asked = play("-e", '{"settled": true}')
    assert code == 2, output
    assert "nobody has allowed (`--allow restart`): a.service" in output
    assert "restart" not in asked
    code, output, asked = play("-e", '{"settled": false}')
    assert code == 0, output
    assert "restart --quiet a.service" in asked
