"""The action plugin, by ansible-playbook itself on this machine."""

import getpass
import grp
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import scs_rack

COLLECTIONS = Path(scs_rack.__file__).parent / "ansible/collections"


@pytest.fixture
def play(tmp_path):
    """Run one config_files task in a role `demo`; gives the exit code, output and the folder of what was written."""
    role = tmp_path / "roles/demo"
    for folder in ("tasks", "templates", "files"):
        (role / folder).mkdir(parents=True)
    out = tmp_path / "out"
    owner = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name}

    def call(*files, **variables):
        entries = [{**owner, **entry, "dest": str(out / entry["dest"])} for entry in files]
        task = [{"name": "Write", "scs.rack.config_files": {"files": entries}}]
        (role / "tasks/main.yml").write_text(yaml.safe_dump(task))
        book = [{"hosts": "localhost", "gather_facts": False, "vars": variables, "roles": ["demo"]}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump(book))
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.minimal",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        }
        program = shutil.which("ansible-playbook", path=str(Path(sys.executable).parent))
        command = [program, "-c", "local", "-i", "localhost,", str(tmp_path / "play.yml")]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    call.role, call.out = role, out
    return call


def test_renders_templates_of_the_role_and_those_that_all_share(play):
    (play.role / "templates/part.j2").write_text("{% macro part() %}part of {{ word }}{% endmacro %}")
    (play.role / "templates/own.j2").write_text(
        "# {{ managed }}\n{% from 'part.j2' import part with context %}\n{{ part() }} {{ more }}\n"
    )
    (play.role / "files/plain.txt").write_text("{{ not a template }}\n")
    unit = {"unit_description": "Demo", "unit_user": "demo", "unit_exec": "/bin/demo"}
    code, output = play(
        {"dest": "own", "template": "own.j2", "vars": {"more": "{{ word | upper }}"}},
        {"dest": "demo.service", "template": "service.j2", "vars": unit},
        {"dest": "plain", "src": "plain.txt"},
        {"dest": "stated", "content": "{{ word }}\n"},
        word="words",
    )
    assert code == 0, output
    header, text = (play.out / "own").read_text().split("\n", 1)
    assert (header, text) == (
        "# Written by scs-rack from own.j2; changes here are lost.",
        "part of words WORDS\n",
    )
    assert "\nExecStart=/bin/demo\n" in (play.out / "demo.service").read_text()
    assert (play.out / "plain").read_text() == "{{ not a template }}\n"
    assert (play.out / "stated").read_text() == "words\n"


def test_shared_logins_name_the_rack(play):
    (play.role / "templates/conf.j2").write_text(
        "{% from 'auth.j2' import keystone_authtoken with context %}\n{{ keystone_authtoken('glance', 'pw') }}\n"
    )
    rack = {"api": {"host": "10.0.0.9"}, "region": "here", "controller": {"loopback4": "10.0.0.1"}}
    code, output = play({"dest": "conf", "template": "conf.j2"}, rack=rack)
    assert code == 0, output
    lines = (play.out / "conf").read_text().splitlines()
    assert lines[0] == "[keystone_authtoken]"
    assert {"auth_url = https://10.0.0.9:5000/v3", "region_name = here", "username = glance"} <= set(lines)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dest": "a"}, "state exactly one of template, content, src, random_bytes, not none"),
        ({"dest": "a", "content": "x", "src": "y"}, "state exactly one of"),
        ({"dest": "a", "template": "missing.j2"}, "missing.j2"),
        ({"dest": "a", "template": "faulty.j2"}, "faulty.j2"),
        ({"dest": "a", "template": "undefined.j2"}, "no_such_variable"),
    ],
)
def test_faults_are_told_before_anything_is_written(play, entry, message):
    (play.role / "templates/faulty.j2").write_text("{% if %}")
    (play.role / "templates/undefined.j2").write_text("{{ no_such_variable }}")
    code, output = play(entry)
    assert code != 0
    assert message in output
    assert not play.out.exists()
