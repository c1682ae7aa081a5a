"""`scs-rack bmc` and `scs-rack node`, as a person calls them, against two virtual BMCs: one Redfish, one IPMI."""

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scs_rack import vault
from scs_rack.bmc import Fleet, Target
from scs_rack.cli import fleet
from scs_rack.cli.main import main
from scs_rack.cli.node import Keys
from tests.bmc.emulators import QUICK, Emulated, certificate, emulated
from tests.cli.test_runs import REPOSITORY

NODES = {"node1": "redfish", "node3": "ipmi"}


class Bmcs:
    """Virtual BMCs in a thread of their own."""

    def __init__(self, folder: Path) -> None:
        self.cert, self.key = certificate(folder)
        self.machines: dict[str, Emulated] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        async with AsyncExitStack() as stack:
            for name, protocol in NODES.items():
                bmc = emulated(protocol, cert=self.cert, key=self.key, server=name)
                self.machines[name] = await stack.enter_async_context(bmc)
            self._ready.set()
            await self._over.wait()

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(20)

    def stop(self) -> None:
        assert self._over is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)
        self._loop.close()

    def targets(self, _design: Any, _secrets: Any, names: list[str]) -> list[Target]:
        return [replace(self.machines[name].target, name=name) for name in names if name in self.machines]


@pytest.fixture(scope="module")
def bmcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bmcs]:
    made = Bmcs(tmp_path_factory.mktemp("tls"))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def rack(tmp_path: Path, bmcs: Bmcs, monkeypatch: pytest.MonkeyPatch) -> Path:
    text = (REPOSITORY / "inventory/lab/rack.yml").read_text(encoding="utf-8")
    head, _, rest = text.partition("\nlab:\n")
    (tmp_path / "rack.yml").write_text(head + "\n" + rest.partition("\n\n")[2], encoding="utf-8")
    (tmp_path / ".vault-password").write_text("x\n", encoding="ascii")
    (tmp_path / ".vault-password").chmod(0o600)
    vault.save(tmp_path, {})
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("SCS_RACK", str(tmp_path))
    ca = tmp_path / "state/lab/ca/ca.crt"
    ca.parent.mkdir(parents=True)
    ca.write_bytes(bmcs.cert.read_bytes())
    monkeypatch.setattr(fleet, "targets", bmcs.targets)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def seen(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    code, out, _ = run(capsys, "bmc", *words, "--json")
    assert code == 0
    return {one["server"]: one for one in json.loads(out)}


pytestmark = pytest.mark.usefixtures("rack")


@pytest.mark.parametrize(
    ("verb", "shown"),
    [
        ("show", "vnode"),
        ("sensors", "Inlet Temp"),
        ("inventory", "SN-0001"),
        ("users", "administrator"),
        ("firmware", "BMC"),
        ("boot", "none"),
        ("identify", "off"),
        ("events", "none"),
    ],
)
def test_what_both_protocols_tell(capsys: pytest.CaptureFixture[str], verb: str, shown: str) -> None:
    code, out, err = run(capsys, "bmc", verb, "node1", "node3")
    assert code == (1 if verb == "show" else 0), err  # the emulators' MAC addresses are not those of the rack file
    assert shown in out
    assert "node1" in out
    assert "node3" in out


def test_what_ipmi_lacks_fails_for_that_server_only(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "bmc", "bios", "node1", "node3", "--json")
    found = {one["server"]: one for one in json.loads(out)}
    assert code == 1
    assert found["node1"]["seen"]["bios"]["attributes"]
    assert found["node1"]["over"] == ["redfish"]
    assert found["node3"]["error"]["kind"] == "ProtocolLacks"
    assert "redfish" in found["node3"]["error"]["hint"]


def test_changes_are_observed_and_made_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("bmc", "boot", "node1", "node3", "--device", "pxe", "--always")
    code, out, _ = run(capsys, *words)
    assert (code, out.count("changed")) == (0, 2)
    code, out, _ = run(capsys, *words)
    assert (code, out.count("as it was")) == (0, 2)
    assert {one["seen"]["device"] for one in seen(capsys, "boot", "node1", "node3").values()} == {"pxe"}


def test_a_lie_ends_with_1_and_says_so(
    capsys: pytest.CaptureFixture[str], bmcs: Bmcs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet.Call, "fleet", lambda which: Fleet.open(which.ca_file, QUICK))
    bmcs.machines["node1"].machine.faults.set("lies")
    try:
        code, out, _ = run(capsys, "bmc", "identify", "node1", "--on", "--json")
    finally:
        bmcs.machines["node1"].machine.faults.set()
    assert code == 1
    assert json.loads(out)[0]["result"]["findings"][0]["type"] == "bmc-lied"


def test_users_by_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("s3cret-Watch3r\n"))
    code, out, err = run(capsys, "bmc", "users", "node1", "node3", "--add", "watcher", "--role", "readonly")
    assert (code, out.count("changed")) == (0, 2), out + err
    assert "s3cret-Watch3r" not in out + err
    code, _, err = run(capsys, "bmc", "users", "node1", "--remove", "watcher")
    assert code == 2
    assert "--yes" in err
    code, out, _ = run(capsys, "bmc", "users", "node1", "node3", "--remove", "watcher", "--yes")
    assert (code, out.count("changed")) == (0, 2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("users", "--add", "x"), "no role"),
        (("users", "--role", "operator"), "--role goes with"),
        (("media", "--insert", "/etc/passwd"), "no address"),
        (("media", "--insert", "http://me:secret@192.0.2.1/x"), "holds a password"),
        (("boot", "--always"), "no device"),
        (("boot", "--device", "pxe", "--uri", "http://x/"), "--uri goes with"),
        (("firmware", "--update", "/nonexistent.bin"), "no file"),
        (("firmware", "--target", "x"), "--target goes with"),
        (("bios", "--set", "NumLock"), "no value"),
        (("bios", "--set", "A=1", "--secure-boot", "on"), "two changes"),
    ],
)
def test_wrong_usage_changes_nothing(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str) -> None:
    code, _, err = run(capsys, "bmc", *words)
    assert code == 2
    assert told in err
    assert "hint:" in err


def test_a_console_that_redfish_has_not_is_refused_with_the_way_there(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "node", "console", "node1", "--seconds", "1")
    assert code == 1
    assert "serial console" in err
    assert "hint:" in err


def test_keys_of_the_console() -> None:
    keys = Keys()
    assert keys.read(b"ls ~.\r") == (b"ls ~.\r", b"")  # not at the beginning of a line
    assert keys.read(b"~") == (b"", b"")
    assert keys.read(b"~x\r") == (b"~x\r", b"")
    out, said = keys.read(b"~?")
    assert out == b""
    assert b"leave" in said
    assert keys.read(b"~y\r~") == (b"~y\r", b"")
    assert not keys.left
    assert keys.read(b".rm -rf /\r") == (b"", b"")
    assert keys.left
