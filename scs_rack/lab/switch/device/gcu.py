"""The generic config updater: from the running configuration to a target, change by change, or not at all.

As on SONiC there is no transaction: what dies midway leaves a part applied. And its lock is a stub: two may race.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

from scs_rack.lab.switch.device import configdb, rules, settings, trouble
from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.configdb import Row, Tables
from scs_rack.lab.switch.device.patch import escape

BACKEND = ("BUFFER_PG", "BUFFER_PROFILE", "FLEX_COUNTER_TABLE")
"""Tables that the switch writes itself; not compared afterwards."""
ORDER = (
    "DEVICE_METADATA", "PORT", "BREAKOUT_CFG", "VRF", "MGMT_PORT", "MGMT_INTERFACE", "PORTCHANNEL",
    "PORTCHANNEL_MEMBER", "VLAN", "VLAN_MEMBER", "LOOPBACK_INTERFACE", "INTERFACE", "PORTCHANNEL_INTERFACE",
    "VLAN_INTERFACE", "AS_PATH_SET", "PREFIX_SET", "PREFIX", "ROUTE_MAP_SET", "ROUTE_MAP",
    "BGP_GLOBALS", "BGP_GLOBALS_AF", "BGP_GLOBALS_AF_NETWORK", "BGP_PEER_GROUP", "BGP_PEER_GROUP_AF", "BGP_NEIGHBOR",
    "BGP_NEIGHBOR_AF", "ROUTE_REDISTRIBUTE",
)  # fmt: skip
"""Tables before those whose rows refer to them; all others come last."""


class UpdateFailed(Exception):
    """A configuration was not brought to where it should be."""


@dataclass(frozen=True)
class Change:
    """Rows that are written at once: None removes a row."""

    table: str
    rows: dict[str, Row | None]
    op: str

    def text(self) -> str:
        """As JSON Patch, for the log."""
        parts = []
        for key, row in self.rows.items():
            value = "" if row is None else f', "value": {json.dumps(row)}'
            parts.append(f'{{"op": "{self.op}", "path": "/{escape(self.table)}/{escape(key)}"{value}}}')
        return f"[{', '.join(parts)}]"


def _rank(table: str) -> tuple[int, str]:
    return (ORDER.index(table) if table in ORDER else len(ORDER), table)


def changes(current: Tables, target: Tables) -> list[Change]:
    """Steps from one configuration to the other: what goes first goes in reverse order of what it depends on."""
    gone: dict[str, dict[str, Row | None]] = {}
    new: dict[str, dict[str, Row | None]] = {}
    altered: dict[str, dict[str, Row | None]] = {}
    for table in current.keys() | target.keys():
        have, want = current.get(table, {}), target.get(table, {})
        for key in sorted(have.keys() | want.keys()):
            if key not in want:
                gone.setdefault(table, {})[key] = None
            elif key not in have:
                new.setdefault(table, {})[key] = want[key]
            elif have[key] != want[key]:
                if rules.must_be_made_anew(table, have[key], want[key]):
                    gone.setdefault(table, {})[key] = None
                    new.setdefault(table, {})[key] = want[key]
                else:
                    altered.setdefault(table, {})[key] = want[key]
    steps = [Change(table, _deepest_first(gone[table]), "remove") for table in sorted(gone, key=_rank, reverse=True)]
    for table in sorted(new.keys() | altered.keys(), key=_rank):
        if table in altered:
            steps.append(Change(table, altered[table], "replace"))
        if table in new:
            steps.append(Change(table, new[table], "add"))
    return steps


def _deepest_first(rows: dict[str, Row | None]) -> dict[str, Row | None]:
    return dict(sorted(rows.items(), key=lambda item: (-item[0].count("|"), item[0])))


def _commands(change: Change, have: Tables) -> Iterator[list[str]]:
    for key, row in change.rows.items():
        name = f"{change.table}|{key}"
        if row is None:
            yield ["DEL", name]
            continue
        fields = configdb.encode(row)
        stale = configdb.encode(have.get(change.table, {}).get(key, {})).keys() - fields.keys()
        if key in have.get(change.table, {}) and stale:
            yield ["HDEL", name, *sorted(stale)]
        yield configdb.hset(name, fields)


def _without(tables: Tables, paths: list[str]) -> Tables:
    """What is left to judge when some JSON pointers are to be ignored."""
    left = {table: dict(rows) for table, rows in tables.items()}
    for path in paths:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in path.strip("/").split("/")]
        if len(parts) == 1:
            left.pop(parts[0], None)
        elif parts[0] in left:
            left[parts[0]].pop(parts[1], None)
    return left


def _without_backend(tables: Tables) -> Tables:
    return {table: rows for table, rows in tables.items() if table not in BACKEND and rows}


class Updater:
    """One operation of the config updater; what it says goes to stdout as on SONiC."""

    def __init__(
        self, *, dry_run: bool, ignore_paths: list[str], ignore_non_yang: bool = False, verbose: bool = False
    ) -> None:
        """Take the options of the command."""
        self.dry_run = dry_run
        self.ignore = ignore_paths
        self.ignore_non_yang = ignore_non_yang
        self.verbose = verbose
        self.client = configdb.connect()

    def say(self, who: str, text: str) -> None:
        """A notice."""
        print(f"{who}: {text}", flush=True)

    def replace(self, target: Tables) -> None:
        """Bring the configuration to a target.

        Raises:
            UpdateFailed: it could not be; a part may have been applied.
            rules.Illegal: an operation is forbidden; nothing was changed.
        """
        say = self.say
        say("Config Replacer", "Config replacement starting.")
        say("Config Replacer", "Getting current config db.")
        say("Config Replacer", "Generating patch between target config and current config db.")
        say("Config Replacer", "Applying patch using 'Patch Applier'.")
        self.apply(target)
        say("Config Replacer", "Verifying config replacement is reflected on ConfigDB.")
        if not self.dry_run and _without_backend(configdb.read(self.client)) != _without_backend(normal(target)):
            raise UpdateFailed("After replacing config, there is still some parts not updated")
        say("Config Replacer", "Config replacement completed.")

    def apply(self, target: Tables) -> None:
        """Bring the configuration to a target (raises as `replace`)."""
        say = self.say
        say("Patch Applier", "localhost: Patch application starting.")
        current = configdb.read(self.client)
        say("Patch Applier", "localhost: simulating the target full config after applying the patch.")
        say("Patch Applier", "localhost: validating all JsonPatch operations are permitted on the specified fields")
        why = rules.forbidden(current, target)
        if why:
            raise rules.Illegal(why)
        empty = sorted(table for table, rows in target.items() if not rows)
        if empty:
            raise UpdateFailed(
                "localhost: given patch is not valid because it will result in empty tables which is not allowed in "
                f"ConfigDb. Table{'s' if len(empty) != 1 else ''}: {', '.join(empty)}"
            )
        say("Patch Applier", "localhost: sorting patch updates.")
        goal = normal(target)
        self._judge(current, goal)
        steps = changes(current, goal)
        count = f"{len(steps)} change{'s' if len(steps) != 1 else ''}"
        say("Patch Applier", f"The localhost patch was converted into {count}{':' if steps else '.'}")
        for step in steps:
            say("Patch Applier", f"  * {step.text()}")
        say("Patch Applier", f"localhost: applying {count} in order{':' if steps else '.'}")
        if not self.dry_run and steps:
            self._write(steps, current)
            time.sleep(settings.scaled(releases.UPDATE_SECONDS))  # by then daemons have acted on most of it
        say("Patch Applier", "localhost: verifying patch updates are reflected on ConfigDB.")
        if not self.dry_run and _without_backend(configdb.read(self.client)) != _without_backend(goal):
            raise UpdateFailed("localhost: after applying patch to config, there are still some parts not updated")
        say("Patch Applier", "localhost patch application completed.")

    def _judge(self, current: Tables, target: Tables) -> None:
        touched = {table for table in current.keys() | target.keys() if current.get(table) != target.get(table)}
        if not self.ignore_non_yang and rules.without_model(touched):
            raise UpdateFailed("Given patch is not valid because it has changes to tables without YANG models")
        if not rules.has_models():
            self.say("Patch Applier", "this lab switch has no YANG models: scs-rack's own checks judge in their place")
        found = rules.faults(_without(target, self.ignore))
        if found:
            raise UpdateFailed(f"Given patch will produce invalid config. Error: {'; '.join(found)}")
        found = rules.faults(_without(current, self.ignore))
        if found:
            raise UpdateFailed(f"Data Loading Failed: the running configuration is not valid: {'; '.join(found)}")

    def _write(self, steps: list[Change], current: Tables) -> None:
        """Change by change, as far as it gets."""
        pause = settings.scaled(releases.pause_after_change(releases.number()))
        have = current
        writes = _small_enough(steps)
        for number, step in enumerate(writes):
            self.say("Patch Applier", f"  * {step.text()}")
            if trouble.strikes(number, len(writes)):
                raise UpdateFailed(f"Failed to apply Json change: {step.table}")
            self.client.pipeline([["MULTI"], *_commands(step, have), ["EXEC"]])
            table = dict(have.get(step.table, {}))
            for key, row in step.rows.items():
                if row is None:
                    table.pop(key, None)
                else:
                    table[key] = row
            have = {**have, step.table: table}
            time.sleep(pause)


def _small_enough(steps: list[Change]) -> list[Change]:
    """Steps as they are written; a single big one is split, so that it too can fail half way."""
    if len(steps) != 1 or len(steps[0].rows) < 2:
        return steps
    only = steps[0]
    keys = list(only.rows)
    half = len(keys) // 2
    return [Change(only.table, {key: only.rows[key] for key in part}, only.op) for part in (keys[:half], keys[half:])]


def normal(tables: Tables) -> Tables:
    """A configuration as CONFIG_DB gives it back: no empty tables, all values strings or lists of strings."""
    return {
        table: {key: configdb.decode(configdb.encode(row)) for key, row in sorted(rows.items())}
        for table, rows in sorted(tables.items())
        if rows
    }
