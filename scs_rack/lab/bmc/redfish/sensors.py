"""Sensors, and the two ways in which Redfish shows temperatures and fans: the old one and the new one."""

from scs_rack.lab.bmc.machine import Threshold
from scs_rack.lab.bmc.redfish.routes import CHASSIS, Answer, Call, Resource, collection, get, head, health, link
from scs_rack.lab.bmc.sensors import FAN, POWER, TEMPERATURE, VOLTAGE, Sensor, sensors

SENSORS = f"{CHASSIS}/Sensors"
THERMAL = f"{CHASSIS}/Thermal"
SUBSYSTEM = f"{CHASSIS}/ThermalSubsystem"
_UNITS = {
    TEMPERATURE: ("Temperature", "Cel"),
    FAN: ("Rotational", "{rev}/min"),
    VOLTAGE: ("Voltage", "V"),
    POWER: ("Power", "W"),
}
_NAMES = {"lnc": "LowerCaution", "lcr": "LowerCritical", "lnr": "LowerFatal", "unc": "UpperCaution",
          "ucr": "UpperCritical", "unr": "UpperFatal"}  # fmt: skip
_OLD = {"lnc": "LowerThresholdNonCritical", "lcr": "LowerThresholdCritical", "lnr": "LowerThresholdFatal",
        "unc": "UpperThresholdNonCritical", "ucr": "UpperThresholdCritical",
        "unr": "UpperThresholdFatal"}  # fmt: skip
FAN_MAX = 12000


def number_of(sensor: Sensor) -> str:
    """Id of a sensor's resource."""
    return sensor.name.replace(" ", "").replace(".", "_")


def path_of(sensor: Sensor) -> str:
    """Path of a sensor's resource."""
    return f"{SENSORS}/{number_of(sensor)}"


def status_of(call: Call, sensor: Sensor, reading: float | None) -> Resource:
    """State and health of what a sensor watches."""
    if reading is None:
        return health("StandbyOffline" if not call.on else "UnavailableOffline")
    beyond = sensor.state(reading, _limits(call, sensor))
    bad = any(name in ("lcr", "lnr", "ucr", "unr") for name in beyond)
    return health("Enabled", "Critical" if bad else "Warning" if beyond else "OK")


def _limits(call: Call, one: Sensor) -> dict[Threshold, float]:
    return call.machine.limits(one.number, one.thresholds)


def _kind(call: Call, kind: int) -> list[Sensor]:
    return [one for one in sensors(call.machine) if one.kind == kind]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


@get(SENSORS)
def all_sensors(call: Call) -> Resource:
    """All sensors."""
    return collection(SENSORS, "Sensor", "Sensors", [path_of(one) for one in sensors(call.machine)])


@get(f"{SENSORS}/{{}}")
def sensor(call: Call) -> Answer:
    """One sensor."""
    one = next((one for one in sensors(call.machine) if number_of(one) == call.ids[0]), None)
    if one is None:
        return None
    kind, unit = _UNITS[one.kind]
    reading = one.read(call.machine, call.on)
    return head(path_of(one), "Sensor", one.name, number_of(one)) | {
        "ReadingType": kind,
        "ReadingUnits": unit,
        "Reading": _rounded(reading),
        "PhysicalContext": one.context,
        "Thresholds": {_NAMES[name]: {"Reading": round(at, 3)} for name, at in _limits(call, one).items()},
        "Status": status_of(call, one, reading),
    }


def _old_limits(call: Call, one: Sensor, *, whole: bool) -> Resource:
    return {_OLD[name]: round(at) if whole else round(at, 3) for name, at in _limits(call, one).items()}


def voltage(call: Call, number: int, one: Sensor) -> Resource:
    """An entry of `Voltages` in Power."""
    reading = one.read(call.machine, call.on)
    return {
        "@odata.id": f"{CHASSIS}/Power#/Voltages/{number}",
        "MemberId": str(number),
        "Name": one.name,
        "SensorNumber": one.number,
        "ReadingVolts": _rounded(reading),
        "PhysicalContext": one.context,
        "Status": status_of(call, one, reading),
        **_old_limits(call, one, whole=False),
    }


def voltages(call: Call) -> list[Resource]:
    """All `Voltages` of Power."""
    return [voltage(call, number, one) for number, one in enumerate(_kind(call, VOLTAGE))]


@get(THERMAL)
def thermal(call: Call) -> Resource:
    """Temperatures and fans, the old way."""
    temperatures, fans = [], []
    for number, one in enumerate(_kind(call, TEMPERATURE)):
        reading = one.read(call.machine, call.on)
        temperatures.append({
            "@odata.id": f"{THERMAL}#/Temperatures/{number}",
            "MemberId": str(number),
            "Name": one.name,
            "SensorNumber": one.number,
            "ReadingCelsius": _rounded(reading),
            "PhysicalContext": one.context,
            "Status": status_of(call, one, reading),
            **_old_limits(call, one, whole=False),
        })  # fmt: skip
    for number, one in enumerate(_kind(call, FAN)):
        reading = one.read(call.machine, call.on)
        fans.append({
            "@odata.id": f"{THERMAL}#/Fans/{number}",
            "MemberId": str(number),
            "Name": one.name,
            "SensorNumber": one.number,
            "Reading": None if reading is None else round(reading),
            "ReadingUnits": "RPM",
            "PhysicalContext": one.context,
            "Status": status_of(call, one, reading),
            **_old_limits(call, one, whole=True),
        })  # fmt: skip
    return head(THERMAL, "Thermal", "Temperatures and fans") | {
        "Temperatures": temperatures,
        "Temperatures@odata.count": len(temperatures),
        "Fans": fans,
        "Fans@odata.count": len(fans),
    }


@get(SUBSYSTEM)
def subsystem(_call: Call) -> Resource:
    """Temperatures and fans, the new way."""
    return head(SUBSYSTEM, "ThermalSubsystem", "Cooling") | {
        "Fans": link(f"{SUBSYSTEM}/Fans"),
        "ThermalMetrics": link(f"{SUBSYSTEM}/ThermalMetrics"),
        "Status": health(),
    }


@get(f"{SUBSYSTEM}/ThermalMetrics")
def metrics(call: Call) -> Resource:
    """Temperatures."""
    inlet, exhaust = _kind(call, TEMPERATURE)[:2]
    readings = [(one, one.read(call.machine, call.on)) for one in _kind(call, TEMPERATURE)]
    by_name = {one.name: _rounded(reading) for one, reading in readings}
    return head(f"{SUBSYSTEM}/ThermalMetrics", "ThermalMetrics", "Temperatures") | {
        "TemperatureSummaryCelsius": {
            "Intake": {"DataSourceUri": path_of(inlet), "Reading": by_name[inlet.name]},
            "Exhaust": {"DataSourceUri": path_of(exhaust), "Reading": by_name[exhaust.name]},
        },
        "TemperatureReadingsCelsius": [
            {"DataSourceUri": path_of(one), "DeviceName": one.name, "Reading": _rounded(reading)}
            for one, reading in readings
        ],
    }


@get(f"{SUBSYSTEM}/Fans")
def fans(call: Call) -> Resource:
    """All fans."""
    members = [f"{SUBSYSTEM}/Fans/{number_of(one)}" for one in _kind(call, FAN)]
    return collection(f"{SUBSYSTEM}/Fans", "Fan", "Fans", members)


@get(f"{SUBSYSTEM}/Fans/{{}}")
def fan(call: Call) -> Answer:
    """One fan."""
    one = next((one for one in _kind(call, FAN) if number_of(one) == call.ids[0]), None)
    if one is None:
        return None
    reading = one.read(call.machine, call.on)
    return head(call.path, "Fan", one.name) | {
        "PhysicalContext": one.context,
        "HotPluggable": True,
        "SpeedPercent": {
            "DataSourceUri": path_of(one),
            "Reading": None if reading is None else round(reading / FAN_MAX * 100, 1),
            "SpeedRPM": None if reading is None else round(reading),
        },
        "Status": status_of(call, one, reading),
    }
