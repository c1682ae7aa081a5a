"""Read YAML and keep the line of each value.

Scalars stay text, so that no rule of YAML 1.1 bends them: `on` stays `on`, and a MAC address of digits stays one
(as a number to base 60 it would be lost). The types of the rack file turn text into numbers and addresses. Only an
empty value (also `~` and `null`) is none; it counts as not stated.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import yaml

from scs_rack.errors import UsageError
from scs_rack.model.fault import Fault, Path, Problem, dotted

MAX_VALUES = 100_000
"""More values than any rack file has; stops aliases that multiply without end."""

MAX_DEPTH = 20
"""Deeper than any rack file is nested."""

_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "map", "merge", "null", "seq", "str", "timestamp")
)


@dataclass
class Source:
    """A rack file as nested mappings and lists of text, with the line of each."""

    file: str
    data: Any = None
    faults: list[Fault] = field(default_factory=list)
    """What is wrong with the YAML itself."""
    lines: dict[Path, tuple[int, int]] = field(default_factory=dict)
    """Lines of key and value of each path, counted from 1."""

    def line(self, path: Path, *, of_key: bool = False) -> int:
        """Line of a value or its key; of the nearest that exists above it when it does not exist."""
        while path and path not in self.lines:
            path, of_key = path[:-1], True
        return self.lines.get(path, (1, 1))[0 if of_key else 1]

    def value(self, path: Path) -> Any:
        """What stands at a path; None when nothing does."""
        found = self.data
        for part in path:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def fault(self, check: str, problem: Problem) -> Fault:
        """A problem with its file and line."""
        stated = self.value(problem.path)
        whole = isinstance(stated, (dict, list)) or problem.path not in self.lines
        value = problem.value if problem.value is not None else "" if whole or stated is None else str(stated)
        return Fault(
            check=check,
            file=self.file,
            line=self.line(problem.path, of_key=isinstance(stated, dict)),
            where=dotted(problem.path),
            value=value,
            message=problem.message,
            hint=problem.hint,
        )


class _Reader:
    """Turns YAML nodes into plain data and notes their lines."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.count = 0

    def _fault(self, node: yaml.Node, path: Path, check: str, *, message: str, hint: str, value: str = "") -> None:
        line = node.start_mark.line + 1
        self.source.faults.append(Fault(check, self.source.file, line, dotted(path), value, message, hint))

    def read(self, node: yaml.Node, path: Path, above: tuple[int, ...]) -> Any:
        """The data of a node; `above` holds the ids of the nodes around it."""
        self.count += 1
        if id(node) in above or self.count > MAX_VALUES:
            if self.count <= MAX_VALUES + 1:
                message = "an alias holds itself or grows without end"
                self._fault(node, path, "yaml-alias", message=message, hint="write it out")
            return None
        if len(above) > MAX_DEPTH:
            message = "lists and mappings inside each other without end"
            self._fault(node, path[:3], "yaml-depth", message=message, hint="no rack file is that deep")
            return None
        if node.tag not in _PLAIN_TAGS:
            message = "YAML tags mean nothing here"
            self._fault(node, path, "yaml-tag", message=message, hint="leave it out", value=node.tag)
        inner = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inner)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, path, inner)
        return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: Path) -> str | None:
        if node.tag.endswith(":null"):
            return None
        text = str(node.value)
        if not getattr(node, "style", None) and _LEADING_ZERO.fullmatch(text):
            hint = f"write {text.lstrip('+-0_') or '0'} for a number, '{text}' for text"
            message = "a leading zero means octal to some readers of YAML"
            self._fault(node, path, "yaml-octal", message=message, hint=hint, value=text)
        return text

    def _sequence(self, node: yaml.SequenceNode, path: Path, inner: tuple[int, ...]) -> list[Any]:
        items = []
        for number, item in enumerate(node.value):
            line = item.start_mark.line + 1
            self.source.lines[(*path, number)] = (line, line)
            items.append(self.read(item, (*path, number), inner))
        return items

    def _mapping(self, node: yaml.MappingNode, path: Path, inner: tuple[int, ...]) -> dict[str, Any]:
        found = self._merged(node, path, inner)
        stated: set[str] = set()
        for key, value in node.value:
            if key.tag.endswith(":merge"):
                continue
            if not isinstance(key, yaml.ScalarNode):
                self._fault(key, path, "yaml-key", message="a key must be a single word", hint="write KEY: VALUE")
                continue
            name, where = str(key.value), (*path, str(key.value))
            if name in stated:
                hint = f"it stands on line {self.source.lines[where][0]} already"
                self._fault(key, where, "duplicate-key", message="stated twice", hint=hint)
                continue
            stated.add(name)
            self.source.lines[where] = (key.start_mark.line + 1, value.start_mark.line + 1)
            found[name] = self.read(value, where, inner)
        return found

    def _merged(self, node: yaml.MappingNode, path: Path, inner: tuple[int, ...]) -> dict[str, Any]:
        """What merge keys (`<<: *other`) bring in; keys that stand beside them go before it."""
        found: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag.endswith(":merge"):
                for other in reversed(value.value if isinstance(value, yaml.SequenceNode) else [value]):
                    extra = self.read(other, path, inner)
                    found |= extra if isinstance(extra, dict) else {}
        return found


def _yaml_fault(file: str, text: str, error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    context = getattr(error, "context", None)
    line = mark.line + 1 if mark else text[: getattr(error, "position", 0)].count("\n") + 1
    message = f"not YAML: {problem}" + (f" {context}" if context else "")
    hint = "look at the indentation, colons and brackets here and on the line before"
    if "\t" in "".join(text.split("\n")[line - 1 : line]):
        hint = "indent with spaces, not with tabs"
    return Fault("yaml-syntax", file, line, "", "", message, hint)


def read_source(path: File) -> Source:
    """Read a YAML file; what is wrong with it stands in `faults`, data as far as it could be read.

    Raises:
        UsageError: the file can't be read at all.
    """
    source = Source(str(path))
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}", "`scs-rack init NAME` writes a rack file") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        hint = "save the file as UTF-8"
        source.faults.append(Fault("yaml-encoding", source.file, line, "", "", "not UTF-8 text", hint))
        return source
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        source.faults.append(_yaml_fault(source.file, text, error))
        return source
    finally:
        loader.dispose()
    source.data = {} if node is None else _Reader(source).read(node, (), ())
    return source
