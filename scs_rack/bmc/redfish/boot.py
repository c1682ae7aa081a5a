"""Boot override: a dialogue, since vendors want it in different places, pieces and orders.

Read what is allowed, choose the resource, send what this vendor needs, and let the caller read it back: a 2xx proves
nothing.
"""

from typing import cast

from scs_rack.bmc.errors import NonsenseAnswer, NotSupported
from scs_rack.bmc.facts import BootDevice, BootMode, BootOverride
from scs_rack.bmc.redfish.quirks import HTTP_URI_ATTRIBUTES
from scs_rack.bmc.redfish.read import at, link, text, words
from scs_rack.bmc.redfish.tree import Json, Tree

_TARGETS: dict[BootDevice, tuple[str, ...]] = {
    "none": ("None",),
    "pxe": ("Pxe",),
    "http": ("UefiHttp",),
    "disk": ("Hdd",),
    "cd": ("Cd", "UsbCd"),
    "usb": ("Usb",),
    "bios": ("BiosSetup",),
}
_DEVICES = {target: device for device, targets in _TARGETS.items() for target in targets}
_MODES: dict[str, BootMode] = {"UEFI": "uefi", "Legacy": "legacy"}
_MODE_NAMES = {mode: name for name, mode in _MODES.items()}
_ALLOWED = "@Redfish.AllowableValues"
_TARGET, _ENABLED, _MODE = "BootSourceOverrideTarget", "BootSourceOverrideEnabled", "BootSourceOverrideMode"


async def read(tree: Tree) -> BootOverride:
    """The override in force; where the system shows none, the one that waits in its settings."""
    system = await tree.system()
    found = _override(tree, system)
    waiting = link(system, "@Redfish.Settings", "SettingsObject")
    if found.device == "none" and waiting:
        return _override(tree, await tree.optional(waiting))
    return found


async def write(tree: Tree, wanted: BootOverride) -> None:
    """Set the override."""
    system = await tree.system()
    settings = link(system, "@Redfish.Settings", "SettingsObject")
    places = [await tree.system_path()]
    shown = at(system, "Boot")
    if settings:
        waiting = await tree.optional(settings)
        takes = isinstance(at(waiting, "Boot"), dict)
        if takes and await tree.has("boot-in-settings"):
            places, shown = [settings, *places], at(waiting, "Boot")
        elif takes:
            places.append(settings)
    if wanted.device == "http" and wanted.uri and "HttpBootUri" not in (shown if isinstance(shown, dict) else {}):
        await _http_uri_in_bios(tree, system, wanted.uri)
        wanted = BootOverride("http", wanted.persistent, wanted.mode)
    bodies = await _bodies(tree, shown if isinstance(shown, dict) else {}, wanted)
    await tree.first_that_works([(place, {"Boot": body}) for place in places for body in bodies])


def _override(tree: Tree, resource: Json) -> BootOverride:
    enabled, target = text(resource, "Boot", _ENABLED), text(resource, "Boot", _TARGET)
    if enabled in ("", "Disabled"):
        return BootOverride()
    if target not in _DEVICES:
        raise NonsenseAnswer(f"{tree.where}: unknown boot target {target[:40]!r}")
    if target == "None":
        return BootOverride()
    mode = _MODES.get(text(resource, "Boot", _MODE))
    uri = text(resource, "Boot", "HttpBootUri") if target == "UefiHttp" else ""
    return BootOverride(_DEVICES[target], enabled == "Continuous", mode, uri)


async def _bodies(tree: Tree, shown: Json, wanted: BootOverride) -> list[Json]:
    """Ways to say the same, the one that this BMC most likely takes first."""
    allowed = words(shown, _TARGET + _ALLOWED)
    names = list(_TARGETS[wanted.device])
    if wanted.device == "cd" and await tree.has("boot-cd-is-usbcd"):
        names.reverse()
    target = next((name for name in names if name in allowed), None) if allowed else names[0]
    if wanted.device == "none":
        return _disable(shown, allowed)
    if target is None:
        can = ", ".join(name for name in allowed if name in _DEVICES and name != "None")
        raise NotSupported(f"{tree.where}: it can't boot from {wanted.device}", f"it can from {can or 'nothing'}")
    body: Json = {_ENABLED: await _often(tree, shown, persistent=wanted.persistent), _TARGET: target}
    if wanted.uri:
        body["HttpBootUri"] = wanted.uri
    full = await tree.has("boot-full-request")
    mode = _MODE_NAMES.get(cast("BootMode", wanted.mode)) or (text(shown, _MODE) if full else "")
    with_mode = {**body, _MODE: mode} if mode and _MODE in shown else None
    if with_mode is not None and await tree.has("boot-mode-readonly"):
        with_mode = None
    bodies = [with_mode, body] if with_mode else [body]
    if not full and text(shown, _ENABLED) == body[_ENABLED]:  # some refuse a value that is already there
        bodies.append({name: value for name, value in body.items() if name != _ENABLED})
    return bodies


def _disable(shown: Json, allowed: tuple[str, ...]) -> list[Json]:
    bare: Json = {_ENABLED: "Disabled"}
    with_target = {**bare, _TARGET: "None"}
    full = {**with_target, _MODE: shown[_MODE]} if isinstance(shown.get(_MODE), str) else None
    first = with_target if "None" in allowed or not allowed else bare
    return [first, bare if first is with_target else with_target, *([full] if full else [])]


async def _often(tree: Tree, shown: Json, *, persistent: bool) -> str:
    allowed = words(shown, _ENABLED + _ALLOWED)
    once_only = await tree.has("boot-once-only") or (bool(allowed) and "Continuous" not in allowed)
    return "Continuous" if persistent and not once_only else "Once"


async def _http_uri_in_bios(tree: Tree, system: Json, uri: str) -> None:
    """Where there is no HttpBootUri, a BIOS attribute holds the address."""
    bios = await tree.optional(link(system, "Bios"))
    attributes = at(bios, "Attributes")
    name = next((one for one in HTTP_URI_ATTRIBUTES if isinstance(attributes, dict) and one in attributes), None)
    if name is None:
        hint = "leave the address out: the firmware then asks DHCP for it"
        raise NotSupported(f"{tree.where}: it has no place for the address of HTTP boot", hint)
    place = link(bios, "@Redfish.Settings", "SettingsObject") or link(system, "Bios")
    await tree.patch(place, {"Attributes": {name: uri}})
