"""Adding a server: how many Ansible tasks × hosts it takes when 3, 30, or 300 servers are there already.

Counted by ansible-playbook itself (`--list-tasks --list-hosts`) on simulated inventories; a task that includes others
counts as one. `python -m benchmarks.expansion` prints the table.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from scs_rack.ansible.run import COLLECTIONS
from scs_rack.design import Design, make_design
from scs_rack.design.inventory import inventory
from scs_rack.engine.settled import beside
from scs_rack.model.load import load_rack
from scs_rack.paths import shipped

SIZES = (3, 30, 300)
PLAYBOOKS = ("base.yml", "ceph.yml", "platform.yml", "cloud.yml")
LAB = Path(__file__).resolve().parents[1] / "inventory/lab"
NEW = "new"
PLAY = re.compile(r"^  play #\d+ .*?$(.*?)(?=^  play #|\Z)", re.MULTILINE | re.DOTALL)


def simulated(size: int) -> Design:
    """The lab's three controllers, servers for storage and compute up to a size, and a new one."""
    base = make_design(load_rack(LAB))
    pattern = base.nodes["node4"]
    nodes = {name: node for name, node in base.nodes.items() if node.in_service}
    names = [f"server{number}" for number in range(size - len(nodes))]
    for number, name in enumerate([*names, NEW]):
        nodes[name] = replace(
            pattern,
            name=name,
            in_service=True,
            loopback4=IPv4Address("10.93.0.0") + number,
            loopback6=IPv6Address("fd5c:9::") + number,
        )
    groups = {
        group: (*members, *names, NEW) if group in {"storage", "compute"} else members
        for group, members in base.groups.items()
    }
    return replace(base, nodes=nodes, groups=groups)


def tasks_by_hosts(design: Design, folder: Path, limit: str | None) -> int:
    """Sum over all plays of the product of tasks and hosts."""
    (folder / "inventory.json").write_text(json.dumps(inventory(design)))
    script = folder / "inventory"
    script.write_text(f"#!/bin/sh\nexec cat {folder}/inventory.json\n")
    script.chmod(0o755)
    program = Path(sys.executable).parent / "ansible-playbook"
    options = ["--list-tasks", "--list-hosts", *(["--limit", limit] if limit else [])]
    environment = {
        "PATH": "/usr/bin:/bin",
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_ROLES_PATH": str(shipped("roles")),
        "ANSIBLE_INVENTORY_ENABLED": "script",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
    }
    books = [str(shipped("playbooks") / name) for name in PLAYBOOKS]
    done = subprocess.run(
        [str(program), "-i", str(script), *options, *books],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return sum(_hosts(play) * play.count("TAGS: [") for play in PLAY.findall(done.stdout))


def _hosts(play: str) -> int:
    found = re.search(r"hosts \((\d+)\)", play)
    return int(found[1]) if found else 0


def measured() -> dict[int, tuple[int, int]]:
    """By size: of a whole run, and of `up --new`."""
    found = {}
    for size in SIZES:
        design = simulated(size)
        limit = ":".join(sorted(beside(design, {NEW}) & set(design.nodes)))
        with tempfile.TemporaryDirectory() as folder:
            counts = [tasks_by_hosts(design, Path(folder), one) for one in (None, limit)]
        found[size] = (counts[0], counts[1])
    return found


def main() -> None:
    """Print the table."""
    print("servers there  tasks × hosts of `up`  of `up --new`")
    for size, (whole, new) in measured().items():
        print(f"{size:13}  {whole:21}  {new:13}")


if __name__ == "__main__":
    main()
