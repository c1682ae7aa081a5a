"""Query parameters `$expand` and `only` (DSP0266, 7.3)."""

from dataclasses import replace
from typing import Any

from scs_rack.lab.bmc.redfish.messages import error
from scs_rack.lab.bmc.redfish.routes import ROUTES, Call, Reply, Resource, etag

MAX_LEVELS = 3


_KNOWN = {"$expand", "$skip", "$top", "only"}


def wrong_query(call: Call) -> Reply | None:
    """Why a query is refused (DSP0266, 7.3.1): what begins with $ must be known, `only` has no value."""
    unknown = [name for name in call.query if name.startswith("$") and name not in _KNOWN]
    if unknown:
        return error(501, "QueryNotSupported", f"{unknown[0][:40]} is not supported.")
    if call.query.get("only"):
        return error(400, "QueryParameterValueFormatError", "`only` has no value.", call.query["only"], "only")
    how = call.query.get("$expand")
    if how is not None and how[:1] not in (".", "*", "~"):
        return error(400, "QueryParameterValueFormatError", "$expand is one of *, . and ~.", how, "$expand")
    return None


def expand(call: Call, resource: Resource) -> Resource:
    """A resource as the query wants it; what is asked wrongly is ignored, as the specification allows."""
    members = resource.get("Members")
    if "only" in call.query and isinstance(members, list) and len(members) == 1:
        return _read(call, members[0]["@odata.id"]) or resource
    how = call.query.get("$expand", "")
    if how[:1] not in (".", "*", "~"):
        return resource
    levels = 1
    if "$levels=" in how:
        digits = how.split("$levels=", 1)[1].rstrip(")")
        levels = min(int(digits), MAX_LEVELS) if digits.isdecimal() else 1
    return _expanded(call, resource, how[0], levels)


def _expanded(call: Call, resource: Resource, how: str, levels: int) -> Resource:
    if levels <= 0:
        return resource
    return {
        key: value if key == "@odata.id" or (key == "Links" and how == ".") else _value(call, value, how, levels)
        for key, value in resource.items()
    }


def _value(call: Call, value: Any, how: str, levels: int) -> Any:
    if isinstance(value, list):
        return [_value(call, one, how, levels) for one in value]
    if not isinstance(value, dict):
        return value
    if list(value) == ["@odata.id"]:
        found = _read(call, value["@odata.id"])
        return value if found is None else _expanded(call, found, how, levels - 1)
    return {key: _value(call, inner, how, levels) for key, inner in value.items()}


def _read(call: Call, path: str) -> Resource | None:
    found = ROUTES.find("GET", path.rstrip("/"), call.machine.config.kind)
    if found is None:
        return None
    answer = found[0].handler(replace(call, path=path, ids=found[1]))
    if not isinstance(answer, dict):
        return None
    answer["@odata.etag"] = etag(answer)
    return answer
