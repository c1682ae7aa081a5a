"""Servers in service: those that a whole `up` has passed with. Nothing of them is restarted unless that is allowed.

A server that was made anew has another host key, and is not in service yet, whatever its name.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from scs_rack import ssh
from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.results import Change

ALLOW = "SCS_RACK_ALLOW"
"""Environment variable with what a run may do to servers in service: `restart`."""
_FILE = "settled.json"
_RESTART = re.compile(r"\+restart (\S+\.(?:service|socket|target|timer|mount|path))$")
"""How module `services` tells in its diff what it would do."""


def write(state_dir: Path, servers: Iterable[str]) -> None:
    """These are in service, and no others."""
    keys = _keys(state_dir)
    found = {name: keys[name] for name in servers if name in keys}
    write_file(state_dir / _FILE, json.dumps(found, indent=1, sort_keys=True) + "\n")


def drop(state_dir: Path, server: str) -> None:
    """A server is not in service any more, or not yet: what runs there may be restarted."""
    if server in (known := read(state_dir)):
        write(state_dir, sorted(known - {server}))


def read(state_dir: Path) -> frozenset[str]:
    """Those in service."""
    try:
        known = dict(json.loads((state_dir / _FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return frozenset()
    keys = _keys(state_dir)
    return frozenset(name for name, key in known.items() if keys.get(name) == key)


def newcomers(state_dir: Path, design: Design) -> frozenset[str]:
    """Devices that a run has to do with so that new servers come into service.

    Raises:
        UsageError: nothing is new, everything is, or what is new concerns all others.
    """
    known = read(state_dir)
    if not known:
        raise UsageError("no server is in service yet", "bring the whole rack up first: `scs-rack up`")
    found = frozenset(design.in_service) - known
    if not found:
        raise UsageError(
            "all servers of the rack file are in service", "`scs-rack up` without --new looks at all of them"
        )
    if control := sorted(found & set(design.groups["controller"])):
        words = f"{', '.join(control)} would be a controller, which all others have to know"
        raise UsageError(words, "`scs-rack up` without --new")
    return beside(design, found)


def beside(design: Design, servers: Iterable[str]) -> frozenset[str]:
    """Servers, the switches that they are cabled to, and the controller that does what is done once for all."""
    new = frozenset(servers)
    switches = {name for name, one in design.switches.items() if new & {use.peer for use in one.ports.values()}}
    return new | switches | set(design.groups["first_controller"])


def guarded(state_dir: Path) -> frozenset[str]:
    """Those of which nothing may be restarted now."""
    return frozenset() if os.environ.get(ALLOW) == "restart" else read(state_dir)


def restarts(changes: Iterable[Change], servers: Iterable[str]) -> dict[str, list[str]]:
    """Units that a plan would restart, by server, of those in service."""
    guarded, found = frozenset(servers), dict[str, list[str]]()
    for change in changes:
        if change.device in guarded:
            for line in change.diff.splitlines():
                if told := _RESTART.match(line):
                    found.setdefault(change.device, []).append(told[1])
    return found


def _keys(state_dir: Path) -> dict[str, str]:
    """Digests of host keys by each name that a server is known by (known_hosts, sshd(8))."""
    found: dict[str, str] = {}
    try:
        lines = ssh.files(state_dir).known_hosts.read_text(encoding="ascii").splitlines()
    except OSError:
        return found
    for line in lines:
        names, _, key = line.partition(" ")
        for name in names.split(","):
            found[name] = hashlib.sha256(key.encode()).hexdigest()
    return found
