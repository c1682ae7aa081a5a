"""Layer ceph-objects: what somebody changed in the cluster by hand and no stage would set back."""

import json
from collections.abc import Iterator
from typing import Any

from scs_rack.bmc.drain import drained
from scs_rack.drift.layers import Blind, Drift, Layer
from scs_rack.engine.stage import Context
from scs_rack.remote import run_one
from scs_rack.stages.ceph import expected_osds

FLAGS = frozenset(
    ["noout", "noin", "noup", "nodown", "norecover", "norebalance", "nobackfill", "noscrub", "nodeep-scrub", "pause"]
)
"""Flags that a person sets for a while; the cluster shows `pause` as `pauserd` and `pausewr`."""
OWN_POOLS = (".mgr", ".rgw.root")
QUESTIONS = ("osd dump", "osd df")
LIGHT = 1e-3
"""Weights are sums of binary fractions."""
ASK = """
import json, subprocess
said = {}
for words in %r:
    command = ["timeout", "20", "ceph", *words.split(), "--format", "json"]
    said[words] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
print(json.dumps({
    "flags": said["osd dump"]["flags_set"],
    "pools": [pool["pool_name"] for pool in said["osd dump"]["pools"]],
    "osds": [{"id": one["osd"], "in": one["in"], "up": one["up"], "weight": one["weight"]}
             for one in said["osd dump"]["osds"]],
    "crush": {str(one["id"]): one["crush_weight"] for one in said["osd df"]["nodes"]},
    "sizes": {str(one["id"]): one["kb"] for one in said["osd df"]["nodes"]},
}))
"""


def look(ctx: Context) -> Layer:
    """Ask the cluster through the first monitor's host that answers; a limit to some devices leaves it out."""
    layer = Layer("ceph-objects")
    if ctx.limit is not None:
        return layer
    why = "no monitor in the rack file"
    for mon in ctx.design.groups["ceph_mon"]:
        answer = run_one(ctx, mon, ["python3", "-c", ASK % (QUESTIONS,)], timeout=90)
        if answer.ok:
            kept = drained(ctx.state_dir).get("ceph", [])
            pools = [pool.name for pool in ctx.design.storage.pools]
            layer.drifts += judge(json.loads(answer.out), pools, expected_osds(ctx), kept)
            return layer
        why = f"{mon}: {answer.why}"
    layer.blind.append(Blind("ceph", why))
    return layer


def judge(said: dict[str, Any], pools: list[str], osds: int, kept: list[str]) -> Iterator[Drift]:
    """Differences.

    Args:
        said: what the cluster has.
        pools: names of the pools of the rack file.
        osds: disks for OSDs of the rack file.
        kept: flags that `scs-rack power off` set, and will unset.
    """
    for name in sorted({"pause" if flag.startswith("pause") else flag for flag in said["flags"]} & FLAGS - set(kept)):
        yield Drift("ceph", f"flag {name}", "not set", "set", hint=f"ceph osd unset {name}")
    for pool in sorted(set(said["pools"]) - set(pools)):
        if not pool.startswith(OWN_POOLS):
            hint = "remove it when nobody uses it, or state it in the rack file"
            yield Drift("ceph", f"pool {pool}", "pools of the rack file", "one more", hint=hint)
    if len(said["osds"]) != osds:
        hint = "`scs-rack up --from ceph` makes what is missing; `ceph osd tree` shows all"
        yield Drift("ceph", "OSDs", f"{osds}", f"{len(said['osds'])}", hint=hint)
    for one in said["osds"]:
        yield from _osd(one, said["crush"].get(str(one["id"]), 0.0), said["sizes"].get(str(one["id"]), 0) / 2**30)


def _osd(one: dict[str, Any], crush: float, size: float) -> Iterator[Drift]:
    """Differences of one OSD; its size is in TiB, as CRUSH weights are."""
    name = f"osd.{one['id']}"
    if not one["in"]:
        yield Drift("ceph", name, "in", "out", hint=f"ceph osd in {name}")
    elif abs(one["weight"] - 1) > LIGHT:
        yield Drift("ceph", name, "reweight 1", f"{one['weight']:g}", hint=f"ceph osd reweight {name} 1")
    if not one["up"]:
        yield Drift("ceph", name, "up", "down", hint=f"`systemctl status ceph-osd@{one['id']}` on its host")
    elif size and abs(crush - size) > max(0.05 * size, 0.01):
        hint = f"ceph osd crush reweight {name} {size:.5f}"
        yield Drift("ceph", name, f"CRUSH weight {size:.3f} (its size in TiB)", f"{crush:g}", hint=hint)
