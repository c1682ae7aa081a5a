"""The Redfish tree of a virtual BMC, as it is at this moment (DMTF DSP0266 and DSP0268)."""

import hashlib
import json
from typing import Any

from scs_rack.lab.bmc.machine import Action, BootTarget, Machine

ROOT = "/redfish/v1"
SYSTEM = f"{ROOT}/Systems/1"
MANAGER = f"{ROOT}/Managers/1"
CHASSIS = f"{ROOT}/Chassis/1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"

RESET_TYPES: dict[str, Action] = {
    "On": "on",
    "ForceOn": "on",
    "ForceOff": "off",
    "GracefulShutdown": "soft",
    "ForceRestart": "reset",
    "PowerCycle": "cycle",
}
BOOT_TARGETS: dict[str, BootTarget] = {
    "None": "none",
    "Pxe": "pxe",
    "Hdd": "disk",
    "Cd": "cd",
    "BiosSetup": "bios",
}

Resource = dict[str, Any]


def etag(resource: Resource) -> str:
    """Strong ETag of a resource's content."""
    return '"' + hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()[:24] + '"'


def _head(path: str, kind: str, name: str) -> Resource:
    return {"@odata.id": path, "@odata.type": f"#{kind}", "Id": path.rsplit("/", 1)[1], "Name": name}


def _link(path: str) -> Resource:
    return {"@odata.id": path}


def collection(path: str, kind: str, name: str, members: list[str]) -> Resource:
    """A collection; its members are paths."""
    return {
        "@odata.id": path,
        "@odata.type": f"#{kind}Collection.{kind}Collection",
        "Name": name,
        "Members@odata.count": len(members),
        "Members": [_link(member) for member in members],
    }


def _root(machine: Machine) -> Resource:
    return {
        "@odata.id": f"{ROOT}/",
        "@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot",
        "Id": "RootService",
        "Name": "Root Service",
        "RedfishVersion": "1.17.0",
        "UUID": str(machine.uuid),
        "Vendor": "scs-rack",
        "Product": "virtual BMC of the lab",
        "Systems": _link(f"{ROOT}/Systems"),
        "Managers": _link(f"{ROOT}/Managers"),
        "Chassis": _link(f"{ROOT}/Chassis"),
        "SessionService": _link(f"{ROOT}/SessionService"),
        "Links": {"Sessions": _link(SESSIONS)},
    }


def _session_service(_machine: Machine) -> Resource:
    return _head(f"{ROOT}/SessionService", "SessionService.v1_1_8.SessionService", "Session Service") | {
        "ServiceEnabled": True,
        "SessionTimeout": 300,
        "Sessions": _link(SESSIONS),
    }


def _health(*, on: bool = True) -> Resource:
    return {"State": "Enabled" if on else "StandbyOffline", "Health": "OK"}


async def _system(machine: Machine) -> Resource:
    on = await machine.power_state()
    boot = machine.boot
    enabled = "Disabled" if boot.target == "none" else "Continuous" if boot.persistent else "Once"
    resource = _head(SYSTEM, "ComputerSystem.v1_20_1.ComputerSystem", machine.config.server) | {
        "SystemType": "Physical",
        "Manufacturer": "scs-rack lab",
        "Model": machine.config.model,
        "SerialNumber": machine.config.serial,
        "UUID": str(machine.uuid),
        "HostName": machine.config.server,
        "PowerState": "On" if on else "Off",
        "Status": _health(on=on),
        "Boot": {
            "BootSourceOverrideEnabled": enabled,
            "BootSourceOverrideTarget": next(name for name, target in BOOT_TARGETS.items() if target == boot.target),
            "BootSourceOverrideTarget@Redfish.AllowableValues": list(BOOT_TARGETS),
            "BootSourceOverrideMode": "UEFI" if boot.uefi else "Legacy",
        },
        "EthernetInterfaces": _link(f"{SYSTEM}/EthernetInterfaces"),
        "Links": {"Chassis": [_link(CHASSIS)], "ManagedBy": [_link(MANAGER)]},
        "Actions": {"#ComputerSystem.Reset": {"target": RESET, "ResetType@Redfish.AllowableValues": list(RESET_TYPES)}},
    }
    if machine.last_reset:
        resource["LastResetTime"] = machine.last_reset.isoformat(timespec="milliseconds")
    return resource


def _interface(path: str, name: str, mac: str, address: str | None = None) -> Resource:
    resource = _head(path, "EthernetInterface.v1_9_0.EthernetInterface", name) | {
        "MACAddress": mac.upper(),
        "PermanentMACAddress": mac.upper(),
        "InterfaceEnabled": True,
        "Status": _health(),
    }
    if address:
        resource["IPv4Addresses"] = [{"Address": address, "AddressOrigin": "Static"}]
    return resource


def _manager(machine: Machine) -> Resource:
    return _head(MANAGER, "Manager.v1_18_0.Manager", "Virtual BMC") | {
        "ManagerType": "BMC",
        "FirmwareVersion": "1.0",
        "PowerState": "On",
        "Status": _health(),
        "EthernetInterfaces": _link(f"{MANAGER}/EthernetInterfaces"),
        "Links": {"ManagerForServers": [_link(SYSTEM)], "ManagerForChassis": [_link(CHASSIS)]},
        "UUID": str(machine.uuid),
    }


async def _chassis(machine: Machine) -> Resource:
    on = await machine.power_state()
    return _head(CHASSIS, "Chassis.v1_23_0.Chassis", machine.config.server) | {
        "ChassisType": "RackMount",
        "Manufacturer": "scs-rack lab",
        "Model": machine.config.model,
        "SerialNumber": machine.config.serial,
        "PowerState": "On" if on else "Off",
        "Status": _health(on=on),
        "Links": {"ComputerSystems": [_link(SYSTEM)], "ManagedBy": [_link(MANAGER)]},
    }


def _simple(machine: Machine) -> dict[str, Resource]:
    """Everything that does not depend on the power state."""
    config = machine.config
    nics = f"{SYSTEM}/EthernetInterfaces"
    ports = f"{MANAGER}/EthernetInterfaces"
    tree = {
        ROOT: _root(machine),
        f"{ROOT}/SessionService": _session_service(machine),
        f"{ROOT}/Systems": collection(f"{ROOT}/Systems", "ComputerSystem", "Systems", [SYSTEM]),
        f"{ROOT}/Managers": collection(f"{ROOT}/Managers", "Manager", "Managers", [MANAGER]),
        f"{ROOT}/Chassis": collection(f"{ROOT}/Chassis", "Chassis", "Chassis", [CHASSIS]),
        MANAGER: _manager(machine),
        nics: collection(nics, "EthernetInterface", "NICs of the server", [f"{nics}/{name}" for name in config.nics]),
        ports: collection(ports, "EthernetInterface", "Ports of the BMC", [f"{ports}/1"]),
        f"{ports}/1": _interface(f"{ports}/1", "BMC port", config.mac, str(config.address)),
    }
    return tree | {f"{nics}/{name}": _interface(f"{nics}/{name}", name, mac) for name, mac in config.nics.items()}


async def find(machine: Machine, path: str) -> Resource | None:
    """The resource at a path (without a trailing slash), or None."""
    if path == SYSTEM:
        return await _system(machine)
    if path == CHASSIS:
        return await _chassis(machine)
    return _simple(machine).get(path)
