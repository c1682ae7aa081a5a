"""Power of the host: ComputerSystem.Reset and PowerState."""

from scs_rack.bmc.errors import NonsenseAnswer, NotSupported
from scs_rack.bmc.facts import Power
from scs_rack.bmc.redfish.read import at, clean, items, text, words
from scs_rack.bmc.redfish.tree import Json, Tree

_POWER = {"On": Power.ON, "PoweringOff": Power.ON, "Off": Power.OFF, "PoweringOn": Power.OFF, "Paused": Power.ON}


async def state(tree: Tree) -> Power:
    """PowerState; what is on its way counts as not yet there."""
    seen = text(await tree.system(), "PowerState")
    if seen not in _POWER:
        raise NonsenseAnswer(f"{tree.where}: unknown PowerState {seen[:40]!r}")
    return _POWER[seen]


async def reset(tree: Tree, *kinds: str) -> None:
    """Post the first of some reset types that the BMC allows."""
    action = at(await tree.system(), "Actions", "#ComputerSystem.Reset")
    await run_reset(tree, action, *kinds)


async def run_reset(tree: Tree, action: Json | None, *kinds: str) -> None:
    """Run a Reset action with the first type that is allowed.

    Raises:
        NotSupported: there is no action, or it allows none of them.
    """
    target = at(action, "target")
    if not isinstance(target, str) or not target:
        raise NotSupported(f"{tree.where}: it has no reset action")
    allowed = await reset_types(tree, action)
    kind = next((kind for kind in kinds if kind in allowed), None) if allowed else kinds[0]
    if kind is None:
        raise NotSupported(f"{tree.where}: it allows none of {', '.join(kinds)}", f"it allows {', '.join(allowed)}")
    await tree.post(target, {"ResetType": kind})


async def reset_types(tree: Tree, action: Json | None) -> tuple[str, ...]:
    """Allowed types: in the action itself or in its ActionInfo; empty when the BMC does not say."""
    inline = words(action, "ResetType@Redfish.AllowableValues")
    info = at(action, "@Redfish.ActionInfo")
    if inline or not isinstance(info, str):
        return inline
    parameters = items(await tree.optional(info), "Parameters")
    return next((words(one, "AllowableValues") for one in parameters if text(one, "Name") == "ResetType"), ())


async def last_reset(tree: Tree) -> str | None:
    """LastResetTime."""
    value = at(await tree.system(), "LastResetTime")
    return clean(value) if isinstance(value, str) else None
