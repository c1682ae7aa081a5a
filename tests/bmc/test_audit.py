"""An audit finds what is wrong, nothing that is not, and mends what is safe to mend."""

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scs_rack.bmc import Fleet
from scs_rack.bmc.audit import ipmi_probe, tls_probe
from scs_rack.bmc.audit.checks import check, version_key
from scs_rack.bmc.audit.facts import Facts, gather
from scs_rack.bmc.audit.ipmi_probe import Offers
from scs_rack.bmc.audit.mend import mends
from scs_rack.bmc.facts import Bios, EventLog, Firmware, NetworkService, User
from scs_rack.cli.bmc_audit import shared
from scs_rack.model.server import Baseline

from .emulators import LOOPBACK, QUICK, emulated, target
from .ipmi_sim import ipmi_sim

WHO = target("redfish", 443)
ADMIN = User("2", "admin", "administrator", enabled=True)
NOTHING = Baseline()


def types(facts: Facts, baseline: Baseline = NOTHING, who: Any = WHO, **same: int) -> list[str]:
    return sorted(finding.type for finding in check(who, facts, baseline, same))


def test_a_bmc_that_is_as_it_should_be_has_no_findings() -> None:
    log = EventLog((), capacity=100, full=False)
    services = (NetworkService("https", enabled=True), NetworkService("telnet", enabled=False))
    firmware = (Firmware("BMC", "2.14.1"),)
    bios = Bios({"Hyperthreading": "Enabled"})
    facts = Facts((ADMIN,), services, firmware, bios, log, 3.0, Offers(answers=True, suites=(17,)))
    assert types(facts, Baseline(firmware={"BMC": "2.9"}, bios={"Hyperthreading": "Enabled"})) == []


@pytest.mark.parametrize(
    ("facts", "baseline", "found"),
    [
        (Facts(users=(ADMIN, User("3", "root", "administrator", enabled=True))), NOTHING, "undeclared-user"),
        (Facts(users=(User("1", "", "other", enabled=True),)), NOTHING, "null-user"),
        (Facts(services=(NetworkService("telnet", enabled=True, port=23),)), NOTHING, "open-service"),
        (Facts(firmware=(Firmware("BMC", "2.9"),)), Baseline(firmware={"BMC": "2.14"}), "firmware-behind"),
        (Facts(firmware=()), Baseline(firmware={"BMC": "2.14"}), "firmware-unknown"),
        (Facts(bios=Bios({"VT": "Off"})), Baseline(bios={"VT": "On"}), "bios-off-baseline"),
        (Facts(bios=Bios({})), Baseline(bios={"VT": "On"}), "bios-unknown"),
        (Facts(clock_off_s=-90.0), NOTHING, "clock-off"),
        (Facts(log=EventLog((), full=True)), NOTHING, "event-log-full"),
        (Facts(ipmi=Offers(answers=True, suites=(0, 3))), NOTHING, "cipher-suite-0"),
        (Facts(ipmi=Offers(answers=True, suites=(3, 17))), NOTHING, "cipher-suite-3"),
        (Facts(ipmi=Offers(answers=True, anonymous=True)), NOTHING, "anonymous-login"),
        (Facts(failed={"users": "no answer"}), NOTHING, "not-audited"),
    ],
)
def test_each_fault_is_found(facts: Facts, baseline: Baseline, found: str) -> None:
    assert found in types(facts, baseline)


def test_declared_users_and_pending_settings_are_fine() -> None:
    facts = Facts(users=(ADMIN, User("3", "watch", "readonly", enabled=True)), bios=Bios({"VT": "Off"}, {"VT": "On"}))
    assert types(facts, Baseline(users=["watch"], bios={"VT": "On"})) == []


def test_passwords_that_others_know() -> None:
    assert types(Facts(), who=replace(WHO, password="ADMIN")) == ["default-password"]
    assert types(Facts(), node1=2) == ["shared-password"]
    assert shared({"bmc_a": "x", "bmc_b": "x", "bmc_c": "y", "other": "x"}) == {"a": 2, "b": 2, "c": 1}


def test_versions_are_compared_as_people_do() -> None:
    order = ["1.2", "1.10", "2.0a", "2.9", "2.14", "10.0"]
    assert sorted(order, key=version_key) == order


@pytest.mark.skipif(not shutil.which("ipmi_sim"), reason="needs ipmi_sim (Debian package openipmi)")
async def test_suite_0_of_a_bmc_that_is_not_ours_is_found(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path) as (judge, _):
        offers = await ipmi_probe.probe(judge.address, judge.port or 623)
    assert offers.answers
    assert 0 in offers.suites
    assert 17 not in offers.suites


async def test_a_port_where_nothing_answers(unused_udp_port: int, unused_tcp_port: int) -> None:
    assert not (await ipmi_probe.probe(LOOPBACK, unused_udp_port)).answers
    assert await tls_probe.probe(LOOPBACK, unused_tcp_port) is None


async def test_facts_of_a_whole_bmc_and_their_mending(tls_files: tuple[Path, Path]) -> None:
    async with (
        emulated("redfish", cert=tls_files[0], key=tls_files[1], faults=["clock-1970"]) as it,
        Fleet.open(tls_files[0], QUICK) as fleet,
        fleet.bmc(it.target) as bmc,
    ):
        facts = await gather(bmc)
        assert facts.failed == {}
        assert facts.tls is not None
        assert facts.tls.old == ()
        assert facts.tls.days_left(dt.datetime.now(dt.UTC)) > 0
        assert "clock-off" in types(facts, who=it.target)
        wanted = Baseline(bios=_another(facts))
        plan = mends(facts, wanted)
        assert len(plan) == 2
        for mend in plan:
            result = await mend.work(bmc, QUICK)
            assert (result.changed, result.error) == (True, None), mend.text
        again = await gather(bmc)
        assert mends(again, wanted) == []


def _another(facts: Facts) -> dict[str, Any]:
    """A setting with another value than it has."""
    swapped = {"Enabled": "Disabled", "Disabled": "Enabled"}
    attributes = (facts.bios or Bios({})).attributes
    return next({name: swapped[str(value)]} for name, value in attributes.items() if str(value) in swapped)
