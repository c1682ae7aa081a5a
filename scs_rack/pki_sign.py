"""Signs certificates (RFC 5280): of servers, and of the authority itself."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from scs_rack.pki_chain import Key, Link, Pair

CERTIFICATE_DAYS = 365
"""Mozilla's intermediate profile takes at most 366 (server side TLS, guidelines 5.7)."""

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Request:
    """A certificate that the rack needs: name of its files, and the names that it is for."""

    name: str
    dns: tuple[str, ...]
    ips: tuple[Address, ...]
    peer: bool
    """True: for client authentication too, as servers that speak with each other need it."""

    def names(self) -> list[x509.GeneralName]:
        """Its subject alternative names, in the order that they stand in the certificate."""
        found: list[x509.GeneralName] = [x509.DNSName(one) for one in sorted(set(self.dns))]
        return found + [x509.IPAddress(one) for one in sorted(set(self.ips), key=lambda ip: ip.packed)]

    def usages(self) -> list[x509.ObjectIdentifier]:
        """Its extended key usages."""
        client = [ExtendedKeyUsageOID.CLIENT_AUTH] if self.peer else []
        return [ExtendedKeyUsageOID.SERVER_AUTH, *client]


def sign(
    request: Request, authority: x509.Certificate, authority_key: Key, days: int = CERTIFICATE_DAYS
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate with a new key; it ends no later than the authority's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        builder_of(request.name, authority.subject, key, days, before=authority.not_valid_after_utc)
        .add_extension(x509.SubjectAlternativeName(request.names()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(request.usages()), critical=False)
        # QEMU 10 refuses a critical key usage without key encipherment, which RFC 8813 forbids for keys on curves
        .add_extension(usage(ca=False), critical=not request.peer)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(_identifier(authority)), critical=False
        )
    )
    return builder.sign(authority_key, hashes.SHA256()), key


def trial(authority: Pair, names: Sequence[str]) -> Pair:
    """A certificate for the API's names as an authority would sign it; it is for judging only."""
    dns: list[str] = []
    ips: list[Address] = []
    for name in names:
        try:
            ips.append(ip_address(name))
        except ValueError:
            dns.append(name)
    request = Request("trial", tuple(dns), tuple(ips), peer=False)
    certificate, key = sign(request, authority.chain[0].certificate, authority.key)
    return Pair((Link(certificate, 1, 1), *authority.chain), key)


def anchor(authority: Pair) -> x509.Certificate:
    """An authority's certificate as if nobody stood above it: of the same name and key, signed by itself."""
    given = authority.chain[0].certificate
    if authority.chain[0].own:
        return given
    return (
        x509.CertificateBuilder()
        .subject_name(given.subject)
        .issuer_name(given.subject)
        .public_key(given.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(given.not_valid_before_utc)
        .not_valid_after(given.not_valid_after_utc)
        .add_extension(_identifier(given), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(ca=True), critical=True)
        .sign(authority.key, hashes.SHA256())
    )


def builder_of(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int, before: dt.datetime | None = None
) -> x509.CertificateBuilder:
    """What all certificates have; `before` is when the signer's ends."""
    now = dt.datetime.now(dt.UTC)
    ends = now + dt.timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))  # clocks of nodes may be behind
        .not_valid_after(min(ends, before) if before else ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def usage(*, ca: bool) -> x509.KeyUsage:
    """Key usage: signatures, and for an authority those of certificates."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _identifier(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
