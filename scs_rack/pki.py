"""The rack's certificate authority (X.509, RFC 5280): keys on P-256, certificates with subject alternative names.

Files in `<state_dir>/ca`: `ca.crt`, `ca.key`, and `<name>.crt`, `<name>.key` for each certificate that was issued or
given; `trust.pem` is what clients of the API trust, `api-roots.pem` what of that is not the rack's own authority.
"""

import datetime as dt
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.pki_chain import Key, Pair, issued, read_chain
from scs_rack.pki_given import Given
from scs_rack.pki_sign import CERTIFICATE_DAYS, Address, Request, anchor, builder_of, sign, usage

API = "api"
"""Name of the API's certificate."""
CA_DAYS = 3650
REMEMBERED = 24 * 3600.0
"""Seconds for which authorities of the API's former certificate stay trusted."""
RENEW_DAYS = 30
"""A certificate is renewed when it has fewer days left than this."""


@dataclass(frozen=True)
class Files:
    """Where the CA's certificate and those of the API lie on the manager."""

    ca: Path
    api_cert: Path
    api_key: Path
    trust: Path
    """What clients of the API trust."""
    roots: Path
    """What of that is not the rack's own authority; there only where the API's certificate is another's."""


def files(state_dir: Path) -> Files:
    """Paths of the files that nodes and services are given; they need not exist yet."""
    folder = state_dir / "ca"
    return Files(
        folder / "ca.crt", folder / "api.crt", folder / "api.key", folder / "trust.pem", folder / "api-roots.pem"
    )


def node_files(state_dir: Path, node: str) -> tuple[Path, Path]:
    """Paths of a server's own certificate and key on the manager; they need not exist yet."""
    return state_dir / f"ca/node-{node}.crt", state_dir / f"ca/node-{node}.key"


def ensure(state_dir: Path, design: Design, given: Given | None = None) -> Files:
    """Make the CA and the certificates of the API and of each server that are missing, near expiry, or don't fit.

    Raises:
        UsageError: the operator's authority is not the one that the rack was brought up with.
    """
    given = given or Given()
    if given.authority:
        _adopt(state_dir, given.authority)
    _authority(state_dir, state_dir.name)
    for request in requests(design):
        if request.name == API and given.api:
            _put(state_dir, given.api)
        elif not (request.name == API and design.rack.cloud.tls.acme and _of_others(state_dir, request)):
            _issue(state_dir, request, above=given.authority if request.name == API else None)
    put_roots(state_dir, given.roots, keep=bool(design.rack.cloud.tls.acme))
    return files(state_dir)


def put_roots(state_dir: Path, roots: bytes, *, keep: bool = False) -> None:
    """Write what clients of the API trust: the rack's authority, and these.

    Those that were trusted before stay for a day: the API serves its old certificate until it is given the new one.

    Args:
        state_dir: state of the rack.
        roots: certificates (PEM), or nothing.
        keep: without `roots`, those that are there stay.
    """
    where, mark = files(state_dir), state_dir / "ca/api-roots.sha256"
    before = where.roots.read_bytes() if where.roots.is_file() else b""
    if not (keep and not roots) and (roots or before):
        digest = hashlib.sha256(roots).hexdigest()
        if not mark.is_file() or mark.read_text(encoding="ascii") != digest:
            write_file(mark, digest, 0o644)
        if time.time() - mark.stat().st_mtime < REMEMBERED:
            known = {one.pem for one in read_chain(roots)} if roots else set()
            roots += b"".join(one.pem for one in (read_chain(before) if before else ()) if one.pem not in known)
        if roots:
            _write_changed(where.roots, roots)
        else:
            where.roots.unlink(missing_ok=True)
    others = where.roots.read_bytes() if where.roots.is_file() else b""
    _write_changed(where.trust, where.ca.read_bytes() + others)


def requests(design: Design) -> list[Request]:
    """The certificates that a rack needs: that of the API, and one for each server in service."""
    host = [design.api.host] if design.api.host != str(design.api.vip4) else []
    wanted = [Request(API, tuple(host), (design.api.vip4, design.api.vip6), peer=False)]
    controllers = design.groups["controller"]
    # a client of RabbitMQ that fails over goes on to check the name of the broker that it knew first (kombu)
    brokers = [design.nodes[name].loopback4 for name in controllers]
    for node in design.in_service.values():
        dns = (node.name, f"{node.name}.{design.rack.domain}", "localhost")
        own = (node.loopback4, node.loopback6, node.mgmt.ip, ip_address("127.0.0.1"), ip_address("::1"))
        every = [*own, *(brokers if node.name in controllers else ())]
        wanted.append(Request(f"node-{node.name}", dns, tuple(every), peer=True))
    return wanted


def lacking(state_dir: Path, design: Design, given: Given | None = None) -> list[str]:
    """Names of the certificates that `ensure` would issue or replace; writes nothing."""
    given = given or Given()
    cert_file, key_file = state_dir / "ca/ca.crt", state_dir / "ca/ca.key"
    if not (cert_file.is_file() and key_file.is_file()):
        return [request.name for request in requests(design)]
    authority, _ = _authority(state_dir, state_dir.name)
    found = []
    for request in requests(design):
        if request.name == API and given.api:
            fits = _is_put(state_dir, given.api)
        elif request.name == API and design.rack.cloud.tls.acme and _of_others(state_dir, request):
            fits = True
        else:
            fits = _fits(state_dir, request, authority, _above(given.authority if request.name == API else None))
        found += [] if fits else [request.name]
    return found


def renew(state_dir: Path, design: Design, names: Sequence[str], given: Given | None = None) -> None:
    """Issue certificates anew, by name, although those there are still fit; a CA must be there.

    Both files are replaced whole, the key first: what died in between doesn't fit, and is issued by `ensure`. One that
    the operator gave, or that ACME has to give, is left to others.
    """
    given = given or Given()
    for request in requests(design):
        others = request.name == API and (given.api or design.rack.cloud.tls.acme)
        if request.name in names and not others:
            (state_dir / f"ca/{request.name}.crt").unlink(missing_ok=True)
    ensure(state_dir, design, given)


def stand_in(state_dir: Path, design: Design) -> bool:
    """True if the API has no certificate of another authority than the rack's."""
    return not any(_of_others(state_dir, one) for one in requests(design) if one.name == API)


def put_api(state_dir: Path, pair: Pair, roots: bytes) -> None:
    """Make this the API's certificate: the key first, so that what died in between doesn't fit."""
    put_roots(state_dir, roots)
    _put(state_dir, pair)


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
    request = Request(name, tuple(dns), tuple(ip_address(str(one)) for one in ips), peer)
    _issue(state_dir, request)
    cert_file, key_file = state_dir / f"ca/{name}.crt", state_dir / f"ca/{name}.key"
    return cert_file.read_text(encoding="ascii"), key_file.read_text(encoding="ascii")


def fingerprint(pem: bytes) -> str:
    """SHA-256 of a certificate in hexadecimal digits, as TLS clients see it."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()


def _issue(state_dir: Path, request: Request, above: Pair | None = None) -> None:
    """Write a certificate and its key, unless those that are there fit; `above` is sent along to clients outside."""
    authority, authority_key = _authority(state_dir, state_dir.name)
    if _fits(state_dir, request, authority, _above(above)):
        return
    certificate, key = sign(request, authority, authority_key, CERTIFICATE_DAYS)
    write_file(state_dir / f"ca/{request.name}.key", _pem(key), 0o600)
    pem = certificate.public_bytes(serialization.Encoding.PEM) + _above(above)
    write_file(state_dir / f"ca/{request.name}.crt", pem, 0o644)


def _above(authority: Pair | None) -> bytes:
    """Certificates between those of the rack and what clients outside know; one that is its own root is not sent."""
    return b"".join(one.pem for one in authority.chain if not one.own) if authority else b""


def _adopt(state_dir: Path, authority: Pair) -> None:
    """Make the operator's authority that of the rack.

    Inside, its certificate is one that it signed itself, of the same name and key: servers of the rack trust this
    authority and none above it, whatever else those vouch for.
    """
    cert_file, key_file = state_dir / "ca/ca.crt", state_dir / "ca/ca.key"
    given = authority.chain[0].certificate
    if cert_file.is_file() and key_file.is_file():
        there, _ = _authority(state_dir, state_dir.name)
        if (there.public_key(), there.subject) != (given.public_key(), given.subject):
            raise UsageError(
                f"cloud.tls.ca is not the authority that {state_dir.name} was brought up with",
                "an authority can't be changed while the cloud serves; docs/tls.md says how to bring it up anew",
            )
        if there.not_valid_after_utc == given.not_valid_after_utc:
            return
    (state_dir / "ca").mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(key_file, authority.key_pem, 0o600)
    write_file(cert_file, anchor(authority).public_bytes(serialization.Encoding.PEM), 0o644)


def _put(state_dir: Path, pair: Pair) -> None:
    if not _is_put(state_dir, pair):
        write_file(state_dir / "ca/api.key", pair.key_pem, 0o600)
        write_file(state_dir / "ca/api.crt", pair.pem, 0o644)


def _is_put(state_dir: Path, pair: Pair) -> bool:
    where = files(state_dir)
    try:
        return where.api_cert.read_bytes() == pair.pem and where.api_key.read_bytes() == pair.key_pem
    except FileNotFoundError:
        return False


def _of_others(state_dir: Path, request: Request) -> bool:
    """True when there is a certificate of another authority for a name of these, and its key."""
    where = files(state_dir)
    try:
        first = read_chain(where.api_cert.read_bytes())[0].certificate
        key = serialization.load_pem_private_key(where.api_key.read_bytes(), None)
        stated = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    authority, _ = _authority(state_dir, state_dir.name)
    names = {str(name.value).lower() for name in stated}
    return (
        not issued(first, authority)
        and key.public_key() == first.public_key()
        and set(request.dns) <= names
        and first.not_valid_after_utc > dt.datetime.now(dt.UTC)
    )


def _write_changed(path: Path, data: bytes) -> None:
    if not path.is_file() or path.read_bytes() != data:
        write_file(path, data, 0o644)


def _authority(state_dir: Path, rack: str) -> tuple[x509.Certificate, Key]:
    cert_file, key_file = state_dir / "ca/ca.crt", state_dir / "ca/ca.key"
    if cert_file.is_file() and key_file.is_file():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            raise UsageError(f"{key_file} is no key of an authority", f"move {key_file.parent} away to start over")
        return x509.load_pem_x509_certificate(cert_file.read_bytes()), key
    if cert_file.is_file() or key_file.is_file():
        raise UsageError(
            f"{cert_file.parent} holds one half of a CA", "restore the other half, or move both away to start over"
        )
    (state_dir / "ca").mkdir(mode=0o700, parents=True, exist_ok=True)
    own = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"scs-rack CA of {rack}"[:64])])
    cert = (
        builder_of(f"scs-rack CA of {rack}", title, own, CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(ca=True), critical=True)
        .sign(own, hashes.SHA256())
    )
    write_file(key_file, _pem(own), 0o600)
    write_file(cert_file, cert.public_bytes(serialization.Encoding.PEM), 0o644)
    return cert, own


def _fits(state_dir: Path, request: Request, authority: x509.Certificate, above: bytes = b"") -> bool:
    """True when there is a certificate of this CA with exactly these names and usages, its key, and time left."""
    cert_file, key_file = state_dir / f"ca/{request.name}.crt", state_dir / f"ca/{request.name}.key"
    if not (cert_file.is_file() and key_file.is_file()):
        return False
    try:
        cert = x509.load_pem_x509_certificate(cert_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        stated = list(cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        usages = list(cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False
    if not issued(cert, authority):
        return False
    if cert_file.read_bytes() != cert.public_bytes(serialization.Encoding.PEM) + above:
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
