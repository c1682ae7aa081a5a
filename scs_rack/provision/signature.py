"""Signatures of what servers are installed from: Ed25519 (RFC 8032), by a key of this manager."""

import base64

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.paths import cache_root


def key() -> Ed25519PrivateKey:
    """The manager's key for images; made when there is none."""
    path = cache_root() / "image-key.pem"
    if path.is_file():
        loaded = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(loaded, Ed25519PrivateKey):
            raise UsageError(f"{path} is no Ed25519 key", "move it away; images must then be built again")
        return loaded
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    made = Ed25519PrivateKey.generate()
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_file(path, pem, 0o600)
    return made


def sign(data: bytes) -> bytes:
    """Signature in base64, one line."""
    return base64.b64encode(key().sign(data)) + b"\n"


def verify(data: bytes, signature: bytes) -> None:
    """Check a signature.

    Raises:
        UsageError: it is not by this manager's key, or the data has changed.
    """
    try:
        key().public_key().verify(base64.b64decode(signature.strip(), validate=True), data)
    except (InvalidSignature, ValueError) as error:
        hint = f"build it again: remove its folder below {cache_root() / 'artifacts'}"
        raise UsageError("the image's manifest is not signed by this manager", hint) from error
