"""The certificate of a BMC and the versions of TLS that it takes; nothing is sent over these connections."""

import asyncio
import datetime as dt
import ssl
import warnings
from dataclasses import dataclass
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

WAIT = 5.0
OLD = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1}


@dataclass(frozen=True)
class Tls:
    """What a service shows."""

    certificate: x509.Certificate | None
    version: str = ""
    """What it speaks with a client of today."""
    old: tuple[str, ...] = ()
    """Versions before 1.2 that it still takes (RFC 8996 forbids them)."""

    @property
    def key(self) -> str:
        """Kind and size of the certificate's key."""
        public = self.certificate.public_key() if self.certificate else None
        if isinstance(public, rsa.RSAPublicKey):
            return f"RSA {public.key_size}"
        if isinstance(public, ec.EllipticCurvePublicKey):
            return f"EC {public.curve.key_size}"
        return "Ed25519" if isinstance(public, ed25519.Ed25519PublicKey) else type(public).__name__

    @property
    def weak(self) -> bool:
        """True for a key below RSA 2048 or an elliptic curve of 250 bits."""
        public = self.certificate.public_key() if self.certificate else None
        if isinstance(public, rsa.RSAPublicKey):
            return public.key_size < 2048
        return isinstance(public, ec.EllipticCurvePublicKey) and public.curve.key_size < 250

    def days_left(self, now: dt.datetime) -> float:
        """Days until the certificate expires; negative when it has."""
        if self.certificate is None:
            return 0.0
        return (self.certificate.not_valid_after_utc - now).total_seconds() / 86400


async def probe(address: IPv4Address, port: int = 443) -> Tls | None:
    """Look at a service; None where nothing answers.

    Certificates are read, not verified: that is what is to be found out.
    """
    found = await _connect(address, port, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    if found is None:
        return None
    der, version = found
    old = [name for name, one in OLD.items() if await _connect(address, port, one, one)]
    return Tls(x509.load_der_x509_certificate(der) if der else None, version, tuple(old))


async def _connect(
    address: IPv4Address, port: int, least: ssl.TLSVersion, most: ssl.TLSVersion
) -> tuple[bytes, str] | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # a client of today refuses what we look for
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = least, most
    try:
        async with asyncio.timeout(WAIT):
            _, writer = await asyncio.open_connection(str(address), port, ssl=context)
    except (OSError, TimeoutError):
        return None
    try:
        tls = writer.get_extra_info("ssl_object")
        return tls.getpeercert(binary_form=True) or b"", tls.version() or ""
    finally:
        writer.transport.abort()
