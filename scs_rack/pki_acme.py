"""The API's certificate by ACME (RFC 8555), its name proved by HTTP-01 (section 8.3).

HAProxy of every controller answers challenges on port 80 by itself: the answer to a token is the token and the
thumbprint of our account's key (RFC 7638), so nothing has to be brought to the controllers while the server asks.
"""

import base64
import datetime as dt
import hashlib
import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scs_rack import pki
from scs_rack.design import Design
from scs_rack.errors import StageFailed, UsageError
from scs_rack.files import write_file
from scs_rack.pki_chain import Pair, read_chain, served_faults, server_faults, trusted_here
from scs_rack.pki_given import Given, names

CHALLENGE = "/.well-known/acme-challenge/"
PATIENCE = 180.0
"""Seconds for the server to look at our answers, and to sign."""
PROBE = "scs-rack-probe"


def account_key(state_dir: Path) -> ec.EllipticCurvePrivateKey:
    """The key of our account with the ACME server; made when there is none."""
    path = key_file(state_dir)
    if path.is_file():
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise UsageError(f"{path} is no key on an elliptic curve", "move it away; a new account is made")
        return key
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    write_file(path, _pem(key), 0o600)
    return key


def key_file(state_dir: Path) -> Path:
    """Where the account's key lies."""
    return state_dir / "ca/acme.key"


def thumbprint(state_dir: Path) -> str:
    """Of the account's key (RFC 7638), which is no secret; empty when there is none yet."""
    if not key_file(state_dir).is_file():
        return ""
    numbers = account_key(state_dir).public_key().public_numbers()
    x, y = (_b64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
    jwk = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
    return _b64(hashlib.sha256(jwk.encode()).digest())


def due(state_dir: Path, design: Design, within: int) -> bool:
    """True if the API still has a stand-in, or its certificate ends within these days, or a third of its time."""
    if pki.stand_in(state_dir, design):
        return True
    one = read_chain(pki.files(state_dir).api_cert.read_bytes())[0].certificate
    third = (one.not_valid_after_utc - one.not_valid_before_utc) / 3
    return one.not_valid_after_utc - dt.datetime.now(dt.UTC) < min(dt.timedelta(days=within), third)


def fetch(state_dir: Path, design: Design, given: Given, rack_dir: Path) -> None:
    """Get a certificate, judge it as clients would, and put it in place of the API's.

    Raises:
        StageFailed: the ACME server refuses, does not answer, or signs what clients would not accept.
    """
    options = design.rack.cloud.tls.acme
    if options is None:
        raise UsageError("cloud.tls.acme is not stated")
    _answered(design, thumbprint(state_dir))
    key = ec.generate_private_key(ec.SECP256R1())
    trust = str((rack_dir / options.trust).resolve()) if options.trust else None
    with _failing(options.directory):
        chain = _order(account_key(state_dir), options.directory, options.contact, trust, _request(key, design))
    try:
        pair = Pair(read_chain(chain.encode()), key)
    except ValueError as error:
        raise StageFailed(f"{options.directory} gave no certificate: {error}") from error
    roots = read_chain(given.roots) if given.roots else trusted_here(pair.chain)
    faults = [*server_faults(pair.chain), *served_faults(pair, roots, *names(design))]
    if pair.chain[0].certificate.public_key() != key.public_key():
        faults.append(("it is for another key", ""))
    if faults:
        raise StageFailed(f"{options.directory} gave a certificate, but {faults[0][0]}", faults[0][1])
    pki.put_api(state_dir, pair, b"".join(one.pem for one in roots or ()))


def _order(
    account: ec.EllipticCurvePrivateKey, directory: str, contact: str | None, trust: str | None, request: bytes
) -> str:
    """From the account to the chain (RFC 8555, section 7.1)."""
    from acme import challenges, client, errors, messages
    from josepy.jwa import ES256
    from josepy.jwk import JWKEC

    jwk = JWKEC(key=account)
    net = client.ClientNetwork(jwk, alg=ES256, user_agent="scs-rack", timeout=30)
    net.session.verify = net.verify_ssl = trust or True  # type: ignore[assignment]  # requests takes a path too
    server = client.ClientV2(client.ClientV2.get_directory(directory, net), net)
    fields: dict[str, Any] = {"terms_of_service_agreed": True} | ({"email": contact} if contact else {})
    try:
        server.new_account(messages.NewRegistration.from_data(**fields))
    except errors.ConflictError as error:  # there is one for this key
        found = messages.RegistrationResource(uri=error.location, body=messages.Registration())
        net.account = server.query_registration(found)
    order = server.new_order(request)
    for authorization in order.authorizations:
        if authorization.body.status == messages.STATUS_VALID:
            continue
        offered = [one for one in authorization.body.challenges if isinstance(one.chall, challenges.HTTP01)]
        if not offered:
            raise StageFailed(f"{directory} takes no proof by HTTP-01", "scs-rack has no other (docs/tls.md)")
        server.answer_challenge(offered[0], offered[0].response(jwk))
    deadline = dt.datetime.now() + dt.timedelta(seconds=PATIENCE)  # noqa: DTZ005 (the library's own clock is naive)
    return str(server.poll_and_finalize(order, deadline).fullchain_pem)


@contextmanager
def _failing(directory: str) -> Iterator[None]:
    """Turn what the libraries raise into a failure with the server's own words."""
    import requests
    from acme import errors, messages

    try:
        yield
    except errors.ValidationError as error:
        raise StageFailed(f"{directory} was not convinced: {_reasons(error)}", _LOOKED) from error
    except messages.Error as error:
        raise StageFailed(f"{directory} refuses: {error.detail or error.typ}") from error
    except errors.TimeoutError as error:
        raise StageFailed(f"{directory} came to no end within {PATIENCE:g} s", "try again later") from error
    except (errors.Error, requests.RequestException, ValueError) as error:
        raise StageFailed(f"{directory}: {str(error) or type(error).__name__}", "is it an ACME directory?") from error


_LOOKED = "it looked up the API's name, and asked there on port 80: is that open to it?"


def _reasons(error: Any) -> str:
    said = [
        str(one.error.detail or one.error.typ)
        for authorization in error.failed_authzrs
        for one in authorization.body.challenges
        if one.error
    ]
    return "; ".join(said) or "without a word"


def _answered(design: Design, wanted: str) -> None:
    """See that HAProxy answers challenges for our account.

    Raises:
        StageFailed: it does not.
    """
    api = design.api
    connection = http.client.HTTPConnection(str(api.vip4), 80, timeout=10)
    try:
        connection.request("GET", CHALLENGE + PROBE, headers={"Host": api.host})
        said = connection.getresponse().read(512).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        said = str(error) or type(error).__name__
    finally:
        connection.close()
    if said != f"{PROBE}.{wanted}":
        seen = said[:80] or "nothing"
        raise StageFailed(
            f"http://{api.vip4}{CHALLENGE} does not answer for our account with the ACME server: {seen}",
            "`scs-rack up --from platform` has HAProxy answer",
        )


def _request(key: ec.EllipticCurvePrivateKey, design: Design) -> bytes:
    called, _ = names(design)
    name = x509.SubjectAlternativeName([x509.DNSName(one) for one in called])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return (
        builder.add_extension(name, critical=False).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
