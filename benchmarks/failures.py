#!/usr/bin/env python3
"""Kills parts of a running virtual rack while customers use it, and counts what they see of it.

A client asks five APIs all the time, each over a new connection and without a second try; two guests on different hosts
write numbered blocks to volumes. Meanwhile servers lose their power through their BMCs, or processes are killed. For
each event the table of docs/failures.md has a line: errors seen, the seconds of the event in which they fell,
blocks lost of those that were acknowledged, the longest pause of a guest on another node, and seconds from the end of
the event until all gates pass again (for a process: until it runs again) without anybody's help.

    sudo .venv/bin/python benchmarks/failures.py -r inventory/lab                 # everything, about an hour
    sudo .venv/bin/python benchmarks/failures.py -r inventory/lab --servers node2
    sudo .venv/bin/python benchmarks/failures.py -r inventory/lab --units mariadb,haproxy --on node1
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from failing_client import Client, Failure
from failing_guests import Guests

from scs_rack.design import make_design
from scs_rack.lab import netns
from scs_rack.lab.layout import Lab
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir

STAGES = ("bmc", "switches", "base", "ceph", "platform", "cloud")
DARK = 120.0
"""Seconds that a server stays without power."""
AFTER = 30.0
"""Seconds that are looked at after an event, at least."""
HEAL = 900.0
APART = 10.0
"""Seconds without an error that part two windows."""
UNITS = (
    "haproxy", "mariadb", "rabbitmq-server", "memcached", "etcd", "keystone", "glance-api", "placement-api", "nova-api",
    "nova-api-metadata", "nova-conductor", "nova-scheduler", "nova-novncproxy", "neutron-api", "neutron-rpc-server",
    "cinder-api", "cinder-scheduler", "cinder-volume", "cinder-backup", "barbican-api", "barbican-worker",
    "octavia-api", "octavia-driver-agent", "horizon", "ovn-ovsdb-server-nb", "ovn-ovsdb-server-sb", "ovn-northd",
    "ovn-controller", "ovs-vswitchd", "frr", "nova-compute", "libvirtd",
)  # fmt: skip
"""Units whose main process is killed, one after the other."""


@dataclass(frozen=True)
class Line:
    """What one event cost."""

    event: str
    asked: int
    errors: int
    windows: list[tuple[float, float]]
    """When requests failed: first and last second of it, since the event began."""
    lost: int
    written: int
    pause: float
    healed: float | None
    kinds: dict[str, int]

    def text(self) -> str:
        """A row of a Markdown table."""
        healed = f"{self.healed:.0f}" if self.healed is not None else f"not within {HEAL:.0f}"
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.kinds.items()))
        return (
            f"| {self.event} | {self.errors} of {self.asked}{f' ({kinds})' if kinds else ''} "
            f"| {', '.join(f'{first:.0f} to {last:.0f}' for first, last in self.windows) or '-'} "
            f"| {self.lost} of {self.written} | {self.pause:.1f} | {healed} |"
        )


HEAD = (
    "| what was killed | API errors | in seconds | writes lost | longest pause of writes, s "
    "| seconds until green, from its end |\n"
    "|---|---|---|---|---|---|"
)


def windows(errors: list[Failure], began: float) -> list[tuple[float, float]]:
    """Spans of time with errors less than ten seconds apart, in seconds since the event began."""
    found: list[tuple[float, float]] = []
    for one in sorted(errors, key=lambda one: one.begin):
        first, last = one.begin - began, one.end - began
        if found and first < found[-1][1] + APART:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


@dataclass
class Trial:
    """The rack, and those who use it."""

    folder: Path
    client: Client
    guests: Guests

    def scs_rack(self, *words: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run the product as an operator does."""
        argv = [sys.executable, "-m", "scs_rack", words[0], "-r", str(self.folder), *words[1:]]
        return subprocess.run(argv, capture_output=True, text=True, timeout=timeout, check=False)

    def on(self, node: str, *words: str) -> str:
        """Run a command on a node."""
        argv = [sys.executable, "-m", "scs_rack", "lab", "shell", "-r", str(self.folder), node, "--", *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout

    def green(self) -> bool:
        """True if all gates pass."""
        return self.scs_rack("check", *STAGES, timeout=900).returncode == 0

    def event(self, name: str, node: str, do: Callable[[], None], heal: Callable[[], bool]) -> Line:
        """Let something happen, wait until all is well, and say what was seen meanwhile."""
        began = time.monotonic()
        do()
        over, healed = time.monotonic(), None
        while time.monotonic() < over + HEAL:
            if heal():
                healed = time.monotonic() - over
                break
            time.sleep(1.0)
        time.sleep(max(0.0, began + AFTER - time.monotonic()))  # errors may come later than the process
        errors = self.client.errors(began)
        kinds = dict(Counter(one.service for one in errors))
        for one in sorted(errors, key=lambda one: one.begin):
            print(f"  {one.begin - began:.1f} to {one.end - began:.1f} s: {one.service}: {one.text}", file=sys.stderr)
        lost, written = self.guests.lost()
        pause = self.guests.pause(began, apart_from=node)
        return Line(
            name, self.client.asked(began), len(errors), windows(errors, began), lost, written, pause, healed, kinds
        )

    def server(self, node: str) -> Line:
        """Cut a server's power for two minutes."""

        def do() -> None:
            self._power("off", node, "--now")
            time.sleep(DARK)
            self._power("on", node)

        return self.event(f"power of {node}, for {DARK:.0f} s", node, do, self.green)

    def _power(self, verb: str, node: str, *more: str) -> None:
        argv = [sys.executable, "-m", "scs_rack", "power", verb, node, "-r", str(self.folder), "--yes", *more]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            sys.exit(f"power {verb} of {node}: {done.stdout}{done.stderr}")

    def unit(self, unit: str, node: str) -> Line | None:
        """Kill the main process of a unit."""
        before = self._pid(unit, node)
        if not before:
            return None

        def do() -> None:
            self.on(node, "systemctl", "kill", "--signal=KILL", "--kill-whom=main", unit)

        def back() -> bool:
            return self._pid(unit, node) not in ("", before)

        return self.event(f"process of {unit} on {node}", "", do, back)

    def _pid(self, unit: str, node: str) -> str:
        pairs = dict(
            row.split("=", 1)
            for row in self.on(node, "systemctl", "show", "-p", "MainPID,ActiveState", unit).split()
            if "=" in row
        )
        return pairs.get("MainPID", "") if pairs.get("ActiveState") == "active" and pairs["MainPID"] != "0" else ""


def lines(trial: Trial, servers: list[str], units: list[str], on: str) -> Iterator[Line]:
    """All events, one after the other."""
    for node in servers:
        yield trial.server(node)
    for unit in units:
        if line := trial.unit(unit, on):
            yield line
        else:
            print(f"(no process of {unit} on {on})", file=sys.stderr)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-r", "--rack", type=Path, default=Path("inventory/lab"))
    parser.add_argument("--servers", default="all", help="servers to switch off, comma between; all controllers; none")
    parser.add_argument("--units", default="all", help="units to kill, comma between; all; none")
    parser.add_argument("--on", help="node on which units are killed (default: the second controller)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("a virtual rack's namespaces need root")
    folder = args.rack.absolute()
    design = make_design(load_rack(folder))
    if not design.rack.lab:
        sys.exit("only a virtual rack is broken on purpose")
    state = state_dir(design.rack.name)
    controllers = list(design.groups["controller"])
    chosen = {"all": controllers, "none": []}.get(args.servers, args.servers.split(","))
    units = {"all": list(UNITS), "none": []}.get(args.units, args.units.split(","))
    on = args.on or controllers[min(1, len(controllers) - 1)]
    found = []
    with netns.inside(Lab(design.rack.name).namespace("manager")):
        client = Client(state, design)
        with Guests(state) as guests:
            trial = Trial(folder, client, guests)
            if not trial.green():
                sys.exit("the rack is not green: `scs-rack check` says why")
            with client:
                print(HEAD, flush=True)
                for line in lines(trial, chosen, units, on):
                    found.append(line)
                    print(line.text(), flush=True)
                    if args.json:  # after each: an event that never heals ends the run
                        args.json.write_text(json.dumps([vars(one) for one in found], indent=1), encoding="utf-8")
    return int(any(line.lost or line.healed is None for line in found))


if __name__ == "__main__":
    sys.exit(main())
