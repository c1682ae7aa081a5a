"""Which function answers which path of the Redfish tree, and what it is given (DMTF DSP0266)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from scs_rack.lab.bmc.accounts import Account
from scs_rack.lab.bmc.machine import Machine

if TYPE_CHECKING:
    from scs_rack.lab.bmc.redfish_server import RedfishServer

ROOT = "/redfish/v1"
SYSTEM = f"{ROOT}/Systems/1"
MANAGER = f"{ROOT}/Managers/1"
CHASSIS = f"{ROOT}/Chassis/1"
SESSIONS = f"{ROOT}/SessionService/Sessions"

Resource = dict[str, Any]
Kind = Literal["server", "shelf", "any"]
Method = Literal["GET", "PATCH", "POST", "DELETE"]

TYPES = {
    "AccountService": "v1_15_0", "ActionInfo": "v1_4_1", "AttributeRegistry": "v1_3_8", "Bios": "v1_2_2",
    "BootOption": "v1_0_5", "Certificate": "v1_8_0", "CertificateLocations": "v1_0_3", "CertificateService": "v1_1_0",
    "Chassis": "v1_25_0", "Circuit": "v1_7_0", "ComputerSystem": "v1_22_0", "Drive": "v1_18_0",
    "EnvironmentMetrics": "v1_3_1", "EthernetInterface": "v1_12_0", "Event": "v1_10_0", "EventDestination": "v1_14_0",
    "EventService": "v1_10_0", "Fan": "v1_5_0", "LogEntry": "v1_16_0", "LogService": "v1_5_0", "Manager": "v1_19_0",
    "ManagerAccount": "v1_12_0", "ManagerNetworkProtocol": "v1_10_0", "Memory": "v1_18_0", "Message": "v1_2_0",
    "MessageRegistry": "v1_6_2", "MessageRegistryFile": "v1_1_4", "Power": "v1_7_2", "PowerDistribution": "v1_4_0",
    "PowerDistributionMetrics": "v1_3_1", "PowerEquipment": "v1_2_1", "PowerSubsystem": "v1_1_2",
    "PowerSupply": "v1_5_1", "PowerSupplyMetrics": "v1_1_0", "Processor": "v1_19_0", "Role": "v1_3_1",
    "SecureBoot": "v1_1_1", "Sensor": "v1_8_0", "ServiceRoot": "v1_16_0", "Session": "v1_7_0",
    "SessionService": "v1_1_9", "SoftwareInventory": "v1_10_0", "Storage": "v1_15_0", "StorageController": "v1_7_0",
    "Task": "v1_7_3", "TaskService": "v1_2_0", "Thermal": "v1_7_2", "ThermalMetrics": "v1_3_0",
    "ThermalSubsystem": "v1_3_0", "UpdateService": "v1_13_0", "VirtualMedia": "v1_6_2",
}  # fmt: skip
"""Version of each schema that the tree follows (DMTF DSP8010)."""


@dataclass
class Call:
    """One request that passed authentication."""

    machine: Machine
    server: "RedfishServer"
    path: str
    ids: tuple[str, ...]
    on: bool
    """True while the server is powered."""
    account: Account | None
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    """The body as it came, where it is no JSON."""


@dataclass
class Reply:
    """An answer other than 200 with a resource."""

    status: int = 204
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


Answer = Resource | Reply | None
Handler = Callable[[Call], Answer]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Route:
    """A handler with what it asks of its caller."""

    handler: Handler
    kind: Kind
    level: int
    """IPMI privilege level that the caller needs."""


class Routes:
    """Handlers by method and path; a segment `{}` stands for any id."""

    def __init__(self) -> None:
        self._exact: dict[tuple[Method, str, str], Route] = {}
        self._patterns: dict[tuple[Method, int], list[tuple[tuple[str, ...], Route]]] = {}

    def on(self, method: Method, path: str, *, kind: Kind = "any", level: int = 3) -> Callable[[H], H]:
        """Register a handler."""

        def register(handler: H) -> H:
            route = Route(handler, kind, 2 if method == "GET" else level)
            if "{}" not in path:
                self._exact[method, path, kind] = route
            else:
                parts = tuple(path.split("/"))
                self._patterns.setdefault((method, len(parts)), []).append((parts, route))
            return handler

        return register

    def find(self, method: Method, path: str, kind: str) -> tuple[Route, tuple[str, ...]] | None:
        """The handler for a path, with the ids in it."""
        exact = self._exact.get((method, path, kind)) or self._exact.get((method, path, "any"))
        if exact:
            return exact, ()
        parts = path.split("/")
        for pattern, route in self._patterns.get((method, len(parts)), ()):
            if route.kind in ("any", kind) and all(a in ("{}", b) for a, b in zip(pattern, parts, strict=True)):
                return route, tuple(b for a, b in zip(pattern, parts, strict=True) if a == "{}")
        return None

    def methods(self, path: str, kind: str) -> list[str]:
        """Methods that a path knows."""
        known: tuple[Method, ...] = ("GET", "PATCH", "POST", "DELETE")
        found: list[str] = [method for method in known if self.find(method, path, kind)]
        return (["GET", "HEAD", *found[1:]]) if "GET" in found else found


ROUTES = Routes()


def get(path: str, *, kind: Kind = "server") -> Callable[[H], H]:
    """Register a resource to read."""
    return ROUTES.on("GET", path, kind=kind)


def patch(path: str, *, kind: Kind = "server", level: int = 3) -> Callable[[H], H]:
    """Register a change of a resource."""
    return ROUTES.on("PATCH", path, kind=kind, level=level)


def post(path: str, *, kind: Kind = "server", level: int = 3) -> Callable[[H], H]:
    """Register an action, or what makes a member of a collection."""
    return ROUTES.on("POST", path, kind=kind, level=level)


def delete(path: str, *, kind: Kind = "server", level: int = 3) -> Callable[[H], H]:
    """Register what removes a resource."""
    return ROUTES.on("DELETE", path, kind=kind, level=level)


def head(path: str, kind: str, name: str, number: str | None = None) -> Resource:
    """What every resource begins with."""
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}.{TYPES[kind]}.{kind}",
        "Id": number or path.rsplit("/", 1)[1],
        "Name": name,
    }


def link(path: str) -> Resource:
    """A reference."""
    return {"@odata.id": path}


def links(paths: list[str]) -> list[Resource]:
    """References."""
    return [link(path) for path in paths]


def collection(path: str, kind: str, name: str, members: list[str]) -> Resource:
    """A collection; its members are paths."""
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Name": name,
        "Members@odata.count": len(members),
        "Members": links(members),
    }


def health(state: str = "Enabled", level: str | None = "OK") -> Resource:
    """Status object."""
    return {"State": state, "Health": level} if level else {"State": state}


def action(path: str, name: str, **extra: Any) -> Resource:
    """An entry of `Actions`: `name` like `ComputerSystem.Reset`."""
    return {f"#{name}": {"target": f"{path}/Actions/{name}"} | extra}


_LIVE = frozenset({
    "DateTime", "@odata.etag", "PowerConsumedWatts", "PowerMetrics", "PowerInputWatts", "PowerOutputWatts", "Reading",
    "ReadingVolts", "ReadingCelsius", "SpeedRPM", "ApparentVA",
})  # fmt: skip
"""What changes by itself all the time: a change of it makes no other version of a resource."""


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _steady(inner) for key, inner in value.items() if key not in _LIVE}
    return [_steady(one) for one in value] if isinstance(value, list) else value


def etag(resource: Resource) -> str:
    """Strong ETag of what a resource states; clocks and readings do not count."""
    return '"' + blake2b(json.dumps(_steady(resource)).encode(), digest_size=8).hexdigest() + '"'
