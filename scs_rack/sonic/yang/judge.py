"""The verdict of a release's YANG models on a CONFIG_DB: everything that is wrong, in CONFIG_DB's words."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from scs_rack.errors import ScsRackError
from scs_rack.sonic.fault import Fault, Kind
from scs_rack.sonic.yang.schema import Node, Schema, table_of
from scs_rack.sonic.yang.statements import BadYang
from scs_rack.sonic.yang.translate import Translation, origin

_NO_TARGET = re.compile(r'Invalid leafref value "(?P<value>[^"]*)" - no target instance "(?P<path>[^"]*)"')
_MISSING = re.compile(r'Mandatory node "(?P<name>[^"]+)" instance does not exist')
_SHORT = (
    (re.compile(r'Unsatisfied pattern - "(.*)" does not match .*'), r"{} has not the form that it must have"),
    (re.compile(r'Unsatisfied range - value "(.*)" is out of the allowed range\.'), r"{} is out of range"),
    (re.compile(r'Unsatisfied length - string "(.*)" length is not allowed\.'), r"{} is too long or too short"),
    (re.compile(r'Invalid (?:enumeration|union|boolean|bits) value "(.*?)".*'), r"{} is not allowed here"),
    (re.compile(r'Invalid type u?int\d+ value "(.*)"\.'), r"{} is no number that fits"),
    (re.compile(r'Value "(.*)" is out of type u?int\d+ min/max bounds\.'), r"{} is no number that fits"),
)
"""What libyang says of a value, and how to say it when what the field takes is said anyway."""
_VALUE = re.compile(r"'(.*?)' (?:has|is)\b|there is no .*(?:\||with \S+ )(.*)")
_IS_MISSING = "is missing"
_NO_KEY = re.compile(r"List instance is missing its key")


class NoJudge(ScsRackError):
    """A CONFIG_DB can't be judged by YANG models here: models or libyang are missing."""


class Judge:
    """Judges CONFIG_DBs by the models of one folder. May be shared by threads."""

    def __init__(self, folder: Path) -> None:
        """Load the models.

        Args:
            folder: `*.yang` of one release, as on a switch in /usr/local/yang-models.

        Raises:
            NoJudge: libyang's package is not installed, or the folder holds no such models.
        """
        try:
            import oopt_gnpy_libyang as libyang
        except ImportError as error:
            hint = "pip install oopt-gnpy-libyang==0.1.1 (it has wheels for Linux on x86-64)"
            raise NoJudge("judging by YANG models needs the package oopt-gnpy-libyang", hint) from error
        self._libyang = libyang
        self._lock = Lock()
        try:
            self.schema = Schema(folder)
            libyang.set_log_options(libyang.LogOptions.Store)
            self._context = libyang.Context(str(folder), libyang.ContextOptions.NoYangLibrary)
            for module in self.schema.modules:
                self._context.load_module(module)
        except (BadYang, libyang.Error) as error:
            hint = "name a folder with the rendered models of one release"
            told = [one.message or "" for one in self._context.errors()] if hasattr(self, "_context") else []
            why = next(filter(None, told), str(error))
            raise NoJudge(f"{folder} holds no models that can be used: {why}", hint) from error

    def judge(self, tables: Mapping[str, Any]) -> list[Fault]:
        """All that the models object to, in no special order; tables without a model are `unknown-table`."""
        translation = Translation(self.schema, tables)
        found = [*translation.faults, *self._verdict(translation)]
        bad = {(one.table, one.key, one.field) for one in found if one.message != _IS_MISSING}
        found = [one for one in found if one.message != _IS_MISSING or (one.table, one.key, one.field) not in bad]
        return [self._at_row(fault, tables) if fault.table and not fault.key else fault for fault in found]

    def _at_row(self, fault: Fault, tables: Mapping[str, Any]) -> Fault:
        """A fault of a key, which libyang can't place, at the rows with that part of the key."""
        value, known = _VALUE.match(fault.message), self.schema.tables.get(fault.table)
        rows = tables.get(fault.table)
        if not (value and known and fault.field and isinstance(rows, Mapping)):
            return fault
        position = {key: number for one in known.lists for number, key in enumerate(one.keys)}.get(fault.field)
        for key in rows:
            if position is not None and [part.strip() for part in key.split("|")][position : position + 1] == [
                value[1]
            ]:
                return replace(fault, key=key, field="")
        return fault

    def _verdict(self, translation: Translation) -> Iterator[Fault]:
        libyang = self._libyang
        with self._lock:
            self._context.clean_all_errors()
            try:
                self._context.parse_data(
                    json.dumps(translation.data),
                    libyang.DataFormat.JSON,
                    libyang.ParseOptions.Strict
                    | libyang.ParseOptions.JsonStringDataTypes
                    | libyang.ParseOptions.NoState,
                    libyang.ValidationOptions.MultiError | libyang.ValidationOptions.NoState,
                )
            except libyang.Error as error:
                told = [(one.data_path or "", one.message or "", one.app_tag or "") for one in self._context.errors()]
                objections = dict.fromkeys(told or [("", str(error), "")])
            else:
                return
        for path, message, tag in objections:
            if not _NO_KEY.search(message):  # follows from a key that was told already
                yield self._fault(path, " ".join(message.split()), tag)

    def _fault(self, path: str, message: str, tag: str) -> Fault:
        table, key, field = origin(path)
        missing, dangling = _MISSING.match(message), _NO_TARGET.match(message)
        if missing:
            takes = self._takes(table, key, missing["name"])
            return Fault(_IS_MISSING, table, key, missing["name"], takes and f"takes {takes}", "constraint")
        if dangling:
            message = f"there is no {self._row(dangling['path'], dangling['value'])}"
            return Fault(message, table, key, field, "add it, or take this out", "reference")
        kind: Kind = "value"
        if tag or any(word in message for word in ("ust condition", "hen condition", "Mandatory")):
            kind = "constraint"
        takes, short = self._takes(table, key, field) if kind == "value" else "", _in_short(message)
        named = _VALUE.match(short)
        if named and "." in field and table == field.partition(".")[0]:
            field = named[1]  # the name of a field that is data
        return Fault(short, table, key, field, f"takes {takes}" if takes else "", kind)

    def _row(self, path: str, value: str) -> str:
        """The row that a reference of the models wants."""
        table = table_of(path)
        known = self.schema.tables.get(table)
        several = known is not None and all(len(one.keys) > 1 for one in known.lists)
        return f"row of {table} with {path.rpartition(':')[2]} {value}" if several else f"{table}|{value}"

    def _takes(self, table: str, key: str, field: str) -> str:
        """What a field takes, in words."""
        known = self.schema.tables.get(table)
        if known is None or not field:
            return ""
        nodes: list[Node] = [*known.lists, known.node]
        nodes += [node for name, node in known.node.containers.items() if name == key]
        nodes += [inner for node in known.lists for inner in node.lists]
        *inside, last = field.split(".")
        for step in inside:
            nodes = [node.containers[step] for node in nodes if step in node.containers]
        return next((node.leaves[last].takes for node in nodes if last in node.leaves), "")


def _in_short(message: str) -> str:
    """A message of libyang without what the hint says."""
    for long, short in _SHORT:
        found = long.fullmatch(message)
        if found:
            return short.format(f"'{found[1]}'")
    return message
