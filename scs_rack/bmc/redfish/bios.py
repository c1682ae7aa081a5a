"""Settings of the firmware, and Secure Boot."""

from collections.abc import Mapping
from typing import Any

from scs_rack.bmc.errors import NotSupported, Refused
from scs_rack.bmc.facts import Bios, SecureBoot
from scs_rack.bmc.redfish.read import at, clean, flag, link, text
from scs_rack.bmc.redfish.tree import Json, Tree

Value = str | int | bool | None
_HELD = 180.0
"""Seconds that some BMCs hold a change of BIOS attributes (quirk slow-bios)."""
_ENABLED = {"Enabled": True, "Disabled": False}


async def read(tree: Tree) -> Bios:
    """Attributes now, and those that differ after the next reset."""
    path, body = await _resource(tree)
    now = _attributes(body)
    place = link(body, "@Redfish.Settings", "SettingsObject")
    later = _attributes(await tree.optional(place)) if place and place != path else {}
    return Bios(now, {name: value for name, value in later.items() if now.get(name) != value})


async def write(tree: Tree, attributes: Mapping[str, str | int | bool]) -> None:
    """Change attributes from the next reset on.

    Raises:
        Refused: the BMC has no attribute of a name.
    """
    path, body = await _resource(tree)
    known = _attributes(body)
    unknown = [name for name in attributes if known and name not in known]
    if unknown:
        raise Refused(f"{tree.where}: no BIOS attribute {', '.join(unknown)}", "`scs-rack bmc bios SERVER` lists them")
    place = link(body, "@Redfish.Settings", "SettingsObject") or path
    held = _HELD if await tree.has("slow-bios") else None
    await tree.patch(place, {"Attributes": dict(attributes)}, limit=held)


async def secure(tree: Tree) -> SecureBoot:
    """State of Secure Boot."""
    _, body = await _secure(tree)
    return SecureBoot(
        enabled=bool(flag(body, "SecureBootEnable")),
        active=_ENABLED.get(text(body, "SecureBootCurrentBoot")),
        mode=text(body, "SecureBootMode").removesuffix("Mode").lower(),
    )


async def set_secure(tree: Tree, *, on: bool) -> None:
    """Switch Secure Boot from the next reset on."""
    path, _ = await _secure(tree)
    await tree.patch(path, {"SecureBootEnable": on})


async def _resource(tree: Tree) -> tuple[str, Json]:
    path = link(await tree.links(), "Bios")
    body = await tree.optional(path)
    if not isinstance(at(body, "Attributes"), dict):
        raise NotSupported(f"{tree.where}: it shows no BIOS attributes")
    return path, body


async def _secure(tree: Tree) -> tuple[str, Json]:
    path = link(await tree.links(), "SecureBoot")
    body = await tree.optional(path)
    if flag(body, "SecureBootEnable") is None:
        raise NotSupported(f"{tree.where}: it tells nothing of Secure Boot")
    return path, body


def _attributes(body: Json) -> dict[str, Value]:
    found = at(body, "Attributes")
    return {clean(name): _value(value) for name, value in found.items()} if isinstance(found, dict) else {}


def _value(value: Any) -> Value:
    if isinstance(value, str):
        return clean(value)
    return value if isinstance(value, bool | int) or value is None else clean(str(value))
