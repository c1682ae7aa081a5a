"""One server after the other is configured anew, and the next one only when this one serves again."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scs_rack.ansible.run import run_playbook
from scs_rack.design import Design
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.results import Change, Finding, Result
from scs_rack.rotation.nodes import told

PATIENCE = 120.0
PAUSE = 3.0

HEALTH = r"""
import csv, json, socket, sys
json.load(sys.stdin)
with socket.socket(socket.AF_UNIX) as sock:
    sock.settimeout(10)
    sock.connect("/run/haproxy/admin.sock")
    sock.sendall(b"show stat\n")
    said = b""
    while piece := sock.recv(65536):
        said += piece
rows = csv.DictReader(said.decode().lstrip("# ").splitlines())
down = [f"{row['pxname']}/{row['svname']} {row['status']}" for row in rows
        if row["svname"] not in ("FRONTEND", "BACKEND") and row["status"].startswith(("DOWN", "MAINT"))]
print(json.dumps(down))
"""
"""What the HAProxy of a node sees as down (its management guide, section 9.1, "CSV format")."""


@dataclass
class Roll:
    """A stage: playbooks on some servers."""

    name: str
    hosts: tuple[str, ...]
    playbooks: tuple[str, ...]
    needs: tuple[str, ...]
    serves: bool
    """True for a controller: its HAProxy is asked whether all services are up."""

    @property
    def summary(self) -> str:
        """One line for people."""
        return f"{', '.join(self.hosts)} configured, and serving again"

    def plan(self, ctx: Context) -> Iterable[Change]:
        """Which server."""
        del ctx
        return [Change(self.name, host, f"run {', '.join(self.playbooks)}") for host in self.hosts]

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Run the playbooks; restarts are theirs, where a unit's files are new."""
        for playbook in self.playbooks:
            results = run_playbook(ctx, playbook, limit=self.hosts)
            yield from results
            if any(result.error for result in results):
                return

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """All services that this node's HAProxy knows are up, on all controllers."""
        return [finding for host in self.hosts if self.serves for finding in serving(ctx, host)]


def serving(ctx: Context, host: str) -> list[Finding]:
    """What a controller's HAProxy sees as down, after some patience."""
    deadline = time.monotonic() + ctx.wait_for(PATIENCE)
    while True:
        try:
            down = list(told(ctx, host, HEALTH, {}))
        except ScsRackError as error:
            down = [error.message]
        if not down or time.monotonic() > deadline or ctx.stop.wait(PAUSE):
            hint = f"`journalctl -u haproxy` on {host} says since when"
            return [Finding("service-down", "error", f"{host} haproxy", "up", one, hint) for one in down]


def rolls(design: Design, playbooks: Sequence[str], after: str) -> list[Roll]:
    """Stages for all servers that run services: controllers one by one, then the rest side by side.

    Args:
        design: of the rack.
        playbooks: what to run; no stage at all when there are none.
        after: the stage that has to pass first.
    """
    if not playbooks:
        return []
    controllers = design.groups["controller"]
    found: list[Roll] = []
    for host in controllers:
        found.append(
            Roll(f"roll-{host}", (host,), tuple(playbooks), (found[-1].name if found else after,), serves=True)
        )
    others = [*design.groups["network"], *design.groups["compute"]]
    rest = tuple(dict.fromkeys(host for host in others if host not in controllers))
    if rest:
        found.append(Roll("roll-others", rest, tuple(playbooks), (found[-1].name,), serves=False))
    return found
