"""Start MariaDB as a member of its cluster: join the one that runs, or start it where this node is the one to do so.

Runs as the main process of mariadb.service and becomes mariadbd; until then `systemctl status mariadb` says what it
waits for.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import time
from pathlib import Path
from typing import NoReturn

from galera_decision import NO_DATA, Decision, Position, decide
from galera_node import CLAIM, MARIADBD, Settings, ask_peers, position
from galera_store import Store, Unavailable

START_HERE = Path("/run/scs-rack-galera/start-here")
"""An operator makes this file to have the cluster started on this node, whatever others might hold (docs/ha.md)."""


def say(text: str) -> None:
    """Tell systemd, and the journal when it is news."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(f"STATUS={text}".encode(), address.replace("@", "\0", 1))
    if text != say.last:  # type: ignore[attr-defined]
        print(text, flush=True)
        say.last = text  # type: ignore[attr-defined]


say.last = ""  # type: ignore[attr-defined]


class Starter:
    """Waits until it is clear how this node starts."""

    def __init__(self, settings: Settings, uuid: str, seqno: int) -> None:
        self.settings = settings
        self.uuid, self.seqno = uuid, seqno
        self.context = settings.client_context()
        self.store = Store(list(settings.etcd), self.context, settings.prefix)
        self.begin = time.monotonic()
        self.lease = ""

    def wait(self) -> bool:
        """True if this node starts the cluster, False if it joins a running one."""
        while True:
            running = [n for n, seen in ask_peers(self.settings, self.context).items() if seen.get("primary")]
            if running:
                say(f"joining the cluster of {', '.join(running)}")
                self.withdraw()
                return False
            try:
                if self.may_start():
                    return True
            except Unavailable as error:
                self.lease = ""
                say(f"waiting for etcd with a majority of the controllers: {error}")
            time.sleep(1)

    def may_start(self) -> bool:
        """Say where this node stands, and claim the start if it is the one.

        Raises:
            Unavailable: etcd does not answer.
        """
        if not self.lease or not self.store.keep(self.lease):
            self.lease = self.store.lease()
        own = Position(self.uuid, self.seqno, time.monotonic() - self.begin)
        self.store.say(self.settings.name, own, self.lease)
        seen = self.store.read()
        if seen.claim:
            say(f"{seen.claim} starts the cluster")
            return False
        decision = decide(
            self.settings.name, list(self.settings.members), seen.positions, seen.view, self.settings.patience
        )
        if START_HERE.exists():
            decision = Decision(start=True, why="what this node holds, as an operator said")
        say(decision.why)
        if not decision.start:
            return False
        lease = self.store.lease(30)
        if not self.store.claim(self.settings.name, seen.view_revision, lease):
            return False
        write(CLAIM, json.dumps({"lease": lease}))
        START_HERE.unlink(missing_ok=True)
        self.withdraw()
        say(f"starting the cluster with {decision.why}")
        return True

    def withdraw(self) -> None:
        """This node no longer waits."""
        if self.lease:
            with contextlib.suppress(Unavailable):
                self.store.revoke(self.lease)
            self.lease = ""


def write(path: Path, text: str) -> None:
    """Write a file by renaming a complete one over it."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.rename(path)


def drop_old_claim(settings: Settings) -> None:
    """A claim that was never confirmed: the last attempt to start the cluster died."""
    if not CLAIM.is_file():
        return
    lease = json.loads(CLAIM.read_text(encoding="utf-8"))["lease"]
    with contextlib.suppress(Unavailable):
        Store(list(settings.etcd), settings.client_context(), settings.prefix).revoke(lease)
    CLAIM.unlink()


def allow_start(data_dir: Path) -> None:
    """Tell Galera that this node may start the cluster, which it would otherwise believe of the last one only."""
    file = data_dir / "grastate.dat"
    if file.is_file():
        text = re.sub(
            r"^safe_to_bootstrap:.*$", "safe_to_bootstrap: 1", file.read_text(encoding="ascii"), flags=re.MULTILINE
        )
        file.write_text(text, encoding="ascii")


def main() -> NoReturn:
    """Entry point; does not return."""
    settings = Settings.load()
    data_dir = Path(settings.data_dir)
    drop_old_claim(settings)
    say("asking the data directory where it stands")
    uuid, seqno = position(data_dir)
    say(f"this node holds {uuid}:{seqno}" if uuid != NO_DATA else "this node holds no data of the cluster")
    arguments = [MARIADBD, *sys.argv[1:]]
    if uuid != NO_DATA:
        arguments.append(f"--wsrep-start-position={uuid}:{seqno}")
    if Starter(settings, uuid, seqno).wait():
        allow_start(data_dir)
        arguments.append("--wsrep-new-cluster")
    os.execv(MARIADBD, arguments)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
