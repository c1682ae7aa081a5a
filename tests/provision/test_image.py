"""The node image's identity, its cache and its lock."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scs_rack.errors import StageFailed
from scs_rack.model import ImageOptions
from scs_rack.provision import image


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of our own."""
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def definition(tmp_path, monkeypatch):
    """A copy of the definition that may be changed."""
    folder = tmp_path / "definition"
    folder.mkdir()
    for name in image._FILES:
        (folder / name).write_bytes((image._HERE / name).read_bytes())
    monkeypatch.setattr(image, "_HERE", folder)
    return folder


def fake_builder(monkeypatch, text):
    """Let a shell script stand for mmdebstrap; $1 is the root folder."""

    def command(_image, root, _mirror):
        return ["sh", "-c", text, "sh", str(root)]

    monkeypatch.setattr(image, "command", command)
    monkeypatch.setattr(image, "missing_tools", lambda _tools: [])
    monkeypatch.setattr(image.os, "geteuid", lambda: 0)
    monkeypatch.setattr(image, "_verified", lambda _root: {"bash": "1"})


GOOD = 'echo "I: installing..."; mkdir -p "$1/.probe" "$1/etc"; echo kernel >"$1/.probe/vmlinuz"'


def test_the_mirror_does_not_change_the_image():
    assert image.image_of(ImageOptions()) == image.image_of(ImageOptions(mirror="http://mirror.example/debian"))


@pytest.mark.parametrize("name", image._FILES)
def test_every_file_of_the_definition_changes_the_image(definition, name):
    before = image.image_of(ImageOptions()).digest
    with (definition / name).open("a") as file:
        file.write("# changed\n")
    assert image.image_of(ImageOptions()).digest != before


def test_packages_are_named_once():
    names = image.packages()
    assert len(names) > 50
    assert len(names) == len(set(names))


def test_the_command_builds_in_a_mount_namespace_of_its_own(cache):
    command = image.command(image.image_of(ImageOptions()), cache / "root", "http://mirror.example/debian")
    assert command[: len(image.ISOLATED)] == list(image.ISOLATED)
    assert command[-3:] == ["trixie", str(cache / "root"), "deb http://mirror.example/debian trixie main"]


def test_an_image_that_is_not_built_is_named_with_its_mending():
    with pytest.raises(image.ImageMissing, match="is not built") as caught:
        image.built(ImageOptions())
    assert "image build" in caught.value.hint


def test_build_ends_with_a_whole_image_and_is_done_once(monkeypatch):
    fake_builder(monkeypatch, GOOD)
    said = []
    built = image.build(ImageOptions(), said.append)
    assert "installing" in said
    assert built.probe_kernel.read_text() == "kernel\n"
    assert not (built.root / ".probe").exists()
    assert json.loads(built.manifest.read_text())["packages"] == {"bash": "1"}
    assert image.images() == [built]
    fake_builder(monkeypatch, "exit 1")
    assert image.build(ImageOptions(), said.append) == built


def test_a_failed_build_names_its_log_and_is_no_image(monkeypatch):
    fake_builder(monkeypatch, 'echo "E: no space left"; exit 3')
    with pytest.raises(StageFailed, match="no space left") as caught:
        image.build(ImageOptions(), print)
    assert ".log" in caught.value.hint
    assert image.images() == []


def test_what_a_killed_build_left_is_removed(monkeypatch, cache):
    left = cache / "images/.building-0123"
    (left / "root/etc").mkdir(parents=True)
    fake_builder(monkeypatch, GOOD)
    image.build(ImageOptions(), print)
    assert not left.exists()


def test_a_second_build_waits_and_names_the_first(monkeypatch, cache):
    fake_builder(monkeypatch, GOOD)
    script = (
        "import time; from scs_rack.provision import image\n"
        "with image.build_lock(image.cache_root() / 'images', print): print('held', flush=True); time.sleep(1.5)"
    )
    environment = {**os.environ, "SCS_RACK_CACHE": str(cache)}
    holder = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    assert holder.stdout.readline() == "held\n"
    said = []
    start = time.monotonic()
    image.build(ImageOptions(), said.append)
    assert time.monotonic() - start > 0.5
    assert said[0] == f"waiting for the build of process {holder.pid}"
    assert holder.wait() == 0


@pytest.mark.root
def test_a_killed_build_leaves_no_process_and_no_mount(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    folder = tmp_path / "mounted"
    folder.mkdir()
    code = (
        "import subprocess, sys; from scs_rack.provision import image\n"
        "script = 'mount -t tmpfs x $1 && echo ready && sleep 600; :'\n"
        "subprocess.run([*image.ISOLATED, 'sh', '-c', script, 'sh', sys.argv[1]])"
    )
    builder = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert builder.stdout.readline() == "ready\n"
    builder.kill()
    builder.wait()
    assert builder.stdout.read() == "", "the pipe ends when the last process is gone"
    assert str(folder) not in Path("/proc/self/mounts").read_text()


@pytest.mark.root
def test_what_a_killed_build_had_mounted_is_unmounted_and_not_removed(cache):
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    outside, inside = cache / "outside", cache / "images/.building-x/root/sys"
    outside.mkdir()
    inside.mkdir(parents=True)
    (outside / "kept").write_text("")
    done = subprocess.run(["mount", "--bind", str(outside), str(inside)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no right to mount: {done.stderr.strip()}")
    with image.build_lock(cache / "images", print):
        assert not list((cache / "images").glob(".building-*"))
    assert (outside / "kept").exists()
    assert str(inside) not in Path("/proc/mounts").read_text()
