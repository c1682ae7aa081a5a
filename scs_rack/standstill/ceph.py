"""Ceph is told that it will be silent for a while: nothing is moved, nobody is called dead, clients wait.

Ceph's documentation, "Operating a cluster", on powering down a whole cluster: clients first, then flags `noout`,
`norecover`, `norebalance`, `nobackfill`, `nodown` and `pause`, then OSDs, then monitors; and backwards.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from scs_rack.days.tools import Tools
from scs_rack.errors import StageFailed
from scs_rack.stages.copies import is_clean

FLAGS = ("noout", "norecover", "norebalance", "nobackfill", "nodown", "pause")
"""In the order in which they are set; they are taken away in the reverse order, `noout` when all is clean."""
_SHOWN = {"pause": ("pauserd", "pausewr")}


def ask(tools: Tools, *words: str) -> Any:
    """A question to the monitors, through the first of their hosts that can be reached."""
    argv = ["timeout", "25", "ceph", "--connect-timeout", "15", *words, "--format", "json"]
    return tools.json(tools.ctx.design.groups["ceph_mon"], argv, 40)


def flags(tools: Tools) -> list[str]:
    """Those of FLAGS that are set."""
    return shown(ask(tools, "osd", "dump")["flags_set"])


def shown(told: Iterable[str]) -> list[str]:
    """The same, out of what the cluster shows."""
    there = set(told)
    return [flag for flag in FLAGS if there >= set(_SHOWN.get(flag, (flag,)))]


def change(tools: Tools, names: Sequence[str], *, on: bool) -> None:
    """Set or unset flags, and read them back.

    Raises:
        StageFailed: the cluster does not have it so.
    """
    for name in names:
        argv = ["timeout", "25", "ceph", "--connect-timeout", "15", "osd", "set" if on else "unset", name]
        tools.told(tools.ctx.design.groups["ceph_mon"], argv, 40)
    has = flags(tools)
    wrong = [name for name in names if (name in has) != on]
    if wrong:
        raise StageFailed(f"Ceph: {', '.join(wrong)} {'not set' if on else 'still set'} although it was ordered")


def trouble(status: dict[str, Any], mons: Iterable[str]) -> list[str]:
    """Why a cluster should not be put to rest as it is: copies that are missing are found better while it runs."""
    found = []
    silent = sorted(set(mons) - set(status["quorum_names"]))
    if silent:
        found.append(f"monitors out of the quorum: {', '.join(silent)}")
    osds = status["osdmap"]
    if osds["num_up_osds"] < osds["num_in_osds"]:
        found.append(f"{osds['num_in_osds'] - osds['num_up_osds']} OSDs are down")
    states = status["pgmap"].get("pgs_by_state", [])
    unclean = {row["state_name"]: row["count"] for row in states if not is_clean(row["state_name"])}
    found += [f"{count} placement groups are {state}" for state, count in unclean.items()]
    if status["health"]["status"] == "HEALTH_ERR":
        words = [one["summary"]["message"] for one in status["health"]["checks"].values()]
        found.append("HEALTH_ERR: " + "; ".join(words))
    return found


def silent_osds(tools: Tools) -> list[str]:
    """OSDs that don't run, as their hosts see it: `nodown` hides that from the cluster."""
    found = []
    hosts = [name for name, node in tools.ctx.design.in_service.items() if "storage" in node.roles]
    for host in hosts:
        argv = ["systemctl", "list-units", "ceph-osd@*", "--all", "--output=json"]
        answer = tools.runner.run(host, argv, 30)
        if not answer.ok:
            found.append(f"{host}: {answer.why}")
            continue
        units = json.loads(answer.out or "[]")
        found += [f"{one['unit']} on {host} is {one['active']}" for one in units if one["active"] != "active"]
        if not units:
            found.append(f"{host} runs no OSD")
    return found
