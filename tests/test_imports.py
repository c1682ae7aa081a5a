"""Imports run one way (docs/architecture.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "scs_rack"
FORBIDDEN = {
    "model": {
        "design",
        "engine",
        "ansible",
        "bmc",
        "sonic",
        "provision",
        "conformance",
        "stages",
        "lab",
        "report",
        "cli",
    },
    "design": {"engine", "ansible", "bmc", "sonic", "provision", "conformance", "stages", "lab", "report", "cli"},
    "engine": {"stages", "lab", "report", "cli"},
    "ansible": {"stages", "lab", "report", "cli"},
    "bmc": {"stages", "lab", "report", "cli"},
    "sonic": {"stages", "lab", "report", "cli"},
    "provision": {"stages", "lab", "report", "cli"},
    "conformance": {"stages", "lab", "report", "cli"},
    "backup": {"lab", "report", "cli"},
    "drift": {"lab", "report", "cli"},
    "energy": {"stages", "lab", "report", "cli"},
    "rotation": {"stages", "lab", "report", "cli"},
    "sites": {"stages", "lab", "report", "cli"},
    "standstill": {"lab", "report", "cli"},
    "upgrade": {"lab", "report", "cli"},
    "wires": {"stages", "lab", "report", "cli"},
    "stages": {"days", "lab", "report", "cli"},
    "days": {"lab", "report", "cli"},
    "lab": {"stages", "engine", "report", "cli"},
    "report": {"stages", "lab", "cli"},
}


def imported(path: Path) -> Iterator[str]:
    """Packages of ours that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "scs_rack" else [f"scs_rack.{one.name}" for one in node.names]
        elif isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("scs_rack."))


@pytest.mark.parametrize("package", sorted(FORBIDDEN))
def test_imports_run_one_way(package):
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in sorted((PACKAGE / package).rglob("*.py"))
        for name in imported(path)
        if name in FORBIDDEN[package] and "collections" not in path.parts
    ]
    assert wrong == []


def test_plugins_of_ansible_stand_where_the_command_line_stands():
    found = {name for path in (PACKAGE / "ansible/collections").rglob("*.py") for name in imported(path)}
    assert found & {"lab", "report", "cli"} == set()


def test_every_package_is_judged():
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert found - {"cli"} <= set(FORBIDDEN) | {"resources"}
