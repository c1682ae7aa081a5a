"""Two builds, compared."""

import io
import json
import os
import shutil
import subprocess
import tarfile

import pytest

from scs_rack.paths import cache_root
from scs_rack.provision.reproduce import another_cache, compare

pytestmark = pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")


def build(folder, *, content=b"x", mode=0o644, mtime=0, more=(), kernel="6.12", plain=b"kernel"):
    """What a build leaves."""
    folder.mkdir()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("etc/passwd", *more):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), mode, mtime
            tar.addfile(entry, io.BytesIO(content))
    packed = subprocess.run(["zstd", "-q", "-c"], input=out.getvalue(), capture_output=True, check=True).stdout
    (folder / "root.tar.zst").write_bytes(packed)
    (folder / "vmlinuz").write_bytes(plain)
    (folder / "manifest.json").write_text(json.dumps({"kernel": kernel, "files": {}}))
    (folder / "manifest.json.sig").write_bytes(os.urandom(8))
    return folder


@pytest.mark.parametrize(
    ("differs", "expected"),
    [
        ({}, []),
        ({"content": b"y"}, ["root.tar.zst: etc/passwd: another content"]),
        ({"mode": 0o600}, ["root.tar.zst: etc/passwd: another mode"]),
        ({"mtime": 1}, ["root.tar.zst: etc/passwd: another time"]),
        ({"more": ["var/log/x"]}, ["root.tar.zst: var/log/x: only one build has it"]),
        ({"kernel": "6.13"}, ["manifest.json: kernel is 6.12 and 6.13"]),
        ({"plain": b"another"}, ["vmlinuz differs"]),
    ],
)
def test_each_difference_is_told(tmp_path, differs, expected):
    assert list(compare(build(tmp_path / "a"), build(tmp_path / "b", **differs), tmp_path)) == expected


def test_a_file_that_one_build_lacks_is_told(tmp_path):
    first, second = build(tmp_path / "a"), build(tmp_path / "b")
    (second / "vmlinuz").unlink()
    assert list(compare(first, second, tmp_path)) == ["vmlinuz: only one build has it"]


def test_the_second_cache_is_gone_afterwards_and_what_apt_fetched_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path))
    (tmp_path / "apt").mkdir()
    (tmp_path / "apt/x.deb").touch()
    with another_cache() as folder:
        assert cache_root() == folder
        assert (folder / "apt/x.deb").exists()
    assert cache_root() == tmp_path
    assert [path.name for path in tmp_path.rglob("*")] == ["apt", "x.deb"]
