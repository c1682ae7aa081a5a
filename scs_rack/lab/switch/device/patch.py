"""JSON Patch (RFC 6902) on CONFIG_DB, with JSON Pointers (RFC 6901: `/` in a key is `~1`, `~` is `~0`)."""

import copy
import json
from typing import Any


class BadPatch(Exception):
    """A patch is malformed, or does not fit what it is applied to."""


def escape(token: str) -> str:
    """A key as it stands in a pointer."""
    return token.replace("~", "~0").replace("/", "~1")


def tokens(pointer: str) -> list[str]:
    """Keys of a pointer.

    Raises:
        BadPatch: it is no pointer.
    """
    if pointer == "":
        return []
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise BadPatch(f"Location must start with /: {pointer!r}")
    found = []
    for part in pointer[1:].split("/"):
        if part.replace("~0", "").replace("~1", "").count("~"):
            raise BadPatch(f"Found invalid escape in {pointer}")
        found.append(part.replace("~1", "/").replace("~0", "~"))
    return found


def _step(node: Any, token: str, pointer: str) -> Any:
    try:
        return node[int(token) if isinstance(node, list) else token]
    except (KeyError, IndexError, ValueError, TypeError):
        raise BadPatch(f"member '{token}' not found in {_short(node)} ({pointer})") from None


def _short(node: Any) -> str:
    text = json.dumps(node)
    return text if len(text) < 60 else f"{text[:57]}..."


def _get(document: Any, pointer: str) -> Any:
    for token in tokens(pointer):
        document = _step(document, token, pointer)
    return document


def _parent(document: Any, pointer: str) -> tuple[Any, str]:
    *way, last = tokens(pointer)
    for token in way:
        document = _step(document, token, pointer)
    return document, last


def _add(document: Any, pointer: str, value: Any) -> Any:
    if not tokens(pointer):
        return value
    parent, last = _parent(document, pointer)
    if isinstance(parent, list):
        if last != "-" and not (last.isdigit() and int(last) <= len(parent)):
            raise BadPatch(f"can't insert outside of list ({pointer})")
        parent.insert(len(parent) if last == "-" else int(last), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise BadPatch(f"can't add to {_short(parent)} ({pointer})")
    return document


def _remove(document: Any, pointer: str) -> Any:
    if not tokens(pointer):
        return {}
    parent, last = _parent(document, pointer)
    try:
        del parent[int(last) if isinstance(parent, list) else last]
    except (KeyError, IndexError, ValueError, TypeError):
        raise BadPatch(f"can't remove a non-existent object '{last}' ({pointer})") from None
    return document


def load(text: str) -> list[dict[str, Any]]:
    """Read a patch.

    Raises:
        BadPatch: it is no list of operations.
        ValueError: it is no JSON.
    """
    patch = json.loads(text)
    if not isinstance(patch, list) or not all(isinstance(one, dict) for one in patch):
        raise BadPatch("Invalid JSON Patch: it is no list of operations")
    for one in patch:
        if not isinstance(one.get("path"), str):
            raise BadPatch("Operation must have a 'path' member")
        if one.get("op") not in ("add", "remove", "replace", "move", "copy", "test"):
            raise BadPatch(f"Unknown operation {one.get('op')!r}")
        if one["op"] in ("add", "replace", "test") and "value" not in one:
            raise BadPatch("The operation does not contain a 'value' member")
        if one["op"] in ("move", "copy") and not isinstance(one.get("from"), str):
            raise BadPatch("The operation does not contain a 'from' member")
    return patch


def apply(patch: list[dict[str, Any]], document: Any) -> Any:
    """The document that a patch makes; the given one stays as it is.

    Raises:
        BadPatch: the patch does not fit.
    """
    result = copy.deepcopy(document)
    for one in patch:
        kind, path = one["op"], one["path"]
        if kind == "add":
            result = _add(result, path, copy.deepcopy(one["value"]))
        elif kind == "remove":
            result = _remove(result, path)
        elif kind == "replace":
            _get(result, path)
            result = _add(_remove(result, path), path, copy.deepcopy(one["value"])) if tokens(path) else one["value"]
        elif kind == "test":
            if _get(result, path) != one["value"]:
                raise BadPatch(f"{_short(_get(result, path))} is not equal to tested value {_short(one['value'])}")
        else:
            value = copy.deepcopy(_get(result, one["from"]))
            result = _add(_remove(result, one["from"]) if kind == "move" else result, path, value)
    return result
