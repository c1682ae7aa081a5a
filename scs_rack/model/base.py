"""The base of all types of the rack file, and its scalar types."""

import ipaddress
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


class Strict(BaseModel):
    """A mapping of the rack file: unknown keys are faults, values don't change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_not_stated(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


def _mac(value: object) -> str:
    text = str(value).strip().lower().replace("-", ":")
    if not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text):
        raise ValueError("not a MAC address; write six pairs of hex digits, e.g. 3c:ec:ef:12:34:56")
    if int(text[:2], 16) & 1:
        raise ValueError("a multicast MAC address can't belong to a port")
    return text


def parse_speed(value: object) -> int:
    """Speed in Mb/s of `25G`, `1000M` or a plain number."""
    found = re.fullmatch(r"([1-9]\d{0,6})\s*([MG]?)", str(value).strip(), re.IGNORECASE)
    if not found:
        raise ValueError("not a speed; write e.g. 25G or 1000M")
    return int(found[1]) * (1000 if found[2].upper() == "G" else 1)


def _prefix(value: object) -> object:
    if isinstance(value, str) and "/" not in value:
        raise ValueError("has no prefix length; write e.g. 10.0.0.0/24")
    return value


def _name(value: str) -> str:
    if not re.fullmatch(_LABEL, value):
        raise ValueError("not a host name; use lower-case letters, digits and hyphens (RFC 1123)")
    return value


def _nic_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,15}", value):
        raise ValueError("not the name of an interface; Linux takes 15 letters, digits, points, hyphens, underscores")
    return value


def is_domain_name(value: str) -> bool:
    """True for a DNS name of a host (RFC 1123, section 2.1)."""
    return len(value) <= 253 and all(re.fullmatch(_LABEL, label) for label in value.lower().split("."))


def _domain_name(value: str) -> str:
    if not is_domain_name(value):
        raise ValueError("not a domain name; write e.g. rack1.example.org")
    return value


def _fingerprint(value: str) -> str:
    digits = value.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError("not a SHA-256 fingerprint; write 64 hex digits, with or without colons")
    return digits


def text_schema(description: str, pattern: str | None = None) -> WithJsonSchema:
    """JSON Schema of a value that is written as text, for editors."""
    schema = {"type": "string", "description": description}
    return WithJsonSchema(schema | ({"pattern": pattern} if pattern else {}))


Mac = Annotated[
    str, BeforeValidator(_mac), text_schema("Ethernet address", r"^[0-9A-Fa-f][02468ACEace]([:-][0-9A-Fa-f]{2}){5}$")
]
"""An Ethernet address, lower case with colons (IEEE 802 canonical order)."""

Speed = Annotated[
    int,
    BeforeValidator(parse_speed),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^[1-9][0-9]*\\s*[MGmg]?$"}],
            "description": "Speed of a port, e.g. 25G or 1000M; a plain number means Mb/s.",
        }
    ),
]
"""A link speed in Mb/s; the rack file may say 25G or 1000M."""

HostName = Annotated[str, AfterValidator(_name), text_schema("Name of a device or rack", f"^{_LABEL}$")]
"""A name of a device, usable as host name (RFC 1123, section 2.1)."""

NicName = Annotated[
    str, AfterValidator(_nic_name), text_schema("Name of an interface in Linux", r"^[A-Za-z0-9_.-]{1,15}$")
]
"""A name of a network interface, as Linux takes it (IFNAMSIZ)."""

DomainName = Annotated[
    str, AfterValidator(_domain_name), text_schema("Domain name, e.g. rack1.example.org", r"^[A-Za-z0-9.-]{1,253}$")
]
"""A DNS name of hosts (RFC 1123, section 2.1)."""

Fingerprint = Annotated[
    str, AfterValidator(_fingerprint), text_schema("SHA-256 fingerprint", r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$")
]
"""SHA-256 of a certificate in 64 lower-case hex digits."""

Vlan = Annotated[int, Field(ge=2, le=4094, description="VLAN id (IEEE 802.1Q)")]
"""An IEEE 802.1Q VLAN id."""

Watt = Annotated[int, Field(gt=0, description="Power in watts")]
"""Electrical power in watts."""

IPv4Net = Annotated[
    ipaddress.IPv4Network, BeforeValidator(_prefix), text_schema("IPv4 prefix, e.g. 10.0.0.0/24", r"^[0-9.]+/[0-9]+$")
]
"""An IPv4 prefix in CIDR notation (RFC 4632)."""

IPv6Net = Annotated[
    ipaddress.IPv6Network,
    BeforeValidator(_prefix),
    text_schema("IPv6 prefix, e.g. fd00::/64", r"^[0-9A-Fa-f:.]+/[0-9]+$"),
]
"""An IPv6 prefix (RFC 4291, section 2.3)."""

Asn = Annotated[int, Field(ge=1, le=4294967294, description="Autonomous system number")]
"""An autonomous system number (RFC 6793; RFC 7300 reserves the last one)."""
