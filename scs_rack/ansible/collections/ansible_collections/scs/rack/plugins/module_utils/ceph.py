"""What the modules for Ceph share: keys and keyrings, a connection to the monitors, and daemons under systemd.

Commands of the monitors: `MonCommands.h` of Ceph 18; the JSON forms are those of `ceph --format json`.
"""

from __future__ import annotations

import base64
import configparser
import json
import os
import pwd
import struct
import subprocess
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

ADMIN = "client.admin"
ADMIN_KEYRING = Path("/etc/ceph/ceph.client.admin.keyring")
ADMIN_CAPS = {"mds": "allow *", "mgr": "allow *", "mon": "allow *", "osd": "allow *"}
DATA = Path("/var/lib/ceph")
MON_TIMEOUT = 60
"""Seconds that a command to the monitors may take."""


class CephError(Exception):
    """Ceph refused something, or does not answer; says what."""


def new_key() -> str:
    """A fresh cephx key: type 1 (AES), time of creation, length, 16 random bytes (`CryptoKey::encode`)."""
    now = time.time()
    header = struct.pack("<HIIH", 1, int(now), int(now % 1 * 1e9), 16)
    return base64.b64encode(header + os.urandom(16)).decode()


def keyring(entity: str, key: str, caps: dict[str, str] | None = None) -> str:
    """Text of a keyring file with one entity."""
    lines = [f"[{entity}]", f"\tkey = {key}"]
    lines += [f'\tcaps {name} = "{value}"' for name, value in sorted((caps or {}).items())]
    return "\n".join(lines) + "\n"


def key_in(path: Path, entity: str) -> str | None:
    """Key of an entity in a keyring file; None when the file or the entity is not there."""
    if not path.is_file():
        return None
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string("\n".join(line.strip() for line in path.read_text(encoding="utf-8").splitlines()))
    return parser.get(entity, "key", fallback=None)


def write_private(path: Path, text: str, user: str = "root") -> bool:
    """Write a file that only its owner may read; True if that changed something."""
    account = pwd.getpwnam(user)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        seen = path.stat()
        if (seen.st_uid, seen.st_mode & 0o777) == (account.pw_uid, 0o600):
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.scs-rack")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.chown(fresh, account.pw_uid, account.pw_gid)
    fresh.rename(path)
    return True


def make_folder(path: Path) -> None:
    """Make a folder of the user ceph, with its parents."""
    path.mkdir(mode=0o750, parents=True, exist_ok=True)
    account = pwd.getpwnam("ceph")
    os.chown(path, account.pw_uid, account.pw_gid)


def run(argv: Sequence[str]) -> str:
    """Run a command and return what it printed.

    Raises:
        CephError: it failed; with the end of what it printed.
    """
    seen = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if seen.returncode:
        raise CephError(f"{' '.join(argv[:6])} ended with {seen.returncode}: {seen.stdout.strip()[-1500:]}")
    return seen.stdout


def states(units: Sequence[str]) -> dict[str, dict[str, str]]:
    """ActiveState and UnitFileState of units."""
    if not units:
        return {}
    text = run(["systemctl", "show", "--property=ActiveState,UnitFileState", *units])
    blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.strip().split("\n\n")]
    return dict(zip(units, blocks, strict=True))


def run_daemons(daemons: Sequence[str], targets: Sequence[str], *, check: bool) -> list[str]:
    """Enable daemons and their targets, and start what does not run; returns what was (or would be) done.

    A start alone proves little (a daemon may die a moment later); what follows waits for the daemons' work.

    Raises:
        CephError: a daemon does not start; with the end of its journal.
    """
    seen = states([*daemons, *targets])
    idle = [name for name, state in seen.items() if state["ActiveState"] not in ("active", "activating", "reloading")]
    failed = [name for name in idle if seen[name]["ActiveState"] == "failed"]
    disabled = [name for name, state in seen.items() if state["UnitFileState"] != "enabled"]
    if not check:
        if disabled:
            run(["systemctl", "enable", "--quiet", *disabled])
        if failed:
            run(["systemctl", "reset-failed", *failed])  # else a daemon that failed often is not tried again
        if idle:
            try:
                run(["systemctl", "start", *idle])
            except CephError as error:
                raise CephError(f"{error}\n{_journal(daemons)}") from error
    return [f"start {name}" for name in idle] + [f"enable {name}" for name in disabled]


def _journal(units: Sequence[str]) -> str:
    chosen = [part for name in units for part in ("-u", name)]
    return run(["journalctl", "--no-pager", "--output=cat", "--lines=20", *chosen])


class Cluster:
    """A connection to the monitors as client.admin; a context manager."""

    def __init__(self, timeout: float = 60) -> None:
        self.timeout = timeout
        self._rados: Any = None

    def __enter__(self) -> Self:
        """Connect, and wait for a quorum.

        Raises:
            CephError: no quorum within the time limit.
        """
        import rados

        deadline = time.monotonic() + self.timeout
        while True:
            try:
                self._rados = rados.Rados(conffile="/etc/ceph/ceph.conf", name=ADMIN)
                self._rados.conf_set("rados_mon_op_timeout", str(MON_TIMEOUT))
                self._rados.conf_set("rados_osd_op_timeout", str(MON_TIMEOUT))
                # librados takes the time limit of connect() from here only
                self._rados.conf_set("client_mount_timeout", str(max(1, int(deadline - time.monotonic()))))
                self._rados.connect()
            except rados.Error as error:
                self._rados.shutdown()
                if time.monotonic() > deadline:
                    raise CephError(
                        f"the monitors have no quorum after {self.timeout:.0f} s ({error});"
                        " see `journalctl -u ceph-mon@*` on their hosts, and `ip address show lo`"
                    ) from error
                time.sleep(0.5)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        """Disconnect."""
        self._rados.shutdown()

    @property
    def rados(self) -> Any:
        """The librados handle."""
        return self._rados

    def ask(self, prefix: str, inbuf: bytes = b"", **arguments: Any) -> Any:
        """Give the monitors one command and return its answer, decoded.

        Raises:
            CephError: they refused it.
        """
        command = json.dumps({"prefix": prefix, "format": "json", **arguments})
        code, out, status = self._rados.mon_command(command, inbuf, timeout=MON_TIMEOUT)
        if code:
            where = " ".join(str(value) for value in arguments.values())
            raise CephError(f"{prefix} {where}: {status or os.strerror(abs(code))}")
        return json.loads(out) if out.strip() else None

    def ask_all(self, commands: Iterable[dict[str, Any]]) -> list[Any]:
        """Give many commands at once; the monitors agree on them together, not one after the other."""
        listed = list(commands)
        if not listed:
            return []
        with ThreadPoolExecutor(max_workers=min(16, len(listed))) as pool:
            return list(pool.map(lambda command: self.ask(**command), listed))

    def keys(self) -> dict[str, dict[str, Any]]:
        """All entities with key and caps, by name."""
        return {entry["entity"]: entry for entry in self.ask("auth ls")["auth_dump"]}
