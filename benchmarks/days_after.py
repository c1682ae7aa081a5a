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
from dataclasses import dataclass
from pathlib import Path

from failing_guests import Guests

from scs_rack.design import Design, make_design
from scs_rack.lab import netns
from scs_rack.lab.layout import Lab
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir

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
        for _ in range(LOOKS):
            self._same()
        return f"{LOOKS} looks, no difference"

    def hand(self) -> str:
        """What is changed by hand is told, and nothing else."""
        node = self.design.groups["controller"][-1]
        done = [
            ("ceph osd set noout", "ceph osd unset noout", "flag noout"),
            ("echo '# by hand' >>/etc/sysctl.d/90-scs-rack.conf", "", "90-scs-rack.conf"),
            ("echo >>/usr/bin/lesspipe", "", "/usr/bin/lesspipe"),
        ]
        for change, back, what in done:
            self.on(node, change)
            said = self.run("drift", "--json", codes=(1,))
            if what not in said:
                raise NotSo(f"{what} is not among what differs: {said[-600:]}")
            if back:
                self.on(node, back)
        self.run("up")
        self.on(node, "head -c -1 /usr/bin/lesspipe >/tmp/x && cat /tmp/x >/usr/bin/lesspipe")
        self._same()
        return f"{len(done)} changes told, gone after `up` and by hand"

    def _same(self) -> None:
        said = json.loads(self.run("drift", "--json", codes=(0, 1, 3)))
        if said["state"] != "same":
            bad = [layer for layer in said["layers"] if layer["state"] != "same"]
            raise NotSo(json.dumps(bad)[:1500])

    def backup(self) -> str:
        """Taken and verified while the cloud serves."""
        said = json.loads(self.run("backup", "create", "--verify", "--json"))
        return "; ".join(f"{one['part']}: {one['words']}" for one in said["verified"])

    def stop(self) -> str:
        """The whole rack is stopped and started, with the same guests and all they wrote."""
        self._quiet()
        self.run("stop", "--yes")
        off = [json.loads(line) for line in self.run("power", "status", "--json", codes=(0, 3)).splitlines()]
        if [one for one in off if one["power"] != "off"]:
            raise NotSo(f"not all are off: {off}")
        self.run("start")
        return self._written()

    def cut(self) -> str:
        """All servers lose their power at the same instant; `up` brings the cloud and the guests back."""
        self._quiet()
        self.run("power", "off", "--now", "--yes")
        self.run("up", "--to", "cloud")
        return self._written()

    def emptied(self) -> str:
        """All databases are lost, and come back from the newest backup."""
        self.run("backup", "create", "databases", "ovn", "manager")
        name = json.loads(self.run("backup", "list", "--json"))[-1]["name"]
        controllers = self.design.groups["controller"]
        before = self.on(controllers[0], COUNT)
        for node in controllers:
            self.on(node, "systemctl stop mariadb scs-rack-galera; rm -rf /var/lib/mysql/*")
        self.run("up", "--to", "platform")
        self.run("backup", "restore", name, "databases", "ovn", "--yes-overwrite", self.design.rack.name)
        self.run("up")
        after = self.on(controllers[0], COUNT)
        if before != after:
            raise NotSo(f"{before.strip()} instances, networks and volumes before, {after.strip()} after")
        return f"{after.strip()} instances, networks and volumes as before"

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

    def _quiet(self) -> None:
        """The guests have written something, and their clients let go."""
        assert self.guests is not None
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not all(len(one.acknowledged) > 20 for one in self.guests.writers):
            time.sleep(1)
        for writer in self.guests.writers:
            writer.stop()

    def _written(self) -> str:
        assert self.guests is not None
        lost = [writer.lost() for writer in self.guests.writers]
        if any(gone for gone, _ in lost):
            raise NotSo(f"blocks lost of those acknowledged: {lost}")
        return f"guests back, none of {sum(count for _, count in lost)} blocks lost"


COUNT = """mariadb -BNe 'SELECT (SELECT COUNT(*) FROM nova_cell1.instances), (SELECT COUNT(*) FROM neutron.networks),
(SELECT COUNT(*) FROM cinder.volumes)' 2>/dev/null || mariadb -BNe 'SELECT (SELECT COUNT(*) FROM nova.instances),
(SELECT COUNT(*) FROM neutron.networks), (SELECT COUNT(*) FROM cinder.volumes)'"""
TRIALS = ("drift", "hand", "backup", "stop", "cut", "upgrade", "emptied")
WITH_GUESTS = ("stop", "cut")


def trial(trials: Trials, name: str) -> bool:
    """Run one and print a row."""
    begun = time.monotonic()
    work: Callable[[], str] = getattr(trials, name)
    try:
        if name in WITH_GUESTS:
            with Guests(state_dir(trials.design.rack.name)) as guests:
                trials.guests = guests
                seen = work()
        else:
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
    with netns.inside(Lab(design.rack.name).namespace("manager")):
        bad = [name for name in args.only.split(",") if not trial(Trials(folder, design), name)]
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
