#!/usr/bin/env python3
"""Compares `scs-rack up` with the same deployment by plain shell scripts of the raw commands.

Two virtual racks come up one after the other, from the same state: fresh disks, servers off. On the first, BMCs and
switches are brought up by scs-rack and the rest by the scripts in benchmarks/shell, which write the same files as the
roles do and are judged by the same gates. On the second, `scs-rack up --to resources` does everything, twice.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import by_ansible
import by_shell
import machine
from racks import SHIPPED, Failed, virtual_rack
from table import table

from scs_rack.lab import preflight
from scs_rack.model.load import load_rack
from scs_rack.paths import state_root
from scs_rack.provision.guest import guest_image

WAYS = {"shell": by_shell.measure, "ansible": by_ansible.measure}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="needs root, a built image (scs-rack image build), 16 GB of free memory, and an idle machine\n\n"
        "examples:\n  benchmarks/bring_up.py\n  benchmarks/bring_up.py --only ansible -o /tmp/ansible.json",
    )
    made.add_argument("--only", choices=tuple(WAYS), help="measure one way only")
    made.add_argument("--keep", action="store_true", help="leave the virtual rack running (with --only)")
    made.add_argument(
        "-o",
        "--output",
        type=Path,
        default=state_root() / "benchmarks/bring_up.json",
        help="where results are written as JSON (default: %(default)s)",
    )
    return made


def obstacles(facts: dict[str, Any]) -> list[str]:
    """What keeps this machine from measuring."""
    if os.geteuid() != 0:
        return ["virtual racks need root: run it with sudo"]
    found = [f"{one.type}: {one.hint}" for one in preflight.check(load_rack(SHIPPED).image) if one.severity == "error"]
    if not guest_image().path.is_file():
        found.append("the guest image is not built: scs-rack image build")
    if facts["memory_free_mib"] < machine.MEMORY_MIB:
        found.append(f"{facts['memory_free_mib']} MiB of memory are free, a rack needs {machine.MEMORY_MIB}")
    return found


def measure(args: argparse.Namespace, results: dict[str, Any]) -> None:
    """Measure one way after the other."""
    for name, way in WAYS.items():
        if args.only not in (None, name):
            continue
        load = list(os.getloadavg())
        print(f"measuring: {name} (load {load[0]:.2f})", file=sys.stderr, flush=True)
        with virtual_rack(f"bench-{name}", keep=args.keep) as rack:
            results[name] = way(rack) | {"load_before": load, "load_after": list(os.getloadavg())}


def main() -> int:
    """Entry point; 0 when all was measured, whatever the ratio."""
    options = parser()
    args = options.parse_args()
    if args.keep and not args.only:
        options.error("--keep works with --only: two racks at once don't fit into memory")
    facts = machine.facts()
    if missing := obstacles(facts):
        print("\n".join(missing), file=sys.stderr)
        return 2
    if machine.busy(facts["load"], facts["cores"]):
        print(f"warning: the machine is not idle (load {facts['load'][0]}): times will be too long", file=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    results: dict[str, Any] = {"machine": facts}
    try:
        measure(args, results)
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the virtual rack was removed", file=sys.stderr)
        return 130
    finally:
        args.output.parent.mkdir(parents=True, exist_ok=True)
        args.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))
    print(f"results: {args.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
