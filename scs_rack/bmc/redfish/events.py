"""The system event log, the BMC's clock, and its identify light."""

import datetime as dt

from scs_rack.bmc.errors import NotSupported
from scs_rack.bmc.facts import Event, EventLog, Health
from scs_rack.bmc.redfish.read import at, flag, link, text, whole
from scs_rack.bmc.redfish.tree import Json, Tree

_SEVERITY: dict[str, Health] = {"ok": "ok", "warning": "warning", "critical": "critical"}
_BEST = ("sel", "iml", "eventlog", "event", "platformlog", "standardlog", "log1", "log")
"""Names of the log that has hardware events, best first; auditing and OEM logs come after."""


async def read(tree: Tree) -> EventLog:
    """Entries of the log, oldest first."""
    _, service = await _service(tree)
    events = [_event(body) async for _, body in tree.members(link(service, "Entries"))]
    capacity = whole(service, "MaxNumberOfRecords")
    stops = text(service, "OverWritePolicy") == "NeverOverWrites"
    full = len(events) >= capacity and stops if capacity else None
    return EventLog(tuple(sorted(events, key=lambda event: event.time)), capacity or None, full)


async def clear(tree: Tree) -> None:
    """LogService.ClearLog."""
    _, service = await _service(tree)
    target = text(service, "Actions", "#LogService.ClearLog", "target")
    if not target:
        raise NotSupported(f"{tree.where}: its event log {text(service, 'Id')} can't be cleared")
    await tree.post(target)


async def clock(tree: Tree) -> dt.datetime | None:
    """Manager.DateTime."""
    return _time(text(await tree.manager(), "DateTime"), text(await tree.manager(), "DateTimeLocalOffset"))


async def light(tree: Tree) -> bool | None:
    """LocationIndicatorActive, or IndicatorLED of older services."""
    system = await tree.system()
    active = flag(system, "LocationIndicatorActive")
    if active is not None:
        return active
    led = text(system, "IndicatorLED")
    return led in ("Lit", "Blinking") if led and led != "Unknown" else None


async def set_light(tree: Tree, *, on: bool) -> None:
    """Switch it."""
    system = await tree.system()
    tries: list[Json] = []
    if "LocationIndicatorActive" in system:
        tries.append({"LocationIndicatorActive": on})
    if "IndicatorLED" in system:
        tries += [{"IndicatorLED": word} for word in (("Blinking", "Lit") if on else ("Off",))]
    if not tries:
        raise NotSupported(f"{tree.where}: its system has no identify light")
    path = await tree.system_path()
    await tree.first_that_works([(path, body) for body in tries])


async def _service(tree: Tree) -> tuple[str, Json]:
    """The log service that has hardware events, of the system or of the BMC."""
    found: list[tuple[int, str, Json]] = []
    for owner in (await tree.links(), await tree.manager()):
        async for path, body in tree.members(link(owner, "LogServices")):
            name = text(body, "Id").lower().replace("_", "")
            kind = text(body, "LogEntryType").lower()
            rank = 0 if kind == "sel" else next((i + 1 for i, best in enumerate(_BEST) if name == best), len(_BEST) + 1)
            found.append((rank, path, body))
        if any(rank < len(_BEST) + 1 for rank, _, _ in found):
            break
    if not found:
        raise NotSupported(f"{tree.where}: it has no event log")
    _, path, body = min(found, key=lambda one: one[0])
    return path, body


def _event(body: Json) -> Event:
    created = text(body, "Created") or text(body, "EventTimestamp")
    when = _time(created)
    sensor = at(body, "SensorType")
    return Event(
        number=text(body, "Id"),
        time=when.isoformat() if when else "",
        severity=_SEVERITY.get(text(body, "Severity").lower(), "unknown"),
        text=text(body, "Message") or text(body, "Name"),
        sensor=sensor if isinstance(sensor, str) else "",
    )


def _time(words: str, offset: str = "") -> dt.datetime | None:
    """An ISO 8601 time; the BMC's offset, else UTC, where it has no zone."""
    try:
        found = dt.datetime.fromisoformat(words)
        if found.tzinfo is None and offset:
            found = dt.datetime.fromisoformat(words + offset)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
