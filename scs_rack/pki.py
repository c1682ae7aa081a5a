"""The rack's own certificate authority (X.509, RFC 5280): keys on P-256, certificates with subject alternative names.

Files in `<state_dir>/ca`: `ca.crt`, `ca.key`, and `<name>.crt`, `<name>.key` for each certificate that was issued.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.files import write_file

CA_DAYS = 3650
CERTIFICATE_DAYS = 365
"""Mozilla's intermediate profile takes at most 366 (server side TLS, guidelines 5.7)."""
RENEW_DAYS = 30
"""A certificate is renewed when it has fewer days left than this."""

Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Files:
    """Where the CA's certificate and those of the API lie on the manager."""

    ca: Path
    api_cert: Path
    api_key: Path


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


def files(state_dir: Path) -> Files:
    """Paths of the files that nodes and services are given; they need not exist yet."""
    folder = state_dir / "ca"
    return Files(folder / "ca.crt", folder / "api.crt", folder / "api.key")


def node_files(state_dir: Path, node: str) -> tuple[Path, Path]:
    """Paths of a server's own certificate and key on the manager; they need not exist yet."""
    return state_dir / f"ca/node-{node}.crt", state_dir / f"ca/node-{node}.key"


def ensure(state_dir: Path, design: Design) -> Files:
    """Make the CA and the certificates of the API and of each server that are missing, near expiry, or don't fit."""
    for request in requests(design):
        issue(state_dir, request.name, request.dns, request.ips, peer=request.peer)
    return files(state_dir)


def requests(design: Design) -> list[Request]:
    """The certificates that a rack needs: that of the API, and one for each server in service."""
    host = [design.api.host] if design.api.host != str(design.api.vip4) else []
    wanted = [Request("api", tuple(host), (design.api.vip4, design.api.vip6), peer=False)]
    controllers = design.groups["controller"]
    # a client of RabbitMQ that fails over goes on to check the name of the broker that it knew first (kombu)
    brokers = [design.nodes[name].loopback4 for name in controllers]
    for node in design.in_service.values():
        dns = (node.name, f"{node.name}.{design.rack.domain}", "localhost")
        own = (node.loopback4, node.loopback6, node.mgmt.ip, ip_address("127.0.0.1"), ip_address("::1"))
        every = [*own, *(brokers if node.name in controllers else ())]
        wanted.append(Request(f"node-{node.name}", dns, tuple(every), peer=True))
    return wanted


def lacking(state_dir: Path, design: Design) -> list[str]:
    """Names of the certificates that `ensure` would issue; writes nothing."""
    cert_file, key_file = state_dir / "ca/ca.crt", state_dir / "ca/ca.key"
    if not (cert_file.is_file() and key_file.is_file()):
        return [request.name for request in requests(design)]
    authority, _ = _authority(state_dir, state_dir.name)
    return [request.name for request in requests(design) if not _fits(state_dir, request, authority)]


def renew(state_dir: Path, design: Design, names: Sequence[str]) -> None:
    """Issue certificates anew, by name, although those there are still fit; a CA must be there.

    Both files are replaced whole, the key first: what died in between doesn't fit, and is issued by `ensure`.
    """
    for request in requests(design):
        if request.name in names:
            (state_dir / f"ca/{request.name}.crt").unlink(missing_ok=True)
            issue(state_dir, request.name, request.dns, request.ips, peer=request.peer)


def ensure_ca(state_dir: Path, rack: str = "") -> str:
    """Make the CA when there is none; returns its certificate (PEM)."""
    _authority(state_dir, rack or state_dir.name)
    return (state_dir / "ca/ca.crt").read_text(encoding="ascii")


def issue(
    state_dir: Path, name: str, dns: Sequence[str], ips: Sequence[Address | str], *, peer: bool = False
) -> tuple[str, str]:
    """Issue a certificate by the rack's CA, or return the one there is when it still fits.

    Args:
        state_dir: state of the rack; the CA is made in it when there is none.
        name: name of the files, and common name.
        dns: DNS names that the certificate is for.
        ips: addresses that the certificate is for.
        peer: for client authentication too, not for that of servers only.

    Returns:
        Certificate and private key, both PEM.
    """
    authority, authority_key = _authority(state_dir, state_dir.name)
    request = Request(name, tuple(dns), tuple(ip_address(str(one)) for one in ips), peer)
    cert_file, key_file = state_dir / f"ca/{name}.crt", state_dir / f"ca/{name}.key"
    if not _fits(state_dir, request, authority):
        key = ec.generate_private_key(ec.SECP256R1())
        cert = (
            _builder(name, authority.subject, key, CERTIFICATE_DAYS)
            .add_extension(x509.SubjectAlternativeName(request.names()), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(request.usages()), critical=False)
            # QEMU 10 refuses a critical key usage without key encipherment, which RFC 8813 forbids for keys on curves
            .add_extension(_usage(ca=False), critical=not peer)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .sign(authority_key, hashes.SHA256())
        )
        write_file(key_file, _pem(key), 0o600)
        write_file(cert_file, cert.public_bytes(serialization.Encoding.PEM), 0o644)
    return cert_file.read_text(encoding="ascii"), key_file.read_text(encoding="ascii")


def fingerprint(pem: bytes) -> str:
    """SHA-256 of a certificate in hexadecimal digits, as TLS clients see it."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()


def _authority(state_dir: Path, rack: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    cert_file, key_file = state_dir / "ca/ca.crt", state_dir / "ca/ca.key"
    if cert_file.is_file() and key_file.is_file():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise UsageError(f"{key_file} is no key on an elliptic curve", f"move {key_file.parent} away to start over")
        return x509.load_pem_x509_certificate(cert_file.read_bytes()), key
    if cert_file.is_file() or key_file.is_file():
        raise UsageError(
            f"{cert_file.parent} holds one half of a CA", "restore the other half, or move both away to start over"
        )
    (state_dir / "ca").mkdir(mode=0o700, parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"scs-rack CA of {rack}"[:64])])
    cert = (
        _builder(f"scs-rack CA of {rack}", title, key, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_file(key_file, _pem(key), 0o600)
    write_file(cert_file, cert.public_bytes(serialization.Encoding.PEM), 0o644)
    return cert, key


def _builder(name: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))  # clocks of nodes may be behind
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
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


def _fits(state_dir: Path, request: Request, authority: x509.Certificate) -> bool:
    """True when there is a certificate of this CA with exactly these names and usages, its key, and time left."""
    cert_file, key_file = state_dir / f"ca/{request.name}.crt", state_dir / f"ca/{request.name}.key"
    if not (cert_file.is_file() and key_file.is_file()):
        return False
    try:
        cert = x509.load_pem_x509_certificate(cert_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        cert.verify_directly_issued_by(authority)
        stated = list(cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        usages = list(cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    left = cert.not_valid_after_utc - dt.datetime.now(dt.UTC)
    if cert.not_valid_after_utc - cert.not_valid_before_utc > dt.timedelta(days=CERTIFICATE_DAYS + 1):
        return False  # of a release whose certificates lasted longer
    same = stated == request.names() and usages == request.usages() and key.public_key() == cert.public_key()
    return same and left > dt.timedelta(days=RENEW_DAYS)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
