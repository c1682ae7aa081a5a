"""Services in the shapes of vendors, of our own making: what they take, what they refuse, and what they forget."""

import asyncio
import copy
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from scs_rack.bmc import Bmc, Fleet, Target
from scs_rack.bmc.redfish.session import SESSIONS

from .emulators import QUICK, target

Json = dict[str, Any]
Rule = Callable[["Shape", str, str, Any], web.Response | None]
"""Looks at method, path and body of a change; answers it, or leaves it to the ordinary way (None)."""

SYSTEM = "/redfish/v1/Systems/1"
TARGETS = ["None", "Pxe", "Hdd", "Cd", "BiosSetup"]
RESET = {"target": f"{SYSTEM}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": ["On", "ForceOff"]}


def refuse(status: int, message: str = "PropertyNotWritable") -> web.Response:
    info = [{"MessageId": f"Base.1.8.{message}", "Message": message}]
    return web.json_response({"error": {"@Message.ExtendedInfo": info}}, status=status)


class Shape:
    """A service: resources by path, and rules that stand before the ordinary way to change them."""

    def __init__(self, vendor: str = "Contoso", *rules: Rule, boot: Json | None = None, **resources: Any) -> None:
        self.rules = rules
        self.changes: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        """Of each change."""
        shown = {
            "BootSourceOverrideEnabled": "Disabled",
            "BootSourceOverrideTarget": "None",
            "BootSourceOverrideMode": "UEFI",
            "BootSourceOverrideTarget@Redfish.AllowableValues": TARGETS,
        }
        self.tree: dict[str, Any] = {
            "/redfish/v1/": {
                "Vendor": vendor,
                **{
                    name: {"@odata.id": f"/redfish/v1/{name}"}
                    for name in ("SessionService", "AccountService", "UpdateService", "Systems", "Managers", "Chassis")
                },
            },
            "/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM}]},
            "/redfish/v1/Managers": {"Members": [{"@odata.id": "/redfish/v1/Managers/1"}]},
            "/redfish/v1/Managers/1": {"VirtualMedia": {"@odata.id": "/redfish/v1/Managers/1/VirtualMedia"}},
            SYSTEM: {
                "Id": "1",
                "PowerState": "On",
                "Manufacturer": vendor,
                "Boot": shown if boot is None else boot,
                "Actions": {"#ComputerSystem.Reset": RESET},
                "Links": {"ManagedBy": [{"@odata.id": "/redfish/v1/Managers/1"}]},
            },
        }
        for path, body in resources.items():
            self.tree[path] = body

    def set(self, path: str, body: Any) -> "Shape":
        """Add a resource, or replace it."""
        self.tree[path] = body
        return self

    def settings(self, path: str) -> "Shape":
        """Have the system's boot options at a place of their own."""
        self.tree[path] = {"Boot": copy.deepcopy(self.tree[SYSTEM]["Boot"])}
        self.tree[SYSTEM]["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": path}}
        return self

    @property
    def boot(self) -> Json:
        """What the system shows of its boot override."""
        found: Json = self.tree[SYSTEM]["Boot"]
        return found

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if request.path == SESSIONS:
            headers = {"X-Auth-Token": "t", "Location": f"{SESSIONS}/1"}
            return web.json_response({}, status=201, headers=headers)
        if request.method == "GET":
            body = self.tree.get(request.path)
            return web.Response(status=404) if body is None else web.json_response(body)
        if request.path.startswith(SESSIONS):
            return web.Response(status=204)
        raw = await request.read()
        json_body = await request.json() if raw and request.content_type == "application/json" else raw
        self.changes.append((request.method, request.path, json_body))
        self.headers.append(dict(request.headers))
        for rule in self.rules:
            if (made := rule(self, request.method, request.path, json_body)) is not None:
                return made
        if request.method == "PATCH" and request.path in self.tree:
            merge(self.tree[request.path], json_body)
            return web.Response(status=204)
        return web.Response(status=405 if request.path in self.tree else 404)


def merge(into: Json, change: Json) -> None:
    for name, value in change.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value


@asynccontextmanager
async def serving(shape: Shape, tls_files: tuple[Path, Path]) -> AsyncIterator[Target]:
    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{path:.*}", shape.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_files)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield target("redfish", runner.addresses[0][1])
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)


@asynccontextmanager
async def called(shape: Shape, tls_files: tuple[Path, Path], **changes: Any) -> AsyncIterator[Bmc]:
    async with (
        serving(shape, tls_files) as to,
        Fleet.open(tls_files[0], QUICK) as fleet,
        fleet.bmc(Target(**{**to.__dict__, **changes})) as bmc,
    ):
        yield bmc
