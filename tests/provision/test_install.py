"""How an installation goes on when a server does what it should not; the server is played by events."""

import asyncio
import contextlib

import pytest

from scs_rack.bmc import Power
from scs_rack.engine.stage import Context
from scs_rack.provision import booting, records, watching, work
from scs_rack.provision.facts import parse
from scs_rack.provision.install import Installer, Wish
from scs_rack.provision.netboot.web import Told
from tests.provision.test_hardware import REPORT
from tests.provision.test_netboot import DESIGN, KEY, METAL

UEFI = REPORT.replace("firmware\tbios", "firmware\tuefi").replace(":95:01:", ":95:02:")


class Made:
    """An artefact that nobody reads."""

    digest = "0123456789abcdef"
    manifest = {"files": {name: {"bytes": 1, "sha256": "00"} for name in ("root.tar.zst", "boot.tar")}}  # noqa: RUF012


class Fleet:
    """BMCs that tell the power."""

    def __init__(self, on):
        self.power = Power.ON if on else Power.OFF

    @contextlib.asynccontextmanager
    async def bmc(self, _target):
        yield self

    async def power_state(self):
        return self.power


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Install a server that does as it is told; returns the result and what was said."""
    monkeypatch.setattr(work.kit, "built_kit", lambda *_: None)
    monkeypatch.setattr(work.artifact, "built", lambda *_: Made())
    monkeypatch.setattr(watching, "QUIET", 0.3)
    monkeypatch.setattr(watching, "LOOK", 0.1)
    monkeypatch.setattr(booting, "boot_limit", lambda _design: 0.15)

    def run(name, on_power, wish=None, report=REPORT, on=False):
        said = []
        ctx = Context(DESIGN, METAL, tmp_path, tmp_path, {})
        installer = Installer(ctx, [name], wish or Wish(), lambda who, what: said.append(what))
        server = installer.servers[name]

        def does(what, words="", percent=0):
            if what == "hello":
                answer = installer.hello(server.caller, parse(report))
                installer.told(Told(server.caller, "hello", answer.refusal))
            else:
                installer.told(Told(server.caller, what, words, percent))

        async def power(_work, fleet, _server, way):
            fleet.power = Power.ON
            asyncio.get_running_loop().call_soon(on_power, does, way, installer)

        monkeypatch.setattr(booting, "power", power)
        monkeypatch.setattr(installer, "target", lambda _name: None)
        monkeypatch.setattr(watching, "seen_running", lambda *_: asyncio.sleep(0))
        installer.fleet = Fleet(on=on)
        return asyncio.run(installer._one(installer.fleet, server)), said

    return run


def writes(does, *_):
    """A server that does all right."""
    does("script")
    does("hello")
    does("phase", "write: 1 of 2 MiB", 50)
    does("done", KEY)


def test_a_server_that_does_all_right_is_installed(play, tmp_path):
    result, said = play("metal1", writes)
    assert result.error is None
    assert result.changed
    assert "write: 1 of 2 MiB (50 %)" in said
    assert records.read(tmp_path, "metal1").state == "installing"  # until it was seen to run
    assert KEY in (tmp_path / "ssh/known_hosts").read_text()


def test_the_next_way_is_tried_by_itself_and_told(play):
    result, _ = play("metal2", lambda does, way, _: writes(does) if way == "pxe" else None, report=UEFI)
    assert result.error is None
    assert "by PXE" in result.diff
    assert [(one.type, one.severity) for one in result.findings] == [("bmc-did-nothing", "warning")]
    assert "nothing at all" in result.findings[0].seen


def test_when_no_way_works_the_trail_is_the_evidence(play):
    result, _ = play("metal1", lambda does, *_: does("script"))
    assert "no call of the ramdisk" in result.error
    assert [one.type for one in result.findings] == ["network-boot-failed"]
    assert "boot script" in result.findings[0].seen


def test_a_server_that_boots_by_another_way_is_told(play):
    def by_tftp(does, way, installer):
        installer.heard(DESIGN.nodes["metal2"].macs["mgmt0"], "DHCP ack")
        installer.heard(str(DESIGN.nodes["metal2"].mgmt.ip), "TFTP ipxe.efi")
        writes(does)

    result, _ = play("metal2", by_tftp, report=UEFI)
    assert "by PXE" in result.diff
    assert [one.type for one in result.findings] == ["booted-otherwise"]


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        (lambda does: does("failed", "the image is not what the manager signed"), "not what the manager signed"),
        (lambda does: does("script"), "started anew in the middle"),
        (lambda does: None, "fell silent"),
    ],
)
def test_what_ends_in_the_middle_is_said_and_may_be_tried_again(play, tmp_path, then, expected):
    def half(does, *_):
        does("hello")
        does("phase", "write: 1 of 2 MiB", 50)
        then(does)

    result, _ = play("metal1", half)
    assert expected in result.error
    assert not records.installed(tmp_path, "metal1")
    # what lies on its disk now is ours and unfinished: the next try writes it
    unfinished = REPORT.replace("disk\tvdb", "holds\tvda\tvda2\tname:scs-new-root\ndisk\tvdb")
    assert play("metal1", writes, report=unfinished)[0].error is None


def test_a_server_that_lost_its_power_is_told_soon(play, monkeypatch):
    monkeypatch.setattr(watching, "QUIET", 60.0)

    def half(does, _way, installer):
        does("hello")
        installer.fleet.power = Power.OFF

    result, _ = play("metal1", half)
    assert "lost its power in the middle" in result.error


def test_a_manager_that_died_after_the_last_word_may_write_again(play, tmp_path):
    records.write(tmp_path, records.Record("metal1", "installing", "digest", "uuid"))
    finished = REPORT.replace(
        "disk\tvdb", "holds\tvda\tvda2\tname:scs-root\nholds\tvda\tvda2\tserver:metal1\ndisk\tvdb"
    )
    assert play("metal1", writes, report=finished)[0].error is None


def test_a_server_that_is_not_the_one_is_not_touched(play, tmp_path):
    result, _ = play("metal1", writes, report=REPORT.replace("02:5c:05:95:01:02", "02:5c:05:95:02:02"))
    assert "was not touched" in result.error
    assert {one.type for one in result.findings} == {"mac-missing", "mac-of-another"}
    assert records.read(tmp_path, "metal1").state == "called"
    assert play("metal1", writes, on=True)[0].error is None  # on, but by us


def test_looking_writes_nothing(play, tmp_path):
    result, _ = play("metal1", lambda does, *_: does("hello"), Wish(only_look=True))
    assert (result.error, result.changed) == (None, False)
    assert not records.installed(tmp_path, "metal1")
    assert (tmp_path / "provision/metal1.facts.json").is_file()


@pytest.mark.parametrize("wish", [Wish(), Wish(only_look=True), Wish(reinstall=frozenset({"metal2"}))])
@pytest.mark.parametrize("state", [None, "installed"])
def test_a_server_that_runs_is_not_restarted(play, tmp_path, wish, state):
    if state:
        records.write(tmp_path, records.Record("metal1", state, "digest", "uuid"))
    result, said = play("metal1", writes, wish, on=True)
    assert "is on, and nobody knows what it runs" in result.error
    assert said == []


def test_a_server_whose_name_was_typed_may_run(play, tmp_path):
    records.write(tmp_path, records.Record("metal1", "installed", "digest", "uuid"))
    assert play("metal1", writes, Wish(reinstall=frozenset({"metal1"})), on=True)[0].error is None
