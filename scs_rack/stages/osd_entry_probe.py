"""Runs on a monitor's host: says which OSDs enter, and raises their CRUSH weights by one step; prints JSON.

What a step moves is known before it is made: `osdmaptool` (Ceph 18) places all copies by the map as it would be then.
Standard library and Ceph's own programs only: stage ceph sends this file over SSH.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

OPTION = "osd_crush_initial_weight"
"""Set to 0 for an OSD that enters, by module `ceph_cluster`, before it starts for the first time."""
LEVELS = 32
"""Weights between nothing and all that are tried."""
CONNECT = "15"
TIB = 1 << 30
"""Of KiB."""
Mapping = dict[str, frozenset[int]]
"""OSDs by placement group."""


def run(argv: list[str]) -> str:
    """Run a program and return what it printed.

    Raises:
        OSError: it failed.
    """
    seen = subprocess.run(argv, capture_output=True, text=True, check=False)
    if seen.returncode:
        raise OSError(f"{' '.join(argv[:6])}: {(seen.stderr or seen.stdout).strip()[-300:]}")
    return seen.stdout


def ask(*words: str) -> Any:
    """Ask the monitors."""
    return json.loads(run(["ceph", "--connect-timeout", CONNECT, *words, "--format", "json"]))


def entering() -> dict[int, tuple[float, float]]:
    """Weight now and in the end of the OSDs that enter; the latter as the OSD itself would choose it (TiB).

    The end of one that does not run yet is 0.
    """
    marked = {row["section"] for row in ask("config", "dump") if row["name"] == OPTION}
    known = (
        {int(row["osd"]) for row in ask("osd", "dump")["osds"] if f"osd.{row['osd']}" in marked} if marked else set()
    )
    found = dict.fromkeys(known, (0.0, 0.0))
    for row in ask("osd", "df")["nodes"] if known else ():
        if row["id"] in known and row["kb"]:
            found[int(row["id"])] = (float(row["crush_weight"]), max(round(row["kb"] / TIB, 4), 0.0001))
    return found


def parse(text: str) -> Mapping:
    """Lines `1.a  [0,1,2]  0` of `osdmaptool --test-map-pgs-dump`."""
    found = {}
    for line in text.splitlines():
        parts = line.split("\t")
        if len(parts) == 3 and parts[1].startswith("["):
            found[parts[0]] = frozenset(int(word) for word in parts[1].strip("[]").split(",") if word)
    return found


def placed(path: str, weights: dict[int, float]) -> Mapping:
    """Where copies lie with these weights."""
    change = ",".join(f"{osd}:{weight:.6f}" for osd, weight in weights.items())
    return parse(run(["osdmaptool", path, "--adjust-crush-weight", change, "--test-map-pgs-dump"]))


def moved(before: Mapping, after: Mapping, objects: dict[str, float]) -> float:
    """Share of all copies of all objects that lie elsewhere afterwards.

    Args:
        before: OSDs by placement group.
        after: the same.
        objects: of one placement group, by the number of its pool.
    """

    def count(pgid: str) -> float:
        return objects.get(pgid.partition(".")[0], 0.0)

    total = sum(count(pgid) * len(osds) for pgid, osds in before.items())
    away = sum(count(pgid) * len(after.get(pgid, osds) - osds) for pgid, osds in before.items())
    return away / total if total else 0.0


def step(share: float) -> dict[str, Any]:
    """Raise the weights as far as no more than a share of all copies moves; by one level at least.

    Args:
        share: of all copies.
    """
    osds = {osd: pair for osd, pair in entering().items() if pair[1]}
    known = ask("df")["pools"]
    groups = {pool["pool"]: pool["pg_num"] for pool in ask("osd", "dump")["pools"]}
    objects = {str(pool["id"]): pool["stats"]["objects"] / groups[pool["id"]] for pool in known if pool["id"] in groups}
    level = min(int(now / end * LEVELS + 0.1) for now, end in osds.values())

    def weights(number: int) -> dict[int, float]:
        return {osd: max(now, end * number / LEVELS) for osd, (now, end) in osds.items()}

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "map"))
        run(["ceph", "--connect-timeout", CONNECT, "osd", "getmap", "-o", path])
        before = placed(path, weights(0))
        shares = {}

        def fits(number: int) -> bool:
            shares[number] = moved(before, placed(path, weights(number)), objects)
            return shares[number] <= share

        low, high = level + 1, LEVELS
        if not fits(low):
            high = low  # a single placement group may be more than the share
        elif fits(high):
            low = high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
    for osd, weight in weights(low).items():
        run(["ceph", "--connect-timeout", CONNECT, "osd", "crush", "reweight", f"osd.{osd}", f"{weight:.6f}"])
    return {"from": level / LEVELS, "to": low / LEVELS, "moves": shares[low]}


def look() -> dict[str, Any]:
    """OSDs that enter, what is left to be copied or moved, and placement groups that are not clean."""
    osds = entering()
    for osd, (now, end) in list(osds.items()):
        if end and now >= end - end / LEVELS / 4:
            run(["ceph", "--connect-timeout", CONNECT, "config", "rm", f"osd.{osd}", OPTION])
            del osds[osd]
    status = ask("status")["pgmap"]
    left = float(status.get("misplaced_ratio", 0.0)) + float(status.get("degraded_ratio", 0.0))
    states = {row["state_name"]: row["count"] for row in status.get("pgs_by_state", [])}
    dark = sorted(osd for osd, (_, end) in osds.items() if not end)
    return {"osds": sorted(osds), "dark": dark, "left": left, "states": states}


if __name__ == "__main__":
    print(json.dumps(step(float(sys.argv[2])) if sys.argv[1] == "step" else look()))
