"""What a run may do to servers in service: nothing of them is restarted without a word of the operator."""

import argparse
import sys
from dataclasses import replace

from rich.console import Console

from scs_rack import vault
from scs_rack.engine import runs, settled
from scs_rack.engine.bring_up import Order
from scs_rack.engine.fingerprint import fingerprint
from scs_rack.engine.foresee import foresee
from scs_rack.errors import UsageError


def allow_option(parser: argparse.ArgumentParser) -> None:
    """Add `--allow`."""
    parser.add_argument(
        "--allow",
        action="append",
        choices=["restart"],
        default=[],
        help="`restart`: services of servers in service may be restarted; without it such a run stops and asks",
    )


def allowed(args: argparse.Namespace, order: Order) -> Order:
    """The order with what is allowed; where the rack file is new, the plan is looked at before anything is changed.

    Whatever the plan did not foresee, the services themselves refuse to be restarted.

    Raises:
        UsageError: services would be restarted, and nobody said that they may be.
    """
    order = replace(order, options=order.options | {"allow": tuple(args.allow)})
    servers = settled.read(order.state_dir)
    if args.allow or not servers or not _is_new(order):
        return order
    quiet = Console(stderr=True, highlight=False)
    with quiet.status("looking what the new rack file means to servers in service") as status:
        forecast = foresee(order, lambda stage: status.update(f"planning {stage}"))
    found = settled.restarts(forecast.changes, servers)
    if not found:
        return order
    words = "; ".join(f"{server}: {', '.join(units)}" for server, units in found.items())
    if sys.stdin.isatty():
        answer = input(f"this would restart services of servers in service: {words}. Go on? [y/N] ")
        if answer.strip().lower() in {"y", "yes"}:
            return replace(order, options=order.options | {"allow": ("restart",)})
    raise UsageError(
        f"this would restart services of servers in service: {words}",
        "nothing was changed; `scs-rack plan` shows why; --allow restart goes on",
    )


def _is_new(order: Order) -> bool:
    """True if rack file, secrets, code or limit are not those of the last run that passed."""
    last = runs.latest(order.state_dir)
    mark = fingerprint(order.rack_dir, vault.load(order.rack_dir), order.limit)
    return last is None or last.state != "passed" or any(one.fingerprint != mark for one in last.stages.values())
