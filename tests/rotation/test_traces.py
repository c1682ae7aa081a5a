"""Old secrets are found in settings of servers before they are made invalid."""

import json
import subprocess
import sys
from types import SimpleNamespace

from scs_rack.rotation import traces


def look(data):
    done = subprocess.run(
        [sys.executable, "-c", traces.PROGRAM], input=json.dumps(data), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_files_with_an_old_secret_are_named(tmp_path):
    (tmp_path / "nova").mkdir()
    (tmp_path / "nova/nova.conf").write_text("connection = mysql://nova:OLD-NOVA@x\n")
    (tmp_path / "other.conf").write_bytes(b"\xff\0OLD-RABBIT")
    (tmp_path / "link").symlink_to(tmp_path / "other.conf")
    found = look({"old": {"db_nova": "OLD-NOVA", "rabbit": "OLD-RABBIT", "c": "GONE"}, "roots": [str(tmp_path), "/no"]})
    assert found == {"db_nova": [f"{tmp_path}/nova/nova.conf"], "rabbit": [f"{tmp_path}/other.conf"]}


def test_each_is_a_failure_of_its_server(monkeypatch):
    answers = {"node1": {}, "node2": {"db_nova": ["/etc/b", "/etc/a"]}}
    monkeypatch.setattr(traces, "told", lambda ctx, host, program, data: answers[host])
    ctx = SimpleNamespace(design=SimpleNamespace(in_service=answers))
    (found,) = traces.traces(ctx, {"db_nova": "x"})
    assert (found.device, found.step) == ("node2", "db_nova is not used any more")
    assert "/etc/a, /etc/b" in found.error
    assert traces.traces(ctx, {}) == []
