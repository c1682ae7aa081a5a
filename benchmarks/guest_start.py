#!/usr/bin/env python3
"""Measures how long a guest takes from the API call to a ready system, beside what its own start takes.

Guests boot one after the other from a volume, as the smoke test's do. Three times are seen from outside: the call's
answer, ACTIVE, and the line of the guest image on the console that says that user data ran and SSH is there. That line
tells the guest's uptime too: seconds that no cloud can save with this image on this machine, which are the lower bound
that the ratio is of. What is left is the cloud's: scheduling, port, volume, and QEMU's start.

    sudo .venv/bin/python benchmarks/guest_start.py -r inventory/lab
    sudo .venv/bin/python benchmarks/guest_start.py -r inventory/lab --times 5 --json /tmp/guests.json
"""

import argparse
import json
import os
import re
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import machine

from scs_rack.clouds import clouds_file
from scs_rack.conformance.smoke import FLAVOR, IMAGE, Smoke, root_volume
from scs_rack.conformance.smoke_clean import clean
from scs_rack.design import make_design
from scs_rack.errors import ScsRackError
from scs_rack.lab import netns
from scs_rack.lab.layout import Lab
from scs_rack.model.load import load_rack
from scs_rack.paths import guest_accel, state_dir
from scs_rack.resources.ensure import connect

PREFIX = "scs-rack-start"
READY = re.compile(r"scs-guest: ready after ([\d.]+) s")
PATIENCE = 300.0
HAND = 33.0
"""Seconds that a guest took when the lab was deployed by hand, under TCG on two cores (design notes of the project)."""


@dataclass(frozen=True)
class Start:
    """One guest's start, in seconds since the call."""

    accepted: float
    active: float
    ready: float
    own: float
    """Uptime of the guest when it was ready."""


def start(smoke: Smoke, number: int) -> Start:
    """Boot one guest, wait until it is ready, and remove it.

    Raises:
        StageFailed: it did not come up in time.
    """
    compute = smoke.cloud.compute
    image = smoke.cloud.image.find_image(IMAGE, ignore_missing=False)
    flavor = compute.find_flavor(FLAVOR, ignore_missing=False)
    began = time.monotonic()
    server = compute.create_server(
        name=f"{PREFIX}-{number}",
        flavor_id=flavor.id,
        networks=[{"uuid": smoke.network.id}],
        security_groups=[{"name": smoke.group.name}],
        key_name=PREFIX,
        block_device_mapping_v2=[root_volume(image)],
    )
    accepted = time.monotonic() - began
    smoke.wait(f"{server.name} ACTIVE", PATIENCE, lambda: smoke._active(server), every=0.25)  # noqa: SLF001
    active = time.monotonic() - began
    said = smoke.wait(f"{server.name} ready", PATIENCE, lambda: READY.search(smoke._console_of(server)), every=0.25)  # noqa: SLF001
    ready = time.monotonic() - began
    compute.delete_server(server)
    compute.wait_for_delete(server, wait=120)
    return Start(accepted, active, ready, float(said[1]))


def text(starts: list[Start], accel: str) -> str:
    """The figures for people."""
    rows = [f"{'guest':<8}{'accepted':>10}{'ACTIVE':>10}{'ready':>10}{'of it own':>11}{'ratio':>8}"]
    for number, one in enumerate(starts, 1):
        rows.append(
            f"{number:<8}{one.accepted:>8.1f} s{one.active:>8.1f} s{one.ready:>8.1f} s{one.own:>9.1f} s"
            f"{one.ready / one.own:>8.2f}"
        )
    middle, own = statistics.median(one.ready for one in starts), statistics.median(one.own for one in starts)
    rows.append(
        f"median: ready after {middle:.1f} s, {middle / own:.2f} of the guest's own start ({own:.1f} s), {accel}"
    )
    if accel == "tcg":
        rows.append(f"by hand under TCG on two cores: {HAND:.0f} s; ratio {middle / HAND:.2f}")
    return "\n".join(rows)


def measure(state: Path, times: int) -> list[Start]:
    """Boot so many guests, one after the other, in a network of their own."""
    cloud: Any = connect(clouds_file(state), "test")
    smoke = Smoke(cloud, emulated=guest_accel(state) == "tcg", prefix=PREFIX)
    clean(cloud, PREFIX)
    try:
        smoke.make_network()
        return [start(smoke, number) for number in range(1, times + 1)]
    finally:
        clean(cloud, PREFIX)


def main() -> int:
    """Entry point; 0 when all guests came up, whatever the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-r", "--rack", type=Path, default=Path("inventory/lab"))
    parser.add_argument("--times", type=int, default=3, help="guests to boot, one after the other (default: 3)")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    args = parser.parse_args()
    if args.times < 1:
        parser.error("--times: at least one guest")
    if os.geteuid() != 0:
        sys.exit("a virtual rack's namespaces need root")
    design = make_design(load_rack(args.rack.absolute()))
    if not design.rack.lab:
        sys.exit("only in a virtual rack: the client works from its manager's namespace")
    facts, state = machine.facts(), state_dir(design.rack.name)
    if machine.busy(facts["load"], facts["cores"]):
        print(f"warning: the machine is not idle (load {facts['load'][0]}): times will be too long", file=sys.stderr)
    try:
        with netns.inside(Lab(design.rack.name).namespace("manager")):
            starts = measure(state, args.times)
    except ScsRackError as error:
        sys.exit(str(error))
    print(text(starts, guest_accel(state)))
    if args.json:
        results = {"machine": facts, "starts": [asdict(one) for one in starts]}
        args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
