"""Which files of this package run on a lab switch: those of `device`, and all that they import."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
"""Folder of the package scs_rack."""


def _file(module: str) -> Path | None:
    """File of a module of ours; None if it is a package or something inside of a module."""
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    return path if path.is_file() else None


def imported(path: Path) -> Iterator[str]:
    """Dotted names that a file imports, ours and others'; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


@functools.cache
def files() -> tuple[Path, ...]:
    """All of them, sorted."""
    found: set[Path] = set()
    waiting = sorted(PACKAGE.joinpath("lab/switch/device").rglob("*.py"))
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        modules = {name for name in imported(path) if name.startswith("scs_rack.")}
        waiting += [file for file in map(_file, modules) if file]
    return tuple(sorted(found))


def packages() -> list[Path]:
    """Folders of the files, which are packages on the switch too, below the package's folder."""
    inside = {folder for path in files() for folder in path.parents if folder.is_relative_to(PACKAGE)}
    return sorted(folder.relative_to(PACKAGE) for folder in inside)
