"""Certificates and keys that the operator brings (`cloud.tls`): read, and judged before anything is done with them."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from scs_rack import pki_chain, pki_sign, vault
from scs_rack.design import Design
from scs_rack.model.fault import Fault, Problem, RackFaulty
from scs_rack.model.fault import Path as Where
from scs_rack.model.load import rack_file
from scs_rack.model.source import read_source
from scs_rack.pki_chain import Chain, Key, Pair

TLS = ("cloud", "tls")
Say = Callable[[Problem], None]


@dataclass(frozen=True)
class Given:
    """What the operator gave, and found to be good."""

    api: Pair | None = None
    authority: Pair | None = None
    roots: bytes = b""
    """Authorities that vouch for the API's certificate (PEM), where the rack's own doesn't."""


def given(rack_dir: Path, design: Design, stored: Mapping[str, str] | None = None) -> Given:
    """What the operator gave.

    Args:
        rack_dir: folder of the rack file.
        design: of the rack.
        stored: secrets by name; the vault is opened when one is needed and this is None.

    Raises:
        RackFaulty: files that can't be used, all faults at once.
        UsageError: the vault can't be opened.
    """
    found, faults = examine(rack_dir, design, stored)
    if faults:
        raise RackFaulty(str(rack_file(rack_dir)), faults)
    return found


def examine(rack_dir: Path, design: Design, stored: Mapping[str, str] | None = None) -> tuple[Given, list[Fault]]:
    """As `given`, with the faults returned; lines are those of the rack file."""
    tls = design.rack.cloud.tls
    if not (tls.certificate or tls.ca or tls.roots or tls.acme):
        return Given(), []
    if stored is None:
        stored = vault.load(rack_dir) if vault.given_keys(design) else {}
    source = read_source(rack_file(rack_dir))
    problems: list[Problem] = []
    reader = _Reader(rack_dir, stored, problems.append)
    authority = api = None
    roots: Chain | None = None
    if tls.ca:
        authority = reader.pair((*TLS, "ca"), tls.ca.certificate, tls.ca.key, vault.CA_KEY, pki_chain.authority_faults)
        if authority and not problems:
            called, _ = names(design)
            trial = pki_sign.trial(authority, called)
            reader.say_all((*TLS, "ca", "certificate"), pki_chain.signing_faults(trial, called))
    if tls.acme and tls.acme.trust:
        reader.chain((*TLS, "acme", "trust"), tls.acme.trust)
    if tls.roots:
        roots = reader.chain((*TLS, "roots"), tls.roots)
    if tls.certificate:
        before = len(problems)
        api = reader.pair(TLS, tls.certificate, tls.key, vault.API_KEY, pki_chain.server_faults)
        if api and len(problems) == before and (roots or not tls.roots):
            roots = roots or pki_chain.trusted_here(api.chain)
            reader.say_all((*TLS, "certificate"), pki_chain.served_faults(api, roots, *names(design)))
    faults = sorted((source.fault("tls-files", one) for one in problems), key=lambda fault: fault.line)
    return Given(api, authority, b"".join(one.pem for one in roots or ())), faults


def names(design: Design) -> tuple[tuple[str, ...], bool]:
    """What clients call the API, and whether these are addresses: its name alone where it has one."""
    api = design.api
    if api.host != str(api.vip4):
        return (api.host,), False
    return (str(api.vip4), str(api.vip6)), True


class _Reader:
    """Reads files of one rack; says what is wrong with them."""

    def __init__(self, rack_dir: Path, stored: Mapping[str, str], say: Say) -> None:
        self._folder = rack_dir.resolve()
        self._stored = stored
        self._say = say

    def say_all(self, where: Where, faults: Iterator[tuple[str, str]]) -> None:
        """Problems of one value."""
        for message, hint in faults:
            self._say(Problem(where, message, hint))

    def chain(self, where: Where, name: str) -> Chain | None:
        """Certificates of a file."""
        data = self._bytes(where, name)
        if data is None:
            return None
        try:
            return pki_chain.read_chain(data)
        except ValueError as error:
            self._say(Problem(where, str(error), "give certificates in PEM, between BEGIN and END lines"))
            return None

    def pair(
        self, where: Where, cert: str, key: str | None, secret: str, judge: Callable[[Chain], Iterator[tuple[str, str]]]
    ) -> Pair | None:
        """Certificates and the key of the first."""
        chain = self.chain((*where, "certificate"), cert)
        if chain:
            self.say_all((*where, "certificate"), judge(chain))
        found = self._key((*where, "key"), key, secret)
        if not chain or not found:
            return None
        if found.public_key() != chain[0].certificate.public_key():
            hint = f"the first certificate is for {chain[0].certificate.subject.rfc4514_string() or 'nobody by name'}"
            self._say(Problem((*where, "key"), "the key is not that of the certificate", hint))
            return None
        return Pair(chain, found)

    def _key(self, where: Where, name: str | None, secret: str) -> Key | None:
        if name is None:
            data = self._stored.get(secret, "").encode()
            if not data:
                hint = f"`scs-rack secrets set {secret} < KEYFILE`, or state `key:` with a file"
                self._say(Problem(where[:-1], "the vault has no key for the certificate", hint, ""))
                return None
        else:
            held = self._bytes(where, name)
            self._exposed(where, self._folder / name)
            if held is None:
                return None
            data = held
        try:
            key = serialization.load_pem_private_key(data, None)
        except TypeError:
            hint = "nobody is there to type its passphrase: `openssl pkey -in KEYFILE | scs-rack secrets set " + secret
            self._say(Problem(where, "the key is encrypted with a passphrase", f"{hint}`, without `key:`", ""))
            return None
        except ValueError:
            hint = "give it in PEM (PKCS #8, or the older form of one kind of key)"
            self._say(Problem(where, "this is no private key", hint, name or ""))
            return None
        if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
            self._say(Problem(where, "neither an RSA key nor one on an elliptic curve", "TLS clients know these two"))
            return None
        return key

    def _bytes(self, where: Where, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            hint = f"it is looked for at {self._folder / name}"
            self._say(Problem(where, f"can't be read: {error.strerror}", hint))
            return None

    def _exposed(self, where: Where, path: Path) -> None:
        """Say it when others can read a key, or git has it or would take it."""
        try:
            mode = path.stat().st_mode
        except OSError:
            return
        if mode & 0o077:
            self._say(Problem(where, f"others may read the key (mode {mode & 0o777:04o})", f"chmod 600 {path}"))
        if in_git(path):
            hint = "move it away, or give it to the vault (`scs-rack secrets set`); make a new one if others have it"
            self._say(Problem(where, "a private key that git has, or would take with the next `git add`", hint))


def in_git(path: Path) -> bool:
    """True if git has a file, or does not ignore it; False where there is no git."""

    def git(*words: str) -> int:
        command = ["git", "-C", str(path.parent), *words]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=30).returncode
        except (OSError, subprocess.TimeoutExpired):
            return -1

    if git("rev-parse", "--is-inside-work-tree") != 0:
        return False
    return git("ls-files", "--error-unmatch", path.name) == 0 or git("check-ignore", "-q", path.name) == 1
