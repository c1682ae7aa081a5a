#!/usr/bin/env python3
"""Tries on a virtual rack what is done to a cloud in the days after: each trial says what was seen, and in what time.

Two guests write numbered blocks to volumes; where they are switched off on purpose, what they had acknowledged must be
on their volumes afterwards.

    sudo .venv/bin/python benchmarks/days_after.py -r inventory/lab                # all, about an hour on two cores
    sudo .venv/bin/python benchmarks/days_after.py -r inventory/lab --only drift,backup
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from by_hand import Change, Hand
from failing_guests import Guests

from scs_rack.clouds import clouds_file
from scs_rack.design import Design, make_design
from scs_rack.lab import netns
from scs_rack.lab.layout import Lab
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.resources.ensure import connect
from scs_rack.stages.cloud import failures

LOOKS = 10
ARCHIVE = """
set -eu
mkdir -p /archive/p/DEBIAN; cd /archive
printf '%s\\n' 'Package: less' 'Version: 99:1' 'Architecture: amd64' 'Maintainer: a <a@b>' 'Description: x' \\
  >p/DEBIAN/control
dpkg-deb --build --root-owner-group p less.deb >/dev/null
{ dpkg-deb --field less.deb; echo "Filename: ./less.deb"; echo "Size: $(stat -c %s less.deb)"
  echo "SHA256: $(sha256sum less.deb | cut -d' ' -f1)"; } >Packages
echo 'deb [trusted=yes] file:/archive ./' >/etc/apt/sources.list.d/trial.list
"""
FORGET = "rm -rf /archive /etc/apt/sources.list.d/trial.list"


class NotSo(Exception):
    """A trial saw something else."""


@dataclass
class Trials:
    """The rack, and what is done to it."""

    folder: Path
    design: Design
    looks: int = LOOKS
    guests: Guests | None = None

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run the product as an operator does.

        Raises:
            NotSo: it ended with another code.
        """
        argv = [sys.executable, "-m", "scs_rack", *words, "-r", str(self.folder)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode not in codes:
            raise NotSo(
                f"`scs-rack {' '.join(words)}`: exit code {done.returncode}: {(done.stdout + done.stderr)[-800:]}"
            )
        return done.stdout

    def on(self, node: str, script: str) -> str:
        """Run a script on a node."""
        argv = [
            sys.executable,
            "-m",
            "scs_rack",
            "lab",
            "shell",
            "-r",
            str(self.folder),
            node,
            "--",
            "bash",
            "-c",
            script,
        ]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise NotSo(f"{node}: {(done.stdout + done.stderr)[-400:]}")
        return done.stdout

    def drift(self) -> str:
        """No false alarm on a rack that nobody touched."""
        for _ in range(self.looks):
            self._same()
        return f"{self.looks} looks, no difference"

    def hand(self) -> str:
        """What is changed by hand is told in its layer, and nothing else; nothing is left of it when it is undone."""
        changes = Hand(self.design, self.on).changes()
        made: list[Change] = []
        try:
            for change in changes:
                change.make()
                made.append(change)
            layers = {one["layer"]: one for one in self._look()["layers"]}
        finally:
            for change in reversed(made):
                change.undo()
        untold = [f"{one.layer}: {one.words}" for one in changes if one.words not in json.dumps(layers[one.layer])]
        touched = {one.layer for one in changes}
        false = [layer for name, layer in layers.items() if name not in touched and layer["state"] != "same"]
        if untold or false:
            raise NotSo(f"not told: {untold}; told, but not changed: {json.dumps(false)[:1500]}; {json.dumps(layers)}")
        self._same()
        return f"{len(changes)} changes told, gone when they were undone"

    def _look(self) -> dict[str, Any]:
        """What `drift` says."""
        said: dict[str, Any] = json.loads(self.run("drift", "--json", codes=(0, 1, 3)))
        return said

    def _same(self) -> None:
        said = self._look()
        if said["state"] != "same":
            bad = [layer for layer in said["layers"] if layer["state"] != "same"]
            raise NotSo(json.dumps(bad)[:1500])

    def backup(self) -> str:
        """Taken and verified while the cloud serves."""
        said = json.loads(self.run("backup", "create", "--verify", "--json"))
        return "; ".join(f"{one['part']}: {one['words']}" for one in said["verified"])

    def stop(self) -> str:
        """The whole rack is stopped and started, with the same guests and all they wrote."""
        self._writing()
        self.run("stop", "--yes")
        off = [json.loads(line) for line in self.run("power", "status", "--json", codes=(0, 3)).splitlines()]
        if [one for one in off if one["power"] != "off"]:
            raise NotSo(f"not all are off: {off}")
        self.run("start")
        return self._written()

    def cut(self) -> str:
        """All servers lose power at the same instant while guests write; `up` brings the cloud and the guests back."""
        self._writing()
        self.run("power", "off", "--now", "--yes")
        told = self.run("drift", "bmc", "--json", codes=(1,)).count('"server-is-off"')
        if told != len(self.design.in_service):
            raise NotSo(f"drift tells {told} servers that are off, of {len(self.design.in_service)}")
        self.run("up", "--to", "cloud")
        return self._written()

    def dropped(self) -> str:
        """All databases and OVN's networks are lost; a backup brings them back, and guests have their network."""
        begun = time.monotonic()
        made = json.loads(self.run("backup", "create", "--verify", "--json"))
        bad = [one for one in made["verified"] if not one["good"]]
        if bad or not made["verified"]:
            raise NotSo(f"not good: {bad or 'nothing verified'}")
        took, before = time.monotonic() - begun, self._had()
        node = self.design.groups["controller"][-1]
        self.on(node, DROP)
        if (empty := self._objects(0)) is not None:
            raise NotSo(f"the APIs list {empty} without databases")
        begun = time.monotonic()
        self.run("backup", "restore", made["name"], "databases", "ovn", "--yes-overwrite", self.design.rack.name)
        after = self._objects(180)
        if before != after:
            raise NotSo(f"before {before}, after {after}")
        words = f"taken and verified in {took:.0f} s, back after {time.monotonic() - begun:.0f} s"
        return f"{words}; {sum(map(len, before.values()))} objects as before; {self._written()}"

    def emptied(self) -> str:
        """The disks of all MariaDB are lost; `up` makes them anew, and a backup fills them."""
        before = self._had()
        name = json.loads(self.run("backup", "create", "databases", "ovn", "manager", "--json"))["name"]
        for node in self.design.groups["controller"]:
            self.on(node, "systemctl stop mariadb scs-rack-galera; rm -rf /var/lib/mysql/*")
        self.run("up", "--to", "platform")
        self.run("backup", "restore", name, "databases", "ovn", "--yes-overwrite", self.design.rack.name)
        self.run("up")
        after = self._objects(60)
        if before != after:
            raise NotSo(f"before {before}, after {after}")
        return f"{sum(map(len, before.values()))} objects as before"

    def _had(self) -> dict[str, list[str]]:
        if (found := self._objects()) is None:
            raise NotSo("the APIs don't answer")
        return found

    def _objects(self, seconds: float = 30) -> dict[str, list[str]] | None:
        """IDs of what the cloud has, by kind; None when the APIs don't all answer within some seconds."""
        end = time.monotonic() + seconds
        while True:
            try:
                cloud = connect(clouds_file(state_dir(self.design.rack.name)), "admin")
                return {kind: sorted(one.id for one in ask(cloud)) for kind, ask in KINDS.items()}
            except failures():
                if time.monotonic() >= end:
                    return None
                time.sleep(2)

    def upgrade(self) -> str:
        """A newer package on all servers, one after the other, each restarted."""
        nodes = list(self.design.in_service)
        for node in nodes:
            self.on(node, ARCHIVE)
        try:
            self.run("upgrade", "--yes", "--restart", "always")
            versions = {self.on(node, "dpkg-query --show --showformat '${Version}' less") for node in nodes}
        finally:
            for node in nodes:
                self.on(node, FORGET)
        if versions != {"99:1"}:
            raise NotSo(f"versions: {versions}")
        return f"{len(nodes)} servers, one after the other"

    def _writing(self) -> None:
        """Wait until all guests have written something since now."""
        assert self.guests is not None
        begun, end = [len(one.acknowledged) for one in self.guests.writers], time.monotonic() + 120
        while any(len(one.acknowledged) < n + 20 for n, one in zip(begun, self.guests.writers, strict=True)):
            if time.monotonic() > end:
                raise NotSo("the guests don't write")
            time.sleep(1)

    def _written(self) -> str:
        assert self.guests is not None
        lost = [writer.lost() for writer in self.guests.writers]
        if any(gone for gone, _ in lost):
            raise NotSo(f"blocks lost of those acknowledged: {lost}")
        return f"guests back, none of {sum(count for _, count in lost)} blocks lost"


DROP = """
set -eu
mariadb -BNe "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN
  ('mysql', 'sys', 'information_schema', 'performance_schema')" | while read -r name; do
  mariadb -e "SET SESSION lock_wait_timeout = 20; DROP DATABASE \\`$name\\`"
done
for kind in switch router; do
  ovn-nbctl --no-leader-only --bare --columns=_uuid list logical_$kind | while read -r id; do
    if [ -n "$id" ]; then ovn-nbctl --no-leader-only destroy logical_$kind "$id"; fi
  done
done
"""
KINDS: dict[str, Callable[[Any], Any]] = {
    "projects": lambda cloud: cloud.identity.projects(),
    "users": lambda cloud: cloud.identity.users(),
    "servers": lambda cloud: cloud.compute.servers(all_projects=True, details=False),
    "flavors": lambda cloud: cloud.compute.flavors(is_public=None),
    "networks": lambda cloud: cloud.network.networks(),
    "ports": lambda cloud: cloud.network.ports(),
    "floating IPs": lambda cloud: cloud.network.ips(),
    "routers": lambda cloud: cloud.network.routers(),
    "volumes": lambda cloud: cloud.block_storage.volumes(all_projects=True, details=False),
    "images": lambda cloud: cloud.image.images(),
}
TRIALS = ("drift", "hand", "backup", "dropped", "stop", "cut", "upgrade", "emptied")
WITH_GUESTS = ("dropped", "stop", "cut")


def trial(trials: Trials, name: str, kept: ExitStack) -> bool:
    """Run one and print a row; guests are made when the first needs them, and kept for the others."""
    begun = time.monotonic()
    work: Callable[[], str] = getattr(trials, name)
    try:
        if name in WITH_GUESTS and trials.guests is None:
            trials.guests = kept.enter_context(Guests(state_dir(trials.design.rack.name)))
        seen = work()
    except NotSo as error:
        seen, good = f"NOT SO: {error}", False
    else:
        good = True
    print(f"| {name} | {' '.join(seen.split())} | {time.monotonic() - begun:.0f} |", flush=True)
    return good


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-r", "--rack", type=Path, default=Path("inventory/lab"))
    parser.add_argument("--only", default=",".join(TRIALS), help="trials, comma between (default: %(default)s)")
    words = "how often a rack that nobody touched is looked at (default: %(default)s)"
    parser.add_argument("--looks", type=int, default=LOOKS, help=words)
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("a virtual rack's namespaces need root")
    wrong = [name for name in args.only.split(",") if name not in TRIALS]
    if wrong:
        sys.exit(f"no trial {', '.join(wrong)}; there are {', '.join(TRIALS)}")
    folder = args.rack.absolute()
    design = make_design(load_rack(folder))
    if not design.rack.lab:
        sys.exit("only a virtual rack is treated like this")
    print("| trial | seen | seconds |\n|---|---|---|", flush=True)
    trials = Trials(folder, design, args.looks)
    with netns.inside(Lab(design.rack.name).namespace("manager")), ExitStack() as kept:
        bad = [name for name in args.only.split(",") if not trial(trials, name, kept)]
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
