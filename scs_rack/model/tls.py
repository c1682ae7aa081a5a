"""Who vouches for the rack and its API: the rack's own authority, or what the operator gives."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from scs_rack.model.base import Strict, text_schema


def _https(value: str) -> str:
    if not re.fullmatch(r"https://[^\s/]+(/\S*)?", value):
        raise ValueError("not an https:// address; write e.g. https://acme.example.org/directory")
    return value


def _mail(value: str) -> str:
    if not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", value):
        raise ValueError("not a mail address; write e.g. cloud@example.org")
    return value


HttpsUrl = Annotated[str, AfterValidator(_https), text_schema("https:// address", r"^https://\S+$")]
MailAddress = Annotated[str, AfterValidator(_mail), text_schema("Mail address", r"^\S+@\S+$")]
FileName = Annotated[str, Field(min_length=1)]
"""A file on the manager; a relative one is looked for beside the rack file."""


class AuthorityFiles(Strict):
    """The operator's own certificate authority; it signs in place of the one that the rack would make."""

    certificate: FileName
    """File (PEM): its certificate first, then those that vouch for it, upwards."""
    key: FileName | None = None
    """File (PEM, mode 0600, outside of git) with its key; when not stated, the vault has it: `secrets set ca_key`."""


class AcmeOptions(Strict):
    """A certificate for the API's name by ACME (RFC 8555); proved by HTTP-01, which HAProxy answers on port 80."""

    directory: HttpsUrl
    """Directory of the ACME server."""
    contact: MailAddress | None = None
    """Where its operators may write to."""
    terms_agreed: bool = False
    """You have read the server's terms of service and agree."""
    trust: FileName | None = None
    """File (PEM) with certificates that vouch for the ACME server itself; those this machine trusts if not stated."""


class TlsOptions(Strict):
    """Certificates that the operator brings."""

    certificate: FileName | None = None
    """File (PEM) for the API: its certificate first, then those that vouch for it, upwards."""
    key: FileName | None = None
    """File (PEM, mode 0600, outside of git) with its key; when not stated, the vault has it: `secrets set api_key`."""
    roots: FileName | None = None
    """File (PEM) with the authorities that clients know; looked for among those this machine trusts if not stated."""
    acme: AcmeOptions | None = None
    """Where to get the API's certificate from."""
    ca: AuthorityFiles | None = None
    """An authority that signs for all servers, and for the API where nothing else is stated."""
