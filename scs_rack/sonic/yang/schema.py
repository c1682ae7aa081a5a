"""What tables the models know: their keys and fields, and in words what a field takes.

A table of CONFIG_DB is a container inside the module's top container, which has the module's own name; rows of a kind
are a list in it, or containers and leaves with fixed names.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from scs_rack.sonic.yang.statements import BadYang, Statement, read

_BUILT_IN = frozenset(
    {"binary", "bits", "boolean", "decimal64", "empty", "enumeration", "identityref", "instance-identifier", "leafref"}
    | {"string", "union"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)


@dataclass
class Leaf:
    """A field."""

    name: str
    several: bool
    """True for a leaf-list."""
    takes: str
    """What values it takes, in words; empty where there is no short way to say it."""


@dataclass
class Node:
    """A container or a list: keys and fields, and what lies in it."""

    name: str
    keys: list[str] = field(default_factory=list)
    leaves: dict[str, Leaf] = field(default_factory=dict)
    lists: list["Node"] = field(default_factory=list)
    containers: dict[str, "Node"] = field(default_factory=dict)


@dataclass
class Table:
    """A table of CONFIG_DB."""

    name: str
    module: str
    node: Node

    @property
    def lists(self) -> list[Node]:
        """Lists of rows; a single one counts only under the name of the table, as SONiC has it."""
        several = len(self.node.lists) > 1
        return [one for one in self.node.lists if several or one.name == f"{self.name}_LIST"]


class Schema:
    """All tables that the models of a folder know."""

    def __init__(self, folder: Path) -> None:
        """Read every module of a folder.

        Raises:
            BadYang: a file is no YANG, or there is none.
        """
        self.modules = {module.argument: module for module in map(read, sorted(folder.glob("*.yang")))}
        if not self.modules:
            raise BadYang(f"no *.yang in {folder}")
        self.tables: dict[str, Table] = {}
        for name, module in self.modules.items():
            for top in module.each("container"):
                if top.argument == name:
                    for table in top.each("container"):
                        self.tables[table.argument] = Table(table.argument, name, self._node(table))

    def _node(self, statement: Statement) -> Node:
        node = Node(statement.argument, (statement.value("key") or "").split())
        self._fill(node, statement)
        return node

    def _fill(self, node: Node, statement: Statement) -> None:
        for child in statement.children:
            match child.keyword:
                case "leaf" | "leaf-list":
                    takes = self._takes(next(child.each("type")))
                    node.leaves[child.argument] = Leaf(child.argument, child.keyword == "leaf-list", takes)
                case "choice" | "case":
                    self._fill(node, child)
                case "container":
                    node.containers[child.argument] = self._node(child)
                case "list":
                    node.lists.append(self._node(child))
                case "uses":
                    grouping = self._definition(child, "grouping")
                    if grouping:
                        self._fill(node, grouping)
                    for augment in child.each("augment"):
                        self._fill(_inside(node, augment.argument), augment)

    def _definition(self, user: Statement, keyword: str) -> Statement | None:
        """The grouping or typedef that a statement means: in a scope around it, or of an imported module."""
        prefix, _, name = user.argument.rpartition(":")
        scope: Statement | None = user
        module = user
        while module.parent is not None:
            module = module.parent
        if prefix and prefix != module.value("prefix"):
            imported = (one.argument for one in module.each("import") if one.value("prefix") == prefix)
            scope = self.modules.get(next(imported, ""))
        while scope is not None:
            for found in scope.each(keyword):
                if found.argument == name:
                    return found
            scope = scope.parent
        return None

    def _takes(self, kind: Statement) -> str:
        """What a type takes, in words; empty where only its definition in libyang tells."""
        match kind.argument:
            case "union":
                return " or ".join(dict.fromkeys(filter(None, map(self._takes, kind.each("type")))))
            case "boolean":
                return "true or false"
            case "leafref":
                return f"a row of {table_of(kind.value('path') or '')}"
            case "enumeration":
                return "one of " + ", ".join(one.argument for one in kind.each("enum"))
        limits = _limits(kind)
        if limits or kind.argument in _BUILT_IN:
            return limits
        definition = self._definition(kind, "typedef")
        return self._takes(next(definition.each("type"))) if definition else kind.argument.rpartition(":")[2]


def _inside(node: Node, path: str) -> Node:
    """The node that an augment means; itself where the path leads through no container."""
    for step in path.split("/"):
        node = node.containers.get(step.rpartition(":")[2], node)
    return node


def table_of(path: str) -> str:
    """Table that a path of the models leads to: `/vlan:sonic-vlan/vlan:VLAN/vlan:VLAN_LIST/vlan:name`."""
    steps = [step.rpartition(":")[2] for step in re.sub(r"\[.*?\]", "", path).strip("/").split("/")]
    steps = [step.strip() for step in steps if step.strip() not in ("..", "")]
    return steps[1] if len(steps) > 1 and steps[0].startswith("sonic-") else next(iter(steps), "the same table")


def _limits(kind: Statement) -> str:
    """Words, range, length or patterns of a type, in words."""
    patterns = [one.argument for one in kind.each("pattern")]
    if len(patterns) == 1 and re.fullmatch(r"\(?[\w-]+(\|[\w-]+)*\)?", patterns[0]):
        return "one of " + patterns[0].strip("()").replace("|", ", ")
    for keyword, what in (("range", ""), ("length", " characters")):
        limits = kind.value(keyword)
        if limits and not patterns:
            return " ".join(limits.split()) + what
    return "text like " + " and ".join(patterns) if patterns else ""
