"""The base of all types of the rack file, and its scalar types."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Strict(BaseModel):
    """A mapping of the rack file: unknown keys are faults, values don't change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, use_attribute_docstrings=True)


def _mac(value: object) -> str:
    text = str(value).strip().lower().replace("-", ":")
    if not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text):
        raise ValueError("not a MAC address; write six pairs of hex digits, e.g. 3c:ec:ef:12:34:56")
    if int(text[:2], 16) & 1:
        raise ValueError("a multicast MAC address can't belong to a port")
    return text


def parse_speed(value: object) -> int:
    """Speed in Mb/s of `25G`, `1000M` or a plain number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = re.fullmatch(r"(\d+)\s*([MG])", str(value).strip(), re.IGNORECASE)
    if not found:
        raise ValueError("not a speed; write e.g. 25G or 1000M")
    return int(found[1]) * (1000 if found[2].upper() == "G" else 1)


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        raise ValueError("not a host name; use lower-case letters, digits and hyphens (RFC 1123)")
    return value


Mac = Annotated[str, BeforeValidator(_mac)]
"""An Ethernet address, lower case with colons (IEEE 802 canonical order)."""

Speed = Annotated[int, BeforeValidator(parse_speed)]
"""A link speed in Mb/s; the rack file may say 25G or 1000M."""

HostName = Annotated[str, AfterValidator(_name)]
"""A name of a device, usable as host name (RFC 1123, section 2.1)."""

Vlan = Annotated[int, Field(ge=2, le=4094)]
"""An IEEE 802.1Q VLAN id."""

Watt = Annotated[int, Field(gt=0)]
"""Electrical power in watts."""

IPv4Net = ipaddress.IPv4Network
IPv6Net = ipaddress.IPv6Network
