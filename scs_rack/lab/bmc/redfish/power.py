"""What the server draws and may draw: Power (old), PowerSubsystem and EnvironmentMetrics (new)."""

from scs_rack.lab.bmc.redfish.messages import Choice, Number, Spec, check, errors, success
from scs_rack.lab.bmc.redfish.routes import (
    CHASSIS,
    Answer,
    Call,
    Resource,
    action,
    collection,
    get,
    head,
    health,
    link,
    patch,
    post,
)  # fmt: skip
from scs_rack.lab.bmc.redfish.sensors import SENSORS, voltages

POWER = f"{CHASSIS}/Power"
SUBSYSTEM = f"{CHASSIS}/PowerSubsystem"
SUPPLIES = f"{SUBSYSTEM}/PowerSupplies"
METRICS = f"{CHASSIS}/EnvironmentMetrics"


def _watts(call: Call) -> float:
    return round(call.machine.meter.watts(on=call.on), 1)


@get(POWER)
def power(call: Call) -> Resource:
    """Draw, limit, voltages and supplies, the old way."""
    meter, config = call.machine.meter, call.machine.config
    watts = _watts(call)
    control = {
        "@odata.id": f"{POWER}#/PowerControl/0",
        "MemberId": "0",
        "Name": "Server power",
        "PhysicalContext": "Chassis",
        "PowerConsumedWatts": watts,
        "PowerCapacityWatts": meter.highest,
        "PowerMetrics": {
            "IntervalInMin": max(1, int(meter.seconds / 60)),
            "MinConsumedWatts": round(meter.least, 1),
            "MaxConsumedWatts": round(meter.most, 1),
            "AverageConsumedWatts": round(meter.mean, 1),
        },
        "PowerLimit": {
            "LimitInWatts": meter.limit.watts if meter.limit.active else None,
            "LimitException": {"none": "NoAction", "off": "HardPowerOff", "log": "LogEventOnly"}[meter.limit.action],
            "CorrectionInMs": meter.limit.correction_ms,
        },
        "Status": health(),
    }
    supplies = [
        {
            "@odata.id": f"{POWER}#/PowerSupplies/{number - 1}",
            "MemberId": str(number - 1),
            "Name": f"PSU{number}",
            "PowerSupplyType": "AC",
            "LineInputVoltage": 230.0,
            "LineInputVoltageType": "AC240V",
            "PowerCapacityWatts": meter.highest,
            "PowerInputWatts": round(watts / config.psus, 1),
            "PowerOutputWatts": round(watts / config.psus * 0.94, 1),
            "Model": "virtual PSU",
            "Manufacturer": config.vendor,
            "SerialNumber": f"{config.serial}-P{number}",
            "FirmwareVersion": call.machine.firmware["PSU1"].version,
            "Status": health(),
        }
        for number in range(1, config.psus + 1)
    ]
    found = voltages(call)
    return head(POWER, "Power", "Power") | {
        "PowerControl": [control],
        "PowerControl@odata.count": 1,
        "PowerSupplies": supplies,
        "PowerSupplies@odata.count": len(supplies),
        "Voltages": found,
        "Voltages@odata.count": len(found),
    }


@patch(POWER)
def set_power(call: Call) -> Answer:
    """Set or lift the limit."""
    meter = call.machine.meter
    spec: Spec = {
        "LimitInWatts": Number(meter.lowest_limit, meter.highest, null=True),
        "LimitException": Choice(("NoAction", "HardPowerOff", "LogEventOnly")),
        "CorrectionInMs": Number(0, 600000),
    }
    controls = call.body.get("PowerControl")
    first = controls[0] if isinstance(controls, list) and controls and isinstance(controls[0], dict) else {}
    found = check(call.body, {"PowerControl": list}, power(call))
    found += check(first, {"PowerLimit": spec}, power(call)["PowerControl"][0], "PowerControl/0/")
    if found:
        return errors(400, found)
    wanted = first.get("PowerLimit", {})
    if not call.machine.lies:
        _limit(call, wanted)
    return power(call)


def _limit(call: Call, wanted: Resource) -> None:
    limit = call.machine.meter.limit
    if "LimitInWatts" in wanted:
        limit.active = wanted["LimitInWatts"] is not None
        limit.watts = int(wanted["LimitInWatts"] or limit.watts)
    named = wanted.get("LimitException")
    if named == "HardPowerOff":
        limit.action = "off"
    elif named:
        limit.action = "log" if named == "LogEventOnly" else "none"
    limit.correction_ms = int(wanted.get("CorrectionInMs", limit.correction_ms))


@get(SUBSYSTEM)
def subsystem(call: Call) -> Resource:
    """Supplies, the new way."""
    meter = call.machine.meter
    return head(SUBSYSTEM, "PowerSubsystem", "Power") | {
        "CapacityWatts": meter.highest,
        "Allocation": {"AllocatedWatts": meter.limit.watts if meter.limit.active else meter.highest},
        "PowerSupplies": link(SUPPLIES),
        "Status": health(),
    }


@get(SUPPLIES)
def supplies(call: Call) -> Resource:
    """All supplies."""
    members = [f"{SUPPLIES}/PSU{number}" for number in range(1, call.machine.config.psus + 1)]
    return collection(SUPPLIES, "PowerSupply", "Power supplies", members)


def _number(call: Call) -> int | None:
    digits = call.ids[0].removeprefix("PSU")
    return int(digits) if digits.isdecimal() and 1 <= int(digits) <= call.machine.config.psus else None


@get(f"{SUPPLIES}/{{}}")
def supply(call: Call) -> Answer:
    """One supply."""
    number = _number(call)
    if number is None:
        return None
    path = f"{SUPPLIES}/PSU{number}"
    return head(path, "PowerSupply", f"PSU{number}") | {
        "Manufacturer": call.machine.config.vendor,
        "Model": "virtual PSU",
        "SerialNumber": f"{call.machine.config.serial}-P{number}",
        "FirmwareVersion": call.machine.firmware["PSU1"].version,
        "InputNominalVoltageType": "AC240V",
        "PowerCapacityWatts": call.machine.meter.highest,
        "HotPluggable": True,
        "Metrics": link(f"{path}/Metrics"),
        "Status": health(),
    }


@get(f"{SUPPLIES}/{{}}/Metrics")
def supply_metrics(call: Call) -> Answer:
    """What one supply takes."""
    number = _number(call)
    if number is None:
        return None
    share = _watts(call) / call.machine.config.psus
    return head(call.path, "PowerSupplyMetrics", f"Metrics of PSU{number}") | {
        "InputPowerWatts": {"DataSourceUri": f"{SENSORS}/PSU{number}InputPower", "Reading": round(share, 1)},
        "OutputPowerWatts": {"Reading": round(share * 0.94, 1)},
        "InputVoltage": {"Reading": 230.0},
        "Status": health(),
    }


@get(METRICS)
def metrics(call: Call) -> Resource:
    """Draw, energy and limit of the whole server."""
    meter = call.machine.meter
    watts = _watts(call)
    return head(METRICS, "EnvironmentMetrics", "Draw of the server") | {
        "PowerWatts": {"DataSourceUri": f"{SENSORS}/TotalPower", "Reading": watts},
        "EnergykWh": {"Reading": round(meter.kwh, 6)},
        "PowerLimitWatts": {
            "SetPoint": meter.limit.watts if meter.limit.active else None,
            "AllowableMin": meter.lowest_limit,
            "AllowableMax": meter.highest,
            "ControlMode": "Automatic" if meter.limit.active else "Disabled",
        },
        "Actions": action(METRICS, "EnvironmentMetrics.ResetMetrics"),
    }


@patch(METRICS)
def set_metrics(call: Call) -> Answer:
    """Set or lift the limit."""
    meter = call.machine.meter
    spec: Spec = {
        "PowerLimitWatts": {
            "SetPoint": Number(meter.lowest_limit, meter.highest, null=True),
            "ControlMode": Choice(("Automatic", "Disabled")),
        }
    }
    found = check(call.body, spec, metrics(call))
    if found:
        return errors(400, found)
    wanted = call.body.get("PowerLimitWatts", {})
    if not call.machine.lies:
        if "SetPoint" in wanted:
            meter.limit.active = wanted["SetPoint"] is not None
            meter.limit.watts = int(wanted["SetPoint"] or meter.limit.watts)
        if "ControlMode" in wanted:
            meter.limit.active = wanted["ControlMode"] == "Automatic"
    return metrics(call)


@post(f"{METRICS}/Actions/EnvironmentMetrics.ResetMetrics")
def reset_metrics(call: Call) -> Answer:
    """Begin to count energy anew."""
    if not call.machine.lies:
        call.machine.meter.reset()
    return success()
