"""All scenarios in their order, and what follows from them for the rack file."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from scs_rack.bmc.errors import BmcError, ProtocolLacks
from scs_rack.bmc.qualify import power, readings, service
from scs_rack.bmc.qualify.bench import Bench, Scenario, Verdict, supported
from scs_rack.bmc.types import ProtocolName
from scs_rack.model.quirks import Quirk

SCENARIOS = (
    Scenario("clock", "the BMC's clock is right to a minute", readings.clock),
    Scenario("sensors", "sensors have readings that can be true", readings.sensors),
    Scenario("agree", "IPMI and Redfish tell the same", readings.agree, needs="both"),
    Scenario("allowed-values", "reset types and boot targets are listed", service.allowed_values, needs="redfish"),
    Scenario("minimal-patch", "a change of one property is taken", service.minimal_patch, needs="redfish"),
    Scenario("etags", "a wrong If-Match is refused, a right one and none taken", service.etags, needs="redfish"),
    Scenario("sessions", "eight sessions at the same time", service.sessions, needs="redfish"),
    Scenario("stale-session", "a closed session gives 401", service.stale_session, needs="redfish"),
    Scenario("power", "power off, on and reset, each observed", power.transitions, disturbs="server"),
    Scenario("soft-off", "the operating system shuts down when asked", power.soft_off, disturbs="server"),
    Scenario("boot-once", "a boot override for once is taken, used up, and gone", power.boot_once, disturbs="server"),
    Scenario("boot-order", "persistent settings outlive POST", power.boot_persistent, disturbs="server"),
    Scenario("media", "virtual media outlive POST and resets", power.media, needs="redfish", disturbs="server"),
    Scenario("stable-names", "paths stay when the BMC restarts", service.stable_names, needs="redfish", disturbs="bmc"),
)
"""Those that disturb nothing first."""


@dataclass(frozen=True)
class Outcome:
    """A scenario and its verdict."""

    scenario: Scenario
    verdict: Verdict


async def qualify(bench: Bench, scenarios: Iterable[Scenario] = SCENARIOS) -> AsyncIterator[Outcome]:
    """Run scenarios one after the other; whatever goes wrong with one is its verdict.

    Raises:
        BmcError: no protocol leads to the BMC at all.
    """
    protocols: tuple[ProtocolName, ...] = ("redfish", "ipmi")
    lacking = {protocol: await supported(bench, protocol) for protocol in protocols}
    for scenario in scenarios:
        yield Outcome(scenario, await _verdict(bench, scenario, lacking))


async def _verdict(bench: Bench, scenario: Scenario, lacking: dict[ProtocolName, str]) -> Verdict:
    needed: dict[str, tuple[ProtocolName, ...]] = {
        "any": (bench.target.protocol,),
        "redfish": ("redfish",),
        "both": ("redfish", "ipmi"),
    }
    for protocol in needed[scenario.needs]:
        if lacking[protocol]:
            return Verdict("not applicable", f"{protocol}: {lacking[protocol]}")
    try:
        return await scenario.run(bench)
    except ProtocolLacks as error:
        return Verdict("not applicable", error.message)
    except BmcError as error:
        return Verdict("fail", error.message)


def profile(model: str, protocol: ProtocolName, outcomes: Iterable[Outcome]) -> dict[str, object]:
    """Entry of `server_models` that states what was seen.

    Args:
        model: name of the model in the rack file.
        protocol: that was used.
        outcomes: of all scenarios.
    """
    quirks: list[Quirk] = [quirk for one in outcomes for quirk in one.verdict.quirks]
    entry: dict[str, object] = {"bmc_protocol": protocol}
    if quirks:
        entry["bmc_quirks"] = sorted(set(quirks))
    return {model: entry}
