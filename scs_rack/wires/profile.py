"""Mozilla's intermediate profile for TLS servers (guidelines 5.7), seen from outside with Python's own TLS.

A scan is eight handshakes. It cannot offer what this machine's OpenSSL no longer has (SSL 2 and 3, export ciphers);
tests let sslyze judge that too.
"""

import datetime as dt
import socket
import ssl
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scs_rack.results import Finding

CIPHERS = frozenset(
    (
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "DHE-RSA-AES128-GCM-SHA256",
        "DHE-RSA-AES256-GCM-SHA384",
        "DHE-RSA-CHACHA20-POLY1305",
    )
)
FOREIGN_CURVES = ("secp521r1", "brainpoolP256r1", "secp224r1")
"""Curves that OpenSSL can offer and that are not in the profile (X25519, P-256, P-384)."""
LIFESPAN = dt.timedelta(days=366)
PATIENCE = 10.0
AT_ONCE = 8


@dataclass(frozen=True)
class Endpoint:
    """A public endpoint."""

    address: str
    port: int
    name: str
    """Name or address that its certificate must be for."""

    @property
    def where(self) -> str:
        """Address and port, for people."""
        return f"{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"


def scan(endpoints: Iterable[Endpoint], ca: Path | None) -> list[Finding]:
    """Scan endpoints side by side.

    Args:
        endpoints: what to scan.
        ca: certificates that are trusted; None for those that this machine trusts.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [finding for found in pool.map(partial(scan_one, ca=ca), endpoints) for finding in found]


def scan_one(endpoint: Endpoint, ca: Path | None) -> list[Finding]:
    """Departures of one endpoint from the profile, and a certificate that clients would not accept."""
    try:
        certificate = _verified(endpoint, ca)
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or str(error)
        return [_finding(endpoint, "TLS 1.3 with a certificate that clients accept", reason)]
    except OSError as error:
        return [_finding(endpoint, "answers", str(error) or type(error).__name__)]
    found = certificate_faults(certificate, dt.datetime.now(dt.UTC))
    checks: tuple[tuple[str, Callable[[], str | None]], ...] = (
        ("no TLS 1.0 and 1.1", partial(_agreed, endpoint, _old)),
        ("no cipher outside of the profile", partial(_agreed, endpoint, _foreign_ciphers)),
        *((f"no curve {curve}", partial(_agreed, endpoint, partial(_curve, curve))) for curve in FOREIGN_CURVES),
    )
    found += [(expected, f"agreed on {agreed}") for expected, check in checks if (agreed := check())]
    if not _agreed(endpoint, _own_ciphers):
        found.append(("TLS 1.2 with a cipher of the profile, which older clients need", "refused"))
    return [_finding(endpoint, expected, seen) for expected, seen in found]


def certificate_faults(certificate: x509.Certificate, now: dt.datetime) -> list[tuple[str, str]]:
    """What is expected of a certificate and what is seen, where these differ."""
    faults = []
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in {"secp256r1", "secp384r1"}:
            faults.append(("a key on P-256 or P-384", key.curve.name))
    elif not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        faults.append(("a key on P-256, or RSA of 2048 bits", type(key).__name__))
    algorithm = certificate.signature_hash_algorithm
    if algorithm is None or algorithm.name not in {"sha256", "sha384", "sha512"}:
        faults.append(("a signature by SHA-2", algorithm.name if algorithm else "unknown"))
    lifespan = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if lifespan > LIFESPAN:
        faults.append(("a certificate for at most 366 days", f"{lifespan.days} days"))
    if certificate.not_valid_after_utc < now + dt.timedelta(days=7):
        faults.append(("a certificate that is good for 7 more days", f"ends {certificate.not_valid_after_utc:%F}"))
    return faults


def _verified(endpoint: Endpoint, ca: Path | None) -> x509.Certificate:
    """Handshake as a modern client; the certificate."""
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with _dial(endpoint) as sock, context.wrap_socket(sock, server_hostname=endpoint.name) as secure:
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")


def _agreed(endpoint: Endpoint, prepare: Callable[[ssl.SSLContext], None]) -> str | None:
    """Offer only some things; what the server agreed on, None when it refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # what is bad is offered on purpose; nothing is sent over it
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    prepare(context)
    server_name = None if _is_address(endpoint.name) else endpoint.name
    try:
        with _dial(endpoint) as sock, context.wrap_socket(sock, server_hostname=server_name) as secure:
            return f"{secure.version()} {(secure.cipher() or ('',))[0]}"
    except OSError:
        return None


def _old(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # they are offered to see that they are refused
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")


def _foreign_ciphers(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    offered = [one["name"] for one in context.get_ciphers()]
    foreign = [name for name in offered if name not in CIPHERS and not name.startswith("TLS_")]
    context.set_ciphers(":".join(foreign) + ":@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2


def _own_ciphers(context: ssl.SSLContext) -> None:
    context.set_ciphers(":".join(sorted(name for name in CIPHERS if not name.startswith("TLS_"))))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2


def _curve(name: str, context: ssl.SSLContext) -> None:
    context.set_ecdh_curve(name)


def _dial(endpoint: Endpoint) -> socket.socket:
    return socket.create_connection((endpoint.address, endpoint.port), PATIENCE)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _finding(endpoint: Endpoint, expected: str, seen: str) -> Finding:
    hint = "the settings of TLS stand in roles/haproxy/templates/haproxy.cfg.j2; docs/tls.md"
    return Finding("tls-profile", "error", endpoint.where, expected, seen, hint)
