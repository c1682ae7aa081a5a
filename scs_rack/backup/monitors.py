"""Ceph's monitors are made anew from what the OSDs know, when the stores of all of them are lost.

Ceph's manual, "Troubleshooting monitors", section "Recovery using OSDs": each OSD that stands still adds its maps to
one store, which goes from host to host; then keys are added. Keys and the map of monitors come from a backup (`ceph`).
"""

import io
import json
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import IO

from scs_rack.backup import pipe
from scs_rack.days.tools import Tools
from scs_rack.errors import Interrupted, StageFailed

FOLDER = "/var/lib/ceph/scs-rack-monitors"
"""On hosts; nobody but root and ceph may read it."""
COLLECT = rf"""
set -euo pipefail
umask 077
rm -rf {FOLDER}; mkdir -p {FOLDER}
tar --extract --gzip --directory {FOLDER}
found=0
for osd in /var/lib/ceph/osd/ceph-*; do
  [ -e "$osd/block" ] || continue
  ceph-objectstore-tool --no-mon-config --data-path "$osd" --op update-mon-db --mon-store-path {FOLDER} >&2
  found=$((found + 1))
done
[ "$found" -gt 0 ] || {{ echo "no OSD here" >&2; exit 1; }}
echo "$found"
"""
"""Adds what a host's OSDs know to the store that comes by standard input; prints how many there are."""
GIVE = f"tar --create --gzip --directory {FOLDER} . && rm -rf {FOLDER}"
REBUILD = rf"""
set -euo pipefail
umask 077
keys=$(mktemp -d); trap 'rm -rf "$keys"' EXIT
tar --extract --gzip --directory "$keys"
cat "$keys/mon.keyring" "$keys/auth.keyring" > "$keys/all"
ceph-monstore-tool {FOLDER} rebuild -- --keyring "$keys/all" --mon-ids "$@" >&2
[ -e {FOLDER}/kv_backend ] || echo rocksdb > {FOLDER}/kv_backend
cp "$keys/mon.keyring" {FOLDER}/keyring
awk '/^\[/ {{ wanted = $0 == "[client.admin]" }} wanted' "$keys/auth.keyring" > {FOLDER}/admin.keyring
ceph-mon --no-mon-config --id "$1" --mon-data {FOLDER} --inject-monmap "$keys/monmap" >&2
echo done
"""
"""Keys come by standard input (part `ceph`); the map of monitors is the backup's. The administrator's key goes along:
`up` may have made another one meanwhile."""
PLACE = r"""
set -euo pipefail
umask 077
mon=/var/lib/ceph/mon/ceph-$1
[ ! -e "$mon" ] || mv "$mon" "$mon.before-restore-$(date +%Y%m%dT%H%M%S)"
install -d -o ceph -g ceph -m 0750 "$mon"
tar --extract --gzip --directory "$mon"
mv "$mon/admin.keyring" /etc/ceph/ceph.client.admin.keyring
touch "$mon/done"
chown -R ceph:ceph "$mon"
echo done
"""
UNPACK = rf"""
set -euo pipefail
umask 077
rm -rf {FOLDER}; mkdir -p {FOLDER}
tar --extract --gzip --directory {FOLDER}
echo done
"""
QUORUM = 180.0
PAUSE = 3.0


def rebuild(tools: Tools, keys: Callable[[], AbstractContextManager[Iterator[bytes]]]) -> str:
    """Make the stores of all monitors anew; returns what was done, in words.

    Nothing that is there is destroyed: old stores are moved aside. It may be given again from the beginning.

    Args:
        tools: of the run.
        keys: opens the part `ceph` of a backup.

    Raises:
        StageFailed: monitors answer that know OSDs; or a host that is needed does not.
        Unreachable: a host was lost in the middle.
    """
    design = tools.ctx.design
    mons = design.groups["ceph_mon"]
    storage = [name for name, node in design.in_service.items() if "storage" in node.roles]
    judge(tools, mons, storage)
    for host in storage:
        tools.told([host], ["systemctl", "stop", "ceph-osd.target", "ceph-osd@*"], 120)
    for host in mons:
        tools.told([host], ["systemctl", "stop", f"ceph-mon@{host}", f"ceph-mgr@{host}"], 120)
    count = 0
    with tempfile.TemporaryFile() as spool:
        spool.write(_nothing())
        for host in storage:
            count += int(pipe.feed(tools.ctx, host, ["bash", "-c", COLLECT], _read(spool)))
            _take(tools, host, spool)
        pipe.feed(tools.ctx, mons[0], ["bash", "-c", UNPACK], _read(spool))
        with keys() as pieces:
            pipe.feed(tools.ctx, mons[0], ["bash", "-c", REBUILD, "rebuild", *mons], pieces)
        _take(tools, mons[0], spool)
        for host in mons:
            pipe.feed(tools.ctx, host, ["bash", "-c", PLACE, "place", host], _read(spool))
    for host in mons:
        tools.told([host], ["systemctl", "start", f"ceph-mon@{host}"], 60)
    _wait(tools, mons)
    for host in mons:
        tools.told([host], ["systemctl", "start", f"ceph-mgr@{host}"], 60)
    for host in storage:
        tools.told([host], ["systemctl", "start", "ceph-osd.target"], 120)
    return f"{', '.join(mons)} made from {count} OSDs on {', '.join(storage)}; `scs-rack up --from ceph` is next"


def judge(tools: Tools, mons: Sequence[str], storage: Sequence[str]) -> None:
    """See that it is needed and can be done.

    Raises:
        StageFailed: it is not, or can't.
    """
    silent = [name for name in dict.fromkeys((*mons, *storage)) if not tools.answers(name)]
    if silent:
        words = f"{', '.join(silent)} do not answer: what OSDs there know would be lost"
        raise StageFailed(words, "`scs-rack power status`; take a server that is lost for good out of the rack file")
    argv = ["timeout", "25", "ceph", "--connect-timeout", "12", "osd", "stat", "--format", "json"]
    for host in mons:
        answer = tools.runner.run(host, argv, 40)
        if answer.ok and json.loads(answer.out)["num_osds"]:
            words = "the monitors answer and know OSDs: nothing is to be made anew"
            raise StageFailed(words, "`scs-rack up` mends a monitor that is missing")


def _wait(tools: Tools, mons: Sequence[str]) -> None:
    deadline = time.monotonic() + QUORUM
    argv = ["timeout", "15", "ceph", "--connect-timeout", "8", "quorum_status", "--format", "json"]
    while True:
        answer = tools.runner.run(mons[0], argv, 30)
        if answer.ok and set(json.loads(answer.out)["quorum_names"]) == set(mons):
            return
        if time.monotonic() > deadline:
            hint = f"`journalctl -u ceph-mon@{mons[0]}`; the stores before are in /var/lib/ceph/mon/*.before-restore-*"
            raise StageFailed(f"no quorum of {', '.join(mons)} after {QUORUM:.0f} s", hint)
        if tools.pause(PAUSE):
            raise Interrupted("stopped while monitors find each other; give the command again")


def _take(tools: Tools, host: str, spool: IO[bytes]) -> None:
    """The store of a host takes the place of what is in the spool."""
    spool.seek(0)
    spool.truncate()
    pipe.fetch(tools.ctx, host, ["bash", "-c", GIVE], spool.write)


def _read(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    while piece := spool.read(1 << 18):
        yield piece


def _nothing() -> bytes:
    """A tar without files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz"):
        pass
    return out.getvalue()
