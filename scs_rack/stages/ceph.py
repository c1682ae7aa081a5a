"""Stage ceph: monitors, managers, OSDs, pools and their clients."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scs_rack.design.types import Storage
from scs_rack.engine.stage import Context
from scs_rack.remote import run_one
from scs_rack.results import Finding, Result
from scs_rack.stages import osd_entry
from scs_rack.stages.ansible_stage import AnsibleStage
from scs_rack.stages.copies import is_clean, left

PATIENCE = 60.0
"""Seconds that the cluster has to become healthy."""
PAUSE = 1.0
POOL = "volumes"
"""Pool that the gate writes to."""
FAILED = "ceph-failed"
"""Type of the finding when the cluster did not do what the gate asked of it."""
PROBE = Path(__file__).with_name("ceph_probe.py")


def expected_osds(ctx: Context) -> int:
    """Disks of servers in service that are for OSDs (of those that the limit takes in)."""
    return sum(
        disk.use == "osd"
        for name, node in ctx.design.in_service.items()
        if "storage" in node.roles and ctx.selected(name)
        for disk in node.disks.values()
    )


def _fault(kind: str, where: str, expected: object, seen: object, hint: str = "") -> Finding:
    return Finding(kind, "error", where, str(expected), str(seen), hint)


def status_findings(status: dict[str, Any], mons: Iterable[str], managers: int, osds: int) -> list[Finding]:
    """Judge the answer of `ceph status`.

    Args:
        status: its JSON form.
        mons: names of the monitors that should be in the quorum.
        managers: number of managers, one of them active.
        osds: number of OSDs that should be up and in, at least.
    """
    findings = []
    missing = sorted(set(mons) - set(status["quorum_names"]))
    if missing:
        hint = f"on {missing[0]}: journalctl -u ceph-mon@{missing[0]}"
        quorum = ", ".join(sorted(status["quorum_names"]))
        findings.append(_fault("mon-out-of-quorum", "ceph", f"{', '.join(sorted(mons))} in the quorum", quorum, hint))
    manager_map = status["mgrmap"]
    if not manager_map["available"] or manager_map["num_standbys"] < managers - 1:
        seen = f"{'one' if manager_map['available'] else 'none'} active, {manager_map['num_standbys']} standing by"
        findings.append(_fault("mgr-missing", "ceph", f"one active, {managers - 1} standing by", seen))
    for state in ("up", "in"):
        count = status["osdmap"][f"num_{state}_osds"]
        if count < osds:
            findings.append(_fault(f"osd-not-{state}", "ceph", f"{osds} OSDs {state}", count, "ceph osd tree"))
    pg_map = status["pgmap"]
    bad = {row["state_name"]: row["count"] for row in pg_map.get("pgs_by_state", []) if not is_clean(row["state_name"])}
    if bad or not pg_map["num_pgs"]:
        seen = ", ".join(f"{count} {state}" for state, count in bad.items()) or "no placement groups"
        findings.append(_fault("pg-not-clean", "ceph", "all placement groups active and clean", seen, "ceph pg stat"))
    health = status["health"]
    if health["status"] != "HEALTH_OK":
        words = "; ".join(check["summary"]["message"] for check in health["checks"].values()) or "no reason given"
        seen = f"{health['status']}: {words}"
        findings.append(_fault("ceph-unhealthy", "ceph", "HEALTH_OK", seen, "ceph health detail"))
    return findings


def pool_findings(seen: Mapping[str, Mapping[str, Any]], wanted: Storage, replicas: int) -> list[Finding]:
    """Judge pools: their copies, what each copy lies in, and their placement groups.

    Args:
        seen: `size`, `pg_num` and `spread` (steps of the rule) by name.
        wanted: as designed.
        replicas: copies of each object.
    """
    findings = []
    for pool in wanted.pools:
        where = f"pool {pool.name}"
        has = seen.get(pool.name)
        if has is None:
            findings.append(_fault("pool-missing", where, "a pool", "none", "`scs-rack up --from ceph` makes it"))
            continue
        if has["size"] != replicas:
            findings.append(_fault("pool-copies", where, f"{replicas} copies", has["size"], "ceph osd pool ls detail"))
        if has["spread"] != [wanted.failure_domain]:
            spread = " in ".join(has["spread"]) or "nothing"
            findings.append(
                _fault("pool-spread", where, f"each copy in another {wanted.failure_domain}", f"another {spread}")
            )
        if has["pg_num"] < pool.pg_num or (pool.exact and has["pg_num"] != pool.pg_num):
            findings.append(_fault("pool-size", where, f"{pool.pg_num} placement groups", has["pg_num"]))
    return findings


@dataclass
class CephStage(AnsibleStage):
    """Storage."""

    name: str = "ceph"
    needs: tuple[str, ...] = ("base",)
    summary: str = "Ceph with pools for images, volumes, guests and backups"
    playbook: str = "ceph.yml"

    def afterwards(self, ctx: Context) -> Iterable[Result]:
        """Let new OSDs of a cluster in service take their data in steps."""
        return osd_entry.enter(ctx)

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Ask the cluster until it is healthy; then write, read and remove data.

        It has a minute, and as long as copies are made or moved, however long that takes.
        """
        deadline, least = time.monotonic() + ctx.wait_for(PATIENCE), 2.0
        while True:
            findings, work = self._look(ctx, "")
            if not findings:  # a pool that a manager makes for itself may still come between the two looks
                findings, work = self._look(ctx, POOL)
                if not findings or any(found.type == FAILED for found in findings):
                    return findings
            if ctx.patience is None and 0 < work < least:
                deadline, least = time.monotonic() + PATIENCE, work
            if time.monotonic() > deadline or ctx.stop.wait(PAUSE):
                return findings

    def _look(self, ctx: Context, pool: str) -> tuple[list[Finding], float]:
        """One look at the cluster through the first monitor's host that answers; also what is left to copy or move."""
        mons = ctx.design.groups["ceph_mon"]
        silent = []
        for mon in mons:
            answer = run_one(ctx, mon, ["python3", "-c", PROBE.read_text(encoding="utf-8"), pool], timeout=60)
            if answer.ok:
                said = json.loads(answer.out)
                return self._judge(ctx, said, pool), left(said["status"]) if said["status"] else 0.0
            silent.append(_fault("mon-unreachable", mon, "an answer of the monitor's host", answer.why))
        return silent, 0.0

    def _judge(self, ctx: Context, said: dict[str, Any], pool: str) -> list[Finding]:
        if said["error"]:
            what = f"1 MiB written to and read from pool {pool}" if said["status"] else "an answer of the monitors"
            return [_fault(FAILED, "ceph", what, said["error"])]
        groups = ctx.design.groups
        found = status_findings(said["status"], groups["ceph_mon"], len(groups["ceph_mgr"]), expected_osds(ctx))
        options = ctx.design.rack.cloud.ceph
        found += osd_entry.findings(said["entering"], options.recovery_share)
        return found + pool_findings(said["pools"], ctx.design.storage, options.replicas)
