#!/usr/bin/env python3
"""Measures what operations on switches do to traffic, in the fabric of inventory/fabric.

Ten ping trains of 50 packets a second each run between hosts while an operation takes place; packets without an answer
are counted, the longest silence of a train, and the BGP sessions that were lost. Prints the table of
docs/disruption.md.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fabric.rack import Fabric, running, until

LEAF1 = "  leaf1: {model: lab-leaf-16, "
LINK = "ports: {Ethernet14: {speed: 10G, fec: none}}, "


def hosts_see(fabric: Fabric, leaf: str, *, up: bool) -> bool:
    """True when the sessions of a leaf's hosts with it are as told."""
    uses = [use for use in fabric.design.switches[leaf].ports.values() if use.use == "host" and use.peer != "manager"]
    return all((fabric.sessions(use.peer).get(use.peer_port) == "Established") == up for use in uses)


def operations(fabric: Fabric) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name of each operation, and what does it; each begins where the one before ended."""

    def edited(*changes: tuple[str, str]) -> Callable[[], Any]:
        return lambda: (fabric.edit(*changes), fabric.apply())

    def lab(*words: str, then: Callable[[], bool] = lambda: True) -> Callable[[], Any]:
        return lambda: (fabric.scs_rack("lab", *words), until(then, 60))

    def cli(*words: str) -> Callable[[], Any]:
        return lambda: fabric.scs_rack(*words)

    yield "description of a port", edited((LEAF1, f"{LEAF1}ports: {{Ethernet0: {{description: trial}}}}, "))
    yield "description of a port, back", edited((f"{LEAF1}ports: {{Ethernet0: {{description: trial}}}}, ", LEAF1))
    yield "MTU of all ports of all switches", edited(("pools:\n", "switching: {mtu: 9000}\npools:\n"))
    yield (
        "a further VLAN on ports of a leaf",
        edited(
            (LEAF1, f"{LEAF1}ports: {{Ethernet7: {{untagged: 200}}}}, "),
            ("switches:\n", "layer2: {segments: {trial: {vlan: 200}}}\nswitches:\n"),
        ),
    )
    own = "  leaf3: {model: lab-leaf-16, "
    other = "  spine1: {model: lab-leaf-16, "
    yield (
        "speed and FEC of a link, both ends",
        edited((own, f"{own}{LINK}"), (other, f"{other}ports: {{Ethernet2: {{speed: 10G, fec: none}}}}, ")),
    )
    yield (
        "AS number of a leaf",
        edited(("  leaf4: {model: lab-leaf-16, ", "  leaf4: {model: lab-leaf-16, asn: 4210081777, ")),
    )
    yield (
        "restart of bgp on a leaf",
        lambda: (
            fabric.run("leaf3", "systemctl", "restart", "bgp"),
            until(lambda: hosts_see(fabric, "leaf3", up=True), 60),
        ),
    )
    yield "a link between leaf and spine is cut", lab("cable", "cut", "leaf4:Ethernet14")
    yield "… and joined again", lab("cable", "join", "leaf4:Ethernet14", then=fabric.converged)
    yield "a host loses one of its links", lab("cable", "cut", "host5:up0")
    yield "… and has it back", lab("cable", "join", "host5:up0", then=fabric.converged)
    yield "a leaf loses power", lab("fault", "leaf3", "stop", then=lambda: hosts_see(fabric, "leaf3", up=False))
    yield "… and is back", lab("fault", "leaf3", "start", then=fabric.converged)
    yield "a spine loses power", lab("fault", "spine1", "stop")
    yield "… and is back", lab("fault", "spine1", "start", then=fabric.converged)
    yield "a management switch loses power", lab("fault", "oob1", "stop")
    yield "… and is back", lab("fault", "oob1", "start")
    yield (
        "`config reload` of a leaf",
        lambda: (
            fabric.run("leaf1", "config", "save", "-y"),
            fabric.run("leaf1", "config", "reload", "-y", "-f"),
            until(fabric.converged, 90),
        ),
    )
    yield "`switch verify` and `cable verify`", lambda: (cli("switch", "verify")(), cli("cable", "verify")())


def measured(fabric: Fabric, name: str, work: Callable[[], Any]) -> str:
    """One line of the table."""
    before = fabric.drops()
    start = time.monotonic()
    try:
        with fabric.train() as train:
            work()
            seconds = time.monotonic() - start
            time.sleep(1)
    except AssertionError as error:
        return f"| {name} | not measured: {str(error).splitlines()[-1][:80]} | | | |"
    now = fabric.drops(before)
    dropped = sum(max(0, now[device] - count) for device, count in before.items() if device in now)
    report = train.report
    return f"| {name} | {report.lost} of {report.sent} | {report.gap:.2f} s | {dropped} | {seconds:.0f} s |"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    print("| operation | packets lost | longest silence | sessions lost | takes |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), "fabricbench") as fabric:
        until(fabric.converged, 30)
        for name, work in operations(fabric):
            print(measured(fabric, name, work), flush=True)
            until(fabric.converged, 20)
    return 0


if __name__ == "__main__":
    sys.exit(main())
