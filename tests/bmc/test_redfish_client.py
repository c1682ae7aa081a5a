"""Our Redfish client against our emulator, and against services that behave badly."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from scs_rack.bmc import Bmc, Fleet, Power, Target, TimeLimits
from scs_rack.bmc.errors import (
    BmcError,
    Busy,
    CertificateRefused,
    NoAnswer,
    NonsenseAnswer,
    NotSupported,
    PortClosed,
    PrivilegeTooLow,
    Refused,
    WrongPassword,
)
from scs_rack.bmc.redfish import session
from scs_rack.bmc.redfish.read import worst_message
from scs_rack.lab.bmc.redfish_server import RedfishServer

from .emulators import NICS, QUICK, Emulated, certificate, emulated, target

Files = tuple[Path, Path]


@asynccontextmanager
async def redfish(tls_files: Files, **changes: Any) -> AsyncIterator[Emulated]:
    async with emulated("redfish", cert=tls_files[0], key=tls_files[1], **changes) as it:
        yield it


async def call(to: Target, ca: Path | None, work: Callable[[Bmc], Awaitable[Any]], limits: TimeLimits = QUICK) -> Any:
    async with Fleet.open(ca, limits) as fleet, fleet.bmc(to) as bmc:
        return await work(bmc)


async def power(bmc: Bmc) -> Power:
    return await bmc.power_state()


async def test_all_verbs(tls_files: Files) -> None:
    async with redfish(tls_files) as it, Fleet.open(tls_files[0], QUICK) as fleet, fleet.bmc(it.target) as bmc:
        assert await bmc.power_state() is Power.OFF
        identity = await bmc.identity()
        assert (identity.model, identity.serial, identity.uuid) == ("vnode", "SN-0001", str(it.machine.uuid))
        macs = await bmc.macs()
        assert macs.bmc == ("02:5c:05:00:01:00",)
        assert macs.nics == NICS
        await bmc.boot_once("pxe")
        assert await bmc.boot_device() == "pxe"
        await bmc.power_on()
        await it.machine.settle()
        assert await bmc.power_state() is Power.ON
        assert await bmc.boot_device() == "none"
        first = await bmc.last_reset()
        await bmc.reset()
        await it.machine.settle()
        assert await bmc.last_reset() != first
        await bmc.cycle()
        await it.machine.settle()
        await bmc.power_off(hard=False)
        await it.machine.settle()
        assert it.power.actions == ["start", "kill", "start", "kill", "start", "shutdown"]


async def test_the_session_is_deleted_also_after_an_error(tls_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    servers: list[RedfishServer] = []
    original = RedfishServer.__init__

    def remember(self: RedfishServer, machine: Any) -> None:
        original(self, machine)
        servers.append(self)

    monkeypatch.setattr(RedfishServer, "__init__", remember)
    async with redfish(tls_files) as it:
        for _ in range(20):  # the pool has 8
            await call(it.target, tls_files[0], power)

        async def fail(_bmc: Bmc) -> None:
            raise RuntimeError

        with pytest.raises(RuntimeError):
            await call(it.target, tls_files[0], fail)
        assert servers[0].sessions == {}


async def test_who_is_trusted(tls_files: Files, tmp_path: Path) -> None:
    other = certificate(tmp_path, "other")[0]
    der = ssl.PEM_cert_to_DER_cert(tls_files[0].read_text(encoding="ascii"))
    pin = hashlib.sha256(der).hexdigest()
    async with redfish(tls_files) as it:
        assert await call(it.target, tls_files[0], power) is Power.OFF
        pinned = replace(it.target, fingerprint=":".join(pin[i : i + 2] for i in range(0, 64, 2)).upper())
        assert await call(pinned, None, power) is Power.OFF
        with pytest.raises(CertificateRefused):
            await call(it.target, other, power)
        with pytest.raises(CertificateRefused):
            await call(it.target, None, power)
        with pytest.raises(CertificateRefused, match=pin):
            await call(replace(it.target, fingerprint="00" * 32), tls_files[0], power)
        with pytest.raises(CertificateRefused, match="no SHA-256"):
            await call(replace(it.target, fingerprint="abc"), tls_files[0], power)


async def test_the_environment_is_not_asked(tls_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = certificate(tmp_path, "other")[0]
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(other))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with redfish(tls_files) as it:
        assert await call(it.target, tls_files[0], power) is Power.OFF
        monkeypatch.setenv("SSL_CERT_FILE", str(tls_files[0]))
        with pytest.raises(CertificateRefused):
            await call(it.target, other, power)


async def test_failures_have_names(tls_files: Files) -> None:
    async with redfish(tls_files) as it:
        with pytest.raises(WrongPassword):
            await call(replace(it.target, password="wrong"), tls_files[0], power)
        it.machine.faults.set("silent")
        with pytest.raises(NoAnswer):
            await call(it.target, tls_files[0], power)
    with pytest.raises(PortClosed):
        await call(it.target, tls_files[0], power)


async def test_a_silent_port_costs_the_time_for_an_answer() -> None:
    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(5)
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    async with server:
        begin = asyncio.get_running_loop().time()
        with pytest.raises(NoAnswer):
            await call(target("redfish", server.sockets[0].getsockname()[1]), None, power)
        assert asyncio.get_running_loop().time() - begin < QUICK.answer + 0.4


# Services that behave badly

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
SYSTEM = {
    "@odata.id": "/redfish/v1/Systems/1",
    "PowerState": "On",
    "Actions": {"#ComputerSystem.Reset": {"target": "/redfish/v1/Systems/1/Actions/Reset"}},
}


@asynccontextmanager
async def service(tls_files: Files, answers: dict[tuple[str, str], Any]) -> AsyncIterator[Target]:
    """A service that answers what it is told: a JSON value, a response, or a function."""
    defaults = {
        ("POST", session.SESSIONS): lambda _r: web.json_response(
            {}, status=201, headers={"X-Auth-Token": "t", "Location": f"{session.SESSIONS}/1"}
        ),
        ("DELETE", f"{session.SESSIONS}/1"): lambda _r: web.Response(status=204),
        ("GET", "/redfish/v1/Systems"): {"Members": [{"@odata.id": "/redfish/v1/Systems/1"}]},
        ("GET", "/redfish/v1/Systems/1"): SYSTEM,
    }

    async def handle(request: web.Request) -> web.StreamResponse:
        answer = (defaults | answers).get((request.method, request.path))
        if answer is None:
            return web.Response(status=404)
        if callable(answer):
            made = answer(request)
            return await made if asyncio.iscoroutine(made) else made
        return web.json_response(answer)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_files)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield target("redfish", runner.addresses[0][1])
    finally:
        await runner.cleanup()


def refuse(status: int, message: str = "") -> Callable[[web.Request], web.Response]:
    body = {"error": {"@Message.ExtendedInfo": [{"MessageId": f"Base.1.0.{message}", "Message": "words"}]}}
    return lambda _request: web.json_response(body, status=status)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda _r: web.Response(text="<html>"), NonsenseAnswer),
        (lambda _r: web.json_response([1, 2]), NonsenseAnswer),
        (lambda _r: web.json_response({"PowerState": 7}), NonsenseAnswer),
        (lambda _r: web.json_response({"PowerState": "Perhaps"}), NonsenseAnswer),
        (lambda _r: web.Response(text='{"a":' * 20000), NonsenseAnswer),
        (lambda _r: web.Response(body=b" " * (1024 * 1024 + 1)), NonsenseAnswer),
        (lambda _r: web.Response(text="{}", headers={"X": "y" * 70000}), NonsenseAnswer),
        (lambda _r: web.Response(status=302, headers={"Location": "https://192.0.2.1/"}), NonsenseAnswer),
        (refuse(500), Refused),
        (refuse(403), PrivilegeTooLow),
        (refuse(404), NotSupported),
        (refuse(503), Busy),
        (refuse(400, "UnableToModifyDuringSystemPOST"), Busy),
    ],
)
async def test_bad_answers_end_in_a_named_error(tls_files: Files, answer: Any, error: type[BmcError]) -> None:
    async with service(tls_files, {("GET", "/redfish/v1/Systems/1"): answer}) as to:
        with pytest.raises(error):
            await call(to, tls_files[0], power)


async def test_a_body_that_goes_on_and_on_is_left(tls_files: Files) -> None:
    async def long(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" " * 65536)
            await asyncio.sleep(0)
        return response

    async with service(tls_files, {("GET", "/redfish/v1/Systems/1"): long}) as to:
        with pytest.raises(NonsenseAnswer, match="longer than"):
            await call(to, tls_files[0], power, replace(QUICK, slow_answer=5.0))


@pytest.mark.parametrize(
    "elsewhere", ["https://192.0.2.1/redfish/v1/Systems/1", "//192.0.2.1/redfish/v1/x", "/etc/passwd", "/redfish/../x"]
)
async def test_links_out_of_the_service_are_not_followed(tls_files: Files, elsewhere: str) -> None:
    members = {"Members": [{"@odata.id": elsewhere}]}
    async with service(tls_files, {("GET", "/redfish/v1/Systems"): members}) as to:
        with pytest.raises(NonsenseAnswer, match="outside of its own service"):
            await call(to, tls_files[0], power)


async def test_of_several_systems_the_host_is_chosen(tls_files: Files) -> None:
    members = [{"@odata.id": "/redfish/v1/Systems/HGX_Baseboard_0"}, {"@odata.id": "/redfish/v1/Systems/1"}]
    async with service(tls_files, {("GET", "/redfish/v1/Systems"): {"Members": members}}) as to:
        assert await call(to, tls_files[0], power) is Power.ON
    both = {"Members": [{"@odata.id": "/redfish/v1/Systems/1"}, {"@odata.id": "/redfish/v1/Systems/2"}]}
    two = {("GET", "/redfish/v1/Systems"): both, ("GET", "/redfish/v1/Systems/2"): {"SystemType": "Virtual"}}
    host = {("GET", "/redfish/v1/Systems/1"): SYSTEM | {"SystemType": "Physical"}}
    async with service(tls_files, two | host) as to:
        assert await call(to, tls_files[0], power) is Power.ON
    async with service(tls_files, two) as to:
        with pytest.raises(NotSupported, match="unclear"):
            await call(to, tls_files[0], power)


async def test_busy_is_asked_again_and_wrong_is_not(tls_files: Files) -> None:
    asked: list[int] = []

    def sometimes(_request: web.Request) -> web.Response:
        asked.append(1)
        return web.Response(status=409) if len(asked) < 3 else web.Response(status=204)

    reset = ("POST", "/redfish/v1/Systems/1/Actions/Reset")
    async with service(tls_files, {reset: sometimes}) as to:
        await call(to, tls_files[0], lambda bmc: bmc.reset())
        assert len(asked) == 3

    async def wrong(_request: web.Request) -> web.Response:
        asked.append(1)
        return web.Response(status=400)

    async with service(tls_files, {reset: wrong}) as to:
        with pytest.raises(Refused):
            await call(to, tls_files[0], lambda bmc: bmc.reset())
        assert len(asked) == 4


@pytest.mark.parametrize(("status", "message"), [(401, ""), (400, "UnauthorizedLoginAttempt")])
async def test_a_wrong_password_is_tried_once(tls_files: Files, status: int, message: str) -> None:
    tries: list[int] = []

    def login(request: web.Request) -> web.Response:
        tries.append(1)
        return refuse(status, message)(request)

    root = {"SessionService": {"@odata.id": "/redfish/v1/SessionService"}}
    async with service(tls_files, {("POST", session.SESSIONS): login, ("GET", "/redfish/v1/"): root}) as to:
        with pytest.raises(WrongPassword):
            await call(to, tls_files[0], power)
    assert len(tries) == 1


async def test_without_a_session_service_credentials_go_with_each_request(tls_files: Files) -> None:
    seen: list[str] = []

    def system(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.json_response(SYSTEM)

    async with service(
        tls_files, {("POST", session.SESSIONS): refuse(404), ("GET", "/redfish/v1/Systems/1"): system}
    ) as to:
        assert await call(to, tls_files[0], power) is Power.ON
    assert seen[0].startswith("Basic ")


async def test_an_outdated_etag_is_fetched_again_once(tls_files: Files) -> None:
    sent: list[str] = []
    tags = iter(['"old"', '"new"', '"newer"'])

    def system(_request: web.Request) -> web.Response:
        return web.json_response(SYSTEM, headers={"ETag": next(tags)})

    async def patch(request: web.Request) -> web.Response:
        sent.append(request.headers["If-Match"])
        return web.Response(status=412 if len(sent) == 1 else 204)

    path = "/redfish/v1/Systems/1"
    async with service(tls_files, {("GET", path): system, ("PATCH", path): patch}) as to:
        await call(to, tls_files[0], lambda bmc: bmc.boot_once("pxe"))
    assert sent == ['"old"', '"new"']


async def test_reset_types_are_read_from_the_action_info(tls_files: Files) -> None:
    posted: list[Any] = []
    action = {"target": "/redfish/v1/Systems/1/Actions/Reset", "@Redfish.ActionInfo": "/redfish/v1/info"}
    system = SYSTEM | {"Actions": {"#ComputerSystem.Reset": action}}
    info = {"Parameters": [{"Name": "ResetType", "AllowableValues": ["ForceOn", "ForceOff"]}]}

    async def reset(request: web.Request) -> web.Response:
        posted.append(await request.json())
        return web.Response(status=204)

    answers = {
        ("GET", "/redfish/v1/Systems/1"): system,
        ("GET", "/redfish/v1/info"): info,
        ("POST", "/redfish/v1/Systems/1/Actions/Reset"): reset,
    }
    async with service(tls_files, answers) as to:
        await call(to, tls_files[0], lambda bmc: bmc.power_on())
        assert posted == [{"ResetType": "ForceOn"}]
        with pytest.raises(NotSupported, match="PowerCycle"):
            await call(to, tls_files[0], lambda bmc: bmc.cycle())


def test_the_worst_message_of_an_error_comes_first() -> None:
    info = [
        {"MessageId": "Base.1.8.Success", "Message": "well", "MessageSeverity": "OK"},
        {"MessageId": "Base.1.8.ActionParameterNotSupported", "Message": "bad", "Severity": "Critical"},
    ]
    assert worst_message({"error": {"@Message.ExtendedInfo": info}}) == ("ActionParameterNotSupported", "bad")
    assert worst_message({"error": {"@Message.ExtendedInfo": info[1]}}) == ("ActionParameterNotSupported", "bad")
    assert worst_message({"error": {"code": "Base.1.8.GeneralError", "message": "x"}}) == ("GeneralError", "x")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(JSON | st.fixed_dictionaries({"error": st.fixed_dictionaries({"@Message.ExtendedInfo": JSON})}))
def test_no_error_body_breaks_the_reader(body: Any) -> None:
    identifier, text = worst_message(body)
    assert len(identifier) <= 80
    assert len(text) <= 300
