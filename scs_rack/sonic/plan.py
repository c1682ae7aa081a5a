"""What would change on a switch, and in what order switches are changed."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from scs_rack.engine.stage import Context
from scs_rack.sonic.checks import check_tables
from scs_rack.sonic.generate import config_db, frr_file
from scs_rack.sonic.rows import Tables
from scs_rack.sonic.tables import RowChange, compare, diff, target
from scs_rack.sonic.transport import Switch, SwitchRefused

REPLACE_TIMEOUT = 110.0
"""Seconds for a `config replace`: SONiC needs up to a second for each row that changes."""
QUIET_TABLES = frozenset({"DEVICE_METADATA", "DEVICE_NEIGHBOR", "DEVICE_NEIGHBOR_METADATA"})
"""Tables that no frame's way depends on."""
READ = "sudo sonic-cfggen -d --print-data"


class Unsupported(SwitchRefused):
    """The release of the switch can't be changed this way."""


class Invalid(SwitchRefused):
    """The configuration that a switch would get is not valid."""


@dataclass(frozen=True)
class Plan:
    """What would change on a switch."""

    name: str
    running: Tables
    goal: Tables
    changes: list[RowChange] = field(default_factory=list)

    @property
    def diff(self) -> str:
        """The changes as text."""
        return diff(self.changes)

    @property
    def touches_forwarding(self) -> bool:
        """True if anything changes but what people and tools read."""
        return any(
            change.table not in QUIET_TABLES and not change.only("PORT", frozenset({"description"}))
            for change in self.changes
        )

    @property
    def in_service(self) -> bool:
        """True if the switch routes already: then it is not changed at the same time as another one."""
        return bool(self.running.get("BGP_NEIGHBOR"))


def read(switch: Switch) -> Tables:
    """The running CONFIG_DB."""
    tables: Tables = switch.ask_json(READ)
    return tables


def plan(switch: Switch) -> Plan:
    """Compare what a switch runs with what the rack file wants; changes nothing.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be read.
        Unsupported: its release keeps FRR's configuration in a file.
        Invalid: the outcome would not be valid.
    """
    design = switch.ctx.design
    if frr_file(design, switch.name) is not None:
        raise Unsupported(
            f"{switch.name}: release {design.switches[switch.name].release} needs its own frr.conf, "
            "which scs-rack generates but does not apply yet",
            f"run 202505 or newer on it, or load what `scs-rack switch show {switch.name}` prints, and its --frr",
        )
    running = read(switch)
    goal = target(running, config_db(design, switch.name))
    faults = check_tables(goal)
    if faults:
        raise Invalid(f"{switch.name}: the configuration would not be valid: {'; '.join(faults)}")
    return Plan(switch.name, running, goal, compare(running, goal))


def dry_run(switch: Switch, tables: Tables) -> list[str]:
    """Let a switch judge a whole CONFIG_DB by the YANG models of its release; changes nothing.

    Returns:
        What it objects to, one line each.

    Raises:
        SwitchUnreachable: it does not answer.
    """
    file = f"dry-run-{secrets.token_hex(4)}.json"
    command = f"umask 077; cat >{file}; sudo config replace -d {file}; code=$?; rm -f {file}; exit $code"
    reply = switch.run(command, stdin=json.dumps(tables), timeout=REPLACE_TIMEOUT)
    return [f"{switch.name}: {reply.why}"] if reply.code else []


def waves(ctx: Context, plans: Sequence[Plan]) -> list[list[Plan]]:
    """Plans in the order to apply them; those of one wave at the same time.

    Out-of-band switches first: everything else is reached through them. Then all switches that route nothing yet, and
    those where only names change. Then each one that is in service alone, so that traffic has a way around it.
    """
    todo = [one for one in plans if one.changes]
    out_of_band = [one for one in todo if ctx.design.switches[one.name].role == "oob" and one.touches_forwarding]
    alone = [one for one in todo if one.in_service and one.touches_forwarding]
    together = [one for one in todo if one not in out_of_band and one not in alone]
    return [wave for wave in (out_of_band, together, *([one] for one in alone)) if wave]
