"""What a machine lacks is said at once, with its mending."""

import os
import shutil

import pytest

from scs_rack.lab import preflight
from scs_rack.model import ImageOptions
from scs_rack.provision.tools import LAB_TOOLS, install_command, missing_tools


def kinds():
    return {one.type for one in preflight.check(ImageOptions())}


def test_all_that_is_missing_is_said_together(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    monkeypatch.setattr(preflight, "missing_tools", lambda _tools: ["systemd-nspawn", "ip"])
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(0, 0, 2**30))
    found = {one.type: one for one in preflight.check(ImageOptions())}
    assert {"not-root", "no-tools", "too-few-cores", "too-little-disk"} <= set(found)
    assert found["no-tools"].hint == "apt-get install --no-install-recommends -y iproute2 systemd-container"


def test_a_small_machine_is_named(monkeypatch):
    monkeypatch.setattr(os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 2**20)
    assert "too-little-memory" in kinds()


def test_tools_are_looked_for_where_root_finds_them():
    assert missing_tools({"no-such-tool": "x", "sh": "y", "/no/such/file": "z"}) == ["no-such-tool", "/no/such/file"]
    assert install_command(["ip"], LAB_TOOLS).endswith("-y iproute2")


@pytest.mark.root
def test_this_machine_or_what_it_really_lacks(monkeypatch, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    monkeypatch.setenv("SCS_RACK_STATE", "/proc/nowhere")
    assert "no-overlay" in kinds(), "no overlay can be made there, and it was tried"
    monkeypatch.setattr(preflight, "_LINKS", {"nonsense": "ip link add name x0 type nonsense"})
    assert "no-nonsense" in kinds()
    monkeypatch.setattr(preflight, "KERNEL", (99, 0))
    assert "old-kernel" in kinds()
