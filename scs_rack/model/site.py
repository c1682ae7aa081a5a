"""The site file: which racks there are, and how the manager node of each is reached."""

import base64
import binascii
import ipaddress
import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from scs_rack.model.base import HostName, Strict, is_domain_name, text_schema
from scs_rack.model.login import Login

_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if is_domain_name(value) and not re.fullmatch(r"[0-9.]+", value):
            return value
    raise ValueError("not an address; write an IP address or a DNS name")


def _host_key(value: str) -> str:
    kind, _, rest = value.partition(" ")
    text = rest.split(" ")[0]
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    # RFC 4253, section 6.6: the key begins with its own kind, after four bytes of length
    if kind not in _KINDS or blob[: 4 + len(kind)] != len(kind).to_bytes(4, "big") + kind.encode():
        raise ValueError("not a public host key of SSH; take the line of /etc/ssh/ssh_host_ed25519_key.pub there")
    return f"{kind} {text}"


def _folder(value: str) -> str:
    path = PurePosixPath(value)
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 3:
        raise ValueError("not a folder for one rack; write a path that begins with /, e.g. /etc/scs-rack/berlin1")
    return str(path)


def _command(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*|(/[A-Za-z0-9_.-]+)+", value):
        raise ValueError("not a command; write scs-rack, or its whole path there")
    return value


def _manager(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value != "local":
        raise ValueError("not a manager node; write local, or {address: ADDRESS, host_key: KEY}")
    return None


class ManagerNode(Strict):
    """A manager node that is reached by SSH."""

    address: Annotated[str, AfterValidator(_address), text_schema("IP address or DNS name")]
    """IP address or DNS name."""
    host_key: Annotated[str, AfterValidator(_host_key), text_schema("Public host key of SSH")]
    """Its public host key, as in /etc/ssh/ssh_host_ed25519_key.pub; no other is accepted."""
    port: int = Field(default=22, ge=1, le=65535)
    """TCP port of SSH."""
    user: Login = "root"
    """Account there; scs-rack needs root on the manager of a lab only."""
    identity: str | None = None
    """File with the private SSH key, seen from the site file; SSH's own defaults and agent when not stated."""
    folder: Annotated[str, AfterValidator(_folder), text_schema("Folder of the rack file on the manager")] | None = None
    """Where rack file and vault lie there; /etc/scs-rack/NAME when not stated."""
    command: Annotated[str, AfterValidator(_command), text_schema("scs-rack, or its whole path there")] = "scs-rack"
    """How scs-rack is called there."""


class SiteRack(Strict):
    """One rack of a site."""

    path: str
    """Folder with its rack.yml, seen from the site file."""
    manager: Annotated[
        ManagerNode | None,
        BeforeValidator(_manager),
    ]
    """`local` when its manager is the machine that scs-rack is called on; else how the manager is reached."""


class Site(Strict):
    """All that the operator states of a site."""

    name: HostName
    """Name of the site."""
    description: str = ""
    """For people."""
    at_once: int = Field(default=8, ge=1, le=64)
    """So many racks are worked on at a time."""
    link_patience_s: int = Field(default=30, ge=0, le=3600)
    """Seconds in which a link that was lost is tried again; the run on the manager goes on in any case."""
    racks: dict[HostName, SiteRack] = Field(min_length=1)
    """Racks by the name that their rack files state."""
