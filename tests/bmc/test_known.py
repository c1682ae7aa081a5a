"""What is remembered of BMCs saves exchanges, and costs nothing where it is wrong."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack.bmc import Bmc, Fleet, Outcome, Power, Target
from scs_rack.bmc.errors import WrongPassword
from scs_rack.bmc.known import AGE, Hint, Known
from scs_rack.bmc.redfish.transport import Reply, Service

from .emulators import PASSWORD, QUICK, emulated, target

Log = list[tuple[str, str]]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """Methods and paths of all requests that were made."""
    made: Log = []
    real = Service.request

    async def noted(self: Service, method: str, path: str, *args: object, **names: object) -> Reply:
        made.append((method, path))
        return await real(self, method, path, *args, **names)  # type: ignore[arg-type]

    monkeypatch.setattr(Service, "request", noted)
    return made


async def power(bmc: Bmc) -> Power:
    return await bmc.power_state()


async def _call(it: Target, ca: Path, file: Path) -> Outcome[Power]:
    async with Fleet.open(ca, QUICK, known=file) as fleet:
        (found,) = [outcome async for outcome in fleet.run([it], power)]
    return found


async def test_a_known_service_is_read_with_one_request(tls_files: tuple[Path, Path], tmp_path: Path, log: Log) -> None:
    file = tmp_path / "bmc/known.json"
    async with emulated("redfish", on=True, cert=tls_files[0], key=tls_files[1]) as it:
        assert (await _call(it.target, tls_files[0], file)).value is Power.ON
        first = len(log)
        assert log[0][0] == "POST"
        assert log[-1][0] == "DELETE", "the session is deleted"
        assert (await _call(it.target, tls_files[0], file)).value is Power.ON
        assert [method for method, _ in log[first:]] == ["GET"]
        hint = json.loads(file.read_text(encoding="utf-8"))
        assert PASSWORD not in file.read_text(encoding="utf-8")
        assert next(iter(hint.values()))["basic"] is True
        assert file.stat().st_mode & 0o077 == 0


async def test_a_wrong_password_is_tried_once_also_where_the_service_is_known(
    tls_files: tuple[Path, Path], tmp_path: Path, log: Log
) -> None:
    file = tmp_path / "known.json"
    async with emulated("redfish", cert=tls_files[0], key=tls_files[1]) as it:
        await _call(it.target, tls_files[0], file)
        log.clear()
        outcome = await _call(replace(it.target, password="wrong"), tls_files[0], file)
        assert isinstance(outcome.error, WrongPassword)
        assert len(log) == 1


async def test_a_wrong_hint_is_learnt_anew(tls_files: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    async with emulated("redfish", on=True, cert=tls_files[0], key=tls_files[1]) as it:
        key = f"redfish://127.0.0.1:{it.target.port}"
        wrong = {"at": time.time(), "suite": 0, "system": "/redfish/v1/Systems/gone", "basic": True}
        file.write_text(json.dumps({key: wrong}), encoding="utf-8")
        assert (await _call(it.target, tls_files[0], file)).value is Power.ON
        assert json.loads(file.read_text(encoding="utf-8"))[key]["system"] != wrong["system"]


async def test_the_suite_that_a_bmc_takes_is_asked_for_first(tmp_path: Path, tls_files: tuple[Path, Path]) -> None:
    file = tmp_path / "known.json"
    async with emulated("ipmi", on=True) as it:
        assert (await _call(it.target, tls_files[0], file)).value is Power.ON
        known = Known(file)
        assert known.hint(it.target).suite in (3, 17)
        known.hint(it.target).suite = 3
        known.save()
        assert (await _call(it.target, tls_files[0], file)).value is Power.ON


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"a": 1}', b'{"a": {"b": 1}}', b"\xff", b'{"a": {"at": "x"}}',
     b'{"a": {"suite": 99, "at": 1}}',
     b'{"a":' * 20000, b'{"a": {"at": 1, "suite": 3, "system": 7, "basic": "x"}}'],
)  # fmt: skip
def test_a_spoilt_file_is_not_believed(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "known.json").write_bytes(content)
    assert Known(tmp_path / "known.json")._hints == {}


def test_hints_are_forgotten_with_time(tmp_path: Path) -> None:
    known, it = Known(tmp_path / "known.json"), target("ipmi", 1)
    known.hint(it).suite = 3
    assert known.hint(it).suite == 3
    known.hint(it).at -= AGE + 1
    assert known.hint(it) == Hint(at=known.hint(it).at)
