"""Whatever a BMC sends, readers and drivers answer with a value or with a BmcError, and nothing else."""

import ast
import asyncio
import contextlib
import datetime as dt
import functools
import inspect
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scs_rack.bmc.redfish
from scs_rack.bmc import Bmc, BmcError, BootDevice, BootOverride, TimeLimits
from scs_rack.bmc.errors import Refused
from scs_rack.bmc.facts import Role
from scs_rack.bmc.ipmi import deep, fru, rakp, wire
from scs_rack.bmc.ipmi.driver import IpmiBmc
from scs_rack.bmc.ipmi.session import IpmiSession
from scs_rack.bmc.ipmi.suites import decrypt
from scs_rack.bmc.known import Known
from scs_rack.bmc.redfish import http
from scs_rack.bmc.redfish.driver import RedfishBmc
from scs_rack.bmc.redfish.session import Session
from scs_rack.bmc.redfish.transport import Reply, Service, tls_context

from .emulators import target

CORPUS = Path(__file__).with_name("corpus")
SOON = TimeLimits(
    answer=0.1, repeats=(), login=0.1, slow_answer=0.1, patience=(), power=0.0, shutdown=0.0, setting=0.0, deep=0.1,
    task=0.0,
)  # fmt: skip
MANY_TIMES = int(os.environ.get("SCS_RACK_FUZZ", "120"))
"""Cases that are tried for each driver; more of them take longer and find more."""
MANY = settings(
    max_examples=MANY_TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
REQUESTS = 3000
"""Requests of one call, at most."""


# HTTP


def read(pieces: list[bytes]) -> http.Answer | None:
    """What a reader makes of pieces, then of the end of the connection; None where something is missing."""
    reader = http.Reader()
    for piece in pieces:
        if (found := reader.feed(piece)) is not None:
            return found
    return reader.end()


@pytest.mark.parametrize("path", sorted((CORPUS / "http").iterdir()), ids=lambda path: path.name)
def test_answers_of_the_corpus(path: Path) -> None:
    """Those called `good-…` are read, in whatever pieces they come; the others are refused or miss something."""
    raw = path.read_bytes()
    for size in (1, 7, 1000, len(raw) + 1):
        pieces = [raw[start : start + size] for start in range(0, len(raw), size)]
        if path.name.startswith("good-"):
            found = read(pieces)
            assert found is not None
            assert found.status == 200
            assert found.body == b'{"PowerState": "On"}'
        else:
            with contextlib.suppress(http.BadAnswer):
                assert read(pieces) is None


@given(st.lists(st.binary(max_size=400), max_size=8))
def test_no_bytes_break_the_reader_of_http(pieces: list[bytes]) -> None:
    with contextlib.suppress(http.BadAnswer):
        read(pieces)


@given(
    st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.0 404", b"HTTP/1.1 100 Continue", b"HTTP/1.1 204 ", b"HTTP/2 200"]),
    st.lists(
        st.sampled_from(
            [b"Content-Length: 3", b"Content-Length: -1", b"Content-Length: 99999999999", b"Connection: close", b": x",
             b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Content-Encoding: gzip", b"X", b"\0: \0"]
        ),
        max_size=4,
    ),
    st.lists(st.sampled_from([b"3\r\n", b"0\r\n", b"\r\n", b"abc", b"ffffffff\r\n", b"x", b"\x1f\x8b"]), max_size=8),
    st.integers(1, 9),
)  # fmt: skip
def test_no_framing_breaks_the_reader_of_http(first: bytes, headers: list[bytes], rest: list[bytes], size: int) -> None:
    raw = b"\r\n".join([first, *headers, b"", b""]) + b"".join(rest)
    with contextlib.suppress(http.BadAnswer):
        found = read([raw[start : start + size] for start in range(0, len(raw), size)])
        assert found is None or len(found.body) <= http.BODY_LIMIT


@pytest.mark.parametrize(
    ("head", "forever"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 80 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 4096),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" " * 4096),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 100),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1" * 100),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 10),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;", b";" * 50),
    ],
)
def test_what_never_ends_is_ended(head: bytes, forever: bytes) -> None:
    reader = http.Reader()
    with pytest.raises(http.BadAnswer):  # noqa: PT012 (which piece ends it does not matter)
        for number in range(2_000_000 // len(forever)):
            assert reader.feed(head + forever if number == 0 else forever) is None
            assert len(reader._buffer) + len(reader._body) <= http.BODY_LIMIT + http.HEAD_LIMIT + len(forever) * 2


def test_a_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(bytes(300 * 1024 * 1024)) + packer.flush()
    assert len(bomb) < http.BODY_LIMIT
    with pytest.raises(http.BadAnswer, match="unpacked"):
        read([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb])


# IPMI


@pytest.mark.parametrize("path", sorted((CORPUS / "ipmi").iterdir()), ids=lambda path: path.name)
def test_datagrams_of_the_corpus(path: Path) -> None:
    raw = bytes.fromhex(path.read_text(encoding="ascii"))
    for length in (0, 12, 16):
        with contextlib.suppress(wire.Malformed):
            packet = wire.decode(raw, length)
            for reader in (wire.Message, rakp.OpenResponse, rakp.Rakp2, rakp.Proof):
                with contextlib.suppress(wire.Malformed):
                    reader.decode(packet.payload)


@given(st.binary(max_size=200))
def test_no_bytes_break_what_unpacks(raw: bytes) -> None:
    for reader in (fru.decode, lambda data: decrypt(b"k" * 20, data)):
        with contextlib.suppress(wire.Malformed):
            reader(raw)


class HostileSession:
    """Answers every command with the next of some bytes, or refuses."""

    def __init__(self, answers: list[bytes | None]) -> None:
        self.answers = answers
        self.asked = 0
        self.limits = SOON

    async def command(self, _netfn: int, _number: int, _data: bytes = b"", *, once: bool = False) -> bytes:
        self.asked += 1
        assert self.asked < REQUESTS, "it asks without end"
        found = self.answers[self.asked % len(self.answers)] if self.answers else b""
        if found is None:
            refused = Refused("no")
            refused.status = self.asked % 256
            raise refused
        return found

    async def administrator(self) -> None:
        return

    def release(self) -> None:
        return


SAMPLES: dict[Any, Any] = {
    bool: True,
    int: 400,
    str: "http://192.0.2.1/x.iso",
    dt.datetime: dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    BootOverride: BootOverride("pxe", mode="uefi"),
    int | None: 400,
    Path | str: "http://192.0.2.1/x.bin",
    Mapping[str, str | int | bool]: {"A": "b"},
    BootDevice: "disk",
    Role: "operator",
}
"""A value for each type of argument."""


def calls(bmc: Bmc) -> dict[str, Callable[[], Any]]:
    """Every method of the interface, with arguments where it wants some."""
    found: dict[str, Callable[[], Any]] = {}
    for name, _ in inspect.getmembers(type(bmc), inspect.iscoroutinefunction):
        if name.startswith("_"):
            continue
        method = getattr(bmc, name)
        wanted = [
            one for one in inspect.signature(method).parameters.values() if one.default is inspect.Parameter.empty
        ]
        args = [SAMPLES[one.annotation] for one in wanted if one.kind is not inspect.Parameter.KEYWORD_ONLY]
        names = {one.name: SAMPLES[one.annotation] for one in wanted if one.kind is inspect.Parameter.KEYWORD_ONLY}
        found[name] = functools.partial(method, *args, **names)
    assert len(found) > 30
    return found


async def all_calls(make: Callable[[], Bmc]) -> None:
    """Call every method of a fresh BMC; only BmcErrors may come of it."""
    for name in calls(make()):
        with contextlib.suppress(BmcError):
            try:
                await calls(make())[name]()
            except BmcError:
                raise
            except Exception as error:
                raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error


answers = st.lists(st.one_of(st.binary(max_size=40), st.binary(min_size=14, max_size=40), st.none()), max_size=6)


@pytest.fixture
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are skipped, and no process is started."""
    real = asyncio.sleep

    async def asleep(_seconds: float) -> None:
        await real(0)

    async def nothing(*_args: Any) -> Any:
        raise Refused("no")

    monkeypatch.setattr(asyncio, "sleep", asleep)
    monkeypatch.setattr(deep, "ask", nothing)


@pytest.mark.usefixtures("_no_waiting")
def test_no_answer_breaks_the_driver_of_ipmi() -> None:
    @MANY
    @given(answers)
    def check(given_answers: list[bytes | None]) -> None:
        def make() -> Bmc:
            return IpmiBmc(target("ipmi", 1), cast("IpmiSession", HostileSession(given_answers)))

        asyncio.run(all_calls(make))

    check()


# Redfish


def _words() -> list[str]:
    """Every string that the Redfish driver knows: what it looks for in an answer."""
    found = set()
    for path in Path(scs_rack.bmc.redfish.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) < 60:
                found.add(node.value)
    return sorted(found)


WORDS = _words()
PATHS = ["/redfish/v1", "/redfish/v1/Systems", "/redfish/v1/Systems/1", "/redfish/v1/Managers/1", "/redfish/v1/Chassis",
         "/redfish/v1/Systems/1/Bios", "", "//", "http://[", "https://192.0.2.9/redfish/v1", "/redfish/../etc",
         "/redfish/v1/\r\nX: y",
         "/redfish/v1/\udc80", "/redfish/v1/" + "x" * 5000]  # fmt: skip
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**40), 10**40),
    st.floats(),
    st.sampled_from(WORDS),
    st.sampled_from(PATHS),
    st.text(max_size=20),
    st.sampled_from(["On", "Off", "Enabled", "2026-01-01T00:00:00+99:99", "9" * 400, "1970-01-01T00:00:00Z", "-0:00"]),
)
links = st.sampled_from(PATHS).map(lambda path: {"@odata.id": path})
bodies = st.recursive(
    scalars | links,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=8),
    max_leaves=25,
)
whole = st.dictionaries(st.sampled_from(WORDS), bodies, max_size=14)
system = whole.map(lambda body: {"PowerState": "On", "Members": [{"@odata.id": "/redfish/v1/Systems/1"}], **body})


class HostileService(Service):
    """Answers every request with the next of some bodies."""

    def __init__(self, given_bodies: list[Any], statuses: list[int]) -> None:
        super().__init__(target("redfish", 1), CONTEXT, SOON, Known().hint(target("redfish", 1)))
        self.bodies, self.statuses = given_bodies, statuses
        self.asked = 0

    async def request(self, method: str, path: str, *_args: Any, **_names: Any) -> Reply:
        self.inside(path)
        self.asked += 1
        assert self.asked < REQUESTS, f"it asks without end: {method} {path}"
        status = self.statuses[self.asked % len(self.statuses)]
        body = self.bodies[self.asked % len(self.bodies)]
        if status >= 300:
            raise self._refusal(method, path, status, body)
        return Reply(status, body, {"location": "/redfish/v1/x", "x-auth-token": "t", "etag": 'W/"1"'})


CONTEXT = tls_context(None)


@pytest.mark.usefixtures("_no_waiting")
def test_no_json_breaks_the_driver_of_redfish() -> None:
    @MANY
    @given(
        st.lists(system | whole | bodies, min_size=1, max_size=4),
        st.lists(st.sampled_from([200, 200, 200, 202, 204, 302, 400, 404, 412, 503]), min_size=1, max_size=3),
    )
    def check(given_bodies: list[Any], statuses: list[int]) -> None:
        asyncio.run(all_calls(lambda: RedfishBmc(Session(HostileService(given_bodies, statuses)))))

    check()


@given(st.text(max_size=80) | st.sampled_from(PATHS))
def test_no_path_leads_elsewhere(path: str) -> None:
    service = Service(target("redfish", 1), CONTEXT, SOON)
    with contextlib.suppress(BmcError):
        inner = service.inside(path)
        assert inner.startswith("/redfish")
        assert inner.isascii()
        assert inner.isprintable()
        assert " " not in inner
