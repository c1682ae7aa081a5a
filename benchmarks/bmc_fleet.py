#!/usr/bin/env python3
"""Power of 50, 200 and 1,000 BMCs: scs-rack beside ipmitool, pyghmi, FreeIPMI's ipmipower, sushy, and the floor.

The emulators are started here: OpenIPMI's `ipmi_sim`, one process a BMC, each behind a round trip of 10 ms, and Redfish
services that answer 10 ms late. Every client is a program of its own; the best of several runs counts, since others on
the machine only ever make a run slower.

  benchmarks/bmc_fleet.py               # everything, about 10 minutes on 2 idle cores
  benchmarks/bmc_fleet.py --quick       # 20 BMCs, once: does it work?
  benchmarks/bmc_fleet.py --sizes 1000 --only ours,ipmipower,floor
"""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ipmi_bmcs
import machine
import redfish_bmcs
from bmc_clients import CLIENTS, Case, measured

DELAY = 0.010
RUNS = 5
SILENT = 10
HALL = 10_000
"""BMCs of the one call whose memory is measured."""
_SLOW = {"ipmitool": 200, "pyghmi": 200}
"""Clients that ask one after the other: the most BMCs that they are measured with; beyond, their time is scaled."""
_ONCE = {*_SLOW, "ipmitool 32", "sushy"}
"""Clients that are measured once: they are so slow that a busy moment hardly shows."""

Measured = dict[str, Any]


@dataclass
class Table:
    """What was measured, by number of BMCs and client."""

    facts: Measured
    cells: dict[int, dict[str, Measured]] = field(default_factory=dict)
    more: dict[str, Measured] = field(default_factory=dict)


def main() -> int:
    """Measure and print."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: sys.exit(128 + got))  # the emulators end with us
    args = _arguments()
    sizes = [20] if args.quick else [int(word) for word in args.sizes.split(",")]
    chosen = [name for name in CLIENTS if not args.only or name in args.only.split(",")]
    lacking = ipmi_bmcs.missing()
    lacking += ["freeipmi-tools"] if any("ipmipower" in name for name in chosen) and not _freeipmi() else []
    lacking += ["ipmitool"] if any("ipmitool" in name for name in chosen) and not shutil.which("ipmitool") else []
    if lacking:
        print(f"needs Debian packages: {', '.join(lacking)}; apt-get install {' '.join(lacking)}", file=sys.stderr)
        return 2
    table = Table(machine.facts())
    with tempfile.TemporaryDirectory(prefix="bmc-fleet-") as folder:
        _ipmi(table, sizes, chosen, Path(folder), args)
        _redfish(table, sizes, chosen, Path(folder), args)
    table.facts["load_after"] = [round(value, 2) for value in os.getloadavg()]
    print(printed(table))
    if args.output:
        args.output.write_text(json.dumps(vars(table), indent=1), encoding="utf-8")
    failed = [one for cells in table.cells.values() for one in cells.values() if "error" in one]
    return 1 if failed or any("error" in one for one in table.more.values()) else 0


def _ipmi(table: Table, sizes: list[int], chosen: list[str], folder: Path, args: argparse.Namespace) -> None:
    largest = max(sizes)
    hall = HALL if largest >= 1000 else largest * 10
    with ipmi_bmcs.started(largest, folder, DELAY, hall, SILENT):

        def case(count: int, first: int = 0, **more: Any) -> Case:
            hosts = [(str(ipmi_bmcs.CLIENTS + number), ipmi_bmcs.PORT) for number in range(first, first + count)]
            base = {"hosts": hosts, "user": ipmi_bmcs.USER, "password": ipmi_bmcs.PASSWORD}
            return {**base, "folder": str(folder), "ca": str(folder / "none"), "known": True, **more}

        names = [name for name in chosen if "redfish" not in name and name != "sushy"]
        for size in sizes:
            _measure(table, names, size, case, args)
        if "ours" in chosen:
            table.more["ours, never called before"] = measured("ours", case(largest, known=False))
            some = case(largest - SILENT)
            some["hosts"] += case(SILENT, hall)["hosts"]
            table.more[f"ours, {SILENT} of {largest} silent"] = measured("ours", some)
            table.more[f"ours, {hall} in one call"] = measured("ours", case(hall))


def _redfish(table: Table, sizes: list[int], chosen: list[str], folder: Path, args: argparse.Namespace) -> None:
    largest = max(sizes)
    with redfish_bmcs.started(largest, folder, DELAY) as emulators:

        def case(count: int, **more: Any) -> Case:
            hosts = [(redfish_bmcs.ADDRESS, redfish_bmcs.PORT + number % largest) for number in range(count)]
            base = {"hosts": hosts, "user": redfish_bmcs.USER, "password": redfish_bmcs.PASSWORD}
            return {**base, "folder": str(folder), "ca": str(emulators.certificate), "known": True, **more}

        if "ours redfish" in chosen:
            table.more["ours redfish, never called before"] = measured("ours redfish", case(largest))
        names = [name for name in chosen if "redfish" in name or name == "sushy"]
        for size in sizes:
            _measure(table, names, size, case, args)
        if "ours redfish" in chosen:
            table.more[f"ours redfish, {largest * 10} in one call"] = measured("ours redfish", case(largest * 10))


def _measure(table: Table, names: list[str], size: int, case: Any, args: argparse.Namespace) -> None:
    """Several rounds, in each round all clients, so that a busy moment of the machine hits all of them."""
    found: dict[str, list[Measured]] = {name: [] for name in names}
    for number in range(1 if args.quick else RUNS):
        for name in names:
            if number == 0 or name not in _ONCE:
                found[name].append(measured(name, case(min(size, _SLOW.get(name, size)))))
                print(f"{name}, {size}: {found[name][-1]}", file=sys.stderr, flush=True)
    table.cells[size] = table.cells.get(size, {}) | {
        name: _best(runs, size, _SLOW.get(name, size)) for name, runs in found.items()
    }


def _best(runs: list[Measured], size: int, most: int) -> Measured:
    """The quickest run that reached all, with the least CPU time of any; scaled where fewer BMCs were asked."""
    asked = min(size, most)
    good = [one for one in runs if one.get("answered") == asked]
    if not good:
        words = f"only {runs[0].get('answered')} of {asked} answered"
        return {**runs[0], "error": runs[0].get("error", words)}
    best = {**min(good, key=lambda one: one["wall"]), "cpu": min(one["cpu"] for one in good)}
    if asked < size:
        best |= {key: round(best[key] * size / asked, 2) for key in ("wall", "cpu")} | {"scaled": True}
    return best


def printed(table: Table) -> str:
    """The table for people, with ratios to what each goal names."""
    facts = table.facts
    loads = f"load before and after: {facts['load'][0]} and {facts['load_after'][0]}"
    lines = [f"{facts['date']} {facts['version']}: {facts['cores']} cores, {facts['processor']}; {loads}"]
    for size, cells in table.cells.items():
        lines += ["", f"{size} BMCs{'':<22}{'wall':>10}{'CPU':>10}{'memory':>10}{'times ours':>12}"]
        for name, one in cells.items():
            if "error" in one:
                lines.append(f"  {name:<28}  {one['error']}")
                continue
            own = cells.get("ours redfish" if "redfish" in name or name == "sushy" else
                            "ours cycle" if "cycle" in name else "ours", {})  # fmt: skip
            ratio = f"{one['wall'] / own['wall']:.2f}" if own.get("wall") else "-"
            mark = "*" if one.get("scaled") else " "
            wall, cpu = f"{one['wall']:.2f} s{mark}", f"{one['cpu']:.2f} s"
            lines.append(f"  {name:<28}{wall:>11}{cpu:>10}{one['memory_mib']:>6} MiB{ratio:>11}")
    lines += ["", "(* scaled from 200: it asks one after the other)"]
    for name, one in table.more.items():
        words = one.get("error") or (
            f"{one['wall']:.2f} s, CPU {one['cpu']:.2f} s, {one['memory_mib']} MiB, {one['answered']} answered,"
            f" slowest after {one['slowest'][0]} s"
        )
        lines.append(f"{name}: {words}")
    return "\n".join([*lines, "", *_goals(table)])


def _goals(table: Table) -> list[str]:
    """What was aimed at, and whether it was reached here."""
    cells = table.cells.get(max(table.cells), {})

    def ratio(one: str, other: str, what: str = "wall") -> float | None:
        values = [cells.get(name, {}).get(what) for name in (one, other)]
        return values[0] / values[1] if all(values) else None  # type: ignore[operator]

    goals = [
        ("status by IPMI, times ipmipower", ratio("ours", "ipmipower"), 1.0),
        ("boot device and cycle, times ipmipower's status", ratio("ours cycle", "ipmipower"), 2.5),
        ("status by Redfish, times the floor, wall", ratio("ours redfish", "floor redfish"), 1.3),
        ("status by Redfish, times the floor, CPU", ratio("ours redfish", "floor redfish", "cpu"), 1.3),
    ]
    for name, one in table.more.items():
        if "silent" in name and "slowest" in one:
            goals.append((f"{name}: slowest, seconds", one["slowest"][0], 5.1))
        if "one call" in name and "memory_mib" in one:
            goals.append((f"{name}: MiB", one["memory_mib"], 200.0))
    return [
        f"{'reached' if value <= aim else 'missed '} {name}: {value:.2f} (aim: {aim})"
        for name, value, aim in goals
        if value is not None
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n", 1)[0],
        epilog="\n".join((__doc__ or "").splitlines()[-4:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="20 BMCs, one run each")
    parser.add_argument("--sizes", default="50,200,1000", help="numbers of BMCs (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="NAMES", help=f"some of: {', '.join(CLIENTS)}")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write everything as JSON, too")
    return parser.parse_args()


def _freeipmi() -> str | None:
    return shutil.which("ipmipower") or shutil.which("/usr/sbin/ipmipower")


if __name__ == "__main__":
    sys.exit(main())
