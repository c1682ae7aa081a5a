"""Turns what pydantic finds wrong in a rack file's shape into faults in words of the rack file."""

import ipaddress
import types
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from scs_rack.model.fault import Path, Problem
from scs_rack.model.rack import Rack

_ROOT: ContextVar[type[BaseModel]] = ContextVar("root", default=Rack)
"""Type of the file that is judged."""


def _close(word: str, words: Iterable[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(word, list(words), n=1, cutoff=0.6)


def nearest(word: str, known: Iterable[str], otherwise: str = "there are") -> str:
    """A hint: the known word that is nearest to a wrong one, or all of them."""
    words = list(known)
    close = _close(word, words)
    if close:
        return f"did you mean {close[0]}?"
    return f"{otherwise} {', '.join(words)}" if words else "there are none"


def _bare(annotation: Any) -> Any:
    """A type without Annotated and `| None`."""
    while True:
        origin = get_origin(annotation)
        if origin is Annotated:
            annotation = get_args(annotation)[0]
        elif origin in (Union, types.UnionType):
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation


def _inside(annotation: Any, part: str | int) -> tuple[Any, FieldInfo | None]:
    """Type (and field) of a part of a value of some type; Any where nothing is known."""
    bare = _bare(annotation)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        field = bare.model_fields.get(str(part))
        return (field.annotation, field) if field else (Any, None)
    arguments = get_args(bare)
    if get_origin(bare) is tuple and isinstance(part, int) and part < len(arguments):
        return arguments[part], None
    return (arguments[-1] if arguments and get_origin(bare) in (dict, list) else Any), None


def _type_at(path: Path) -> tuple[Any, FieldInfo | None]:
    found: tuple[Any, FieldInfo | None] = (_ROOT.get(), None)
    for part in path:
        found = _inside(found[0], part)
    return found


def keys_at(path: Path) -> tuple[str, ...]:
    """Keys that a mapping at a path may have; empty when it may have any."""
    bare = _bare(_type_at(path)[0])
    return tuple(bare.model_fields) if isinstance(bare, type) and issubclass(bare, BaseModel) else ()


def _unknown_key(path: Path, _: ErrorDetails) -> Problem:
    return Problem(path, "unknown key", nearest(str(path[-1]), keys_at(path[:-1]), "the keys here are"), value="")


def _missing(path: Path, _: ErrorDetails) -> Problem:
    if isinstance(path[-1], int):
        return Problem(path[:-1], "a cable has two ends", "write [DEVICE:PORT, DEVICE:PORT]", value="")
    field = _type_at(path)[1]
    text = (field.description or "").split("\n", maxsplit=1)[0] if field else ""
    return Problem(path[:-1], f"{path[-1]} is not stated", text, value="")


def _literal(path: Path, error: ErrorDetails) -> Problem:
    allowed = [str(choice) for choice in get_args(_bare(_type_at(path)[0]))]
    return Problem(path, f"not one of {', '.join(allowed)}", nearest(str(error["input"]), allowed, "choose one of"))


def _network4(path: Path, error: ErrorDetails) -> Problem:
    try:
        near = ipaddress.ip_network(str(error["input"]), strict=False)
    except ValueError:
        return Problem(path, "not an IP prefix", "write e.g. 10.0.0.0/24 or fd00::/64")
    version = 6 if near.version == 4 else 4
    if f"v{near.version}" not in error["type"]:
        return Problem(path, f"not an IPv{version} prefix", "the other version of IP is wanted here")
    return Problem(path, "the address has bits beyond the prefix", f"did you mean {near}?")


def _own(path: Path, error: ErrorDetails) -> Problem:
    """A message of our own validators: MESSAGE; HINT."""
    message, _, hint = str(error["ctx"]["error"]).partition("; ")
    return Problem(path, message, hint)


def _kind(message: str, hint: str = "") -> Callable[[Path, ErrorDetails], Problem]:
    def problem(path: Path, error: ErrorDetails) -> Problem:
        if error["input"] is None:
            return Problem(path, "nothing is stated here", hint)
        return Problem(path, message, hint)

    return problem


def _limit(word: str, key: str) -> Callable[[Path, ErrorDetails], Problem]:
    return lambda path, error: Problem(path, f"must be {word} {error['ctx'][key]}")


_INTEGER = _kind("not a whole number")
_MAPPING = _kind("not a mapping", "write KEY: VALUE lines below it, or {KEY: VALUE}")
_LIST = _kind("not a list", "write [ONE, ANOTHER], or lines that begin with a hyphen")

KINDS: dict[str, tuple[str, Callable[[Path, ErrorDetails], Problem]]] = {
    "extra_forbidden": ("unknown-key", _unknown_key),
    "missing": ("missing-key", _missing),
    "literal_error": ("wrong-choice", _literal),
    "value_error": ("wrong-value", _own),
    "int_parsing": ("wrong-type", _INTEGER),
    "int_type": ("wrong-type", _INTEGER),
    "float_parsing": ("wrong-type", _kind("not a number")),
    "float_type": ("wrong-type", _kind("not a number")),
    "bool_parsing": ("wrong-type", _kind("not true or false")),
    "bool_type": ("wrong-type", _kind("not true or false")),
    "string_type": ("wrong-type", _kind("not text", "write one word or line")),
    "model_type": ("wrong-type", _MAPPING),
    "dict_type": ("wrong-type", _MAPPING),
    "list_type": ("wrong-type", _LIST),
    "tuple_type": ("wrong-type", _kind("not a cable", "write [DEVICE:PORT, DEVICE:PORT]")),
    "too_long": ("wrong-value", lambda path, _: _missing((*path, 0), _)),
    "too_short": ("wrong-value", _kind("must not be empty")),
    "greater_than": ("out-of-range", _limit("more than", "gt")),
    "greater_than_equal": ("out-of-range", _limit("at least", "ge")),
    "less_than_equal": ("out-of-range", _limit("at most", "le")),
    "ip_v4_address": ("wrong-value", _kind("not an IPv4 address", "write e.g. 10.0.0.1")),
    "ip_v6_address": ("wrong-value", _kind("not an IPv6 address", "write e.g. 2001:db8::1")),
    "ip_v4_network": ("wrong-value", _network4),
    "ip_v6_network": ("wrong-value", _network4),
}
"""Kinds of pydantic's errors: the name of the check, and what makes the problem."""


def shape_problems(errors: Iterable[ErrorDetails], root: type[BaseModel] = Rack) -> list[tuple[str, Problem]]:
    """Check name and problem of each error of pydantic about a rack, or about another type of file.

    A key that is not stated because it is misspelled is told once.
    """
    _ROOT.set(root)
    known = list(errors)
    missing = {error["loc"] for error in known if error["type"] == "missing"}
    meant = set()
    for error in known:
        if error["type"] == "extra_forbidden":
            *above, key = error["loc"]
            wanted = [str(path[-1]) for path in missing if path[:-1] == tuple(above)]
            meant |= {(*above, close) for close in _close(str(key), keys_at(tuple(above))) if close in wanted}
    return [_problem(error) for error in known if error["type"] != "missing" or error["loc"] not in meant]


def _problem(error: ErrorDetails) -> tuple[str, Problem]:
    """Check name and problem of one error of pydantic about a rack."""
    path = tuple(part for part in error["loc"] if part != "[key]")
    check, make = KINDS.get(error["type"], ("wrong-value", _kind(error["msg"])))
    return check, make(path, error)
