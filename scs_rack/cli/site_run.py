"""`up`, `plan` and `status` for all racks of a site: by the manager node of each."""

import argparse
import json
import os
import sys

from rich.console import Console
from rich.text import Text

from scs_rack.cli.site import Named
from scs_rack.engine.signals import stoppable
from scs_rack.engine.stage import Stop
from scs_rack.model.site_file import load_site
from scs_rack.report.sites import print_summary, watching
from scs_rack.report.terminal import Steady
from scs_rack.sites.outcome import Outcome, exit_code
from scs_rack.sites.together import Errand, together


def run_all(named: Named, words: list[str], args: argparse.Namespace) -> int:
    """Carry a command out on all racks at once; returns the worst of their exit codes."""
    loaded = load_site(named.site)
    members = loaded.chosen(named.racks)
    stop, up = Stop(), args.command == "up"
    asked = [word for word in words if word != "--json"] if up else words
    progress = Steady(stderr=args.json or not up, highlight=False)
    with stoppable(stop, _stopping), watching(progress, [member.name for member in members]) as told:
        outcomes = together(loaded, members, Errand("run" if up else "read", tuple(asked)), told, stop)
    code = exit_code(outcomes, stopped=stop.requested.is_set())
    if args.json:
        racks = {one.rack: one.data | ({} if up else {"answer": _answer(one)}) for one in outcomes}
        print(json.dumps({"site": loaded.site.name, "code": code, "racks": racks}, indent=2))
        return code
    console = Steady(highlight=False)
    if not up:
        _show(console, outcomes)
    print_summary(console, loaded.site.name, outcomes, code, stopped=code != 0 and stop.requested.is_set())
    if stop.requested.is_set():
        console.print("interrupted; nothing is lost: run the same command again to go on")
    return code


def _show(console: Console, outcomes: list[Outcome]) -> None:
    for one in outcomes:
        if one.out.strip():
            console.print(Text(f"{one.rack}:", "bold"))
            for line in one.out.rstrip().splitlines():
                console.print(Text(f"  {line}"), soft_wrap=True)


def _answer(outcome: Outcome) -> object:
    """What a rack's own command printed for machines; None when it printed nothing of the kind."""
    try:
        return json.loads(outcome.out)
    except ValueError:
        return None


def _stopping(times: int) -> None:
    words = "asking all runs to stop; Ctrl-C again leaves them alone" if times == 1 else "leaving them alone"
    os.write(sys.stderr.fileno(), f"\n{words}\n".encode())
