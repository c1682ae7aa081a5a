"""What is read of a manager node: lines with a bound, and no archive."""

import base64
import io
import json
import os
import zipfile

import ansible_runner
import pytest

from scs_rack.sites import stream
from scs_rack.sites.stream import Heard


def lines(*contents):
    return b"".join(json.dumps(one).encode() + b"\n" for one in contents)


def archive(*names):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        for name in names:
            file.writestr(name, b"x" * 1000)
    return data.getvalue()


@pytest.mark.parametrize("extra", [0, 1, 2])
def test_archives_are_skipped_and_nothing_after_them_is_lost(extra):
    data = archive("a") + b"." * extra
    whole = lines({"status": "running"}, {"zipfile": len(data)}) + base64.b64encode(data) + lines({"eof": True})
    heard = Heard(io.BytesIO(whole))
    assert json.loads(heard.readline()) == {"status": "running"}
    assert not heard.ended
    assert json.loads(heard.readline()) == {"eof": True}
    assert heard.ended
    assert heard.readline() == b""


@pytest.mark.parametrize(
    "data",
    [b"", b"no json\n", b"[1]\n", b'{"status": "cut off', lines({"zipfile": -1}), lines({"zipfile": "9"}),
     lines({"zipfile": 10**12}), lines({"zipfile": 9}) + b"AAAA"],
)  # fmt: skip
def test_what_is_no_worker_ends_the_link(data):
    heard = Heard(io.BytesIO(data))
    assert heard.readline() == b""
    assert not heard.ended


def test_a_line_without_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(stream, "LONGEST", 1000)
    source = io.BytesIO(b'{"a": "' + b"x" * 100_000)
    assert Heard(source).readline() == b""
    assert source.tell() <= 1001


def test_a_hostile_manager_writes_no_file_here(tmp_path):
    data = archive("../../stolen", "/stolen", "job_events/1-2.json")
    event = {"event": "verbose", "counter": 1, "uuid": "../../../stolen", "stdout": "x"}
    whole = lines(event, {"zipfile": len(data)}) + base64.b64encode(data) + lines({"eof": True})
    ansible_runner.run(
        streamer="process", _input=Heard(io.BytesIO(whole)), private_data_dir=str(tmp_path / "a/b/in"), settings={},
        quiet=True, event_handler=lambda _event: False, cancel_callback=lambda: False,
    )  # fmt: skip
    assert [name for _, _, files in os.walk(tmp_path) for name in files] == []
