"""`scs-rack -s SITE COMMAND`: one command for all racks of a site."""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from scs_rack.errors import UsageError

OPTIONS = {"-s": "site", "--site": "site", "--racks": "racks"}
ACTIONS = ("up", "plan", "status", "validate")
"""Commands that a whole site has."""


@dataclass(frozen=True)
class Named:
    """What stands before the command."""

    site: str
    racks: str | None = None


def take(words: Sequence[str]) -> tuple[Named | None, list[str]]:
    """Take `-s SITE` and `--racks NAMES` off the front of a command line; returns them and the rest.

    Raises:
        UsageError: an option without its value, or `--racks` without a site.
    """
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        name, equal, value = rest[0].partition("=")
        if name not in OPTIONS:
            break
        rest.pop(0)
        if not equal:
            if not rest or rest[0].startswith("-"):
                raise UsageError(f"{name} needs a value", "scs-rack -s inventory/site up")
            value = rest.pop(0)
        found[OPTIONS[name]] = value
    if not found:
        return None, rest
    if "site" not in found:
        raise UsageError("--racks belongs to a site", "scs-rack -s inventory/site --racks east,west up")
    return Named(found["site"], found.get("racks")), rest


def judge(named: Named, words: Sequence[str], args: argparse.Namespace) -> None:
    """See whether a site has the command.

    Raises:
        UsageError: it has not, or a rack was named too.
    """
    if args.command not in ACTIONS:
        hint = f"with -s there are {', '.join(ACTIONS)}; -r is for one rack"
        raise UsageError(f"{args.command} is not for a whole site", hint)
    rack = [word for word in words if word == "--rack" or word.startswith(("-r", "--rack="))]
    if rack:
        hint = "some racks of a site: scs-rack -s SITE --racks NAMES"
        raise UsageError(f"{rack[0]} and -s {named.site} don't go together", hint)


def run(named: Named, words: Sequence[str], args: argparse.Namespace) -> int:
    """Carry a command out on all racks of a site; returns the worst of their exit codes."""
    judge(named, words, args)
    if args.command == "validate":
        return _validate(named, as_json=args.json)
    from scs_rack.cli.site_run import run_all

    return run_all(named, list(words), args)


def _validate(named: Named, *, as_json: bool) -> int:
    """All faults of the site file and of its rack files; 0 when there are none, else 2."""
    from scs_rack.cli.validate import faults_of
    from scs_rack.model.fault import count
    from scs_rack.model.site_file import check_site, site_file

    file = site_file(named.site)
    loaded, faults = check_site(file)
    if loaded:
        for member in loaded.chosen(named.racks):
            faults += faults_of(member.folder / "rack.yml")[1]
    faults = [replace(fault, file=_near(fault.file)) for fault in faults]
    if as_json:
        racks = [member.name for member in loaded.members] if loaded else []
        print(json.dumps({"file": str(file), "faults": [asdict(fault) for fault in faults], "racks": racks}, indent=2))
    elif faults or loaded is None:
        print("\n".join(str(fault) for fault in faults))
        print(count(len(faults), "fault"))
    else:
        print(f"{file} is valid: {count(len(loaded.members), 'rack')}, their rack files are valid too")
    return 2 if faults else 0


def _near(file: str) -> str:
    near = os.path.relpath(file)
    return near if len(near) < len(file) else file
