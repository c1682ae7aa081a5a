"""Watch this node's MariaDB, and tell HAProxy whether it may be written to.

Tells the other nodes how it is too, and keeps the record by which they start the cluster again after all were down.
HTTPS on the node's loopback address: `GET /` is 200 when MariaDB may be written to, else 503, with the reason;
`GET /state` is the same as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pymysql
from galera_decision import served
from galera_node import CLAIM, DONOR, Settings, Status, ask_peers, status
from galera_store import Store, Unavailable

PERIOD = 1.0
"""Seconds between two looks at MariaDB."""
STALE = 10.0
"""Seconds after which a look is too old to vouch for anything."""
ALONE = 20.0
"""Seconds that a node may be without a majority before it is started again, to wait for one.

Galera itself mends shorter losses of the network."""


class Agent:
    """What this node knows of itself."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.client = settings.client_context()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.load_certificate()
        self.store = Store(list(settings.etcd), self.client, settings.prefix)
        self.connection: Any = None
        self.seen: Status | None = None
        self.looked = 0.0
        self.usable = False
        self.why = "not asked yet"
        self.recorded: tuple[str, int] | None = None
        self.alone_since: float | None = None

    def load_certificate(self) -> None:
        """Read certificate and key, also new ones."""
        self.server.load_cert_chain(self.settings.certificate, self.settings.key)

    def state(self) -> dict[str, Any]:
        """What others may know."""
        seen = self.seen if time.monotonic() - self.looked < STALE else None
        usable = seen is not None and self.usable
        return {
            "usable": usable,
            "why": self.why if seen or not self.usable else "MariaDB does not answer in time",
            "primary": bool(seen and seen.primary) and not CLAIM.exists(),
            "synced": bool(seen and seen.synced),
            "members": list(seen.view.members) if seen and seen.view else [],
        }

    def look(self) -> None:
        """One look at MariaDB."""
        self.seen = self.ask()
        self.usable, self.why = self.judge()
        self.looked = time.monotonic()
        self.mend()

    def keep_record(self) -> None:
        """One round of what goes to etcd, which may take seconds to answer and must not hold up the looks."""
        if CLAIM.exists():
            self.confirm()
        elif self.seen and self.seen.view:
            self.record()

    def ask(self) -> Status | None:
        """Ask MariaDB by its socket; None when it does not answer."""
        try:
            if self.connection is None:
                self.connection = pymysql.connect(
                    unix_socket=self.settings.socket, user="mysql", connect_timeout=5, read_timeout=5, autocommit=True
                )
            return status(self.connection)
        except (pymysql.MySQLError, OSError):
            if self.connection is not None:
                with contextlib.suppress(pymysql.MySQLError, OSError):
                    self.connection.close()
            self.connection = None
            return None

    def confirm(self) -> None:
        """Keep the claim of a node that starts the cluster alive, and make it a view once it has started."""
        seen = self.seen
        try:
            lease = json.loads(CLAIM.read_text(encoding="utf-8"))["lease"]
        except (OSError, ValueError, KeyError):
            return
        try:
            if not (seen and seen.view):
                self.store.keep(lease)
                return
            if self.store.confirm(self.settings.name, lease, seen.view):
                CLAIM.unlink(missing_ok=True)
                return
        except Unavailable as error:
            tell(f"can't confirm the start of the cluster: {error}")
            return
        tell("the claim to start the cluster has lapsed: another node may have started it; stopping MariaDB")
        self.stop()

    def record(self) -> None:
        """Record the view of the running cluster if it is newer than the one that is recorded."""
        seen = self.seen
        view = seen.view if seen else None
        if view is None or self.recorded == (view.uuid, view.seqno):
            return
        try:
            kept = self.store.read()
            if kept.view and kept.view.uuid == view.uuid and kept.view.seqno >= view.seqno:
                if kept.view.seqno == view.seqno or kept.view.members == view.members:
                    self.recorded = (view.uuid, view.seqno)
                return
            if self.store.record(view, kept.view_revision):
                self.recorded = (view.uuid, view.seqno)
                tell(f"the cluster is now {', '.join(view.members)}")
        except Unavailable as error:
            tell(f"can't record the cluster's members: {error}")

    def judge(self) -> tuple[bool, str]:  # noqa: PLR0911 - one reason a line
        """Whether MariaDB may be written to here, and why or why not."""
        seen = self.seen
        if seen is None:
            return False, "MariaDB does not answer"
        if not seen.primary or seen.view is None:
            return False, "no majority of the cluster"
        if CLAIM.exists():
            return False, "the start of the cluster is not confirmed"
        recorded = self.recorded == (seen.view.uuid, seen.view.seqno)
        if not served(len(seen.view.members), len(self.settings.members), recorded=recorded):
            return False, "fewer than half of the controllers, and no etcd to record that"
        if seen.synced:
            return True, "synced"
        if seen.state == DONOR:
            if self.usable:  # mariabackup holds nobody up; leaving now would end the connections of all who write here
                return True, "gives another node its copy, and goes on serving"
            others = [n for n, peer in ask_peers(self.settings, self.client).items() if peer.get("synced")]
            if not others:
                return True, "gives another node its copy, and is the only one with all data"
            return False, f"gives another node its copy; {others[0]} has all data too"
        return False, f"not synced (state {seen.state})"

    def mend(self) -> None:
        """Start MariaDB again when it has been without a majority for long: it then waits for one, and joins it."""
        if self.seen is None or self.seen.primary:
            self.alone_since = None
        elif self.alone_since is None:
            self.alone_since = time.monotonic()
        elif time.monotonic() - self.alone_since > ALONE:
            self.alone_since = None
            tell("no majority for a while; starting MariaDB again, so that it waits for one")
            self.stop()

    def stop(self) -> None:
        """End mariadbd; systemd starts it again."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(Path("/run/mysqld/mysqld.pid").read_text(encoding="ascii")), signal.SIGTERM)


class Server(ThreadingHTTPServer):
    """TLS in the thread of each connection, so that a silent client holds up nobody."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        address = agent.settings.members[agent.settings.name]
        super().__init__((address, agent.settings.port), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """TLS first."""
        request.settimeout(5)
        with self.agent.server.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever breaks off or speaks no TLS is no news."""


class Handler(BaseHTTPRequestHandler):
    """Two questions."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        """Answer."""
        state = self.server.agent.state()  # type: ignore[attr-defined]
        if self.path == "/state":
            self.answer(200, json.dumps(state))
        else:
            self.answer(200 if state["usable"] else 503, state["why"])

    def answer(self, code: int, text: str) -> None:
        """Send it."""
        data = f"{text}\n".encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """HAProxy asks every second."""


def tell(text: str) -> None:
    """To the journal, once while it stays the same."""
    if text != tell.last:  # type: ignore[attr-defined]
        print(text, file=sys.stderr, flush=True)
        tell.last = text  # type: ignore[attr-defined]


tell.last = ""  # type: ignore[attr-defined]


def keep_records(agent: Agent) -> None:
    """What goes to etcd, for ever; a fault in it ends the program, which systemd starts again."""
    try:
        while True:
            agent.keep_record()
            time.sleep(PERIOD)
    finally:
        os._exit(1)


def main() -> None:
    """Entry point."""
    agent = Agent(Settings.load())
    signal.signal(signal.SIGHUP, lambda *_: agent.load_certificate())
    agent.look()  # before anybody can ask
    threading.Thread(target=Server(agent).serve_forever, daemon=True).start()
    threading.Thread(target=keep_records, args=(agent,), daemon=True).start()
    while True:
        before = agent.usable, agent.why
        agent.look()
        if (agent.usable, agent.why) != before:
            tell(f"{'may be written to' if agent.usable else 'may not be written to'}: {agent.why}")
        time.sleep(PERIOD)


if __name__ == "__main__":
    main()
