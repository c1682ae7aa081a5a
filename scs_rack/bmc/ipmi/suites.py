"""Cipher suites of RMCP+ and the keys of a session.

Source: IPMI v2.0 rev. 1.1, 13.28 to 13.33 and table 22-20; suite 17 from its errata (HMAC-SHA256).
"""

import hmac
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from scs_rack.bmc.ipmi.wire import Malformed

PASSWORD_LENGTH = 20
"""Longest password in bytes that IPMI 2.0 knows."""


@dataclass(frozen=True)
class Suite:
    """Algorithms of one cipher suite: authentication, integrity, confidentiality (all AES-CBC-128 here)."""

    number: int
    authentication: int
    integrity: int
    digest: str
    code_length: int
    """Bytes of an integrity code, and of the check value in RAKP message 4."""

    def mac(self, key: bytes, data: bytes) -> bytes:
        """Full-length HMAC of this suite."""
        return hmac.digest(key, data, self.digest)

    @property
    def mac_length(self) -> int:
        """Bytes of a full HMAC."""
        return {"sha1": 20, "sha256": 32}[self.digest]

    def proposal(self) -> bytes:
        """The three algorithm payloads of an open-session request or response (13.17)."""
        return b"".join(
            bytes([kind, 0, 0, 8, algorithm, 0, 0, 0])
            for kind, algorithm in enumerate((self.authentication, self.integrity, 1))
        )


SUITES = {3: Suite(3, 1, 1, "sha1", 12), 17: Suite(17, 3, 4, "sha256", 16)}
"""The suites that we speak, by number. Suite 0 (no authentication) is not among them on purpose."""


@dataclass(frozen=True)
class Keys:
    """Keys of a session: session integrity key, K1 (integrity) and K2 (encryption)."""

    sik: bytes
    k1: bytes
    k2: bytes


@dataclass(frozen=True)
class Handshake:
    """All values that both sides of a RAKP exchange know; makes the codes that prove the password."""

    suite: Suite
    password: bytes
    console: int
    """Session id that the console chose (SIDm)."""
    bmc: int
    """Session id that the BMC chose (SIDc)."""
    console_random: bytes
    bmc_random: bytes
    guid: bytes
    role: int
    """Role byte of RAKP message 1, as it was sent."""
    user: bytes

    @property
    def _key(self) -> bytes:
        return self.password.ljust(PASSWORD_LENGTH, b"\0")

    @property
    def _name(self) -> bytes:
        return bytes([self.role, len(self.user)]) + self.user

    def code2(self) -> bytes:
        """Key exchange code of RAKP message 2: the BMC knows the password."""
        sids = self.console.to_bytes(4, "little") + self.bmc.to_bytes(4, "little")
        return self.suite.mac(self._key, sids + self.console_random + self.bmc_random + self.guid + self._name)

    def code3(self) -> bytes:
        """Key exchange code of RAKP message 3: the console knows the password."""
        return self.suite.mac(self._key, self.bmc_random + self.console.to_bytes(4, "little") + self._name)

    def keys(self) -> Keys:
        """Keys of the session (no BMC key K_G: the user's key stands in)."""
        sik = self.suite.mac(self._key, self.console_random + self.bmc_random + self._name)
        return Keys(sik, self.suite.mac(sik, b"\x01" * 20), self.suite.mac(sik, b"\x02" * 20))

    def code4(self, keys: Keys) -> bytes:
        """Check value of RAKP message 4."""
        data = self.console_random + self.bmc.to_bytes(4, "little") + self.guid
        return self.suite.mac(keys.sik, data)[: self.suite.code_length]


def same(one: bytes, other: bytes) -> bool:
    """Compare codes in constant time."""
    return hmac.compare_digest(one, other)


def encrypt(key: bytes, data: bytes) -> bytes:
    """AES-CBC-128 with a fresh IV in front and IPMI's own padding (13.29)."""
    pad = -(len(data) + 1) % 16
    padded = data + bytes(range(1, pad + 1)) + bytes([pad])
    iv = os.urandom(16)
    encryptor = Cipher(algorithms.AES(key[:16]), modes.CBC(iv)).encryptor()
    return iv + encryptor.update(padded) + encryptor.finalize()


def decrypt(key: bytes, data: bytes) -> bytes:
    """Undo `encrypt`.

    Raises:
        Malformed: wrong length or padding.
    """
    if len(data) < 32 or len(data) % 16:
        raise Malformed("encrypted payload of a wrong length")
    decryptor = Cipher(algorithms.AES(key[:16]), modes.CBC(data[:16])).decryptor()
    padded = decryptor.update(data[16:]) + decryptor.finalize()
    pad = padded[-1]
    if pad > 15 or padded[len(padded) - 1 - pad : -1] != bytes(range(1, pad + 1)):
        raise Malformed("wrong padding")
    return padded[: len(padded) - 1 - pad]
