"""Changes that somebody makes by hand, one or two in each layer of a rack, and how they are undone without a trace."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scs_rack.design import Design
from scs_rack.paths import state_dir
from scs_rack.resources.ensure import connect

KEEP = "/root/by-hand"
_ASIDE = f"set -eu; mkdir -p {KEEP}; cp --archive"


@dataclass(frozen=True)
class Change:
    """One change, where it must be told, and in which words."""

    layer: str
    words: str
    """Is found in what `drift` says of the layer."""
    make: Callable[[], object]
    undo: Callable[[], object]


class Hand:
    """Makes changes on nodes, on a switch, on the manager, and by the cloud's APIs.

    Args:
        design: the rack.
        on: runs a shell script on a machine of it.
    """

    def __init__(self, design: Design, on: Callable[[str, str], object]) -> None:
        self._design, self._on = design, on
        self._state = state_dir(design.rack.name)
        self._cloud: Any = connect(self._state / "clouds.yaml", "admin")
        self._specs: Mapping[str, str] = {}

    def changes(self) -> list[Change]:
        """All of them."""
        node = self._design.groups["controller"][-1]
        leaf = next(name for name, one in self._design.switches.items() if one.role == "leaf")
        return [
            self._script("switches", "777", leaf, "config vlan add 777", "config vlan del 777"),
            self._file("packages", node, "/usr/bin/lesspipe"),
            self._file("base", node, "/etc/sysctl.d/90-scs-rack.conf"),
            self._file("ceph", node, "/etc/ceph/ceph.conf"),
            self._script("ceph-objects", "flag noout", node, "ceph osd set noout", "ceph osd unset noout"),
            self._file("platform", node, "/etc/mysql/mariadb.conf.d/90-scs-rack.cnf"),
            self._file("cloud", node, "/etc/nova/nova.conf"),
            Change("resources", "SCS-1V-4", self._spoil, self._mend),
            Change("cloud-objects", "by-hand", self._offer, self._withdraw),
            self._certificate("certificates", self._design.groups["controller"][0]),
        ]

    def _script(self, layer: str, words: str, machine: str, make: str, undo: str) -> Change:
        return Change(layer, words, lambda: self._on(machine, make), lambda: self._on(machine, undo))

    def _file(self, layer: str, node: str, path: str) -> Change:
        """A line more; undone with the old times, for units are restarted by those."""
        kept = f"{KEEP}/{Path(path).name}"
        return self._script(
            layer, path, node, f"{_ASIDE} {path} {kept}; echo '# by hand' >>{path}", f"mv {kept} {path}"
        )

    def _certificate(self, layer: str, node: str) -> Change:
        """A node's certificate that the manager has lost."""
        path = self._state / "ca" / f"node-{node}.crt"
        kept = path.with_suffix(".by-hand")
        return Change(layer, f"node-{node}", lambda: path.rename(kept), lambda: kept.rename(path))

    def _spoil(self) -> None:
        found = self._cloud.compute.find_flavor("SCS-1V-4", ignore_missing=False, get_extra_specs=True)
        self._specs = dict(found.extra_specs)
        self._cloud.compute.create_flavor_extra_specs(found, dict.fromkeys(self._specs, "by-hand"))

    def _mend(self) -> None:
        found = self._cloud.compute.find_flavor("SCS-1V-4", ignore_missing=False)
        self._cloud.compute.create_flavor_extra_specs(found, self._specs)

    def _offer(self) -> None:
        self._cloud.compute.create_flavor(name="by-hand", vcpus=1, ram=64, disk=0, is_public=True)

    def _withdraw(self) -> None:
        self._cloud.compute.delete_flavor(self._cloud.compute.find_flavor("by-hand", ignore_missing=False))
