"""Runs on a node: prints what it is, as JSON: files with owner and mode, units, addresses, bridges, databases.

Standard library only: it is sent over SSH. What differs between two runs that did the same is left out (`VOLATILE`).
"""

import hashlib
import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

FOLDERS = ("/etc", "/usr/local", "/var/lib/keystone", "/var/spool/cron")
VOLATILE = re.compile(
    r"^/etc/(machine-id|resolv\.conf|mtab|ld\.so\.cache|hostid|\.pwd\.lock|.*-$|ssh/ssh_host_.*|ssl/certs/.*"
    r"|openvswitch/(conf\.db|system-id\.conf|\.conf\.db.*)|iscsi/initiatorname\.iscsi|nvme/host.*|subuid.*|subgid.*"
    r"|lvm/(archive|backup|devices)/.*|apparmor\.d/.*|ceph/.*keyring|.*\.pyc)$|/__pycache__/|/\.cache/|\.lock$"
)
"""Keys of Ceph are made by its monitors, so a keyring differs from cluster to cluster; what they allow is compared."""


TABLES = """SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES
WHERE TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')"""
BROKER = "rabbitmqctl --quiet list"


def main() -> None:
    """Print it."""
    seen = {
        "files": files(),
        "units": units(),
        "addresses": addresses(),
        "bridges": bridges(),
        "accounts": lines("getent passwd | awk -F: '$3 >= 1000 && $3 < 60000' | cut -d: -f1,3,6,7"),
        "databases": lines(f"mariadb -BNe {shlex.quote(TABLES)}"),
        "database users": lines('mariadb -BNe "SELECT User, Host FROM mysql.global_priv"'),
        "brokers": lines(f"for one in users policies vhosts; do {BROKER}_$one; done"),
    }
    print(json.dumps(seen))


def files() -> dict[str, str]:
    """Owner, mode and digest of settings by path; targets of links."""
    found = {}
    for folder in FOLDERS:
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = Path(parent, name)
                if VOLATILE.search(str(path)):
                    continue
                try:
                    about = path.lstat()
                    if path.is_symlink():
                        found[str(path)] = f"-> {path.readlink()}"
                    elif path.is_file():
                        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
                        found[str(path)] = f"{about.st_uid}:{about.st_gid} {about.st_mode & 0o7777:o} {digest}"
                except OSError as error:
                    found[str(path)] = str(error)
    return found


def units() -> dict[str, str]:
    """State of services, sockets and timers that run or failed, and which are enabled; not of a first boot alone."""
    command = "systemctl list-units --type=service,socket,timer --plain --no-legend --no-pager"
    found = {}
    for line in lines(command):
        name, _, active, state = line.split()[:4]
        if not re.match(r"(user@|session-|run-|systemd-|getty|console-getty|dbus|ldconfig\.)", name):
            found[name] = active if state == "exited" else f"{active} {state}"
    for line in lines("systemctl list-unit-files --state=enabled --no-legend --no-pager"):
        found[f"enabled {line.split()[0]}"] = "yes"
    return found


def addresses() -> dict[str, str]:
    """Addresses by link, but for those of guests and of links alone."""
    listed: list[dict[str, Any]] = json.loads("".join(lines("ip -json address show")) or "[]")
    return {
        link["ifname"]: " ".join(
            sorted(f"{one['local']}/{one['prefixlen']}" for one in link["addr_info"] if one["scope"] != "link")
        )
        for link in listed
        if not link["ifname"].startswith(("tap", "ovnmeta"))
    }


def bridges() -> dict[str, str]:
    """Ports by bridge of Open vSwitch, and the settings of this chassis."""
    found = {}
    for bridge in lines("ovs-vsctl --timeout=10 list-br"):
        ports = [
            one for one in lines(f"ovs-vsctl --timeout=10 list-ports {bridge}") if not one.startswith(("tap", "ovn-"))
        ]
        found[bridge] = " ".join(sorted(ports))
    settings = lines("ovs-vsctl --timeout=10 --bare --columns=external_ids list open_vswitch .")
    found["chassis"] = " ".join(sorted(one for line in settings for one in line.split() if "rundir" not in one))
    return found


def lines(command: str) -> list[str]:
    """What a shell command prints; nothing where the tool is not there or fails."""
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    return sorted(line for line in done.stdout.splitlines() if line.strip())


if __name__ == "__main__":
    main()
