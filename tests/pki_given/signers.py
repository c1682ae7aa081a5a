"""Certificates of operators for tests, good ones and bad ones."""

import datetime as dt
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VIPS = ("10.91.0.254", "fd5c:5::fe")
DAY = dt.timedelta(days=1)


class Signer:
    """A name and key that may sign."""

    def __init__(self, name, key, certificate):
        self.name, self.key, self.certificate = name, key, certificate

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def make(name, by=None, *, ca=False, names=VIPS, key=None, days=90, began=1, digest=None, usage="SERVER_AUTH"):
    """A certificate; `by` nobody: signed by itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(by.certificate.subject if by else title)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - began * DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if by:
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
        builder = builder.add_extension(above, critical=False)
    if not ca:
        stated = [x509.IPAddress(ip_address(n)) if n[0].isdigit() or ":" in n else x509.DNSName(n) for n in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(stated), critical=False)
        purpose = x509.ExtendedKeyUsage([getattr(ExtendedKeyUsageOID, usage)])
        builder = builder.add_extension(purpose, critical=False)
    return Signer(name, key, builder.sign(by.key if by else key, digest or hashes.SHA256()))
