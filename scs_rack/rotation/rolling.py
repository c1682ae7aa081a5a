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

HAPROXY = r"""
import csv, json, socket, sys, time
one = json.load(sys.stdin)
def ask(words):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect("/run/haproxy/admin.sock")
        sock.sendall(words.encode() + b"\n")
        said = b""
        while piece := sock.recv(65536):
            said += piece
    return said.decode()
def rows():
    found = list(csv.DictReader(ask("show stat").lstrip("# ").splitlines()))
    return [row for row in found if row["svname"] not in ("FRONTEND", "BACKEND")]
def led():
    # services of the API have a backend of their own for the other controllers; databases have none
    seen = rows()
    own = {row["pxname"] for row in seen if row["pxname"].endswith(".own")}
    every = [row for row in seen if row["pxname"] + ".own" in own]
    if one["state"] == "release":
        return [row for row in every if not row["status"].startswith("MAINT")]  # which somebody wanted
    return [row for row in every if row["svname"] == one["server"]]
freed = set()
if one["state"]:
    state = "ready" if one["state"] == "release" else one["state"]
    for row in led():
        if row["status"].startswith("DRAIN"):
            freed.add(row["svname"])
        said = ask(f"set server {row['pxname']}/{row['svname']} state {state}").strip()
        if said:
            sys.exit(said)
deadline = time.monotonic() + one["wait"]
while one["state"] == "drain" and any(int(row["scur"] or 0) for row in led()) and time.monotonic() < deadline:
    time.sleep(0.3)
bad = [row for row in rows() if row["status"].startswith(("DOWN", "MAINT", *one["bad"]))]
told = [f"{row['pxname']}/{row['svname']} {row['status']}" for row in bad]
print(json.dumps(sorted(freed) if one["state"] == "release" else told))
"""
"""Tells the HAProxy of a node to lead no new requests to a controller, or some again; prints what it sees as down
(HAProxy's management guide, sections 9.1, "CSV format", and 9.3, "set server")."""
DRAIN = 15
"""Seconds for requests that are under way; consoles (websockets) stay open longer, and are cut."""


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
        """Run the playbooks; restarts are theirs, where a unit's files are new. Others answer meanwhile."""
        if not self.serves:
            yield from self._configure(ctx)
            return
        (host,) = self.hosts
        yield lead(ctx, host, "drain")
        try:
            yield from self._configure(ctx)
            up(ctx, host)
        finally:
            lead(ctx, host, "ready")

    def _configure(self, ctx: Context) -> Iterable[Result]:
        for playbook in self.playbooks:
            results = run_playbook(ctx, playbook, limit=self.hosts)
            yield from results
            if any(result.error for result in results):
                return

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """All services that this node's HAProxy knows are up, on all controllers."""
        return [finding for host in self.hosts if self.serves for finding in serving(ctx, host)]


def lead(ctx: Context, host: str, state: str) -> Result:
    """Tell the HAProxy of every controller to lead no new requests to one (`drain`), or some again (`ready`).

    Raises:
        StageFailed, Unreachable: a controller can't be told.
    """
    controllers = ctx.design.groups["controller"]
    if len(controllers) > 1:
        for one in controllers:
            told(ctx, one, HAPROXY, {"server": host, "state": state, "wait": DRAIN, "bad": []})
    return Result(host, "requests go to the other controllers" if state == "drain" else "requests come again")


def release(ctx: Context) -> Iterable[Result]:
    """Have requests led to controllers again from which a run that was killed kept them.

    Raises:
        StageFailed, Unreachable: a controller can't be told.
    """
    controllers = ctx.design.groups["controller"]
    for one in controllers if len(controllers) > 1 else ():
        for server in told(ctx, one, HAPROXY, {"server": "", "state": "release", "wait": 0, "bad": []}):
            yield Result(one, f"requests come to {server} again", changed=True)


def up(ctx: Context, host: str) -> None:
    """Wait until a controller's own HAProxy sees its services up; the gate tells which are not."""
    deadline = time.monotonic() + PATIENCE
    while _down(ctx, host, drained=False) and time.monotonic() < deadline and not ctx.stop.wait(PAUSE):
        pass


def serving(ctx: Context, host: str) -> list[Finding]:
    """What a controller's HAProxy sees as down, after some patience."""
    deadline = time.monotonic() + ctx.wait_for(PATIENCE)
    while True:
        down = _down(ctx, host, drained=True)
        if not down or time.monotonic() > deadline or ctx.stop.wait(PAUSE):
            hint = f"`journalctl -u haproxy` on {host} says since when"
            return [Finding("service-down", "error", f"{host} haproxy", "up", one, hint) for one in down]


def _down(ctx: Context, host: str, *, drained: bool) -> list[str]:
    bad = ["DRAIN"] if drained else []
    try:
        return list(told(ctx, host, HAPROXY, {"server": "", "state": "", "wait": 0, "bad": bad}))
    except ScsRackError as error:
        return [error.message]


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
