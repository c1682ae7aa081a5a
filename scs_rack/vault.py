"""The rack's secrets: generated once, kept in an Ansible vault file beside the rack file.

The vault password comes from a file or a command (`SCS_RACK_VAULT_PASSWORD_FILE`, `ANSIBLE_VAULT_PASSWORD_FILE`),
else from `.vault-password` beside the rack file. Only a lab's is made by itself.
"""

import base64
import fcntl
import os
import secrets
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from scs_rack.design import Design
from scs_rack.design.switch_secrets import TACACS, stand_in, switch_secrets
from scs_rack.errors import UsageError
from scs_rack.files import write_file

FILE = "secrets.yml"
PASSWORD_FILE = ".vault-password"  # noqa: S105 (the name of a file)
PLANNING = "SCS_RACK_PLANNING"
"""Environment variable that tells the inventory plugin to use placeholders for secrets that don't exist yet."""
PASSWORD_VARIABLES = ("SCS_RACK_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_PASSWORD_FILE")

API_KEY, CA_KEY = "api_key", "ca_key"
"""Keys of a certificate that the operator gave for the API, and of the operator's own authority."""

_PASSWORDS = (
    "admin_password",
    "db_keystone",
    "db_glance",
    "db_placement",
    "db_nova",
    "db_neutron",
    "db_cinder",
    "db_barbican",
    "db_octavia",
    "db_designate",
    "rabbitmq_password",
    "rabbitmq_cookie",
    "service_glance",
    "service_placement",
    "service_nova",
    "service_neutron",
    "service_cinder",
    "service_barbican",
    "service_octavia",
    "service_designate",
    "service_swift",
    "horizon_secret_key",
    "metadata_secret",
    "test_user_password",
)
_UUIDS = ("rbd_secret_uuid",)
_KEYS = ("barbican_kek", "designate_rndc_key")
"""32 random bytes in base64: Barbican's master key, and what Designate signs its orders to BIND with."""
_FERNET = ("fernet_0", "fernet_1", "credential_0", "credential_1")
"""Keystone's keys of tokens and of stored credentials: `_0` becomes the key of the next rotation, the highest number is
the one that encrypts now, those between still decrypt. All controllers have the same."""


def names(design: Design) -> tuple[str, ...]:
    """Names of all secrets that a rack needs: those of BMCs (`bmc_<server>`), shelves and switches included."""
    controllers = (*design.nodes, *design.rack.power.shelves)
    return (*_PASSWORDS, *_UUIDS, *_KEYS, *_FERNET, *(f"bmc_{name}" for name in controllers), *switch_secrets(design))


def optional(design: Design) -> tuple[str, ...]:
    """Names of secrets that a rack can do without: passwords of switches that don't have our key (`login_<switch>`)."""
    return (*given_keys(design), *(f"login_{name}" for name in design.switches))


def given_keys(design: Design) -> tuple[str, ...]:
    """Names of the operator's own private keys (PEM) that the rack file leaves to the vault."""
    tls = design.rack.cloud.tls
    wanted = ((API_KEY, tls.certificate and not tls.key), (CA_KEY, tls.ca and not tls.ca.key))
    return tuple(name for name, needed in wanted if needed)


def lacking(design: Design, stored: Mapping[str, str]) -> list[str]:
    """Names of secrets that a rack needs and has not. Of a row of keys the first ones go as new ones come."""
    numbers = [name.rpartition("_") for name in stored if name.startswith(("fernet_", "credential_"))]
    whole = {row for row, _, number in numbers if number.isdigit() and number != "0"}
    missing = [name for name in names(design) if name not in stored]
    return [name for name in missing if not (name in _FERNET and name[-1] != "0" and name.rpartition("_")[0] in whole)]


def placeholders(design: Design, stored: Mapping[str, str]) -> dict[str, str]:
    """Stand-ins for secrets that are not generated yet, so that a plan can be made without them."""
    missing, own = lacking(design, stored), switch_secrets(design)  # of these the form is judged
    return {name: stand_in(name) if name in own else f"<{name}, to be generated>" for name in missing}


def password_file(rack_dir: Path) -> Path | None:
    """File or command that gives the vault password; None when there is none."""
    for variable in PASSWORD_VARIABLES:
        if stated := os.environ.get(variable):
            return Path(stated).expanduser().absolute()
    path = rack_dir / PASSWORD_FILE
    return path if path.is_file() else None


def password(rack_dir: Path) -> bytes:
    """The vault's password; backups are closed with it, too.

    Raises:
        UsageError: there is none, or it can't be had.
    """
    source = password_file(rack_dir)
    if source is None:
        raise _no_password(rack_dir)
    return _password(source)


def load(rack_dir: Path) -> dict[str, str]:
    """Open the vault; an empty dict when no secrets were generated yet.

    Raises:
        UsageError: there is no vault password, or it is not the right one, or the file is not a vault.
    """
    path = rack_dir / FILE
    if not path.is_file():
        return {}
    source = password_file(rack_dir)
    if source is None:
        raise _no_password(rack_dir)
    return _decrypt(path, _password(source), source)


def ensure(rack_dir: Path, design: Design) -> dict[str, str]:
    """Open the vault, generate what is missing in it, and return all secrets by name.

    Passwords of a real server's BMC can't be made up: they are what the operator stored with `scs-rack secrets set`.

    Raises:
        UsageError: as `load`, or the password of a BMC is missing.
    """
    with _locked(rack_dir):
        if password_file(rack_dir) is None:
            if not design.rack.lab:
                raise _no_password(rack_dir)
            _write(rack_dir / PASSWORD_FILE, f"{secrets.token_urlsafe(32)}\n".encode())
        found = load(rack_dir)
        missing = lacking(design, found)
        if TACACS in missing:
            raise UsageError(
                "no key for the TACACS+ servers of the switches",
                f"store the one that the servers have: `scs-rack secrets set {TACACS}`",
            )
        unknown = [name for name in missing if name.startswith("bmc_") and not design.rack.lab]
        if unknown:
            raise UsageError(
                f"no password for the BMC of {', '.join(name.removeprefix('bmc_') for name in unknown)}",
                f"store it: `scs-rack secrets set {unknown[0]}`",
            )
        if missing:
            found |= {name: generate(name) for name in missing}
            save(rack_dir, found)
    return found


def change(rack_dir: Path, changes: Mapping[str, str | None]) -> None:
    """Set secrets to values, or remove them (None), all at once.

    Raises:
        UsageError: the vault can't be opened or written.
    """
    with _locked(rack_dir):
        found = load(rack_dir)
        kept = {name: value for name, value in found.items() if changes.get(name, value) is not None}
        save(rack_dir, kept | {name: value for name, value in changes.items() if value is not None})


def store(rack_dir: Path, design: Design, name: str, value: str) -> None:
    """Set one secret to a value.

    Raises:
        UsageError: the rack has no secret of this name, or the vault can't be opened.
    """
    if name not in (*names(design), *optional(design)):
        raise UsageError(f"{design.rack.name} has no secret {name}", "`scs-rack secrets list` names them")
    with _locked(rack_dir):
        save(rack_dir, load(rack_dir) | {name: value})


def save(rack_dir: Path, values: Mapping[str, str]) -> None:
    """Write the vault file: encrypted, for its owner only, whole or not at all."""
    from ansible.parsing.vault import VaultLib, VaultSecret  # here: slow to import

    source = password_file(rack_dir)
    if source is None:
        raise _no_password(rack_dir)
    plain = yaml.safe_dump(dict(sorted(values.items())), default_flow_style=False)
    vault = VaultLib([("default", VaultSecret(_password(source)))])
    _write(rack_dir / FILE, vault.encrypt(plain))


def generate(name: str) -> str:
    """A fresh value for a secret, in the form that it needs."""
    if name in _UUIDS:
        return str(uuid.uuid4())
    if name in _KEYS or name.startswith(("fernet_", "credential_")):
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()  # the Fernet specification, "Key Format"
    # IPMI 2.0 (section 22.30, Set User Password) takes at most 20 bytes
    return secrets.token_hex(8 if name.startswith("bmc_") else 20)


def opened(path: Path, secret: bytes) -> dict[str, str]:
    """The secrets of a vault file, opened with a password.

    Raises:
        UsageError: it does not open, or is no vault.
    """
    return _decrypt(path, secret, Path("the password given"))


def _decrypt(path: Path, password: bytes, source: Path) -> dict[str, str]:
    from ansible.errors import AnsibleError  # here: slow to import
    from ansible.parsing.vault import VaultLib, VaultSecret

    data = path.read_bytes()
    if not data.startswith(b"$ANSIBLE_VAULT;"):
        raise UsageError(f"{path} is not an Ansible vault", f"encrypt it: `ansible-vault encrypt {path}`")
    try:
        plain = VaultLib([("default", VaultSecret(password))]).decrypt(data)
    except AnsibleError:
        raise UsageError(
            f"the vault password from {source} does not open {path}",
            "give the one that the file was made with; to start over with new secrets, move the file away",
        ) from None
    values = yaml.safe_load(plain)
    if not isinstance(values, dict):
        raise UsageError(f"{path} holds no names and values", f"look at it: `ansible-vault view {path}`")
    return {str(name): str(value) for name, value in values.items()}


def _password(source: Path) -> bytes:
    """Read the password from a file, or run it when it is a command, as Ansible does."""
    try:
        if os.access(source, os.X_OK) and source.is_file():
            done = subprocess.run([source], check=True, stdout=subprocess.PIPE, timeout=60)
            password = done.stdout.strip()
        else:
            password = source.read_bytes().strip()
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"the vault password can't be had from {source}: {error}") from error
    if not password:
        raise UsageError(f"the vault password from {source} is empty")
    return password


def _no_password(rack_dir: Path) -> UsageError:
    return UsageError(
        f"no vault password for {rack_dir}",
        f"set {PASSWORD_VARIABLES[0]} to a file or command, or write it to {rack_dir / PASSWORD_FILE} (mode 0600)",
    )


@contextmanager
def _locked(rack_dir: Path) -> Iterator[None]:
    """Keep others from writing secrets of this rack meanwhile."""
    handle = os.open(rack_dir, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, data: bytes) -> None:
    """Write a private file atomically."""
    try:
        write_file(path, data)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error
