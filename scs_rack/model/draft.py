"""A rack file as far as it makes sense: what checks look at, so that one fault does not hide the others."""

import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast, get_origin

from pydantic import TypeAdapter, ValidationError

from scs_rack.model.cloud import CloudOptions
from scs_rack.model.fault import Path
from scs_rack.model.layer2 import Layer2
from scs_rack.model.network import Network, Pools
from scs_rack.model.portmap import BadBreakout, Port, PortMap, load_portmap, portmap_names
from scs_rack.model.power import Power
from scs_rack.model.rack import AccessOptions, Cable, Manager, Rack
from scs_rack.model.server import Disk, Nic, Server, ServerModel
from scs_rack.model.switch import Switch
from scs_rack.model.switching import Switching

if TYPE_CHECKING:
    from scs_rack.model.ends import Wiring

MANAGER = "manager"
"""Name of the manager in cables."""


@dataclass
class Draft:
    """The readable parts of a rack file. A section that can't be read is empty or None."""

    name: str | None = None
    height: int | None = None
    pools: Pools | None = None
    networks: dict[str, Network] = field(default_factory=dict)
    power: Power | None = None
    server_models: dict[str, ServerModel] = field(default_factory=dict)
    switches: dict[str, Switch] = field(default_factory=dict)
    manager: Manager | None = None
    servers: dict[str, Server] = field(default_factory=dict)
    cables: dict[int, Cable] = field(default_factory=dict)
    switching: Switching | None = None
    layer2: Layer2 | None = None
    access: AccessOptions | None = None
    cloud: CloudOptions | None = None
    stated: dict[str, set[str]] = field(default_factory=dict)
    """Names that a section has, readable or not."""
    lost: set[Path] = field(default_factory=set)
    """Values that were left out because they can't be read."""

    def whole(self, section: str) -> bool:
        """True when all of a section could be read."""
        return not any(path[0] == section for path in self.lost)

    def torn(self, *path: str) -> bool:
        """True when something at or below a path could not be read."""
        return any(gone[: len(path)] == path for gone in self.lost)

    def names(self, section: str) -> set[str]:
        """Names that a section has, readable or not."""
        return self.stated.get(section, set())

    @cached_property
    def active(self) -> dict[str, Server]:
        """Servers in service."""
        return {name: server for name, server in self.servers.items() if server.state == "active"}

    @cached_property
    def portmaps(self) -> dict[str, PortMap]:
        """Port map of each switch whose model is known."""
        return {
            name: load_portmap(switch.model)
            for name, switch in self.switches.items()
            if switch.model in portmap_names()
        }

    @cached_property
    def switch_ports(self) -> dict[str, dict[str, Port]]:
        """Data ports of each switch whose model is known, after breakouts that it can do."""
        found = {}
        for name, portmap in self.portmaps.items():
            try:
                found[name] = portmap.with_breakouts(self.switches[name].breakouts)
            except BadBreakout:
                continue
        return found

    @cached_property
    def wiring(self) -> "Wiring":
        """All cables with what is at their ends."""
        from scs_rack.model.ends import Wiring

        return Wiring(self)

    def model(self, server: str) -> ServerModel | None:
        """Model of a server, when both could be read."""
        one = self.servers.get(server)
        return self.server_models.get(one.model) if one else None

    def nics(self, server: str) -> dict[str, Nic] | None:
        """All network ports of a server by name; None when some can't be read."""
        one, model = self.servers.get(server), self.model(server)
        if not one or not model:
            return None
        if self.torn("server_models", one.model, "nics") or self.torn("servers", server, "nics"):
            return None
        return {**model.nics, **one.nics}

    def disks(self, server: str) -> dict[str, Disk] | None:
        """All disks of a server by name; None when some can't be read."""
        one, model = self.servers.get(server), self.model(server)
        if not one or not model:
            return None
        if self.torn("server_models", one.model, "disks") or self.torn("servers", server, "disks"):
            return None
        return {**model.disks, **one.disks}

    @cached_property
    def oob(self) -> Network | None:
        """The out-of-band network."""
        return next((network for network in self.networks.values() if network.purpose == "oob"), None)


def draft_of(rack: Rack) -> Draft:
    """The draft of a rack whose shape is right."""
    return Draft(
        name=rack.name,
        height=rack.height,
        pools=rack.pools,
        networks=rack.networks,
        power=rack.power,
        server_models=rack.server_models,
        switches=rack.switches,
        manager=rack.manager,
        servers=rack.servers,
        cables=dict(enumerate(rack.cables)),
        switching=rack.switching,
        layer2=rack.layer2,
        access=rack.access,
        cloud=rack.cloud,
        stated={
            "servers": set(rack.servers),
            "switches": set(rack.switches),
            "server_models": set(rack.server_models),
            "networks": set(rack.networks),
            "feeds": set(rack.power.feeds),
        },
    )


def _remove(data: Any, path: Path) -> Path:
    """Take the value at a path out of nested data, or what is around it when there is none; returns what went."""
    above: Any = data
    for depth, part in enumerate(path):
        known = part in above if isinstance(above, dict) else False
        if not known:
            return _remove(data, path[:depth])
        if depth == len(path) - 1:
            del above[part]
            return path
        above = above[part]
    return ()


def _readable(annotation: Any, value: Any, lost: set[Path]) -> Any:
    """The value with its unreadable parts left out; None when nothing remains."""
    data, adapter = copy.deepcopy(value), TypeAdapter(annotation)
    while True:
        try:
            return adapter.validate_python(data)
        except ValidationError as error:
            for one in error.errors(include_url=False, include_context=False):
                gone = _remove(data, tuple(part for part in one["loc"] if part != "[key]"))
                if one["type"] != "extra_forbidden":
                    lost.add(gone)
                if not gone:
                    return None


def _names(data: Any) -> set[str]:
    return set(data) if isinstance(data, dict) else set()


def salvage(data: Any) -> Draft:
    """The draft of a rack file whose shape is wrong somewhere."""
    draft = Draft()
    data = data if isinstance(data, dict) else {}
    for section in vars(Draft()):
        if section in ("stated", "lost"):
            continue
        info = Rack.model_fields[section]
        annotation, value = info.annotation, data.get(section)
        if section == "cables":
            annotation, value = dict[int, Cable], dict(enumerate(value)) if isinstance(value, list) else {}
        if value is None:
            default = info.get_default(call_default_factory=True)
            if not info.is_required():
                setattr(draft, section, default)
            else:
                draft.lost.add((section,))
            continue
        lost: set[Path] = set()
        found = _readable(annotation, value, lost)
        draft.lost |= {(section, *path) for path in lost}
        if found is not None or get_origin(annotation) is not dict:
            setattr(draft, section, found)
    draft.stated = {key: _names(data.get(key)) for key in ("servers", "switches", "server_models", "networks")}
    power = cast("dict[str, Any]", data.get("power") if isinstance(data.get("power"), dict) else {})
    draft.stated["feeds"] = _names(power.get("feeds"))
    return draft
