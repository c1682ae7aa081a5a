"""A good BMC passes, and each way to be bad is found with its evidence."""

from pathlib import Path
from typing import Any

import pytest

from scs_rack.bmc import Fleet
from scs_rack.bmc.facts import Sensor
from scs_rack.bmc.qualify.bench import Bench, Verdict
from scs_rack.bmc.qualify.readings import plausible
from scs_rack.bmc.qualify.run import SCENARIOS, Outcome, profile, qualify

from .emulators import QUICK, emulated


async def verdicts(
    tls_files: tuple[Path, Path], *names: str, protocol: str = "redfish", **changes: Any
) -> dict[str, Verdict]:
    """Verdicts of some scenarios, or of all, on a virtual BMC."""
    wanted = [one for one in SCENARIOS if not names or one.name in names]
    async with (
        emulated(protocol, cert=tls_files[0], key=tls_files[1], **changes) as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
    ):
        bench = Bench(fleet, it.target, rounds=2, post=1.5, image="http://127.0.0.1/small.iso")
        return {one.scenario.name: one.verdict async for one in qualify(bench, wanted)}


async def test_a_good_bmc_passes_all_that_it_can(tls_files: tuple[Path, Path]) -> None:
    found = await verdicts(tls_files)
    assert {name: verdict for name, verdict in found.items() if verdict.word == "fail"} == {}
    assert found["power"].word == found["boot-once"].word == found["sessions"].word == "pass"
    assert found["agree"].word == "not applicable"  # this one speaks Redfish only
    assert len(found) == len(SCENARIOS)


async def test_ipmi_alone_is_judged_by_what_it_has(tls_files: tuple[Path, Path]) -> None:
    found = await verdicts(tls_files, "power", "boot-once", "sensors", "sessions", protocol="ipmi")
    assert found["sessions"].word == "not applicable"
    assert found["power"].word == found["boot-once"].word == "pass"


@pytest.mark.parametrize(
    ("fault", "scenario", "evidence"),
    [
        ("lies", "power", "0 of 2"),
        ("lies", "boot-once", "taken 0"),
        ("rewrites-boot-order", "boot-order", ""),
        ("ejects-media", "media", "there after POST: False"),
        ("few-sessions", "sessions", "of 8"),
        ("clock-1970", "clock", "-"),
    ],
)
async def test_each_fault_fails_with_evidence(
    fault: str, scenario: str, evidence: str, tls_files: tuple[Path, Path]
) -> None:
    verdict = (await verdicts(tls_files, scenario, faults=[fault]))[scenario]
    assert verdict.word == "fail"
    assert evidence in verdict.evidence


async def test_a_dead_bmc_is_not_applicable_to_anything(tls_files: tuple[Path, Path]) -> None:
    found = await verdicts(tls_files, "power", "etags", faults=["wrong-password"])
    assert {verdict.word for verdict in found.values()} == {"not applicable"}


def test_quirks_go_into_the_profile() -> None:
    outcomes = [
        Outcome(SCENARIOS[0], Verdict("pass", "")),
        Outcome(SCENARIOS[1], Verdict("fail", "", ("no-if-match", "boot-once-only"))),
        Outcome(SCENARIOS[2], Verdict("fail", "", ("no-if-match",))),
    ]
    assert profile("r750", "redfish", outcomes) == {
        "r750": {"bmc_protocol": "redfish", "bmc_quirks": ["boot-once-only", "no-if-match"]}
    }


@pytest.mark.parametrize(
    ("sensor", "fine"),
    [
        (Sensor("Inlet", "temperature", 21.0, "°C"), True),
        (Sensor("Inlet", "temperature", 255.0, "°C"), False),
        (Sensor("Fan 1", "fan", 45.0, "%"), True),
        (Sensor("12 V", "voltage", 12.1, "V"), True),
        (Sensor("PSU", "power", -5.0, "W"), False),
        (Sensor("Lid", "other", None), True),
    ],
)
def test_what_readings_can_be(sensor: Sensor, fine: bool) -> None:
    assert plausible(sensor) is fine
