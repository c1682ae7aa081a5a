"""How fast configurations of switches are made and compared.

Racks like inventory/example (12 switches each), each with a name and pools of its own, are generated and compared with
what their switches run: the same tables, read from JSON, with one port changed. The floor is a plain loop that only
writes the same tables as JSON.

    .venv/bin/python benchmarks/sonic.py            1,000 switches
    .venv/bin/python benchmarks/sonic.py --switches 120
"""

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

from scs_rack.design import Design, make_design
from scs_rack.model import Rack
from scs_rack.model.source import read_source
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.rows import Tables
from scs_rack.sonic.tables import compare, target

EXAMPLE = Path(__file__).resolve().parents[1] / "inventory/example/rack.yml"


def racks(raw: dict[str, Any], switches: int) -> list[Design]:
    """As many racks as have so many switches; no two have the same addresses and numbers."""
    found: list[Design] = []
    for number in range(-(-switches // len(raw["switches"]))):
        pools = {
            **raw["pools"],
            "loopback4": f"10.{100 + number // 250}.{number % 250}.0/24",
            "loopback6": f"fd5c:{number:x}::/64",
            "asn": f"{4200000001 + number * 1000}-{4200000999 + number * 1000}",
        }
        found.append(make_design(Rack.model_validate({**raw, "name": f"rack{number}", "pools": pools})))
    return found


def cpu() -> float:
    """CPU seconds of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(title: str, switches: int, work: Any) -> tuple[Any, float]:
    """Do the work and print what it took; returns its result and CPU seconds."""
    wall, used = time.perf_counter(), cpu()
    result = work()
    wall, used = time.perf_counter() - wall, cpu() - used
    print(f"{title:38} {wall:7.2f} s {used:7.2f} s CPU {switches / used:8.0f} switches/s")
    return result, used


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast configurations of switches are made and compared.")
    parser.add_argument("--switches", type=int, default=1000, help="at least so many (default: 1000)")
    wanted = parser.parse_args().switches
    raw = read_source(EXAMPLE).data
    designs, _ = timed("racks designed", wanted, lambda: racks(raw, wanted))
    names = [(design, name) for design in designs for name in design.switches]
    many = len(names)
    print(f"{many} switches in {len(designs)} racks")
    made, making = timed("generated", many, lambda: [config_db(design, name) for design, name in names])

    def run(tables: Tables) -> Tables:
        running: Tables = json.loads(json.dumps(tables))
        port = next(iter(running["PORT"].values()))
        port["mtu"] = "1500"
        return running

    running = [run(tables) for tables in made]
    pairs = list(zip(running, made, strict=True))
    changes, comparing = timed(
        "compared with what runs", many, lambda: [compare(have, target(have, want)) for have, want in pairs]
    )
    wrong = sum(len(change) != 1 for change in changes)
    if wrong:
        raise SystemExit(f"{wrong} comparisons did not find just the one port that was changed")
    _, floor = timed("floor: json.dumps of the same tables", many, lambda: [json.dumps(tables) for tables in made])
    print(f"generated and compared: {making + comparing:.2f} s CPU for {many} switches", end=", ")
    print(f"{many / (making + comparing):.0f} switches/s, {(making + comparing) / floor:.1f} times the floor")


if __name__ == "__main__":
    main()
