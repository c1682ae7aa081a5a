"""JSON Schema of the rack file and of the site file, for editors: it accepts what the loader accepts."""

from typing import Any

from scs_rack.model.portmap import portmap_names
from scs_rack.model.rack import Rack
from scs_rack.model.site import Site

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _wider(schema: dict[str, Any]) -> dict[str, Any]:
    """Text may look like a number in YAML (a serial number, a release); the loader takes it as text."""
    if schema.get("type") == "string" and not {"pattern", "format", "enum"} & set(schema):
        return {**schema, "type": ["string", "number"]}
    numbers = [int(value) for value in schema.get("enum", ()) if isinstance(value, str) and value.isdigit()]
    if numbers:
        wide = {key: value for key, value in schema.items() if key != "type"}
        return {**wide, "enum": [*schema["enum"], *numbers]}
    return schema


def _or_empty(schema: dict[str, Any]) -> dict[str, Any]:
    """A value that need not be stated may be left empty."""
    if any(choice.get("type") == "null" for choice in schema.get("anyOf", ())):
        return schema
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    outer: dict[str, Any] = {key: schema[key] for key in ("description", "default", "title") if key in schema}
    inner = {key: value for key, value in schema.items() if key not in outer}
    return {"anyOf": [inner, {"type": "null"}], **outer}


def _walk(node: Any) -> Any:
    if isinstance(node, list):
        return [_walk(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = _wider({key: value if key in ("default", "enum") else _walk(value) for key, value in node.items()})
    if "properties" in found:
        required = found.get("required", ())
        found["properties"] = {
            name: value if name in required else _or_empty(value) for name, value in found["properties"].items()
        }
    if "patternProperties" in found:
        ((pattern, value),) = found.pop("patternProperties").items()
        found |= {"propertyNames": {"pattern": pattern}, "additionalProperties": value}
    if not isinstance(found.get("title"), dict):
        found.pop("title", None)
    return found


def rack_schema() -> dict[str, Any]:
    """The JSON Schema of a rack file; descriptions are the docstrings of its types."""
    schema = _walk(Rack.model_json_schema(by_alias=False))
    schema["$defs"]["Switch"]["properties"]["model"] |= {"type": "string", "enum": list(portmap_names())}
    return {"$schema": DIALECT, "title": "Rack file of scs-rack", **schema}


def site_schema() -> dict[str, Any]:
    """The JSON Schema of a site file; descriptions are the docstrings of its types."""
    schema = _walk(Site.model_json_schema(by_alias=False))
    manager = schema["$defs"]["SiteRack"]["properties"]["manager"]
    manager["anyOf"] = [{"const": "local"}, {"$ref": "#/$defs/ManagerNode"}]
    return {"$schema": DIALECT, "title": "Site file of scs-rack", **schema}
