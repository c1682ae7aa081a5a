"""Sealed files: authenticated encryption in one pass, of any length, so that nothing cut, moved or changed opens.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015; as age has it): AES-256-GCM (NIST SP 800-38D) on
pieces of 1 MiB, each with its number and a mark of the last one as nonce, under a key of this file's own (HKDF,
RFC 5869). The key of a backup is random; it is stored wrapped by a key that scrypt (RFC 7914) makes of
the vault's password.
"""

import base64
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from scs_rack.errors import StageFailed, UsageError

MAGIC = b"scs-rack sealed 1\n"
PIECE = 1 << 20
TAG = 16
KEY = 32
COST = {"n": 1 << 16, "r": 8, "p": 1}
"""Of scrypt: 64 MiB of memory and about 0.2 s for each password that is tried."""
_HIGHEST = 1 << 20
"""`n` of a header that is taken: a larger one is an attack on our memory."""


class Damaged(StageFailed):
    """A sealed file was cut, changed, or is not of this backup."""

    hint = "use another backup; `scs-rack backup list` names them"


class Seal:
    """Writes a sealed file; leave it by `close`, or what was written does not open.

    Args:
        out: where to; opened for writing.
        key: of the backup.
        name: of the part: a file does not open under another name.
    """

    def __init__(self, out: BinaryIO, key: bytes, name: str) -> None:
        self._out = out
        self._cipher = AESGCM(_own_key(key, name))
        self._waiting = bytearray()
        self._number = 0
        self.size = 0
        """Bytes that were given to be sealed."""
        out.write(MAGIC)

    def write(self, data: bytes) -> int:
        """Seal some bytes; a file of `tarfile` may be written here."""
        self._waiting += data
        self.size += len(data)
        while len(self._waiting) > PIECE:  # the last piece stays until we know that it is the last
            self._piece(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(data)

    def close(self) -> None:
        """Write the last piece."""
        self._piece(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _piece(self, data: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last=last), data, MAGIC))
        self._number += 1


def opened(source: BinaryIO, key: bytes, name: str) -> Iterator[bytes]:
    """The content of a sealed file, piece by piece; each is given only when it is authentic.

    Raises:
        Damaged: it is not whole, or not the file of this name of this backup.
    """
    if source.read(len(MAGIC)) != MAGIC:
        raise Damaged(f"{name} is no sealed file")
    cipher, number = AESGCM(_own_key(key, name)), 0
    piece = source.read(PIECE + TAG)
    while True:
        after = source.read(PIECE + TAG)
        try:
            yield cipher.decrypt(_nonce(number, last=not after), piece, MAGIC)
        except InvalidTag as error:
            raise Damaged(f"{name} is damaged or cut at {number} MiB, or its key is another") from error
        if not after:
            return
        piece, number = after, number + 1


def new_key() -> bytes:
    """A key for one backup."""
    return os.urandom(KEY)


def wrap(key: bytes, password: bytes) -> dict[str, Any]:
    """A backup's key, closed with a password; as JSON takes it."""
    salt, nonce = os.urandom(16), os.urandom(12)
    wrapped = AESGCM(_stretched(password, salt, COST)).encrypt(nonce, key, MAGIC)
    encoded = {"salt": salt, "nonce": nonce, "key": wrapped}
    return {**COST, **{name: base64.b64encode(value).decode() for name, value in encoded.items()}}


def unwrap(header: dict[str, Any], password: bytes) -> bytes:
    """A backup's key.

    Raises:
        UsageError: the password is not the one that the backup was made with.
        Damaged: the header is none.
    """
    try:
        salt, nonce, wrapped = (base64.b64decode(header[name], validate=True) for name in ("salt", "nonce", "key"))
        cost = {name: int(header[name]) for name in COST}
        if not 1 < cost["n"] <= _HIGHEST or cost["r"] != COST["r"] or cost["p"] != COST["p"]:
            raise ValueError("costs of scrypt")
        return AESGCM(_stretched(password, salt, cost)).decrypt(nonce, wrapped, MAGIC)
    except InvalidTag as error:
        raise UsageError(
            "the vault's password does not open this backup",
            "give the one of the day when it was made, by SCS_RACK_VAULT_PASSWORD_FILE",
        ) from error
    except (KeyError, ValueError, TypeError) as error:
        raise Damaged(f"the backup's header can't be read: {error}") from error


def _stretched(password: bytes, salt: bytes, cost: dict[str, int]) -> bytes:
    return Scrypt(salt=salt, length=KEY, **cost).derive(password)


def _own_key(key: bytes, name: str) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY, salt=None, info=b"scs-rack part " + name.encode()).derive(key)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")
