"""`scs-rack lab`: the virtual rack."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

from scs_rack.cli.common import Commands, Handler, add_command, add_noun, json_option, rack_dir, rack_option
from scs_rack.design import Design, make_design
from scs_rack.engine.lock import hold
from scs_rack.errors import UsageError
from scs_rack.lab import faults, nodes, preflight, status
from scs_rack.lab.down import down
from scs_rack.lab.layout import Lab
from scs_rack.lab.up import up
from scs_rack.model import ImageOptions
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir

_R = "-r inventory/lab"


def register(commands: Commands) -> None:
    """Add `lab` and its verbs."""
    verbs = add_noun(commands, "lab", "virtual rack on this machine")

    def verb(name: str, handler: Handler, summary: str, *examples: str) -> argparse.ArgumentParser:
        parser = add_command(verbs, name, handler, summary, tuple(f"scs-rack lab {one}" for one in examples))
        rack_option(parser)
        return parser

    json_option(verb("check", lab_check, "say what this machine lacks for a lab", f"check {_R}", "check --json"))
    verb("up", lab_up, "bring the virtual rack up, or mend what is missing of it", f"up {_R}", "up")
    parser = verb("down", lab_down, "remove all of the virtual rack", f"down {_R}", f"down {_R} --now")
    parser.add_argument("--now", action="store_true", help="with --keep-disks: don't ask the operating systems first")
    parser.add_argument(
        "--keep-disks", action="store_true", help="shut servers down, and keep their disks for the next lab up"
    )
    json_option(verb("status", lab_status, "show the devices of the virtual rack", f"status {_R}", "status --json"))
    examples = (f"shell {_R} node1", "shell leaf1 -- vtysh -c 'show bgp summary'")
    parser = verb("shell", lab_shell, "run a shell or a command on a machine", *examples)
    parser.add_argument("machine", metavar="MACHINE")
    parser.add_argument("argv", metavar="-- CMD", nargs="*")
    examples = (f"console {_R} node1", "console leaf1 --no-follow")
    parser = verb("console", lab_console, "show the console of a machine and follow it", *examples)
    parser.add_argument("machine", metavar="MACHINE")
    parser.add_argument("--no-follow", action="store_true", help="print what there is and end")
    summary = "take a device's power away, spoil a BMC or a switch, or undo it"
    parser = verb("fault", lab_fault, summary, "fault leaf1 stop", "fault bmc-node1 lies", "fault --list")
    parser.add_argument("device", metavar="DEVICE", nargs="?")
    parser.add_argument("action", choices=faults.ACTIONS, nargs="?", help="see `--list`; `heal` undoes")
    parser.add_argument("port", metavar="PORT", nargs="?", help="port of a switch, for bgp-down")
    parser.add_argument("--seconds", type=float, help="how long, for ssh-cut, slow-reload, and a BMC that is slow")
    parser.add_argument("--mac", help="MAC address of the new chassis, for replace")
    parser.add_argument("--list", action="store_true", help="print the faults that are set now, and all there are")
    summary = "cut a cable, join it again, or swap two of them"
    parser = verb("cable", lab_cable, summary, "cable cut node1:up0", "cable swap leaf1:Ethernet0 leaf1:Ethernet1")
    parser.add_argument("action", choices=("cut", "join", "swap"))
    parser.add_argument("end", metavar="DEVICE:PORT")
    parser.add_argument("other", metavar="DEVICE:PORT", nargs="?", help="end of the other cable, for swap")


def _progress() -> Callable[[str], None]:
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - start:6.1f} s  {text}", file=sys.stderr, flush=True)

    return say


def _design(args: argparse.Namespace) -> Design:
    return make_design(load_rack(rack_dir(args)))


def _lab(args: argparse.Namespace) -> Lab:
    return nodes.lab_of(rack_dir(args))


def lab_check(args: argparse.Namespace) -> int:
    """Print everything that is missing."""
    found = preflight.check(load_rack(rack_dir(args)).image if args.rack else ImageOptions())
    if args.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in found:
            print(f"{one.type}: expected {one.expected}, seen {one.seen}\n  mend: {one.hint}")
        print("this machine can run the lab" if not found else f"missing: {len(found)}")
    return 1 if any(one.severity == "error" for one in found) else 0


def lab_up(args: argparse.Namespace) -> int:
    """Bring the lab up."""
    progress = _progress()
    lab = up(_design(args), rack_dir(args), progress)
    progress(f"the lab {lab.name} is up; its servers are powered by their BMCs")
    return 0


def lab_down(args: argparse.Namespace) -> int:
    """Remove the lab, unless a run is at work in it."""
    lab = _lab(args)
    with hold(state_dir(lab.name)):
        down(lab, _progress(), now=args.now, keep_disks=args.keep_disks)
    return 0


def lab_status(args: argparse.Namespace) -> int:
    """Show the devices; exit code 1 while something that should be there is not."""
    design, lab = _design(args), _lab(args)
    devices = status.devices(lab, design)
    cables = status.missing_cables(lab, design)
    if args.json:
        print(json.dumps({"devices": [asdict(one) for one in devices], "missing_cables": cables}, indent=2))
    else:
        for one in devices:
            reachable = "reachable" if one.reachable else "-"
            print(f"{one.name:12} {one.kind:8} {one.state:7} {one.address:15} {reachable}")
        print(f"{len(design.rack.cables) - len(cables)} of {len(design.rack.cables)} cables plugged in")
    absent = [one for one in devices if one.state == "absent" or (one.kind != "server" and one.state == "off")]
    return 1 if absent or cables else 0


def lab_shell(args: argparse.Namespace) -> int:
    """Replace this process by one inside the machine."""
    command = nodes.enter_command(_lab(args), args.machine, args.argv or ["/bin/bash", "-l"])
    os.execvp(command[0], command)  # noqa: S606 (no shell is meant)


def lab_console(args: argparse.Namespace) -> int:
    """Replace this process by tail(1) on the console's log."""
    path = _lab(args).folder(args.machine) / "console.log"
    if not path.is_file():
        raise UsageError(f"{args.machine} has no console yet", "it has one once it was powered on")
    follow = [] if args.no_follow else ["--follow=name"]
    os.execvp("tail", ["tail", "--lines=200", *follow, str(path)])  # noqa: S606 (no shell is meant)


def lab_fault(args: argparse.Namespace) -> int:
    """Make or undo a fault."""
    lab, design = _lab(args), _design(args)
    if args.list:
        lines = faults.listing(lab, design)
        print("\n".join(lines) or "no fault is set")
        for kind, known in faults.catalogue().items():
            print(f"\n{kind}:\n" + "\n".join(f"  {name:20} {text}" for name, text in known.items()))
        return 0
    if args.device is None or args.action is None:
        raise UsageError("DEVICE and ACTION are missing", "e.g. `scs-rack lab fault leaf1 stop`, or `--list`")
    faults.fault(
        lab, design, rack_dir(args), args.device, args.action, port=args.port, seconds=args.seconds, mac=args.mac
    )
    return 0


def lab_cable(args: argparse.Namespace) -> int:
    """Cut or join a cable."""
    lab, design = _lab(args), _design(args)
    if args.action == "swap":
        if args.other is None:
            raise UsageError(
                "swap needs an end of each cable", "scs-rack lab cable swap leaf1:Ethernet0 leaf1:Ethernet1"
            )
        print(faults.swap_cables(lab, design, args.end, args.other))
    elif args.other is not None:
        raise UsageError(f"{args.action} takes one end", f"scs-rack lab cable {args.action} {args.end}")
    else:
        print(faults.set_cable(lab, design, args.end, joined=args.action == "join"))
    return 0
