"""Runs on a monitor's host: prints the cluster's state as JSON, and with a pool's name writes, reads and removes data.

Standard library and librados only: the gate of stage ceph sends this file over SSH (`python3 - …` without a copy).
"""

import hashlib
import json
import os
import sys
import time
from typing import Any

CONNECT = "10"
"""Seconds to wait for a quorum."""
TIMEOUT = "20"
"""Seconds that one operation may take."""
SIZE = 1 << 20
"""Bytes that are written and read back."""


def round_trip(cluster: Any, pool: str) -> float:
    """Write random bytes to a new block device, read them through a second opening, remove it; returns seconds.

    Raises:
        ValueError: other bytes came back.
    """
    import rbd

    begin = time.monotonic()
    name, data = f"scs-rack-probe-{os.urandom(6).hex()}", os.urandom(SIZE)
    with cluster.open_ioctx(pool) as ioctx:
        rbd.RBD().create(ioctx, name, 4 * SIZE)
        try:
            with rbd.Image(ioctx, name) as image:
                image.write(data, SIZE)
                image.flush()
            with rbd.Image(ioctx, name, read_only=True) as image:
                seen = image.read(SIZE, SIZE)
        finally:
            rbd.RBD().remove(ioctx, name)
    if hashlib.sha256(seen).digest() != hashlib.sha256(data).digest():
        raise ValueError("other bytes were read than were written")
    return time.monotonic() - begin


def ask(cluster: Any, prefix: str) -> Any:
    """Answer of the monitors to a command.

    Raises:
        OSError: they refuse it.
    """
    code, out, words = cluster.mon_command(json.dumps({"prefix": prefix, "format": "json"}), b"")
    if code:
        raise OSError(-code, words)
    return json.loads(out)


def pools(cluster: Any) -> dict[str, Any]:
    """Copies, placement groups and what each copy lies in, by pool."""
    rules = {rule["rule_id"]: rule for rule in ask(cluster, "osd crush rule dump")}
    return {
        pool["pool_name"]: {
            "size": pool["size"],
            "pg_num": pool["pg_num_target"],
            "spread": [step["type"] for step in rules[pool["crush_rule"]]["steps"] if step["op"].startswith("choose")],
        }
        for pool in ask(cluster, "osd dump")["pools"]
    }


def entering(cluster: Any) -> list[int]:
    """OSDs that do not have their whole weight yet (`osd_entry_probe.py`)."""
    marked = {row["section"] for row in ask(cluster, "config dump") if row["name"] == "osd_crush_initial_weight"}
    return [one["osd"] for one in ask(cluster, "osd dump")["osds"] if f"osd.{one['osd']}" in marked] if marked else []


def look(pool: str) -> dict[str, Any]:
    """The cluster's state; errors are told, not raised."""
    import rados

    said: dict[str, Any] = {"error": None, "status": None, "pools": {}, "entering": [], "round_trip": None}
    cluster = rados.Rados(conffile="/etc/ceph/ceph.conf", name="client.admin")
    try:
        for option in ("rados_mon_op_timeout", "rados_osd_op_timeout"):
            cluster.conf_set(option, TIMEOUT)
        cluster.conf_set("client_mount_timeout", CONNECT)
        cluster.connect()
        said["status"] = ask(cluster, "status")
        said["pools"] = pools(cluster)
        said["entering"] = entering(cluster)
        if pool:
            said["round_trip"] = round_trip(cluster, pool)
    except (OSError, ValueError) as error:  # errors of librados and librbd are OSErrors
        said["error"] = f"{type(error).__name__}: {error}"
    finally:
        cluster.shutdown()
    return said


if __name__ == "__main__":
    print(json.dumps(look(sys.argv[1] if len(sys.argv) > 1 else "")))
