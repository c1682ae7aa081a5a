"""Checks of `cloud.tls`: what is stated makes sense together. The files themselves: `scs_rack.pki_given`."""

from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Problem

TLS = ("cloud", "tls")


def tls_choice(draft: Draft) -> Iterator[Problem]:
    """The API's certificate comes from one place, and what belongs to it is not stated without it."""
    tls = draft.cloud.tls if draft.cloud else None
    if tls is None:
        return
    if tls.certificate and tls.acme:
        hint = "keep `certificate`, or `acme`"
        yield Problem((*TLS, "acme"), "the API has a given certificate already", hint, "")
    if tls.key and not tls.certificate:
        hint = "state `certificate` beside it; the key of your own authority stands in `cloud.tls.ca`"
        yield Problem((*TLS, "key"), "a key without a certificate", hint)
    if tls.roots and not (tls.certificate or tls.acme):
        hint = "leave it out, or state `certificate` or `acme`"
        yield Problem((*TLS, "roots"), "nothing that these vouch for", hint)


def acme(draft: Draft) -> Iterator[Problem]:
    """ACME vouches for names, and its server's operators want their terms agreed to."""
    cloud = draft.cloud
    if cloud is None or cloud.tls.acme is None:
        return
    if not cloud.tls.acme.terms_agreed and not draft.torn("cloud", "tls", "acme", "terms_agreed"):
        hint = "read them (the directory names their address), then state `terms_agreed: true`"
        yield Problem((*TLS, "acme"), "the ACME server's terms of service are not agreed to", hint, "")
    if not cloud.api_name and not draft.torn("cloud", "api_name"):
        hint = "state `cloud.api_name`, a name that the ACME server can look up"
        yield Problem((*TLS, "acme"), "ACME needs a name of the API", hint, "")
