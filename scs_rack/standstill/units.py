"""Services are stopped in an order that loses nothing, and those that we stopped are started again."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from scs_rack.days.tools import Tools
from scs_rack.errors import StageFailed, Unreachable
from scs_rack.remote import Answer

CLOUD = (
    "scs-rack-vip.service",
    "nova-*",
    "neutron-*",
    "cinder-*",
    "glance-*",
    "placement-*",
    "keystone*",
    "barbican-*",
    "octavia-*",
    "designate-*",
    "horizon*",
    "radosgw*",
)
"""What the cloud is made of: all of it may stop at once, for it keeps nothing that is not in a database or in Ceph."""
BROKER = ("rabbitmq-server.service",)
DATABASE = ("mariadb.service",)
WITHIN = 180.0
AT_ONCE = 24
STOP = """
import fnmatch, json, subprocess, sys
patterns = sys.argv[1:]
def units():
    command = ["systemctl", "list-units", "--all", "--output=json", "--type=service,socket,timer"]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    alive = ("active", "activating", "reloading", "deactivating")
    return [one["unit"] for one in said if one["active"] in alive
            and any(fnmatch.fnmatchcase(one["unit"], pattern) for pattern in patterns)]
before = [one for one in units() if "@." not in one]
if before and %s:
    subprocess.run(["systemctl", "stop", *before], check=True)
print(json.dumps({"units": before, "left": units() if %s else []}))
"""
"""Prints which units of some patterns run, and stops them or not."""
NOT_BEGUN = 5
"""Exit code of systemctl for a unit that is not there (systemctl(1), as LSB has it)."""


def alive(tools: Tools, hosts: Sequence[str], patterns: Sequence[str]) -> dict[str, Answer]:
    """Which units run, host by host; nothing is stopped."""
    return _sent(tools, hosts, patterns, stop=False)


def stop(tools: Tools, hosts: Sequence[str], patterns: Sequence[str]) -> dict[str, Answer]:
    """Stop units on some hosts, side by side."""
    return _sent(tools, hosts, patterns, stop=True)


def start(tools: Tools, host: str, units: Sequence[str]) -> None:
    """Start units of a host without waiting for them: members of clusters wait for each other.

    Raises:
        Unreachable, StageFailed: it can't be ordered.
    """
    answer = tools.runner.run(host, ["systemctl", "start", "--no-block", *units], 60)
    if answer.unreachable:
        raise Unreachable(f"{host} can't be reached: {answer.why}")
    if not answer.ok and answer.code != NOT_BEGUN:
        raise StageFailed(f"{host}: `systemctl start`: {answer.why}")


def _sent(tools: Tools, hosts: Sequence[str], patterns: Sequence[str], *, stop: bool) -> dict[str, Answer]:
    argv = ["python3", "-c", STOP % (stop, stop), *patterns]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return dict(zip(hosts, pool.map(lambda host: tools.runner.run(host, argv, WITHIN), hosts), strict=True))


def listed(answer: Answer, key: str = "units") -> list[str]:
    """Units that the program on a host named; none where it failed."""
    return [str(name) for name in json.loads(answer.out)[key]] if answer.ok else []
