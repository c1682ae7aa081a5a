#!/usr/bin/env python3
"""Adds, drains, replaces and removes servers of a running virtual rack while customers use it; counts what they see.

A client asks five APIs all the time, each over a new connection and without a second try; two guests on different hosts
write numbered blocks to volumes. For each event the table of docs/nodes.md has a line: seconds that it took, errors
seen, blocks lost of those that were acknowledged, the longest pause of a guest, and services of other servers that have
another process than before.

    sudo .venv/bin/python benchmarks/servers_come_and_go.py -r inventory/lab          # everything, about half an hour
    sudo .venv/bin/python benchmarks/servers_come_and_go.py -r inventory/lab --only add:node4,remove:node4

Events are `add:NODE` (of a server that the rack file calls spare or removed), `drain:NODE`, `rejoin:NODE`, `wipe:NODE`
(its power goes, and another server with an empty root disk stands in its place; guests there stop), `replace:NODE`,
`remove:NODE`. They change the rack file.
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

import untouched
from failing_client import Client
from failing_guests import Guests
from failures import windows

from scs_rack.days.rackfile import with_state
from scs_rack.design import make_design
from scs_rack.files import write_file
from scs_rack.lab import netns
from scs_rack.lab.layout import Lab
from scs_rack.model.load import load_rack, rack_file
from scs_rack.paths import state_dir

EVENTS = ("add:node4", "drain:node3", "rejoin:node3", "wipe:node3", "replace:node3", "remove:node4")
HEAD = (
    "| what was done | seconds | API errors | in seconds | writes lost | longest pause of writes, s "
    "| other servers' services with another process |\n|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Line:
    """What one event cost."""

    event: str
    code: int
    seconds: float
    asked: int
    errors: list[str]
    windows: list[tuple[float, float]]
    lost: int
    written: int
    pause: float
    processes: list[str]

    @property
    def good(self) -> bool:
        """True if it was done, and nobody noticed."""
        return self.code == 0 and not self.errors and not self.lost and not self.processes

    def text(self) -> str:
        """A row of a Markdown table."""
        spans = ", ".join(f"{first:.0f} to {last:.0f}" for first, last in self.windows) or "-"
        failed = f" (exit code {self.code})" if self.code else ""
        return (
            f"| {self.event}{failed} | {self.seconds:.0f} | {len(self.errors)} of {self.asked} | {spans} "
            f"| {self.lost} of {self.written} | {self.pause:.1f} | {', '.join(self.processes) or '-'} |"
        )


@dataclass
class Days:
    """The rack, and those who use it."""

    folder: Path
    client: Client
    guests: Guests
    log: Path

    def run(self, *words: str) -> int:
        """Run the product as an operator does; what it says goes to the log."""
        argv = [sys.executable, "-m", "scs_rack", *words, "-r", str(self.folder)]
        with self.log.open("ab") as log:
            log.write(f"\n=== {' '.join(words)}\n".encode())
            log.flush()
            return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode

    def add(self, node: str) -> int:
        """Let it be in service."""
        path = rack_file(self.folder)
        write_file(path, with_state(path.read_text(encoding="utf-8"), node, "active"), path.stat().st_mode & 0o777)
        return self.run("up", "--new")

    def drain(self, node: str) -> int:
        """Nobody needs it."""
        return self.run("node", "drain", node, "--yes")

    def rejoin(self, node: str) -> int:
        """It is back."""
        return self.run("node", "rejoin", node, "--yes")

    def wipe(self, node: str) -> int:
        """Another server, with an empty root disk, stands in its place."""
        return self.run("lab", "fault", node, "wipe")

    def replace(self, node: str) -> int:
        """That one takes its name and work."""
        return self.run("node", "replace", node, "--yes")

    def remove(self, node: str) -> int:
        """It goes for good."""
        return self.run("node", "remove", node, "--yes")

    def event(self, name: str) -> Line:
        """One event, and what was seen meanwhile."""
        verb, _, node = name.partition(":")
        act: Callable[[str], int] = getattr(self, verb)
        others = [one for one in make_design(load_rack(self.folder)).in_service if one != node]
        before = untouched.look(self.folder, others)
        began = time.monotonic()
        code = act(node)
        seconds = time.monotonic() - began
        errors = self.client.errors(began)
        for one in errors:
            print(f"  {one.begin - began:.1f} to {one.end - began:.1f} {one.service}: {one.text}", file=sys.stderr)
        asked, pause = self.client.asked(began), self.guests.pause(began, "")
        lost, written = self.guests.lost()
        processes = untouched.changed(before, untouched.look(self.folder, others))
        texts, spans = [one.text for one in errors], windows(errors, began)
        return Line(name, code, seconds, asked, texts, spans, lost, written, pause, processes)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-r", "--rack", type=Path, default=Path("inventory/lab"))
    parser.add_argument("--only", default=",".join(EVENTS), help="events, comma between (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    parser.add_argument("--log", type=Path, default=Path("servers.log"), help="what the commands say")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("a virtual rack's namespaces need root")
    events = args.only.split(",")
    if wrong := [one for one in events if one.partition(":")[0] not in {name.partition(":")[0] for name in EVENTS}]:
        sys.exit(f"no event {', '.join(wrong)}; there are {', '.join(EVENTS)}")
    folder = args.rack.absolute()
    design = make_design(load_rack(folder))
    if not design.rack.lab:
        sys.exit("only a virtual rack is treated like this")
    state, found = state_dir(design.rack.name), []
    with (
        netns.inside(Lab(design.rack.name).namespace("manager")),
        Guests(state) as guests,
        Client(state, design) as client,
    ):
        days = Days(folder, client, guests, args.log.absolute())
        print(HEAD, flush=True)
        for name in events:
            found.append(days.event(name))
            print(found[-1].text(), flush=True)
            if args.json:
                args.json.write_text(json.dumps([vars(one) for one in found], indent=1), encoding="utf-8")
            if found[-1].code:
                break
    return int(not all(one.good for one in found))


if __name__ == "__main__":
    sys.exit(main())
