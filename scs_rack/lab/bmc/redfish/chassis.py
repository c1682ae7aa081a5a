"""The box that the server is in."""

from scs_rack.lab.bmc.redfish.messages import Choice, check, errors, success
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

ALL = f"{ROOT}/Chassis"
RESET_TYPES = ("On", "ForceOff", "PowerCycle")


@get(ALL, kind="any")
def chassis_all(_call: Call) -> Resource:
    """All boxes: one."""
    return collection(ALL, "Chassis", "Chassis", [CHASSIS])


@get(CHASSIS)
def chassis(call: Call) -> Resource:
    """The box."""
    machine, config = call.machine, call.machine.config
    return head(CHASSIS, "Chassis", config.server) | {
        "ChassisType": "RackMount",
        "Manufacturer": config.vendor,
        "Model": config.model,
        "SKU": config.model,
        "PartNumber": config.model,
        "SerialNumber": config.serial,
        "AssetTag": machine.asset_tag,
        "UUID": str(machine.uuid),
        "PowerState": "On" if call.on else "Off",
        "Status": health("Enabled" if call.on else "StandbyOffline"),
        "LocationIndicatorActive": machine.identifying,
        "IndicatorLED": "Lit" if machine.lit else "Blinking" if machine.identifying else "Off",
        "PhysicalSecurity": {"IntrusionSensor": "Normal"},
        "Power": link(f"{CHASSIS}/Power"),
        "Thermal": link(f"{CHASSIS}/Thermal"),
        "PowerSubsystem": link(f"{CHASSIS}/PowerSubsystem"),
        "ThermalSubsystem": link(f"{CHASSIS}/ThermalSubsystem"),
        "EnvironmentMetrics": link(f"{CHASSIS}/EnvironmentMetrics"),
        "Sensors": link(f"{CHASSIS}/Sensors"),
        "Links": {"ComputerSystems": links([SYSTEM]), "ManagedBy": links([MANAGER])},
        "Actions": action(CHASSIS, "Chassis.Reset", **{"ResetType@Redfish.AllowableValues": list(RESET_TYPES)}),
    }


@patch(CHASSIS)
def set_chassis(call: Call) -> Answer:
    """Change tag and light."""
    spec = {
        "AssetTag": str,
        "LocationIndicatorActive": Choice((True, False)),
        "IndicatorLED": Choice(("Lit", "Blinking", "Off")),
    }
    found = check(call.body, spec, chassis(call))
    if found:
        return errors(400, found)
    if not call.machine.lies:
        machine, body = call.machine, call.body
        machine.asset_tag = body.get("AssetTag", machine.asset_tag)
        light = body.get("IndicatorLED", {True: "Lit", False: "Off"}.get(body.get("LocationIndicatorActive", "")))
        if light:
            machine.set_identify(0 if light == "Off" else None, steady=light == "Lit")
        machine.save()
    return chassis(call)


@post(f"{CHASSIS}/Actions/Chassis.Reset")
def reset(call: Call) -> Answer:
    """Switch the power of the box, which is that of the server."""
    found = check(call.body, {"ResetType": Choice(RESET_TYPES)}, {})
    if found:
        return errors(400, found)
    wanted = call.body.get("ResetType", "On")
    call.machine.act("on" if wanted == "On" else "off" if wanted == "ForceOff" else "cycle", "a reset of the chassis")
    return success()
