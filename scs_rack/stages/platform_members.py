"""Part of the gate of stage platform: MariaDB, RabbitMQ, etcd and memcached on every controller, and their clusters."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scs_rack.engine.stage import Context
from scs_rack.remote import Answer, run_many
from scs_rack.results import Finding

PROBE = Path(__file__).with_name("platform_probe.py")
PATIENCE = 90.0
"""Seconds that members have to find each other after they were started."""
PAUSE = 2.0


def member_findings(ctx: Context) -> list[Finding]:
    """Ask all controllers until all is well or time is up."""
    deadline = time.monotonic() + ctx.wait_for(PATIENCE)
    while True:
        findings = look(ctx)
        if not findings or time.monotonic() > deadline or ctx.stop.wait(PAUSE):
            return findings


def look(ctx: Context) -> list[Finding]:
    """One look at all controllers. One of them is asked for RabbitMQ's members: its tool takes seconds to start."""
    controllers = list(ctx.design.groups["controller"])
    asked = [name for name in controllers if ctx.selected(name)]
    commands = {
        name: [
            "python3",
            "-c",
            PROBE.read_text(encoding="utf-8"),
            name,
            str(ctx.design.nodes[name].loopback4),
            "yes" if name == asked[0] else "no",
        ]
        for name in asked
    }
    findings: list[Finding] = []
    for name, answer in run_many(ctx, asked, commands, timeout=90).items():
        findings += judge(name, answer, controllers)
    return findings


def judge(name: str, answer: Answer, controllers: Sequence[str]) -> Iterable[Finding]:
    """Findings on one controller."""
    if not answer.ok:
        yield Finding("controller-unreachable", "error", name, "answers over SSH", answer.why)
        return
    seen = json.loads(answer.out)
    for unit, state in seen["units"].items():
        if state != "active":
            hint = f"`journalctl -u {unit}` on {name} says why; `systemctl status {unit}` what it waits for"
            yield Finding("service-down", "error", f"{name} {unit}", "active", state, hint)
    yield from galera(name, seen["galera"], controllers)
    yield from etcd(name, seen["etcd"], controllers)
    if "rabbitmq" in seen:
        yield from rabbitmq(name, seen["rabbitmq"], controllers)
    for what, trouble in seen["ports"].items():
        if trouble:
            yield Finding("port-not-secured", "error", f"{name} {what}", "verified TLS, and nothing else", trouble)


def galera(name: str, seen: dict[str, Any], controllers: Sequence[str]) -> Iterable[Finding]:
    """All controllers in one cluster, and this one with all data."""
    where = f"{name} mariadb"
    hint = "docs/ha.md, section Databases and messages, says what recovers by itself and what does not"
    if "error" in seen:
        yield Finding("galera-member", "error", where, "answers", seen["error"], hint)
        return
    state = f"{seen.get('wsrep_local_state_comment')}, {seen.get('wsrep_cluster_status')}"
    if state != "Synced, Primary":
        yield Finding("galera-member", "error", where, "Synced, Primary", state, hint)
    if seen.get("wsrep_cluster_size") != str(len(controllers)):
        count = f"{len(controllers)} members"
        yield Finding("galera-size", "error", where, count, f"{seen.get('wsrep_cluster_size')} members", hint)
    if seen.get("require_secure_transport") != "1":
        yield Finding("port-not-secured", "error", where, "refuses clients without TLS", "accepts them")


def etcd(name: str, seen: dict[str, Any], controllers: Sequence[str]) -> Iterable[Finding]:
    """A healthy member of a cluster of all controllers."""
    where = f"{name} etcd"
    if "error" in seen:
        yield Finding("etcd-member", "error", where, "answers", seen["error"])
        return
    if str(seen["health"].get("health")) != "true":
        yield Finding("etcd-member", "error", where, "healthy", json.dumps(seen["health"]))
    if seen["members"] != sorted(controllers):
        yield Finding("etcd-size", "error", where, ", ".join(sorted(controllers)), ", ".join(seen["members"]))


def rabbitmq(name: str, seen: dict[str, Any], controllers: Sequence[str]) -> Iterable[Finding]:
    """All controllers are members that run, without alarms and partitions."""
    where = f"{name} rabbitmq-server"
    if "error" in seen:
        yield Finding("rabbitmq-member", "error", where, "answers", seen["error"])
        return
    wanted = sorted(f"rabbit@{one}" for one in controllers)
    if seen["running"] != wanted:
        yield Finding("rabbitmq-size", "error", where, ", ".join(wanted), ", ".join(seen["running"]) or "none")
    for kind in ("alarms", "partitions"):
        if seen[kind]:
            yield Finding(f"rabbitmq-{kind}", "error", where, f"no {kind}", ", ".join(seen[kind]))
