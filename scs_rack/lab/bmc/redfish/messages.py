"""Errors in Redfish's form (DSP0266, 8.6), and the check of what a client writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scs_rack.lab.bmc.redfish.routes import Reply, Resource

REGISTRY = "Base.1.18"


def info(identifier: str, text: str, *args: str, severity: str = "Critical", prop: str | None = None) -> Resource:
    """One message; `prop` names the property that it is about."""
    body: Resource = {
        "@odata.type": "#Message.v1_2_0.Message",
        "MessageId": identifier if identifier.count(".") > 1 else f"{REGISTRY}.{identifier}",
        "Message": text,
        "MessageArgs": [str(one)[:200] for one in args],
        "MessageSeverity": severity,
        "Severity": severity,
        "Resolution": "None." if severity == "OK" else "Mend the request and send it again.",
    }
    if prop:
        body["RelatedProperties"] = [f"#/{prop}"]
    return body


def error(status: int, identifier: str, text: str, *args: str, headers: dict[str, str] | None = None) -> Reply:
    """An error with one message."""
    return errors(status, [info(identifier, text, *args)], headers)


def errors(status: int, found: list[Resource], headers: dict[str, str] | None = None) -> Reply:
    """An error with several messages."""
    first = found[0]
    code = first["MessageId"] if len(found) == 1 else f"{REGISTRY}.GeneralError"
    text = first["Message"] if len(found) == 1 else "Several things are wrong; see the extended information."
    return Reply(status, {"error": {"code": code, "message": text, "@Message.ExtendedInfo": found}}, headers or {})


def success() -> Reply:
    """Done, and nothing to show."""
    return Reply(204)


def missing(what: str) -> Reply:
    """Nothing there."""
    return error(404, "ResourceMissingAtURI", f"There is no resource at {what[:200]}.", what)


def busy(text: str) -> Reply:
    """Not in this state."""
    return error(409, "ResourceInUse", text)


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Number:
    """A number within bounds, or null where that says something."""

    low: float
    high: float
    null: bool = False


@dataclass(frozen=True)
class Items:
    """A list of values of one type."""

    kind: type | tuple[type, ...]


Spec = Mapping[str, Any]
"""Names that may be written: a type, a Choice, a Number, Items, or a Spec again."""


def check(body: Mapping[str, Any], spec: Spec, resource: Mapping[str, Any], prefix: str = "") -> list[Resource]:
    """What is wrong with a PATCH or the parameters of an action, all of it."""
    found: list[Resource] = []
    for name, value in body.items():
        where = f"{prefix}{name}"
        if name.startswith("@") or "@" in name:
            continue  # annotations are no properties
        if name not in spec:
            known = name in resource
            identifier = "PropertyNotWritable" if known else "PropertyUnknown"
            text = f"{where} can't be written." if known else f"{where} is not known."
            found.append(info(identifier, text, where, severity="Warning", prop=where))
            continue
        rule = spec[name]
        if isinstance(rule, Mapping):
            if isinstance(value, dict):
                found += check(value, rule, resource.get(name) or {}, f"{where}/")
            else:
                found.append(_wrong_type(where, value))
        else:
            found += _value(where, value, rule)
    return found


def _wrong_type(where: str, value: Any) -> Resource:
    text = f"{where} is of another type than it should be."
    return info("PropertyValueTypeError", text, str(value), where, severity="Warning", prop=where)


def _value(where: str, value: Any, rule: Any) -> list[Resource]:
    if isinstance(rule, Choice):
        if any(value is one or (value == one and not isinstance(value, bool)) for one in rule.values):
            return []
        text = f"{where} is not one of {', '.join(map(str, rule.values))}."
        return [info("PropertyValueNotInList", text, str(value), where, severity="Warning", prop=where)]
    if isinstance(rule, Number):
        return _number(where, value, rule)
    if isinstance(rule, Items):
        good = isinstance(value, list) and all(isinstance(one, rule.kind) for one in value)
    else:
        good = isinstance(value, rule) and not (isinstance(value, bool) and rule is int)
    return [] if good else [_wrong_type(where, value)]


def _number(where: str, value: Any, rule: Number) -> list[Resource]:
    if value is None and rule.null:
        return []
    if isinstance(value, bool) or not isinstance(value, int | float):
        return [_wrong_type(where, value)]
    if rule.low <= value <= rule.high:
        return []
    text = f"{where} is not within {rule.low:g} and {rule.high:g}."
    return [info("PropertyValueOutOfRange", text, str(value), where, severity="Warning", prop=where)]


def rewritten(before: list[str], wanted: list[Any]) -> list[str]:
    """A list after a PATCH: null removes an element, an empty object leaves it (DSP0266, 7.9)."""
    found = [before[n] if isinstance(one, dict) and n < len(before) else one for n, one in enumerate(wanted)]
    return [one for one in found if isinstance(one, str)]


def needed(body: Mapping[str, Any], *names: str) -> list[Resource]:
    """Parameters that are missing."""
    return [
        info("ActionParameterMissing", f"{name} is missing.", "the action", name) for name in names if name not in body
    ]
