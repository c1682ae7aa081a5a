"""What an audit found and can be mended without risk: nobody loses a way in, and the server runs on.

Services that are not encrypted are switched off, users without a name disabled, BIOS attributes set (they count from
the next reset), the clock is set. Users, cipher suites, certificates, firmware and logs are left to people.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from scs_rack.bmc import accounts, settings
from scs_rack.bmc.audit.checks import CLOCK_OFF_S, OPEN
from scs_rack.bmc.audit.facts import Facts
from scs_rack.bmc.types import Bmc, TimeLimits
from scs_rack.model.server import Baseline
from scs_rack.results import Result

Work = Callable[[Bmc, TimeLimits], Awaitable[Result]]


@dataclass(frozen=True)
class Mend:
    """One thing to mend."""

    text: str
    """What it does, in words."""
    work: Work
    """Does it, and observes it."""


def mends(facts: Facts, baseline: Baseline) -> list[Mend]:
    """What is to be mended on one BMC, in this order."""
    found = [
        Mend(f"switch {service.name} off", _service(service.name))
        for service in facts.services or ()
        if service.enabled and service.name in OPEN
    ]
    found += [
        Mend("disable the user without a name", lambda bmc, limits: accounts.set_user(bmc, "", limits, enabled=False))
        for user in facts.users or ()
        if user.enabled and not user.name
    ]
    wrong = {
        name: value
        for name, value in baseline.bios.items()
        if facts.bios is not None
        and name in facts.bios.attributes
        and facts.bios.pending.get(name, facts.bios.attributes[name]) != value
    }
    if wrong:
        words = ", ".join(f"{name} = {value}" for name, value in wrong.items())
        found.append(Mend(f"set BIOS {words}", lambda bmc, limits: settings.bios(bmc, wrong, limits)))
    if facts.clock_off_s is not None and abs(facts.clock_off_s) > CLOCK_OFF_S:
        found.append(Mend("set the clock", settings.clock))
    return found


def _service(name: str) -> Work:
    return lambda bmc, limits: settings.network_service(bmc, name, limits, enabled=False)
