"""Judges chains of certificates by what TLS clients make of them (RFC 5280; RFC 8446, section 4.4.2)."""

import datetime as dt
import os
import ssl
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Said = Iterator[tuple[str, str]]
"""Message and hint of each fault."""
BEGIN = b"-----BEGIN CERTIFICATE-----"
END = b"-----END CERTIFICATE-----"
CURVES = frozenset({"secp256r1", "secp384r1"})
HASHES = frozenset({"sha256", "sha384", "sha512"})
LIFESPAN = dt.timedelta(days=366)
"""Of a server's certificate, at most (Mozilla's server side TLS, guidelines 5.7)."""
SOON = dt.timedelta(days=7)
"""A certificate that ends sooner is not taken."""


@dataclass(frozen=True)
class Link:
    """A certificate of a file."""

    certificate: x509.Certificate
    number: int
    line: int
    """Where it begins in the file; both counted from 1."""

    @property
    def pem(self) -> bytes:
        """It alone."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def where(self) -> str:
        """For people."""
        return f"certificate {self.number} (line {self.line} of the file)"

    @property
    def own(self) -> bool:
        """True if it is signed by itself."""
        return issued(self.certificate, self.certificate)


Chain = tuple[Link, ...]


@dataclass(frozen=True)
class Pair:
    """Certificates, the own one first, and the key of that one."""

    chain: Chain
    key: Key

    @property
    def pem(self) -> bytes:
        """The certificates, as servers send them."""
        return b"".join(one.pem for one in self.chain)

    @property
    def key_pem(self) -> bytes:
        """The key, not encrypted (PKCS #8)."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_chain(data: bytes) -> Chain:
    """Certificates of a file in PEM; text around them is skipped.

    Raises:
        ValueError: there is none, or one can't be read.
    """
    found: list[Link] = []
    start = data.find(BEGIN)
    while start >= 0:
        line, number = data.count(b"\n", 0, start) + 1, len(found) + 1
        end = data.find(END, start)
        try:
            if end < 0:
                raise ValueError
            certificate = x509.load_pem_x509_certificate(data[start : end + len(END)])
            certificate.public_key(), list(certificate.extensions)
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError(f"certificate {number} (line {line} of the file) can't be read") from None
        found.append(Link(certificate, number, line))
        start = data.find(BEGIN, end)
    if not found:
        raise ValueError("no certificate in it")
    return tuple(found)


def server_faults(chain: Chain) -> Said:
    """What is wrong with a server's certificate, and with those above it."""
    first = chain[0].certificate
    if is_authority(first):
        yield f"{chain[0].where} is an authority's", "put the server's own certificate first"
    lifespan = first.not_valid_after_utc - first.not_valid_before_utc
    if lifespan > LIFESPAN:
        hint = "Mozilla's intermediate profile (scs-0125) takes at most 366: ask for a shorter one"
        yield f"{chain[0].where} lasts {lifespan.days} days", hint
    usages = _extension(first, x509.ExtendedKeyUsage)
    if usages is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usages:
        yield f"{chain[0].where} is not for servers", "its extended key usage needs serverAuth"
    if isinstance(key := first.public_key(), ec.EllipticCurvePublicKey) and key.curve.name not in CURVES:
        yield f"{chain[0].where} has a key on {key.curve.name}", "clients know P-256 and P-384"
    yield from _common_faults(chain)


def authority_faults(chain: Chain) -> Said:
    """What is wrong with an authority's certificate, and with those above it."""
    first = chain[0].certificate
    usage = _extension(first, x509.KeyUsage)
    if not is_authority(first) or (usage is not None and not usage.key_cert_sign):
        yield f"{chain[0].where} is no authority's", "its basic constraints need CA:TRUE, its key usage keyCertSign"
    yield from _common_faults(chain)


def _common_faults(chain: Chain) -> Said:
    now = dt.datetime.now(dt.UTC)
    for link, above in zip(chain, (*chain[1:], None), strict=True):
        one = link.certificate
        if one.not_valid_after_utc < now:
            yield f"{link.where} ended on {one.not_valid_after_utc:%F}", "put a new one in its place"
        elif one.not_valid_after_utc < now + SOON:
            yield f"{link.where} ends within {SOON.days} days", "put a new one in its place"
        if one.not_valid_before_utc > now:
            yield f"{link.where} is not valid before {one.not_valid_before_utc:%F %H:%M} UTC", "is the clock right?"
        algorithm = _hash(one)
        if algorithm not in HASHES and not link.own:
            yield f"{link.where} is signed with {algorithm.upper()}", "clients want SHA-256 or better"
        key = one.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
            yield f"{link.where} has an RSA key of {key.key_size} bits", "clients want 2048 or more"
        elif not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
            yield f"{link.where} has a key that is neither RSA nor on an elliptic curve", "TLS clients know these two"
        if above and not issued(one, above.certificate):
            signer = next((other for other in chain if other is not link and issued(one, other.certificate)), None)
            hint = f"{signer.where} did: put it after this one" if signer else "put in the one that did"
            yield f"{above.where} did not sign {link.where}, which stands before it", hint


def served_faults(pair: Pair, roots: Sequence[Link] | None, names: Sequence[str], addresses: bool) -> Said:
    """What a client says that knows the roots and calls the server by these names."""
    if not roots:
        top = pair.chain[-1].certificate.issuer.rfc4514_string()
        hint = (
            "add missing intermediate certificates to the file; for an authority of your own, state `cloud.tls.roots`"
        )
        yield f"nobody whom this machine trusts vouches for it (wanted: {top})", hint
        return
    said = [(name, why) for name in names if (why := refused(pair, roots, name))]
    if said and len({why.replace(name, "") for name, why in said}) == 1 and "match" not in said[0][1]:
        said = said[:1]  # not about the name
    kind = "address" if addresses else "name"
    for name, why in said:
        hint = f"clients call the API by the {kind} {name}"
        if addresses and "match" in why:
            hint += "; if it has a name, state `cloud.api_name`"
        yield f"clients refuse it: {why}", hint


def signing_faults(trial: Pair, names: Sequence[str]) -> Said:
    """What a client that knows the topmost of these says of a certificate for these names."""
    for name in names:
        if why := refused(trial, trial.chain[-1:], name):
            yield (
                f"clients refuse what it signs for {name}: {why}",
                "take an authority that may sign for the API's names",
            )


def refused(pair: Pair, roots: Sequence[Link], name: str) -> str:
    """Why a TLS client of this machine refuses a server; empty when it doesn't. A handshake in memory."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cadata=b"".join(one.certificate.public_bytes(Encoding.DER) for one in roots))
    handle = os.memfd_create("pair")  # the key of a vault never lies on a disk
    try:
        with os.fdopen(handle, "wb", closefd=False) as file:
            file.write(pair.pem + pair.key_pem)
        server.load_cert_chain(f"/proc/self/fd/{handle}")
    except ssl.SSLError as error:
        return str(error.reason or error)
    finally:
        os.close(handle)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    asked = client.wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(8):
        try:
            asked.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        except ssl.SSLError as error:
            return str(error.reason or error)
        else:
            return ""
        try:
            answering.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            return str(error.reason or error)
    return "no end of the handshake"


def trusted_here(chain: Chain) -> Chain | None:
    """The authority that vouches for a chain, among those that this machine trusts."""
    known = _known()
    for link in reversed(chain):
        for one in known:
            if one == link.certificate or issued(link.certificate, one):
                return (Link(one, 1, 1),)
    return None


def _known() -> list[x509.Certificate]:
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some authorities are older than today's rules
        for one in ssl.create_default_context().get_ca_certs(binary_form=True):
            with suppress(ValueError):
                found.append(x509.load_der_x509_certificate(one))
    return found


def issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """True if one certificate was signed by the key of the other, and names it."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_authority(certificate: x509.Certificate) -> bool:
    """True if it may sign others."""
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _hash(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "an unknown digest"
    return algorithm.name if algorithm else "no digest"
