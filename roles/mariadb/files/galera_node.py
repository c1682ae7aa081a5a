"""This node: its settings, what its MariaDB says, and what the other nodes say of theirs."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galera_decision import NO_DATA, View

SETTINGS = Path("/etc/scs-rack-galera.json")
CLAIM = Path("/run/scs-rack-galera/claim.json")
"""Written by a node that starts the cluster, until the others know."""
MARIADBD = "/usr/sbin/mariadbd"
SYNCED, DONOR = 4, 2
"""Values of `wsrep_local_state`."""


@dataclass(frozen=True)
class Settings:
    """What Ansible wrote."""

    name: str
    members: dict[str, str]
    """Address of each controller by name, in the same order on all nodes."""
    etcd: list[str]
    ca: str
    certificate: str
    key: str
    port: int
    patience: float
    data_dir: str
    socket: str

    @classmethod
    def load(cls, path: Path = SETTINGS) -> Settings:
        """Read the settings."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    @property
    def prefix(self) -> str:
        """Where this cluster's facts lie in etcd."""
        return "scs-rack/galera/"

    def peers(self) -> dict[str, str]:
        """The other controllers."""
        return {name: address for name, address in self.members.items() if name != self.name}

    def client_context(self) -> ssl.SSLContext:
        """TLS towards etcd and the other nodes: both sides show certificates of the rack's CA."""
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True)
class Status:
    """What MariaDB says of itself and its cluster."""

    primary: bool
    state: int
    view: View | None
    """The cluster as it is now; None where it is not primary."""

    @property
    def synced(self) -> bool:
        """True when this node has all changes."""
        return self.primary and self.state == SYNCED


def status(connection: Any) -> Status:
    """Ask MariaDB; `connection` is one of pymysql.

    Raises:
        pymysql.MySQLError: it does not answer.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_local_state',"
            " 'wsrep_cluster_state_uuid')"
        )
        seen = {str(name).lower(): str(value) for name, value in cursor.fetchall()}
        primary = seen.get("wsrep_cluster_status") == "Primary"
        view = None
        if primary:
            cursor.execute("SELECT cluster_uuid, view_seqno FROM mysql.wsrep_cluster")
            rows = cursor.fetchall()
            cursor.execute("SELECT node_name FROM mysql.wsrep_cluster_members ORDER BY 1")
            names = tuple(str(row[0]) for row in cursor.fetchall())
            if rows and names:
                view = View(str(rows[0][0]), int(rows[0][1]), names)
    return Status(primary, int(seen.get("wsrep_local_state") or 0), view)


def ask_peers(settings: Settings, context: ssl.SSLContext, timeout: float = 2.0) -> dict[str, dict[str, Any]]:
    """What the agents of the other controllers say, by name; those that don't answer are left out."""
    peers = settings.peers()
    if not peers:
        return {}
    with ThreadPoolExecutor(max_workers=len(peers)) as pool:
        answers = pool.map(lambda address: _ask(address, settings.port, context, timeout), peers.values())
    return {name: answer for name, answer in zip(peers, answers, strict=True) if answer is not None}


def _ask(address: str, port: int, context: ssl.SSLContext, timeout: float) -> dict[str, Any] | None:
    connection = http.client.HTTPSConnection(address, port, timeout=timeout, context=context)
    try:
        connection.request("GET", "/state")
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else None


def parse_grastate(text: str) -> tuple[str, int]:
    """UUID and seqno of Galera's state file; the seqno is -1 after a crash."""
    fields = dict(re.findall(r"^(\w+):\s*(\S+)", text, re.MULTILINE))
    return fields.get("uuid", NO_DATA), int(fields.get("seqno", -1))


def position(data_dir: Path) -> tuple[str, int]:
    """History and number of the last change in the data directory of a MariaDB that does not run.

    A directory without them (fresh, or left by a copy that was broken off) has no history: it can join by a copy.

    Raises:
        ValueError: MariaDB can't say it.
    """
    file = data_dir / "grastate.dat"
    if not file.is_file():
        return NO_DATA, -1
    uuid, seqno = parse_grastate(file.read_text(encoding="ascii"))
    if uuid != NO_DATA and seqno >= 0:
        return uuid, seqno
    asked = subprocess.run(
        [MARIADBD, "--wsrep-recover", "--disable-log-error"], capture_output=True, text=True, check=False, timeout=3600
    )
    found = re.search(r"Recovered position:\s*([0-9a-f-]{36}):(-?\d+)", asked.stdout + asked.stderr)
    if asked.returncode or not found:
        if uuid == NO_DATA:
            return NO_DATA, -1
        raise ValueError(f"mariadbd --wsrep-recover failed: {asked.stderr.strip()[-500:]}")
    return found[1], int(found[2])
