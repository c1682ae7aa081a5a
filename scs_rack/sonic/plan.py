"""What would change on a switch, how much that disturbs, and by which means it is applied."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from scs_rack.sonic.disruption import Disruption, disruption, restarts, worst
from scs_rack.sonic.frr_push import frr_lines
from scs_rack.sonic.generate import all_tables, config_db, frr_file
from scs_rack.sonic.preflight import objections
from scs_rack.sonic.rows import Tables
from scs_rack.sonic.secrets import filled
from scs_rack.sonic.tables import RowChange, compare, diff, summary, target
from scs_rack.sonic.transport import Switch, SwitchRefused
from scs_rack.sonic.verify import sessions

DRY_RUN_TIMEOUT = 120.0
"""Seconds for a dry run: a switch loads all YANG models for it."""
PATCH_ROWS = 64
"""Rows up to which a switch in service gets a patch: what others changed meanwhile is left alone, and the switch
needs not compare all of its configuration."""
READ = "sudo sonic-cfggen -d --print-data"


class Invalid(SwitchRefused):
    """The configuration that a switch would get is not valid."""


class Means(StrEnum):
    """How a change is applied."""

    PATCH = "patch"
    REPLACE = "replace"
    RELOAD = "reload"


@dataclass(frozen=True)
class Plan:
    """What would change on a switch."""

    name: str
    running: Tables
    goal: Tables
    changes: list[RowChange] = field(default_factory=list)
    frr: str | None = None
    """The frr.conf to push, on releases that keep FRR's configuration in a file; None where it is as wanted."""
    frr_lines: tuple[str, ...] = ()
    """What differs between it and what FRR runs: lines that begin with + or -."""
    neighbours: frozenset[str] = frozenset()
    """Ports that shall have a BGP neighbour."""
    stuck: str = ""
    """Why the switch takes no change but a reload; empty when it does."""

    serving: bool = False
    """True if FRR has neighbours by its own file, of which CONFIG_DB knows nothing."""
    patience: float | None = None
    """Seconds until all must be as before; follows from what is disturbed when not given."""

    def towards(self, goal: Tables) -> "Plan":
        """The plan that leads from what runs to another configuration."""
        ports = frozenset(key.rpartition("|")[2] for key in goal.get("BGP_NEIGHBOR", {}))
        return replace(self, goal=goal, changes=compare(self.running, goal), neighbours=ports)

    @property
    def empty(self) -> bool:
        """True when the switch is as wanted."""
        return not self.changes and self.frr is None and not self.stuck

    @property
    def summary(self) -> str:
        """How much changes, in words."""
        parts = [summary(self.changes)] if self.changes else []
        return ", ".join([*parts, *([f"{len(self.frr_lines)} lines of frr.conf"] if self.frr_lines else [])])

    @property
    def diff(self) -> str:
        """The changes as text."""
        return "\n".join([*filter(None, [diff(self.changes)]), *(f"frr.conf {line}" for line in self.frr_lines)])

    @property
    def disruption(self) -> Disruption:
        """What it disturbs at most."""
        lines = Disruption.NONE
        if self.frr_lines:
            session = any("neighbor" in line or "router bgp" in line for line in self.frr_lines)
            lines = Disruption.SESSION if session else Disruption.ROW
        return max(worst(self.changes), lines, Disruption.RELOAD if self.stuck else lines)

    @property
    def means(self) -> Means:
        """How it is applied: by what disturbs least."""
        if self.reasons:
            return Means.RELOAD
        return Means.PATCH if self.in_service and len(self.changes) <= PATCH_ROWS else Means.REPLACE

    @property
    def reasons(self) -> list[str]:
        """Why it takes a reload; empty when it takes none."""
        rows = [f"{change.table}|{change.key}" for change in self.changes if disruption(change) == Disruption.RELOAD]
        more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
        return [*filter(None, [self.stuck]), *([f"change of {', '.join(rows[:3])}{more}"] if rows else [])]

    @property
    def restarts(self) -> tuple[str, ...]:
        """Units that are restarted after it; a reload restarts all."""
        return () if self.means == Means.RELOAD else restarts(self.changes)

    @property
    def touches_forwarding(self) -> bool:
        """True if anything changes but what people and tools read."""
        return self.disruption > Disruption.NONE

    @property
    def in_service(self) -> bool:
        """True if the switch routes already: then it is not changed at the same time as another one."""
        return self.serving or bool(self.running.get("BGP_NEIGHBOR"))

    @property
    def seconds(self) -> float:
        """How long applying it may take: SONiC needs a second or two for each group of rows."""
        return 600.0 if self.means == Means.RELOAD else 110.0 + 2.0 * len(self.changes)

    @property
    def restore_seconds(self) -> float:
        """How long it may take until all is as before it."""
        if self.patience is not None:
            return self.patience
        return {Disruption.RESTART: 90.0, Disruption.RELOAD: 400.0}.get(self.disruption, 40.0)

    def patch(self) -> list[dict[str, object]]:
        """The change as JSON Patch (RFC 6902), which touches nothing else."""
        return json_patch(self.running, self.changes)


def json_patch(running: Tables, changes: Sequence[RowChange]) -> list[dict[str, object]]:
    """Changes as JSON Patch. A table goes with its last row: SONiC refuses empty tables."""
    operations: list[dict[str, object]] = []
    left = {table: set(rows) for table, rows in running.items()}
    new: dict[str, dict[str, object]] = {}
    for change in changes:
        path = f"/{_escaped(change.table)}/{_escaped(change.key)}"
        if change.after is None:
            left[change.table].discard(change.key)
            operations.append({"op": "remove", "path": path})
        elif change.table not in running:
            if change.table not in new:
                new[change.table] = {}
                operations.append({"op": "add", "path": f"/{_escaped(change.table)}", "value": new[change.table]})
            new[change.table][change.key] = change.after
        elif change.before is None:
            left[change.table].add(change.key)
            operations.append({"op": "add", "path": path, "value": change.after})
        else:
            operations += _field_operations(path, change)
    gone = {f"/{_escaped(table)}" for table, keys in left.items() if not keys}
    operations = [one for one in operations if str(one["path"]).rpartition("/")[0] not in gone]
    return operations + [{"op": "remove", "path": path} for path in sorted(gone)]


def _field_operations(path: str, change: RowChange) -> list[dict[str, object]]:
    before, after = change.before or {}, change.after or {}
    found: list[dict[str, object]] = []
    for name in sorted(before.keys() | after.keys()):
        where = f"{path}/{_escaped(name)}"
        if name not in after:
            found.append({"op": "remove", "path": where})
        elif before.get(name) != after[name]:
            found.append({"op": "replace" if name in before else "add", "path": where, "value": after[name]})
    return found


def _escaped(text: str) -> str:
    """A part of a JSON Pointer (RFC 6901)."""
    return text.replace("~", "~0").replace("/", "~1")


def read(switch: Switch) -> Tables:
    """The running CONFIG_DB."""
    tables: Tables = switch.ask_json(READ)
    return tables


def plan(switch: Switch) -> Plan:
    """Compare what a switch runs with what the rack file wants; changes nothing.

    Raises:
        SwitchUnreachable, SwitchRefused: it can't be read.
        Invalid: the outcome would not be valid.
    """
    design = switch.ctx.design
    running = read(switch)
    ours = filled(config_db(design, switch.name), switch.ctx.secrets)
    goal = target(running, ours)
    faults = objections(switch, running, goal, ours)
    if faults:
        raise Invalid(f"{switch.name}: the configuration would not be valid: {'; '.join(map(str, faults))}")
    ports = frozenset(key.rpartition("|")[2] for key in all_tables(design, switch.name).get("BGP_NEIGHBOR", {}))
    wanted = Plan(switch.name, running, goal, compare(running, goal), neighbours=ports)
    text = frr_file(design, switch.name)
    lines = frr_lines(switch, text) if text is not None else ()
    if text is not None and not (wanted.empty and not lines):
        wanted = replace(wanted, serving=bool(sessions(switch)))
    return replace(wanted, frr=text, frr_lines=lines) if lines else wanted


def dry_run(switch: Switch, tables: Tables) -> list[str]:
    """Let a switch judge a whole CONFIG_DB by the YANG models of its release; changes nothing.

    Returns:
        What it objects to, one line each.

    Raises:
        SwitchUnreachable: it does not answer.
    """
    file = f"dry-run-{secrets.token_hex(4)}.json"
    command = f"umask 077; cat >{file}; sudo config replace -d {file}; code=$?; rm -f {file}; exit $code"
    reply = switch.run(command, stdin=json.dumps(tables), timeout=DRY_RUN_TIMEOUT)
    return [f"{switch.name}: {reply.why}"] if reply.code else []
