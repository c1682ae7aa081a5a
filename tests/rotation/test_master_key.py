"""The rotation of Barbican's master key: the script for controllers, with tools that are told how to answer."""

import http.server
import json
import os
import subprocess
import sys
import threading

import pytest

from scs_rack.rotation import states
from scs_rack.rotation.master_key import EDIT

HEAD = "# written by role barbican\n[simple_crypto_plugin]\n"
RUNUSER = """#!/bin/sh
echo "rewrap: $(grep -c 'kek = ' {file})" >> {log}
if grep -q 'kek = OLD' {file}; then exit 0; fi
[ {alone} = 0 ] || echo 'Error occurred! SQLAlchemy automatically rolled-back the transaction'
[ {alone} = 0 ] || echo 'cryptography.fernet.InvalidToken' >&2
"""


class _Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def controller(tmp_path):
    """A controller: call it with keys of its file and what it is told; the answer, the keys after, what was called."""
    server = http.server.HTTPServer(("127.0.0.1", 0), _Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file, log = tmp_path / "master-key.conf", tmp_path / "log"

    def call(keys, told, alone=0):
        file.write_text(HEAD + "".join(f"kek = {key}\n" for key in keys))
        file.chmod(0o640)
        log.write_text("")
        (tmp_path / "runuser").write_text(RUNUSER.format(file=file, log=log, alone=alone))
        (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho $* >> {log}\n")
        for tool in ("runuser", "systemctl"):
            (tmp_path / tool).chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", EDIT],
            input=json.dumps({"file": str(file), "port": server.server_port, **told}),
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=True,
        )
        text = file.read_text()
        assert text.startswith(HEAD)
        assert file.stat().st_mode & 0o777 == 0o640
        assert list(tmp_path.glob("*.new")) == []
        after = text.removeprefix(HEAD).replace("kek = ", "").split()
        return json.loads(done.stdout), after, log.read_text().split("\n")

    yield call
    server.shutdown()
    server.server_close()


def test_the_new_key_decrypts_before_it_encrypts(controller):
    why, keys, called = controller(["OLD"], {"add": "NEW"})
    assert (why, keys) == ("", ["OLD", "NEW"])
    assert "restart barbican-api" in called


def test_what_is_done_is_not_done_again(controller):
    why, keys, called = controller(["OLD", "NEW"], {"add": "NEW"})
    assert (why, keys, called) == ("", ["OLD", "NEW"], [""])


def test_the_old_key_goes_when_nothing_needs_it(controller):
    why, keys, called = controller(["NEW", "OLD"], {"rewrap": True, "remove": "OLD"})
    assert (why, keys) == ("", ["NEW"])
    assert called[:3] == ["rewrap: 2", "rewrap: 1", "restart barbican-api"]


def test_the_old_key_stays_when_something_is_left_of_it(controller):
    why, keys, called = controller(["NEW", "OLD"], {"rewrap": True, "remove": "OLD"}, alone=1)
    assert why == "cryptography.fernet.InvalidToken"
    assert keys == ["NEW", "OLD"]
    assert "restart barbican-api" not in called


def test_a_rotation_goes_through_states_that_role_barbican_writes():
    stored = {"barbican_kek": "OLD"}
    stored |= states.begin(stored, "barbican_kek", "NEW")
    assert stored == {"barbican_kek": "OLD", "barbican_kek_next": "NEW"}
    stored |= states.switch(stored, "barbican_kek")
    held = {name: value for name, value in stored.items() if value}
    assert held == {"barbican_kek": "NEW", "barbican_kek_old": "OLD"}
