"""What a server draws, and the limit of it: EnvironmentMetrics, then PowerSubsystem, then Power."""

from scs_rack.bmc.errors import NotSupported
from scs_rack.bmc.facts import PowerDraw, PowerLimit
from scs_rack.bmc.redfish.read import at, items, link, number, text, whole
from scs_rack.bmc.redfish.tree import Json, Tree

_SECONDS = 60.0


async def draw(tree: Tree) -> PowerDraw:
    """The first reading that is there; a function without a reading (host off) where none is.

    Raises:
        NotSupported: the service has none of the resources.
    """
    empty = ""
    for chassis in await tree.chassis():
        metrics = await tree.optional(link(chassis, "EnvironmentMetrics"))
        if "PowerWatts" in metrics:
            empty = empty or "EnvironmentMetrics"
            watts = number(metrics, "PowerWatts", "Reading")
            watts = number(metrics, "PowerWatts") if watts is None else watts
            if watts is not None:
                return PowerDraw(watts, source="EnvironmentMetrics")
        supplied = await _supplied(tree, chassis)
        if supplied is not None:
            return PowerDraw(supplied, source="PowerSubsystem")
        for control in items(await tree.optional(link(chassis, "Power")), "PowerControl")[:1]:
            empty = empty or "Power"
            watts = number(control, "PowerConsumedWatts")
            if watts is not None:
                return _old(control, watts)
    if not empty:
        raise NotSupported(f"{tree.where}: it has no power reading")
    return PowerDraw(None, source=empty)


async def limit(tree: Tree) -> PowerLimit:
    """The limit in force."""
    kind, _, body = await _limited(tree)
    if kind == "EnvironmentMetrics":
        watts, mode = whole(body, "PowerLimitWatts", "SetPoint"), text(body, "PowerLimitWatts", "ControlMode")
        active = mode != "Disabled" and watts is not None
        return PowerLimit(watts if active else None, active)
    watts = whole(body, "PowerControl", 0, "PowerLimit", "LimitInWatts")
    return PowerLimit(watts or None, bool(watts))


async def set_limit(tree: Tree, watts: int | None) -> None:
    """Set or lift the limit."""
    kind, path, body = await _limited(tree)
    if kind == "EnvironmentMetrics":
        modes = at(body, "PowerLimitWatts", "ControlMode")
        wanted: Json = {"SetPoint": watts} if watts is not None else {}
        if modes is not None:
            wanted["ControlMode"] = "Disabled" if watts is None else "Automatic"
        elif watts is None:
            wanted["SetPoint"] = None
        await tree.patch(path, {"PowerLimitWatts": wanted})
        return
    member = text(body, "PowerControl", 0, "MemberId")
    control: Json = {"PowerLimit": {"LimitInWatts": watts}}
    bodies: list[Json] = [{"PowerControl": [control]}]
    if member:  # some need to be told which one
        bodies.append({"PowerControl": [{"MemberId": member, **control}]})
    await tree.first_that_works([(path, one) for one in bodies])


async def _limited(tree: Tree) -> tuple[str, str, Json]:
    """Kind, path and body of the resource that has the limit."""
    for chassis in await tree.chassis():
        path = link(chassis, "EnvironmentMetrics")
        metrics = await tree.optional(path)
        if isinstance(at(metrics, "PowerLimitWatts"), dict):
            return "EnvironmentMetrics", path, metrics
        path = link(chassis, "Power")
        power = await tree.optional(path)
        if isinstance(at(power, "PowerControl", 0, "PowerLimit"), dict):
            return "Power", path, power
    raise NotSupported(f"{tree.where}: it has no power limit")


async def _supplied(tree: Tree, chassis: Json) -> float | None:
    """Input power of all power supplies, where each tells it."""
    subsystem = await tree.optional(link(chassis, "PowerSubsystem"))
    total: float | None = None
    async for _, supply in tree.members(link(subsystem, "PowerSupplies")):
        metrics = await tree.optional(link(supply, "Metrics"))
        watts = number(metrics, "InputPowerWatts", "Reading")
        if watts is not None:
            total = (total or 0.0) + watts
    return total


def _old(control: Json, watts: float) -> PowerDraw:
    minutes = number(control, "PowerMetrics", "IntervalInMin")
    return PowerDraw(
        watts,
        average=number(control, "PowerMetrics", "AverageConsumedWatts"),
        minimum=number(control, "PowerMetrics", "MinConsumedWatts"),
        maximum=number(control, "PowerMetrics", "MaxConsumedWatts"),
        over_s=minutes * _SECONDS if minutes else None,
        source="Power",
    )
