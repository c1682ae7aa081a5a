"""The server itself: power, boot, identity."""

from scs_rack.lab.bmc.boot import BootOverride, BootTarget
from scs_rack.lab.bmc.machine import Action
from scs_rack.lab.bmc.redfish.messages import Choice, Items, Spec, busy, check, errors, info, needed, success
from scs_rack.lab.bmc.redfish.routes import (
    CHASSIS,
    MANAGER,
    ROOT,
    SYSTEM,
    Answer,
    Call,
    Resource,
    action,
    collection,
    get,
    head,
    health,
    link,
    links,
    patch,
    post,
)  # fmt: skip

SYSTEMS = f"{ROOT}/Systems"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
RESET_TYPES: dict[str, Action] = {
    "On": "on",
    "ForceOn": "on",
    "ForceOff": "off",
    "GracefulShutdown": "soft",
    "GracefulRestart": "cycle",
    "ForceRestart": "reset",
    "PowerCycle": "cycle",
    "Nmi": "nmi",
}
BOOT_TARGETS: dict[str, BootTarget] = {
    "None": "none",
    "Pxe": "pxe",
    "Hdd": "disk",
    "Cd": "cd",
    "Usb": "usb",
    "BiosSetup": "bios",
    "Diags": "diag",
    "UefiHttp": "http",
}
_SHOWN: dict[BootTarget, str] = {target: name for name, target in BOOT_TARGETS.items()} | {
    "safe": "Hdd",
    "remote-removable": "Usb",
    "remote-cd": "Cd",
    "remote-disk": "RemoteDrive",
}
ENABLED = ("Disabled", "Once", "Continuous")
LED = ("Lit", "Blinking", "Off")
POLICIES = ("AlwaysOn", "AlwaysOff", "LastState")


@get(SYSTEMS)
def systems(_call: Call) -> Resource:
    """All systems: one."""
    return collection(SYSTEMS, "ComputerSystem", "Systems", [SYSTEM])


@get(SYSTEM)
def system(call: Call) -> Resource:
    """The server."""
    machine, config = call.machine, call.machine.config
    resource = head(SYSTEM, "ComputerSystem", config.server) | {
        "SystemType": "Physical",
        "Manufacturer": config.vendor,
        "Model": config.model,
        "SKU": config.model,
        "PartNumber": config.model,
        "SerialNumber": config.serial,
        "AssetTag": machine.asset_tag,
        "UUID": str(machine.uuid),
        "HostName": config.server,
        "BiosVersion": machine.firmware["BIOS"].version,
        "PowerState": "On" if call.on else "Off",
        "PowerRestorePolicy": machine.restore_policy,
        "LocationIndicatorActive": machine.identifying,
        "IndicatorLED": "Lit" if machine.lit else "Blinking" if machine.identifying else "Off",
        "Status": health("Enabled" if call.on else "StandbyOffline"),
        "Boot": _boot(call),
        "BootProgress": {"LastState": _progress(call)},
        "ProcessorSummary": {
            "Count": 1,
            "CoreCount": max(1, config.cpus // 2),
            "LogicalProcessorCount": config.cpus,
            "Model": "virtual processor",
        },
        "MemorySummary": {"TotalSystemMemoryGiB": config.memory_gib},
        "GraphicalConsole": {"ServiceEnabled": False, "MaxConcurrentSessions": 0, "ConnectTypesSupported": []},
        "SerialConsole": {
            "MaxConcurrentSessions": 1,
            "IPMI": {"ServiceEnabled": machine.ipmi_enabled, "Port": 623},
        },
        "Bios": link(f"{SYSTEM}/Bios"),
        "SecureBoot": link(f"{SYSTEM}/SecureBoot"),
        "Processors": link(f"{SYSTEM}/Processors"),
        "Memory": link(f"{SYSTEM}/Memory"),
        "Storage": link(f"{SYSTEM}/Storage"),
        "EthernetInterfaces": link(f"{SYSTEM}/EthernetInterfaces"),
        "LogServices": link(f"{SYSTEM}/LogServices"),
        "VirtualMedia": link(f"{SYSTEM}/VirtualMedia"),
        "Links": {"Chassis": links([CHASSIS]), "ManagedBy": links([MANAGER])},
        "Actions": action(SYSTEM, "ComputerSystem.Reset", **{
            "@Redfish.ActionInfo": f"{SYSTEM}/ResetActionInfo",
            "ResetType@Redfish.AllowableValues": list(RESET_TYPES),
        }),
    }  # fmt: skip
    if machine.last_reset:
        resource["LastResetTime"] = machine.last_reset.isoformat(timespec="milliseconds")
    return resource


def _progress(call: Call) -> str:
    if not call.on:
        return "None"
    return "SystemHardwareInitializationComplete" if call.machine.posting else "OSRunning"


def _boot(call: Call) -> Resource:
    boot, machine = call.machine.boot, call.machine
    return {
        "BootSourceOverrideEnabled": "Disabled" if boot.target == "none" else ENABLED[1 + boot.persistent],
        "BootSourceOverrideTarget": _SHOWN[boot.target],
        "BootSourceOverrideTarget@Redfish.AllowableValues": list(BOOT_TARGETS),
        "BootSourceOverrideMode": "UEFI" if boot.uefi else "Legacy",
        "BootSourceOverrideMode@Redfish.AllowableValues": ["UEFI", "Legacy"],
        "HttpBootUri": machine.http_boot or None,
        "BootOptions": link(f"{SYSTEM}/BootOptions"),
        "BootOrder": list(machine.order.order),
    }


@get(f"{SYSTEM}/ResetActionInfo")
def reset_info(_call: Call) -> Resource:
    """What Reset takes."""
    return head(f"{SYSTEM}/ResetActionInfo", "ActionInfo", "Reset") | {
        "Parameters": [
            {"Name": "ResetType", "Required": True, "DataType": "String", "AllowableValues": list(RESET_TYPES)}
        ]
    }


@patch(SYSTEM)
def set_system(call: Call) -> Answer:
    """Change boot override, order, tag, light."""
    before = system(call)
    wanted = dict(call.body)
    spec: Spec = {
        "AssetTag": str,
        "IndicatorLED": Choice(LED),
        "LocationIndicatorActive": Choice((True, False)),
        "PowerRestorePolicy": Choice(POLICIES),
        "Boot": {
            "BootSourceOverrideEnabled": Choice(ENABLED),
            "BootSourceOverrideTarget": Choice(tuple(BOOT_TARGETS)),
            "BootSourceOverrideMode": Choice(("UEFI", "Legacy")),
            "HttpBootUri": (str, type(None)),
            "BootOrder": Items(str),
        },
    }
    found = check(wanted, spec, before)
    order = (wanted.get("Boot") or {}).get("BootOrder") if isinstance(wanted.get("Boot"), dict) else None
    if not found and order is not None and sorted(order) != sorted(call.machine.order.order):
        text = "BootOrder must name each boot option once."
        found.append(info("PropertyValueNotInList", text, str(order), "Boot/BootOrder", prop="Boot/BootOrder"))
    if found:
        return errors(400, found)
    if not call.machine.lies:
        _apply(call, wanted, before["Boot"])
    return system(call)


def _apply(call: Call, wanted: Resource, before: Resource) -> None:
    machine = call.machine
    if "Boot" in wanted:
        boot = before | wanted["Boot"]
        enabled, target = boot["BootSourceOverrideEnabled"], boot["BootSourceOverrideTarget"]
        machine.http_boot = boot["HttpBootUri"] or ""
        machine.order.order = list(boot["BootOrder"])
        if any(name.startswith("BootSource") for name in wanted["Boot"]):
            kept = "none" if enabled == "Disabled" else BOOT_TARGETS.get(target, machine.boot.target)
            uefi = boot["BootSourceOverrideMode"] == "UEFI"
            machine.set_boot(BootOverride(kept, enabled == "Continuous", uefi))
    machine.asset_tag = wanted.get("AssetTag", machine.asset_tag)
    machine.restore_policy = wanted.get("PowerRestorePolicy", machine.restore_policy)
    light = wanted.get("IndicatorLED", {True: "Lit", False: "Off"}.get(wanted.get("LocationIndicatorActive", "")))
    if light:
        machine.set_identify(0 if light == "Off" else None, steady=light == "Lit")
    machine.save()


@post(RESET)
def reset(call: Call) -> Answer:
    """Switch the power."""
    found = check(call.body, {"ResetType": Choice(tuple(RESET_TYPES))}, {})
    if found:
        return errors(400, found)
    wanted = RESET_TYPES[call.body.get("ResetType", "On")]
    if wanted in ("soft", "reset", "cycle", "nmi") and not call.on:
        return busy("The server is off.")
    who = call.account.name if call.account else "nobody"
    call.machine.act(wanted, f"{who} (Redfish)")
    return success()


@get(f"{SYSTEM}/BootOptions")
def boot_options(call: Call) -> Resource:
    """Entries of the boot order."""
    path = f"{SYSTEM}/BootOptions"
    members = [f"{path}/{one.reference}" for one in call.machine.order.options]
    return collection(path, "BootOption", "Boot Options", members)


@get(f"{SYSTEM}/BootOptions/{{}}")
def boot_option(call: Call) -> Answer:
    """One entry."""
    one = next((one for one in call.machine.order.options if one.reference == call.ids[0]), None)
    if one is None:
        return None
    return head(call.path, "BootOption", one.name) | {
        "BootOptionReference": one.reference,
        "BootOptionEnabled": True,
        "DisplayName": one.name,
        "Alias": one.alias,
        "UefiDevicePath": one.path,
    }


def wrong(call: Call, spec: Spec, *names: str) -> list[Resource]:
    """What is wrong with the parameters of an action."""
    return needed(call.body, *names) or check(call.body, spec, {})
