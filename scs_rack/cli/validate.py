"""`scs-rack validate`: every fault of a rack file at once."""

import argparse
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

from scs_rack.cli.common import Commands, add_command, json_option, rack_dir, rack_option
from scs_rack.model import Rack
from scs_rack.model.fault import Fault, count


def register(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "validate",
        validate,
        "check a rack file and report all its faults at once",
        ("scs-rack validate -r inventory/lab", "scs-rack validate -r inventory/lab --json | jq '.faults[].message'"),
    )
    rack_option(parser)
    json_option(parser)


def _file(args: argparse.Namespace) -> Path:
    """The rack file as a person would write it: relative to the folder one is in, where that is shorter."""
    path = Path(args.rack) if args.rack and Path(args.rack).is_file() else rack_dir(args) / "rack.yml"
    return Path(_near(path))


def _near(path: Path) -> str:
    near = os.path.relpath(path)
    return near if len(near) < len(str(path)) else str(path)


def summary(rack: Rack) -> dict[str, int]:
    """How much of each kind a rack has."""
    return {
        "server": len(rack.servers),
        "switch": len(rack.switches),
        "cable": len(rack.cables),
        "network": len(rack.networks),
        "power feed": len(rack.power.feeds),
    }


def faults_of(path: Path) -> tuple[Rack | None, list[Fault]]:
    """The rack, when its shape is right, and all faults of its file, of what it makes of its switches, and of TLS."""
    from scs_rack.model.load import check_rack

    rack, found = check_rack(path)
    faults: list[Fault] = [replace(fault, file=_near(Path(fault.file))) for fault in found]
    if rack and rack.overlays and not faults:
        from scs_rack.design import make_design
        from scs_rack.sonic.generate import all_conflicts

        faults = [replace(fault, file=_near(Path(fault.file))) for fault in all_conflicts(make_design(rack))]
    if rack and not faults:
        from scs_rack.design import make_design
        from scs_rack.sonic.rack_faults import switch_faults

        faults = [replace(fault, file=_near(Path(fault.file))) for fault in switch_faults(make_design(rack), path)]
    if rack and not found:
        from scs_rack.design import make_design
        from scs_rack.pki_given import examine

        _, wrong = examine(path.parent, make_design(rack))
        faults += [replace(fault, file=_near(Path(fault.file))) for fault in wrong]
    return rack, faults


def validate(args: argparse.Namespace) -> int:
    """Check the rack file, and what it makes of its switches; 0 when there is no fault, else 2."""
    path = _file(args)
    rack, faults = faults_of(path)
    counts = summary(rack) if rack else {}
    if args.json:
        print(
            json.dumps({"file": str(path), "faults": [asdict(fault) for fault in faults], "counts": counts}, indent=2)
        )
    elif faults:
        print("\n".join(str(fault) for fault in faults))
        print(count(len(faults), "fault"))
    else:
        print(f"{path} is valid: " + ", ".join(count(number, what) for what, number in counts.items()))
    return 2 if faults else 0
