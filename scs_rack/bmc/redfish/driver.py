"""The `Bmc` interface over Redfish."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from scs_rack.bmc.errors import (
    AnswerLost,
    BmcError,
    Busy,
    LoginFailed,
    NoAnswer,
    NonsenseAnswer,
    NotSupported,
    Refused,
    WrongPassword,
)
from scs_rack.bmc.facts import BootMode
from scs_rack.bmc.redfish.resources import (
    ActionInfo,
    Collection,
    Interface,
    Link,
    Manager,
    Resource,
    System,
)
from scs_rack.bmc.redfish.transport import Reply, Service
from scs_rack.bmc.types import Bmc, BootDevice, BootOverride, Identity, Macs, Power

R = TypeVar("R", bound=Resource)

SESSIONS = "/redfish/v1/SessionService/Sessions"
SYSTEMS = "/redfish/v1/Systems"
_TRIES = (2.0, 5.0)
"""Pauses in seconds before a refused change is asked for again, where the BMC says that it is busy."""
_MEMBERS = 64
"""Members of a collection that are read at most."""
_POWER = {"On": Power.ON, "PoweringOff": Power.ON, "Off": Power.OFF, "PoweringOn": Power.OFF, "Paused": Power.ON}
_BOOT: dict[str, str] = {"none": "None", "pxe": "Pxe", "disk": "Hdd", "cd": "Cd", "bios": "BiosSetup", "usb": "Usb"}
_BOOT["http"] = "UefiHttp"
_MODE = {"uefi": "UEFI", "legacy": "Legacy"}
_OFTEN = {False: "Once", True: "Continuous"}


@contextlib.asynccontextmanager
async def logged_in(service: Service) -> AsyncIterator["RedfishBmc"]:
    """Log in by a session that is deleted at the end; by Basic authentication where there is no session service."""
    session = ""
    try:
        session = await _login(service)
    except NotSupported:
        service.headers["Authorization"] = _basic(service)
    try:
        yield RedfishBmc(service)
    finally:
        if session:
            with contextlib.suppress(BmcError):
                await service.request("DELETE", session, headers={"Connection": "close"})
        service.headers.clear()


async def _login(service: Service) -> str:
    body = {"UserName": service.target.user, "Password": service.target.password}
    try:
        reply = await service.request("POST", SESSIONS, body, limit=service.limits.login)
    except LoginFailed as error:
        message = f"{service.where}: user {service.target.user} or its password is wrong"
        raise WrongPassword(message) from error
    token = reply.headers.get("x-auth-token", "")
    named = reply.headers.get("location") or (reply.body or {}).get("@odata.id", "")
    if not token or not isinstance(named, str) or not named:
        raise NonsenseAnswer(f"{service.where}: a login without token or session")
    service.headers["X-Auth-Token"] = token
    return service.inside(named)


def _basic(service: Service) -> str:
    pair = f"{service.target.user}:{service.target.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


class RedfishBmc(Bmc):
    """A BMC that speaks Redfish, logged in."""

    protocol = "redfish"

    def __init__(self, service: Service) -> None:
        self.target = service.target
        self._service = service
        self._system_path = ""
        self._allowed: tuple[str, ...] | None = None

    async def power_state(self) -> Power:
        """PowerState of the system; what is on its way counts as not yet there."""
        system, _ = await self._system()
        if system.power not in _POWER:
            raise NonsenseAnswer(f"{self._service.where}: unknown PowerState {system.power[:40]!r}")
        return _POWER[system.power]

    async def power_on(self) -> None:
        """Reset type On."""
        await self._reset("On", "ForceOn")

    async def power_off(self, *, hard: bool) -> None:
        """Reset type ForceOff or GracefulShutdown."""
        await self._reset("ForceOff" if hard else "GracefulShutdown")

    async def reset(self) -> None:
        """Reset type ForceRestart."""
        await self._reset("ForceRestart")

    async def cycle(self) -> None:
        """Reset type PowerCycle; not every BMC has it."""
        await self._reset("PowerCycle", "FullPowerCycle")

    async def last_reset(self) -> str | None:
        """LastResetTime."""
        system, _ = await self._system()
        return system.last_reset

    async def identity(self) -> Identity:
        """Properties of the system, and the firmware version of its manager."""
        system, _ = await self._system()
        firmware = ""
        if system.links.managers:
            manager, _ = await self._get(system.links.managers[0].path, Manager)
            firmware = manager.firmware
        return Identity(system.manufacturer, system.model, system.serial, system.uuid, firmware)

    async def macs(self) -> Macs:
        """EthernetInterfaces of the system and of its managers."""
        system, _ = await self._system()
        nics = {port.name: _mac(port) for port in await self._interfaces(system.interfaces)}
        own: list[str] = []
        for link in system.links.managers:
            manager, _ = await self._get(link.path, Manager)
            own += [_mac(port) for port in await self._interfaces(manager.interfaces)]
        known = {name: mac for name, mac in nics.items() if mac}
        return Macs(bmc=tuple(mac for mac in own if mac), nics=known if system.interfaces.path else None)

    async def boot_override(self) -> BootOverride:
        """Boot.BootSourceOverrideTarget while it is enabled."""
        system, _ = await self._system()
        if system.boot.enabled in ("", "Disabled"):
            return BootOverride()
        names = {value: name for name, value in _BOOT.items()}
        if system.boot.target not in names:
            raise NonsenseAnswer(f"{self._service.where}: unknown boot target {system.boot.target[:40]!r}")
        mode = {"UEFI": "uefi", "Legacy": "legacy"}.get(system.boot.mode or "")
        device = cast(BootDevice, names[system.boot.target])
        return BootOverride(device, system.boot.enabled == "Continuous", cast("BootMode | None", mode))

    async def set_boot(self, wanted: BootOverride) -> None:
        """Patch the boot override, with If-Match where the system has an ETag, and once more if that was outdated."""
        for last in (False, True):
            system, reply = await self._system()
            boot: dict[str, str] = {
                "BootSourceOverrideEnabled": "Disabled" if wanted.device == "none" else _OFTEN[wanted.persistent],
                "BootSourceOverrideTarget": _BOOT[wanted.device],
            }
            if system.boot.mode is not None and wanted.mode and wanted.device != "none":
                boot["BootSourceOverrideMode"] = _MODE[wanted.mode]
            etag = reply.headers.get("etag")
            try:
                await self._change("PATCH", system.path, {"Boot": boot}, {"If-Match": etag} if etag else None)
            except Refused as error:
                if last or "HTTP 412" not in error.message:
                    raise
            else:
                return

    # What the methods above are made of

    async def _get(self, path: str, kind: type[R]) -> tuple[R, Reply]:
        reply = await self._service.request("GET", path)
        try:
            return kind.model_validate(reply.body), reply
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise NonsenseAnswer(f"{self._service.where}: {path}: {where}: {first['msg']}") from error

    async def _system(self) -> tuple[System, Reply]:
        """The host system; on machines with several Systems (GPU boards have their own) the one that is the host."""
        if not self._system_path:
            members, _ = await self._get(SYSTEMS, Collection)
            paths = [member.path for member in members.members[:_MEMBERS] if member.path]
            hosts = [path for path in paths if not path.rstrip("/").rsplit("/", 1)[-1].startswith("HGX")]
            if len(hosts) != 1:
                names = ", ".join(paths)[:200] or "none"
                raise NotSupported(f"{self._service.where}: which of its systems is the host is unclear: {names}")
            self._system_path = hosts[0]
        system, reply = await self._get(self._system_path, System)
        return system.model_copy(update={"path": system.path or self._system_path}), reply

    async def _interfaces(self, link: Link) -> list[Interface]:
        if not link.path:
            return []
        collection, _ = await self._get(link.path, Collection)
        return [(await self._get(member.path, Interface))[0] for member in collection.members[:_MEMBERS]]

    async def _reset(self, *kinds: str) -> None:
        """Post the first of the reset types that the BMC allows."""
        system, _ = await self._system()
        action = system.actions.reset
        if not action.target:
            raise NotSupported(f"{self._service.where}: it has no reset action")
        allowed = await self._reset_types(system)
        kind = next((kind for kind in kinds if kind in allowed), None) if allowed else kinds[0]
        if kind is None:
            raise NotSupported(f"{self._service.where}: it allows none of {', '.join(kinds)}")
        await self._change("POST", action.target, {"ResetType": kind})

    async def _reset_types(self, system: System) -> tuple[str, ...]:
        """Allowed reset types: in the action itself or in its ActionInfo; empty when the BMC does not say."""
        action = system.actions.reset
        if self._allowed is None:
            values = action.allowed
            if not values and action.info:
                info, _ = await self._get(action.info, ActionInfo)
                values = next((p.allowed for p in info.parameters if p.name == "ResetType"), [])
            self._allowed = tuple(values)
        return self._allowed

    async def _change(self, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> None:
        """Make a change; asked for again only when the BMC itself said that it did not do it yet."""
        for pause in (*_TRIES, None):
            try:
                await self._service.request(method, path, body, headers)
            except Busy:
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            except NoAnswer as error:
                raise AnswerLost(f"{self._service.where}: the answer to a change was lost") from error
            else:
                return


def _mac(port: Interface) -> str:
    return (port.permanent_mac or port.mac).lower().replace("-", ":")
