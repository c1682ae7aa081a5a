"""Runs on a monitor's host: gives the monitors many commands at once through librados, and waits for the cluster.

`cluster.py settings` writes settings and gives OSDs their numbers; `cluster.py pools` waits for the OSDs, makes the
pools, and ends when the cluster is healthy and takes data.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import rados
import rbd

PAUSE = 0.2
PATIENCE = 120.0
Command = dict[str, Any]


class Cluster:
    """A connection to the monitors; made as soon as they have a quorum."""

    def __init__(self) -> None:
        self.rados = rados.Rados(conffile="/etc/ceph/ceph.conf", name="client.admin")
        self.rados.connect()

    def ask(self, command: Command, data: str = "") -> Any:
        """Give one command."""
        text = json.dumps({"format": "json", **command})
        code, out, words = self.rados.mon_command(text, data.encode(), timeout=60)
        if code:
            raise SystemExit(f"{command}: {words or os.strerror(-code)}")
        return json.loads(out) if out.strip() else None

    def at_once(self, commands: list[Command]) -> None:
        """Give many commands; the monitors agree on them together."""
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(self.ask, commands))

    def initialise(self, name: str) -> None:
        """Make a pool ready for block devices."""
        with self.rados.open_ioctx(name) as ioctx:
            rbd.RBD().pool_init(ioctx, False)

    def round_trip(self, name: str) -> None:
        """Write, read and remove 1 MiB."""
        data = os.urandom(1 << 20)
        with self.rados.open_ioctx(name) as ioctx:
            ioctx.write_full("bench-probe", data)
            seen = ioctx.read("bench-probe", len(data))
            ioctx.remove_object("bench-probe")
        if seen != data:
            raise SystemExit(f"pool {name} gives other bytes than it was given")


def missing(status: Command, plan: Command) -> str:
    """What keeps the cluster from being healthy, as the gate of the stage judges it."""
    osds, groups = status["osdmap"], status["pgmap"]
    bad = [row for row in groups.get("pgs_by_state", []) if not row["state_name"].startswith("active+clean")]
    standbys = plan["managers"] - 1
    wanted = {
        "monitors": len(status["quorum_names"]) == plan["mons"],
        "managers": status["mgrmap"]["available"] and status["mgrmap"]["num_standbys"] >= standbys,
        "OSDs": min(osds["num_up_osds"], osds["num_in_osds"]) >= len(plan["osds"]),
        f"placement groups {bad}": groups["num_pgs"] > 0 and not bad,
        f"health {status['health']}": status["health"]["status"] == "HEALTH_OK",
    }
    return ", ".join(name for name, good in wanted.items() if not good)


def wait(why: Any) -> None:
    """Wait until a question has an empty answer."""
    deadline = time.monotonic() + PATIENCE
    while found := why():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {PATIENCE:.0f} s in vain for {found}")
        time.sleep(PAUSE)


def main() -> None:
    """Entry point."""
    plan = json.loads(Path(__file__).with_name("plan.json").read_text(encoding="utf-8"))
    cluster = Cluster()
    if sys.argv[1] == "settings":
        for number, (command, secret) in enumerate(plan["osds"]):
            given = cluster.ask(command, secret)["osdid"]
            if given != number:
                raise SystemExit(f"OSD {number} became {given}: the cluster is not empty")
        cluster.at_once(plan["settings"])
        return
    wait(lambda: "OSDs" if cluster.ask({"prefix": "osd stat"})["num_up_osds"] < len(plan["osds"]) else "")
    for part in ("rule", "pools", "applications"):
        cluster.at_once(plan[part])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cluster.initialise, plan["block"]))
    wait(lambda: missing(cluster.ask({"prefix": "status"}), plan))
    cluster.round_trip(plan["block"][0])


main()
