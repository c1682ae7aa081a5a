"""Certificates of a virtual BMC's Redfish server: the one it serves, one that expired, and those it is given."""

import datetime as dt
import ssl
import tempfile
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from scs_rack.errors import UsageError
from scs_rack.lab.bmc.config import BmcConfig

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@lru_cache(maxsize=64)
def _context(cert: Path, key: Path, stamp: int) -> ssl.SSLContext:  # noqa: ARG001 (a changed file is another entry)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    return context


class Certificates:
    """What the server shows, by files; BMCs with the same files share a context."""

    def __init__(self, config: BmcConfig) -> None:
        if config.cert is None or config.key is None:
            raise UsageError("a Redfish BMC needs `cert` and `key`", "scs_rack.pki.issue makes them")
        self._config = config
        self.cert, self.key = config.cert, config.key
        self._expired: ssl.SSLContext | None = None
        self._waiting: ec.EllipticCurvePrivateKey | None = None
        """Key of the last signing request."""

    def context(self, *, expired: bool) -> ssl.SSLContext:
        """What a new connection is answered with."""
        if not expired:
            return _context(self.cert, self.key, self.cert.stat().st_mtime_ns)
        if self._expired is None:
            self._expired = self._make_expired()
        return self._expired

    @property
    def pem(self) -> str:
        """The certificate that is served, PEM."""
        return self.cert.read_text(encoding="ascii")

    def loaded(self) -> x509.Certificate:
        """The certificate that is served."""
        return x509.load_pem_x509_certificate(self.pem.encode())

    def request(self, common_name: str, names: list[str]) -> str:
        """A signing request with a fresh key, PEM; `install` takes what is signed of it."""
        self._waiting = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        if names:
            general = [x509.DNSName(name) for name in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        return builder.sign(self._waiting, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def install(self, pem: str) -> None:
        """Serve another certificate from now on.

        Raises:
            ValueError: no certificate, or its key is not here.
        """
        cert = x509.load_pem_x509_certificate(pem.encode())
        keys: list[tuple[Key, bytes]] = []
        if b"PRIVATE KEY" in pem.encode():
            keys.append(_key(pem.encode()))
        if self._waiting is not None:
            keys.append((self._waiting, _key_pem(self._waiting)))
        keys.append(_key(self.key.read_bytes()))
        fitting = [raw for key, raw in keys if key.public_key() == cert.public_key()]
        if not fitting:
            raise ValueError("the certificate belongs to another key")
        folder = self._folder()
        new_cert, new_key = folder / f"{self._config.server}.crt", folder / f"{self._config.server}.key"
        new_key.touch(mode=0o600)
        new_key.write_bytes(fitting[0])
        new_cert.write_text(pem, encoding="ascii")
        _context.cache_clear()
        self.cert, self.key = new_cert, new_key

    def _folder(self) -> Path:
        if self._config.state_dir is None:
            return Path(tempfile.mkdtemp(prefix="scs-bmc-"))
        folder = self._config.state_dir / "bmc"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _make_expired(self) -> ssl.SSLContext:
        if self._config.expired_cert is not None:
            return _context(self._config.expired_cert, self.key, 0)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "expired.crt"
            path.write_bytes(_expired(self.loaded(), self.loaded().subject, _key(self.key.read_bytes())[0]))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(path, self.key)
        return context


def write_expired(cert: Path, ca_cert: Path, ca_key: Path, to: Path) -> None:
    """Write a certificate like one that is served, signed by the same CA, which expired."""
    served, issuer = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (cert, ca_cert))
    to.write_bytes(_expired(served, issuer.subject, _key(ca_key.read_bytes())[0]))


def _expired(served: x509.Certificate, issuer: x509.Name, key: Key) -> bytes:
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=served.subject,
        public_key=served.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - dt.timedelta(days=400),
        not_valid_after=now - dt.timedelta(days=3),
        extensions=list(served.extensions),
    )
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key(pem: bytes) -> tuple[Key, bytes]:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("a key that can't sign")  # noqa: TRY004 (content of a file, not a programmer's mistake)
    return key, _key_pem(key)


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
