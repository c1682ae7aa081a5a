"""Answers over HTTP. ZTP and ONIE can't verify a certificate of ours, so nothing that is served here is a secret."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from scs_rack.design import Design
from scs_rack.sonic.first_contact.contacts import PORT, Contact, Service
from scs_rack.sonic.first_contact.ztp import login_script, ztp_json
from scs_rack.sonic.generate import day0
from scs_rack.sonic.host import host_script

HOST_KEY = re.compile(r"(ssh-ed25519 [A-Za-z0-9+/]{68})(?: [ -~]{0,255})?\n?")
"""A public host key as sshd writes it: type, 51 bytes in base64, comment (RFC 8709, 4)."""


@dataclass(frozen=True)
class Told:
    """What a switch did."""

    contact: Contact
    what: str
    """Name of the file that it fetched, or `hello`."""
    host_key: str = ""
    """Type and key, with `hello`."""


class Answers:
    """The files of each switch, and what it may tell.

    Args:
        service: who is answered.
        design: what their configuration is made from.
        public_key: our SSH key.
        image: installer file of SONiC to hand out.
        told: called whenever a switch fetches or tells something.
    """

    def __init__(
        self, service: Service, design: Design, public_key: str, image: Path | None, told: Callable[[Told], None]
    ) -> None:
        self._service = service
        self._design = design
        self._key = public_key
        self._image = image
        self._told = told
        self._by_token = {contact.token: contact for contact in service.contacts}
        self._keys: dict[str, str] = {}

    def application(self) -> web.Application:
        """The HTTP application."""
        app = web.Application(client_max_size=4096)
        app.router.add_get("/{token}/{file}", self._file)
        app.router.add_post("/{token}/hello", self._hello)
        return app

    async def start(self) -> web.AppRunner:
        """Listen on the manager's address; call `cleanup` of what is returned in the end.

        Raises:
            OSError: the port is taken.
        """
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, str(self._service.address), PORT).start()
        return runner

    def _contact(self, request: web.Request) -> Contact:
        contact = self._by_token.get(request.match_info["token"])
        if contact is None or request.remote != str(contact.address.ip):
            raise web.HTTPNotFound
        return contact

    async def _file(self, request: web.Request) -> web.StreamResponse:
        contact, name = self._contact(request), request.match_info["file"]
        if name in ("image", "onie-installer") and self._image is not None:
            self._told(Told(contact, name))
            return web.FileResponse(self._image)
        script = host_script(self._design, contact.name)
        makers = {
            "ztp.json": lambda: ztp_json(
                self._service, contact, image=self._image is not None, host=script is not None
            ),
            "login.sh": lambda: login_script(self._service, contact, self._key),
            "config_db.json": lambda: json.dumps(day0(self._design, contact.name), indent=2, sort_keys=True) + "\n",
        }
        if script is not None:
            makers["host.sh"] = lambda: script
        if name not in makers:
            raise web.HTTPNotFound
        self._told(Told(contact, name))
        return web.Response(text=makers[name]())

    async def _hello(self, request: web.Request) -> web.Response:
        contact = self._contact(request)
        match = HOST_KEY.fullmatch((await request.read()).decode("ascii", errors="replace"))
        if match is None:
            raise web.HTTPBadRequest(text="this is no public SSH host key of type ed25519\n")
        key = match.group(1)
        if self._keys.setdefault(contact.name, key) != key:  # the first one counts: nobody else may follow it
            raise web.HTTPConflict(text="another host key was told before\n")
        self._told(Told(contact, "hello", key))
        return web.Response(text="known\n")
