"""Loads a dump from standard input into a MariaDB made for it, and tells what it has.

Standard library only: it is sent over SSH. The server listens on a socket in a folder of its own, knows nothing of
Galera, and is gone with its folder when this ends, however that happens.
"""

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COUNT = """SELECT TABLE_SCHEMA, COUNT(*) FROM information_schema.TABLES WHERE TABLE_TYPE = 'BASE TABLE'
AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') GROUP BY 1"""
START = 120.0
"""Seconds for the server to answer."""


def main() -> int:
    """Make the server, load, look, and clean up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(1))
    os.nice(15)
    folder = Path(tempfile.mkdtemp(prefix="scs-rack-scratch-", dir="/var/tmp"))
    server = None
    try:
        user = "mysql" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        server = begin(folder, user)
        load(folder)
        found = dict(line.split("\t") for line in ask(folder, COUNT).splitlines())
        checked(folder, list(found))
        print(json.dumps({"databases": {name: int(count) for name, count in found.items()}}))
    except (OSError, subprocess.SubprocessError) as error:
        print(f"{error}", file=sys.stderr)
        return 1
    else:
        return 0
    finally:
        if server is not None:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def begin(folder: Path, user: str) -> "subprocess.Popen[bytes]":
    """A server with empty data.

    Raises:
        OSError: it does not answer in time; the message has its last words.
    """
    data, log = folder / "data", folder / "log"
    common = ["--no-defaults", f"--datadir={data}", f"--user={user}"]
    made = subprocess.run(
        ["mariadb-install-db", *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if made.returncode:
        raise OSError(f"mariadb-install-db: {(made.stderr or made.stdout).strip()[-300:]}")
    daemon = shutil.which("mariadbd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin") or "mariadbd"
    options = [
        f"--socket={folder / 's'}", f"--pid-file={folder / 'pid'}", f"--log-error={log}", "--skip-networking",
        "--skip-name-resolve", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0", "--performance-schema=off", "--max-allowed-packet=64M", f"--tmpdir={folder}",
    ]  # fmt: skip
    quiet = subprocess.DEVNULL
    server = subprocess.Popen([daemon, *common, *options], stdin=quiet, stdout=quiet, stderr=quiet)
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and server.poll() is None:
        done = subprocess.run(client(folder, "mariadb-admin", "ping"), capture_output=True, check=False)
        if done.returncode == 0:
            return server
        time.sleep(0.3)
    server.kill()
    words = log.read_text(errors="replace").strip().splitlines()[-1:] if log.is_file() else []
    raise OSError(f"a scratch MariaDB does not start: {' '.join(words)}")


def load(folder: Path) -> None:
    """Load what comes by standard input.

    Raises:
        OSError: it is no dump, or not a whole one.
    """
    with subprocess.Popen(["gzip", "-dc"], stdin=sys.stdin.buffer, stdout=subprocess.PIPE) as unpacked:
        done = subprocess.run(
            client(folder, "mariadb", "--default-character-set=utf8mb4"),
            stdin=unpacked.stdout, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if unpacked.returncode:
        raise OSError(f"gzip ends with {unpacked.returncode}: the dump is not whole")
    if done.returncode:
        raise OSError(f"the dump can't be loaded: {done.stderr.strip()[-300:]}")


def ask(folder: Path, question: str) -> str:
    """An answer of the server."""
    command = client(folder, "mariadb", "--batch", "--skip-column-names", f"--execute={question}")
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def checked(folder: Path, names: list[str]) -> None:
    """Have each table read from its beginning to its end.

    Raises:
        OSError: one is not sound.
    """
    if not names:
        return
    command = client(folder, "mariadb-check", "--check", "--silent", "--databases", *names)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or "error" in done.stdout.lower():
        raise OSError(f"mariadb-check: {(done.stdout + done.stderr).strip()[-300:]}")


def client(folder: Path, program: str, *words: str) -> list[str]:
    """A client of this very server, as its root."""
    return [program, "--no-defaults", f"--socket={folder / 's'}", "--user=root", *words]


if __name__ == "__main__":
    sys.exit(main())
