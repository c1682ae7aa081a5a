"""Parts of a backup are brought back to a rack that stands: databases, OVN, keys of Ceph, files of switches."""

import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, cast

from scs_rack.backup import monitors, pipe
from scs_rack.backup.shelf import Backup
from scs_rack.backup.sources import MANAGER, SWITCHES
from scs_rack.backup.verify import Dump, Reader
from scs_rack.days.tools import Tools
from scs_rack.errors import StageFailed, UsageError
from scs_rack.files import write_file
from scs_rack.sonic.backup import FOLDER
from scs_rack.standstill import units

MONITORS = "monitors"
"""No part of its own: all monitors made anew from the OSDs, with the keys of part `ceph`."""
ORDER = (MONITORS, "ceph", "databases", "ovn", SWITCHES)
"""Parts that can be brought back to a rack that stands, in their order."""
REFUSED = {
    MANAGER: "it would overwrite the state that this command works with: `scs-rack backup unpack FOLDER --to DIR`",
    "ceph-mon": f"OSDs that live have newer maps than it: `{MONITORS}` makes all monitors anew from the OSDs",
}
LOAD = r"""
set -euo pipefail
state=$(mariadb --protocol=socket -BNe "SHOW STATUS LIKE 'wsrep_local_state_comment'" | cut -f2)
case $state in Synced|"") ;; *) echo "MariaDB is $state, not Synced: scs-rack up --to platform" >&2; exit 1 ;; esac
gzip -dc | mariadb --protocol=socket --default-character-set=utf8mb4 --max-allowed-packet=64M
mariadb --protocol=socket -BNe "SELECT TABLE_SCHEMA, COUNT(*) FROM information_schema.TABLES
  WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN
  ('mysql', 'sys', 'information_schema', 'performance_schema') GROUP BY 1" |
  python3 -c 'import json, sys; print(json.dumps({n: int(c) for n, c in (line.split() for line in sys.stdin)}))'
"""
OVN = r"""
set -euo pipefail
cd "$(mktemp -d)"; trap 'rm -rf "$PWD"' EXIT
umask 077
tar --extract --gzip --no-same-owner
ovsdb-client --timeout=60 restore unix:/run/ovn/ovnnb_db.sock OVN_Northbound < ovnnb_db.db
echo done
"""
"""Only the leader of the raft cluster takes it; northd makes the southbound database anew from the northbound one."""
KEYS = r"""
set -euo pipefail
cd "$(mktemp -d)"; trap 'rm -rf "$PWD"' EXIT
umask 077
tar --extract --gzip --no-same-owner
timeout 60 ceph --connect-timeout 15 auth import --in-file auth.keyring >/dev/null 2>&1
echo done
"""

Said = Callable[[str, str], None]


def chosen(backup: Backup, names: Sequence[str]) -> list[str]:
    """The parts to bring back, in their order.

    Raises:
        UsageError: one can't be, or is not in the backup.
    """
    faults = [f"{name}: {REFUSED[name]}" for name in names if name in REFUSED]
    faults += [f"there is no part {name}" for name in names if name not in REFUSED and name not in ORDER]
    faults += [f"{name} is not in {backup.name}" for name in names if name in ORDER and backup.part(_of(name)) is None]
    if faults:
        raise UsageError("; ".join(faults), f"parts that can be restored: {', '.join(ORDER)}")
    if not names:
        raise UsageError("no part named", f"parts that can be restored: {', '.join(ORDER)}")
    return [name for name in ORDER if name in names]


def restore(tools: Tools, backup: Backup, password: bytes, names: Sequence[str], said: Said) -> None:
    """Bring parts back.

    Raises:
        StageFailed, Unreachable: a part can't be; those before it are, and the cloud's services may stand still.
    """
    key = backup.open(password)
    for name in names:
        said(name, "begun")
        with backup.content(key, _of(name)) as pieces:
            said(name, _PARTS[name](tools, Opened(backup, key, pieces)))


def _of(name: str) -> str:
    """The part of a backup that is read."""
    return "ceph" if name == MONITORS else name


@dataclass(frozen=True)
class Opened:
    """A part that is being read."""

    backup: Backup
    key: bytes
    pieces: Iterator[bytes]


def _databases(tools: Tools, part: Opened) -> str:
    """Nobody may write meanwhile: the services of the cloud stand still while the dump is loaded."""
    hosts = [host for host in tools.ctx.design.in_service if tools.answers(host)]
    controllers = [host for host in tools.ctx.design.groups["controller"] if host in hosts]
    if not controllers:
        raise StageFailed("no controller answers", "`scs-rack up --to platform`")
    quiet = [pattern for pattern in units.CLOUD if not pattern.startswith("scs-rack")]
    stopped = units.stop(tools, hosts, quiet)
    failed = [f"{answer.host}: {answer.why}" for answer in stopped.values() if not answer.ok]
    if failed:
        raise StageFailed(f"services can't be stopped: {'; '.join(failed)}", "`scs-rack up` starts those that stopped")
    counter = Dump()
    said = pipe.feed(tools.ctx, controllers[0], ["bash", "-c", LOAD], counter.through(part.pieces))
    words = counter.judge(json.loads(said), controllers[0])
    for answer in stopped.values():
        if names := units.listed(answer):
            units.start(tools, answer.host, names)
    return words.replace("loaded and checked by a MariaDB of their own on", "loaded by way of")


def _ovn(tools: Tools, part: Opened) -> str:
    return _first(tools, part, "ovn", OVN, tools.ctx.design.groups["controller"])


def _monitors(tools: Tools, part: Opened) -> str:
    return monitors.rebuild(tools, lambda: part.backup.content(part.key, "ceph"))


def _ceph(tools: Tools, part: Opened) -> str:
    return _first(tools, part, "ceph", KEYS, tools.ctx.design.groups["ceph_mon"])


def _first(tools: Tools, part: Opened, name: str, program: str, hosts: Sequence[str]) -> str:
    """The first server that takes it; each is given the whole of it."""
    why: list[str] = []
    for host in hosts:
        try:
            with part.backup.content(part.key, name) as pieces:
                pipe.feed(tools.ctx, host, ["bash", "-c", program], pieces)
        except StageFailed as error:
            why.append(error.message)
            continue
        return f"by {host}"
    raise StageFailed("; ".join(why) or "no server for it in the rack file")


def _switches(tools: Tools, part: Opened) -> str:
    """Files for `switch rollback`, which shows what it would change, and undoes itself when a switch is cut off."""
    folder = tools.ctx.state_dir / FOLDER / part.backup.name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = []
    with tarfile.open(fileobj=cast("IO[bytes]", Reader(part.pieces)), mode="r|") as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is None or "/" in member.name:
                raise StageFailed(f"{member.name} is no file of a switch")
            write_file(folder / member.name, file.read())
            names.append(member.name)
    return f"{len(names)} files; `scs-rack switch rollback --to {part.backup.name}` brings them to the switches"


_PARTS: dict[str, Callable[[Tools, Opened], str]] = {
    MONITORS: _monitors,
    "databases": _databases,
    "ovn": _ovn,
    "ceph": _ceph,
    SWITCHES: _switches,
}
