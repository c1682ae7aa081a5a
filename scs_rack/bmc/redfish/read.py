"""Reading JSON that a BMC sent (DMTF DSP0266, DSP0268): whatever is missing or of a wrong type reads as nothing.

Vendors differ: text may be null, numbers may be text, a list may be one object. None of these functions raises.
"""

import math
from typing import Any

from scs_rack.bmc.facts import Health

TEXT_LIMIT = 512
_LIST_LIMIT = 4096
"""Members of a list that are looked at, at most."""
_HEALTH: dict[str, Health] = {"ok": "ok", "warning": "warning", "critical": "critical"}
_RANK = {"Critical": 2, "Warning": 1}


def at(body: Any, *keys: str | int) -> Any:
    """What lies below keys (of objects) and positions (of lists); None where nothing does."""
    for key in keys:
        if isinstance(key, int):
            body = body[key] if isinstance(body, list) and len(body) > key else None
        else:
            body = body.get(key) if isinstance(body, dict) else None
    return body


def clean(value: str) -> str:
    """Printable and of bounded length: control characters would reach a person's terminal."""
    return "".join(c for c in value[:TEXT_LIMIT] if c.isprintable()).strip()


def text(body: Any, *keys: str | int) -> str:
    """A string, cleaned; "" where there is none."""
    value = at(body, *keys)
    return clean(value) if isinstance(value, str) else ""


def number(body: Any, *keys: str | int) -> float | None:
    """A finite number, also one that was sent as text."""
    value = at(body, *keys)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value[:40] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(body: Any, *keys: str | int) -> int | None:
    """A whole number, rounded."""
    found = number(body, *keys)
    return None if found is None else round(found)


def flag(body: Any, *keys: str | int) -> bool | None:
    """True or false."""
    value = at(body, *keys)
    return value if isinstance(value, bool) else None


def items(body: Any, *keys: str | int) -> list[dict[str, Any]]:
    """Objects of a list; a single object counts as a list of one."""
    value = at(body, *keys)
    if isinstance(value, dict):
        return [value]
    return [one for one in value[:_LIST_LIMIT] if isinstance(one, dict)] if isinstance(value, list) else []


def words(body: Any, *keys: str | int) -> tuple[str, ...]:
    """Strings of a list."""
    value = at(body, *keys)
    return tuple(clean(one) for one in value[:_LIST_LIMIT] if isinstance(one, str)) if isinstance(value, list) else ()


def link(body: Any, *keys: str | int) -> str:
    """Path of the resource that a property names."""
    value = at(body, *keys, "@odata.id")
    return value if isinstance(value, str) else ""


def links(body: Any, *keys: str | int) -> list[str]:
    """Paths of the resources that a property lists."""
    return [path for path in (link(one) for one in items(body, *keys)) if path]


def health(body: Any) -> Health:
    """Status.Health; a part that is not enabled has none."""
    if text(body, "Status", "State") in {"Absent", "Disabled", "UnavailableOffline"}:
        return "unknown"
    return _HEALTH.get(text(body, "Status", "Health").lower(), "unknown")


def absent(body: Any) -> bool:
    """True for an empty slot."""
    return text(body, "Status", "State") == "Absent"


def mac(body: Any) -> str:
    """MAC address of a port: the permanent one where it is told."""
    return (text(body, "PermanentMACAddress") or text(body, "MACAddress")).lower().replace("-", ":")


def worst_message(body: Any) -> tuple[str, str]:
    """Identifier (without registry and version) and text of the worst message of an error body; "" where none is."""
    error = at(body, "error")
    if not isinstance(error, dict):
        return "", ""
    messages = items(error, "@Message.ExtendedInfo")  # some send an object where the standard asks for a list
    if not messages:
        messages = [{"MessageId": error.get("code"), "Message": error.get("message")}]
    worst = max(messages, key=lambda m: _RANK.get(str(m.get("MessageSeverity") or m.get("Severity")), 0))
    identifier = str(worst.get("MessageId") or "").rsplit(".", 1)[-1]
    words_of = "".join(c for c in str(worst.get("Message") or "") if c.isprintable())
    return identifier[:80], words_of[:300]
