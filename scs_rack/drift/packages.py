"""Layer packages: what is installed on the nodes, and whether the files of it are as they were delivered.

The rack file states no versions; all nodes shall have the same, and at least what the node image's definition names.
"""

import importlib.resources
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scs_rack.drift.layers import Blind, Drift, Layer
from scs_rack.engine.stage import Context
from scs_rack.provision.image import packages as image_packages
from scs_rack.remote import run_many

MENDED = frozenset({"/usr/share/ceph/mgr/mgr_util.py"})
"""Files that the build of the node image changes itself (`image.sh`)."""
NOT_INSTALLED = ("/usr/share/doc/", "/usr/share/man/", "/usr/share/locale/", "/usr/share/info/", "/var/cache/")
"""Where files of packages may be missing: images are built without them."""
WITHIN = 240.0
SHOWN = 8
"""Names in one line of text."""


@dataclass(frozen=True)
class Node:
    """What a node has."""

    packages: Mapping[str, str]
    """Versions by `name:architecture`."""
    broken: Mapping[str, str]
    changed: frozenset[str]
    missing: frozenset[str]


def look(ctx: Context) -> Layer:
    """Ask all servers in service."""
    layer = Layer("packages")
    program = importlib.resources.files("scs_rack.drift").joinpath("packages_probe.py").read_text(encoding="utf-8")
    hosts = [name for name in ctx.design.in_service if ctx.selected(name)]
    nodes = {}
    for name, answer in run_many(ctx, hosts, ["python3", "-c", program], timeout=WITHIN).items():
        if answer.ok:
            nodes[name] = _node(json.loads(answer.out))
        else:
            layer.blind.append(Blind(name, answer.why))
    layer.drifts += compare(nodes, image_packages())
    return layer


def compare(nodes: Mapping[str, Node], wanted: tuple[str, ...] | list[str]) -> Iterator[Drift]:
    """What differs between nodes, and from what every node should have.

    Args:
        nodes: what each has.
        wanted: names of packages that every node has.
    """
    usual = {name: Counter(node.packages.get(name, "") for node in nodes.values()) for name in _names(nodes)}
    everywhere = frozenset.intersection(*(node.missing for node in nodes.values())) if nodes else frozenset()
    for host, node in nodes.items():
        has = {name.partition(":")[0] for name in node.packages}
        hint = f"on {host}: apt-get install --reinstall PACKAGE; `scs-rack upgrade` brings all nodes to one state"
        if lacking := [name for name in wanted if name not in has]:
            yield Drift(host, "packages-missing", "installed", _list(lacking), hint=hint)
        if node.broken:
            broken = [f"{name} {state}" for name, state in node.broken.items()]
            yield Drift(host, "packages-broken", "installed", _list(broken), hint=f"on {host}: dpkg --configure -a")
        odd = [
            f"{name} {node.packages.get(name, 'not installed')} (others: {most or 'not installed'})"
            for name, versions in usual.items()
            if node.packages.get(name, "") != (most := _most(versions))
        ]
        if odd:
            yield Drift(host, "packages-differ", "the same packages on all nodes", _list(odd), hint=hint)
        if files := sorted(node.changed - MENDED):
            yield Drift(host, "files-changed", "files as their packages delivered them", _list(files), hint=hint)
        gone = sorted(path for path in node.missing - everywhere if not path.startswith(NOT_INSTALLED))
        if gone:
            yield Drift(host, "files-missing", "files of installed packages", _list(gone), hint=hint)


def _node(said: Mapping[str, Any]) -> Node:
    return Node(said["packages"], said["broken"], frozenset(said["changed"]), frozenset(said["missing"]))


def _names(nodes: Mapping[str, Node]) -> list[str]:
    return sorted({name for node in nodes.values() for name in node.packages})


def _most(versions: Counter[str]) -> str:
    """What most nodes have; where as many have another, the higher name, so that each look says the same."""
    return max(versions.items(), key=lambda item: (item[1], item[0]))[0]


def _list(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
