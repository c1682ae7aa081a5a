"""What the BMC tells: both protocols alike, sensors that can be true, a clock that is right."""

import datetime as dt

from scs_rack.bmc.errors import BmcError
from scs_rack.bmc.facts import Sensor
from scs_rack.bmc.qualify.bench import Bench, Verdict

CLOCK_OFF_S = 60.0
_PLAUSIBLE = {
    "temperature": (-20.0, 125.0),
    "fan": (0.0, 60_000.0),
    "voltage": (-60.0, 500.0),
    "current": (-1.0, 500.0),
    "power": (0.0, 20_000.0),
}
"""What readings can be, by kind, in the units of `Sensor`."""
_WATTS_APART = 0.25


async def agree(bench: Bench) -> Verdict:
    """IPMI and Redfish tell the same of power, serial number, boot override and draw."""
    told: dict[str, dict[str, str]] = {}
    watts: dict[str, float] = {}
    for protocol in ("redfish", "ipmi"):
        async with bench.call(protocol) as bmc:
            identity = await bmc.identity()
            told[protocol] = {
                "power": str(await bmc.power_state()),
                "serial": identity.serial,
                "boot override": (await bmc.boot_override()).device,
            }
            try:
                draw = (await bmc.power_draw()).watts
            except BmcError:
                draw = None
            if draw is not None:
                watts[protocol] = draw
    wrong = [
        f"{what}: {value or 'empty'} by Redfish, {told['ipmi'][what] or 'empty'} by IPMI"
        for what, value in told["redfish"].items()
        if value != told["ipmi"][what]
    ]
    if len(watts) == 2 and abs(watts["redfish"] - watts["ipmi"]) > _WATTS_APART * max(*watts.values(), 10.0):
        wrong.append(f"draw: {watts['redfish']:.0f} W by Redfish, {watts['ipmi']:.0f} W by IPMI")
    if wrong:
        return Verdict("fail", "; ".join(wrong))
    return Verdict("pass", ", ".join(f"{what} {value}" for what, value in told["redfish"].items()))


async def sensors(bench: Bench) -> Verdict:
    """Sensors have readings that can be true."""
    async with bench.call() as bmc:
        found = await bmc.sensors()
    read = [one for one in found if one.value is not None]
    odd = [f"{one.name} {one.value:g} {one.unit}" for one in read if not plausible(one)]
    evidence = f"{len(read)} of {len(found)} with a reading"
    if odd:
        return Verdict("fail", f"{evidence}; not plausible: {', '.join(odd[:5])}")
    if not any(one.kind == "temperature" for one in read):
        return Verdict("fail", f"{evidence}; no temperature among them")
    return Verdict("pass", evidence)


def plausible(sensor: Sensor) -> bool:
    """True for a reading that such a sensor can have."""
    low, high = _PLAUSIBLE.get(sensor.kind, (float("-inf"), float("inf")))
    if sensor.unit == "%":
        low, high = 0.0, 200.0
    return sensor.value is None or low <= sensor.value <= high


async def clock(bench: Bench) -> Verdict:
    """The BMC's clock is right to a minute."""
    async with bench.call() as bmc:
        told = await bmc.clock()
    if told is None:
        return Verdict("not proven", "it tells no time")
    off = (told - dt.datetime.now(dt.UTC)).total_seconds()
    return Verdict("pass" if abs(off) <= CLOCK_OFF_S else "fail", f"{off:+.0f} s", figures={"off_s": round(off, 1)})
