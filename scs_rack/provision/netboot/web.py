"""Answers over HTTP (files for firmware and ramdisk) and HTTPS (what the ramdisk tells and asks)."""

import hmac
import re
import secrets
import shlex
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Literal, Protocol

from aiohttp import web

from scs_rack.provision import facts, ramdisk
from scs_rack.provision.artifact import Artifact
from scs_rack.provision.netboot.callers import HTTP_PORT, HTTPS_PORT, Caller, Place
from scs_rack.provision.netboot.dhcp import STRANGER, UEFI_LOADER
from scs_rack.provision.netboot.script import boot_script, grub_script, stranger_script

_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_MOST_STRANGERS = 256
HOST_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{68}")
_FILES = ("vmlinuz", "initrd", "root.tar.zst", "boot.tar", "tools.tar.zst")

What = Literal["script", "file", "hello", "phase", "failed", "burnin", "burnt", "done"]
"""`burnin`: one result of a burn-in, `burnt`: that was all of them."""


@dataclass(frozen=True)
class Told:
    """What a server did or said."""

    caller: Caller
    what: What
    words: str = ""
    """Name of the file; phase; why it failed; its host key."""
    percent: int = 0
    report: facts.Facts | None = None


@dataclass(frozen=True)
class Answer:
    """What a server that said hello is told: a job's variables, or why it has none."""

    job: dict[str, str] | None
    refusal: str = ""


class Desk(Protocol):
    """Who decides what a server is given, and hears what it does."""

    def artifact(self, caller: Caller) -> Artifact:
        """What a server is booted and installed from."""
        ...

    def hello(self, caller: Caller, seen: facts.Facts) -> Answer:
        """Judge a server by what it says of itself."""
        ...

    def seed(self, caller: Caller) -> bytes:
        """The tar that makes the image this server."""
        ...

    async def meet(self, caller: Caller, what: Literal["turn", "pair"]) -> dict[str, str]:
        """Variables for a server that does something together with others."""
        ...

    def told(self, told: Told) -> None:
        """A server did or said something."""
        ...

    def heard(self, who: str, what: str) -> None:
        """The DHCP and TFTP server saw somebody (MAC or IP address) do something."""
        ...


class Web:
    """The files, and the ears.

    Args:
        place: where it answers.
        callers: who may call.
        loaders: folder with the boot loaders.
        ca: the rack's CA (PEM), which the ramdisk verifies us by.
        desk: who decides.
        strangers: whether servers that nobody stated are answered; they become callers to be looked at.
    """

    def __init__(
        self, place: Place, callers: list[Caller], loaders: Path, ca: str, desk: Desk, *, strangers: bool = False
    ) -> None:
        self._strangers = strangers
        self._place, self._callers, self._loaders, self._desk = place, callers, loaders, desk
        self._trust = ramdisk.trust(ca)

    def http(self) -> web.Application:
        """The application without TLS."""
        app = web.Application()
        app.router.add_get(f"/{UEFI_LOADER}", self._loader)
        if self._strangers:
            app.router.add_get(f"/{STRANGER}/{{file}}", self._stranger)
        app.router.add_get("/grub/{mac}", self._grub)
        app.router.add_get("/{path}/{file}", self._file)
        return app

    def https(self) -> web.Application:
        """The application for ramdisks."""
        app = web.Application(client_max_size=facts.MOST_BYTES)
        app.router.add_post("/hello", self._said_hello)
        app.router.add_post("/phase", self._phase)
        app.router.add_post("/failed", self._failed)
        app.router.add_post("/done", self._done)
        app.router.add_get("/seed", self._give_seed)
        app.router.add_get("/{what:turn|pair}", self._meet)
        app.router.add_post("/burnin", self._burnin)
        app.router.add_post("/burnt", self._burnt)
        return app

    async def start(self, cert: Path, key: Path) -> list[web.AppRunner]:
        """Listen on the manager's address; call `cleanup` of what is returned in the end.

        Raises:
            OSError: a port is taken.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(cert, key)
        runners = []
        try:
            for app, port, tls in ((self.http(), HTTP_PORT, None), (self.https(), HTTPS_PORT, context)):
                runner = web.AppRunner(app, access_log=None)
                runners.append(runner)
                await runner.setup()
                await web.TCPSite(runner, str(self._place.address), port, ssl_context=tls).start()
        except OSError:
            for runner in runners:
                await runner.cleanup()
            raise
        return runners

    # Over HTTP

    async def _loader(self, request: web.Request) -> web.StreamResponse:
        caller = next((one for one in self._callers if request.remote == str(one.address.ip)), None)
        if caller is None and not self._strangers:
            raise web.HTTPNotFound
        if caller is not None:
            self._desk.told(Told(caller, "file", UEFI_LOADER))
        return web.FileResponse(self._loaders / UEFI_LOADER)

    async def _stranger(self, request: web.Request) -> web.StreamResponse:
        """First a script by which it says who it is, then its own."""
        mac = request.query.get("mac", "").lower()
        if request.match_info["file"] == "boot.ipxe":
            return web.Response(text=stranger_script(self._place))
        if not _MAC.fullmatch(mac) or request.remote is None:
            raise web.HTTPBadRequest(text="no MAC address\n")
        caller = next((one for one in self._callers if one.mac == mac), None)
        if caller is None:
            if len(self._callers) >= _MOST_STRANGERS:
                raise web.HTTPServiceUnavailable(text="too many servers\n")
            address = IPv4Interface(f"{request.remote}/{self._place.network.prefixlen}")
            caller = Caller(mac, mac, address, "uefi", "inspect")
            self._callers.append(caller)
        return self._script(caller)

    async def _grub(self, request: web.Request) -> web.StreamResponse:
        """The menu of a server with Secure Boot."""
        mac, remote = request.match_info["mac"].lower(), request.remote
        for caller in self._callers:
            if caller.secure and caller.mac == mac and remote == str(caller.address.ip):
                return self._script(caller, grub_script)
        raise web.HTTPNotFound

    def _script(self, caller: Caller, written: Callable[[Place, Caller, int], str] = boot_script) -> web.Response:
        caller.token, caller.session = secrets.token_urlsafe(24), ""
        self._desk.told(Told(caller, "script"))
        return web.Response(text=written(self._place, caller, int(time.time())))

    async def _file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["file"]
        caller = next((one for one in self._callers if one.path == request.match_info["path"]), None)
        if caller is None:
            raise web.HTTPNotFound
        if caller.medium and name == caller.medium and request.remote == str(caller.bmc):
            self._desk.told(Told(caller, "file", "medium"))
            return web.FileResponse(self._loaders.parent / f"{caller.name}.iso")
        if request.remote != str(caller.address.ip):
            raise web.HTTPNotFound
        if name == "boot.ipxe":
            return self._script(caller)
        if name == "trust":
            return web.Response(body=self._trust)
        if name not in _FILES:
            raise web.HTTPNotFound
        self._desk.told(Told(caller, "file", name))
        return web.FileResponse(self._desk.artifact(caller).path(name))

    # Over HTTPS

    def _caller(self, request: web.Request, kind: Literal["token", "session"]) -> Caller:
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        for caller in self._callers:
            secret = caller.token if kind == "token" else caller.session
            if secret and request.remote == str(caller.address.ip) and hmac.compare_digest(secret.encode(), shown):
                return caller
        raise web.HTTPForbidden(text="not known, or the token was used already\n")

    async def _said_hello(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "token")
        try:
            seen = facts.parse((await request.read()).decode(errors="replace"))
        except facts.NoFacts as error:
            raise web.HTTPBadRequest(text=f"{error.message}\n") from error
        caller.token, caller.session = "", secrets.token_urlsafe(24)
        answer = self._desk.hello(caller, seen)
        self._desk.told(Told(caller, "hello", answer.refusal, report=seen))
        if answer.job is None:
            return web.Response(status=409, text=f"{answer.refusal}\n")
        job = {**answer.job, "SESSION": caller.session}
        return _variables(job)

    async def _phase(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "session")
        fields = (await request.read()).decode(errors="replace").strip().split("\t")
        name, percent, words = (*fields, "", "", "")[:3]
        done = int(percent) if percent.isdigit() else 0
        self._desk.told(Told(caller, "phase", f"{_plain(name)}: {_plain(words)}".strip(": "), min(done, 100)))
        return web.Response()

    async def _failed(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "session")
        lines = [_plain(line) for line in (await request.read()).decode(errors="replace").splitlines()]
        self._desk.told(Told(caller, "failed", "\n".join(lines[:40])))
        return web.Response()

    async def _meet(self, request: web.Request) -> web.Response:
        what: Literal["turn", "pair"] = "turn" if request.match_info["what"] == "turn" else "pair"
        return _variables(await self._desk.meet(self._caller(request, "session"), what))

    async def _burnin(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "session")
        fields = (await request.read()).decode(errors="replace").strip().split("\t")
        self._desk.told(Told(caller, "burnin", "\t".join(_plain(one) for one in (*fields, "", "", "")[:3])))
        return web.Response()

    async def _burnt(self, request: web.Request) -> web.Response:
        self._desk.told(Told(self._caller(request, "session"), "burnt"))
        return web.Response()

    async def _give_seed(self, request: web.Request) -> web.Response:
        return web.Response(body=self._desk.seed(self._caller(request, "session")))

    async def _done(self, request: web.Request) -> web.Response:
        caller = self._caller(request, "session")
        key = (await request.read()).decode("ascii", errors="replace").strip()
        if not HOST_KEY.fullmatch(key):
            raise web.HTTPBadRequest(text="this is no public SSH host key of type ed25519\n")
        caller.finished, caller.session = True, ""
        self._desk.told(Told(caller, "done", key))
        return web.Response()


def _variables(found: dict[str, str]) -> web.Response:
    """Lines that a shell can take in."""
    return web.Response(text="".join(f"{name}={shlex.quote(value)}\n" for name, value in found.items()))


def _plain(text: str) -> str:
    """What a server said, without what could move a terminal's cursor."""
    return "".join(letter for letter in text if letter.isprintable())[:300]
