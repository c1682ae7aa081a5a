"""A rack's power shelf, as its controller shows it (Redfish PowerEquipment; Open Rack V3 names it a PMC)."""

from scs_rack.lab.bmc.redfish.messages import success
from scs_rack.lab.bmc.redfish.routes import (
    CHASSIS,
    MANAGER,
    ROOT,
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
    post,
)  # fmt: skip

EQUIPMENT = f"{ROOT}/PowerEquipment"
SHELVES = f"{EQUIPMENT}/PowerShelves"
SHELF = f"{SHELVES}/1"
METRICS = f"{SHELF}/Metrics"
SUBSYSTEM = f"{CHASSIS}/PowerSubsystem"
SUPPLIES = f"{SUBSYSTEM}/PowerSupplies"
ENVIRONMENT = f"{CHASSIS}/EnvironmentMetrics"
BUS_VOLTS = 50.0
EFFICIENCY = 0.965


def _watts(call: Call) -> float:
    """What all supplies take from the mains."""
    meter = call.machine.meter
    return round(meter.watts(on=True), 1)


@get(EQUIPMENT, kind="shelf")
def equipment(_call: Call) -> Resource:
    """All power equipment."""
    return head(EQUIPMENT, "PowerEquipment", "Power equipment") | {
        "PowerShelves": link(SHELVES),
        "Status": health(),
    }


@get(SHELVES, kind="shelf")
def shelves(_call: Call) -> Resource:
    """All shelves: one."""
    return collection(SHELVES, "PowerDistribution", "Power shelves", [SHELF])


@get(SHELF, kind="shelf")
def shelf(call: Call) -> Resource:
    """The shelf."""
    config = call.machine.config
    members = links([f"{SUPPLIES}/PSU{number}" for number in range(1, config.psus + 1)])
    return head(SHELF, "PowerDistribution", config.server) | {
        "EquipmentType": "PowerShelf",
        "Manufacturer": config.vendor,
        "Model": config.model,
        "SerialNumber": config.serial,
        "FirmwareVersion": call.machine.firmware["PSU1"].version,
        "UUID": str(call.machine.uuid),
        "AssetTag": call.machine.asset_tag,
        "PowerCapacityVA": round(config.power_w),
        "Metrics": link(METRICS),
        "PowerSupplies": link(SUPPLIES),
        "PowerSupplyRedundancy": [
            {
                "RedundancyType": "NPlusM",
                "MaxSupportedInGroup": config.psus,
                "MinNeededInGroup": max(1, config.psus - 1),
                "RedundancyGroup": members,
                "RedundancyGroup@odata.count": len(members),
                "Status": health(),
            }
        ],
        "Status": health(),
        "Links": {"Chassis": links([CHASSIS]), "ManagedBy": links([MANAGER])},
    }


@get(METRICS, kind="shelf")
def metrics(call: Call) -> Resource:
    """What the shelf takes, and what it delivered."""
    watts = _watts(call)
    return head(METRICS, "PowerDistributionMetrics", "Metrics of the shelf") | {
        "PowerWatts": {"Reading": watts, "ApparentVA": round(watts / 0.99, 1), "PowerFactor": 0.99},
        "EnergykWh": {"Reading": round(call.machine.meter.kwh, 6)},
        "PowerLoadPercent": {"Reading": round(watts / call.machine.config.power_w * 100, 1)},
        "Actions": action(METRICS, "PowerDistributionMetrics.ResetMetrics"),
    }


@post(f"{METRICS}/Actions/PowerDistributionMetrics.ResetMetrics", kind="shelf")
def reset_metrics(call: Call) -> Answer:
    """Begin to count energy anew."""
    if not call.machine.lies:
        call.machine.meter.reset()
    return success()


@get(CHASSIS, kind="shelf")
def chassis(call: Call) -> Resource:
    """The shelf as a box."""
    config = call.machine.config
    return head(CHASSIS, "Chassis", config.server) | {
        "ChassisType": "Shelf",
        "Manufacturer": config.vendor,
        "Model": config.model,
        "SerialNumber": config.serial,
        "UUID": str(call.machine.uuid),
        "AssetTag": call.machine.asset_tag,
        "PowerState": "On",
        "Status": health(),
        "PowerSubsystem": link(SUBSYSTEM),
        "EnvironmentMetrics": link(ENVIRONMENT),
        "Links": {"ManagedBy": links([MANAGER]), "PowerDistribution": link(SHELF)},
    }


@get(ENVIRONMENT, kind="shelf")
def environment(call: Call) -> Resource:
    """Draw and energy of the box."""
    return head(ENVIRONMENT, "EnvironmentMetrics", "Draw of the shelf") | {
        "PowerWatts": {"Reading": _watts(call)},
        "EnergykWh": {"Reading": round(call.machine.meter.kwh, 6)},
    }


@get(SUBSYSTEM, kind="shelf")
def subsystem(call: Call) -> Resource:
    """Its supplies."""
    return head(SUBSYSTEM, "PowerSubsystem", "Power") | {
        "CapacityWatts": call.machine.config.power_w,
        "PowerSupplies": link(SUPPLIES),
        "Status": health(),
    }


@get(SUPPLIES, kind="shelf")
def supplies(call: Call) -> Resource:
    """All supplies."""
    members = [f"{SUPPLIES}/PSU{number}" for number in range(1, call.machine.config.psus + 1)]
    return collection(SUPPLIES, "PowerSupply", "Power supplies", members)


def _number(call: Call) -> int | None:
    digits = call.ids[0].removeprefix("PSU")
    return int(digits) if digits.isdecimal() and 1 <= int(digits) <= call.machine.config.psus else None


@get(f"{SUPPLIES}/{{}}", kind="shelf")
def supply(call: Call) -> Answer:
    """One supply."""
    number = _number(call)
    if number is None:
        return None
    config = call.machine.config
    return head(call.path, "PowerSupply", f"PSU{number}") | {
        "Manufacturer": config.vendor,
        "Model": "virtual 50 V rectifier",
        "SerialNumber": f"{config.serial}-P{number}",
        "FirmwareVersion": call.machine.firmware["PSU1"].version,
        "PowerSupplyType": "AC",
        "InputNominalVoltageType": "AC240V",
        "OutputNominalVoltageType": "DC48V",
        "PowerCapacityWatts": round(config.power_w / config.psus, 1),
        "HotPluggable": True,
        "Metrics": link(f"{call.path}/Metrics"),
        "Status": health(),
    }


@get(f"{SUPPLIES}/{{}}/Metrics", kind="shelf")
def supply_metrics(call: Call) -> Answer:
    """What one supply takes and gives."""
    number = _number(call)
    if number is None:
        return None
    share = _watts(call) / call.machine.config.psus
    return head(call.path, "PowerSupplyMetrics", f"Metrics of PSU{number}") | {
        "InputVoltage": {"Reading": 230.0},
        "InputCurrentAmps": {"Reading": round(share / 230, 3)},
        "InputPowerWatts": {"Reading": round(share, 1)},
        "OutputPowerWatts": {"Reading": round(share * EFFICIENCY, 1)},
        "RailVoltage": [{"Reading": BUS_VOLTS}],
        "RailCurrentAmps": [{"Reading": round(share * EFFICIENCY / BUS_VOLTS, 3)}],
        "EnergykWh": {"Reading": round(call.machine.meter.kwh / call.machine.config.psus, 6)},
        "Status": health(),
    }
