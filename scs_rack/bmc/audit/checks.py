"""What of the facts is not as it should be: pure functions, one for a subject."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping

from scs_rack.bmc.audit.facts import Facts
from scs_rack.bmc.types import Target
from scs_rack.model.server import Baseline
from scs_rack.results import Finding

DEFAULT_NAMES = frozenset({"ADMIN", "Administrator", "USERID", "root", "admin", "sysadmin", "albert"})
"""Accounts that BMCs leave the factory with."""
KNOWN_PASSWORDS = frozenset(
    {"0penBmc", "ADMIN", "admin", "password", "PASSW0RD", "calvin", "superuser", "Admin@9000", "changeme", ""}
)
"""Passwords that BMCs leave the factory with; published by their makers."""
OPEN = frozenset({"telnet", "http", "ssdp", "snmp", "rfb"})
"""Services that a BMC should not offer: unencrypted, or telling strangers of it."""
CLOCK_OFF_S = 60.0
EXPIRES_DAYS = 30.0
LOG_FULL = 0.9


def check(target: Target, facts: Facts, baseline: Baseline, shared: Mapping[str, int]) -> list[Finding]:
    """All findings of one BMC.

    Args:
        target: whom it was.
        facts: what was seen.
        baseline: how its model should be.
        shared: how many BMCs of the vault have the same password as each server.
    """
    found = [
        *_passwords(target, shared),
        *_users(target, facts, baseline),
        *_ipmi(target, facts),
        *_tls(target, facts),
        *_services(target, facts),
        *_versions(target, facts, baseline),
        *_bios(target, facts, baseline),
        *_state(target, facts),
    ]
    for what, why in facts.failed.items():
        found.append(_warning(target, "not-audited", f"an answer about {what}", why, "ask again"))
    return found


def off_baseline(target: Target, facts: Facts, baseline: Baseline) -> list[Finding]:
    """Firmware and BIOS that are not as the model's baseline states."""
    return [*_versions(target, facts, baseline), *_bios(target, facts, baseline)]


def _error(target: Target, kind: str, expected: str, seen: str, hint: str) -> Finding:
    return Finding(kind, "error", target.name, expected, seen, hint)


def _warning(target: Target, kind: str, expected: str, seen: str, hint: str) -> Finding:
    return Finding(kind, "warning", target.name, expected, seen, hint)


def _passwords(target: Target, shared: Mapping[str, int]) -> Iterator[Finding]:
    hint = f"`scs-rack bmc rotate {target.name}`"
    if target.password in KNOWN_PASSWORDS:
        yield _error(target, "default-password", "a password of its own", "one that everybody knows", hint)
    elif shared.get(target.name, 1) > 1:
        seen = f"{shared[target.name]} BMCs have the same one"
        yield _error(target, "shared-password", "a password of its own", seen, hint)


def _users(target: Target, facts: Facts, baseline: Baseline) -> Iterator[Finding]:
    for user in facts.users or ():
        if not user.enabled:
            continue
        if not user.name:
            seen = f"user {user.number} has none, and may be {user.role}"
            yield _error(target, "null-user", "users with names", seen, "disable it")
        elif user.name not in {target.user, *baseline.users}:
            hint = "remove it (`scs-rack bmc users`), or state it in the model's `baseline: {users: […]}`"
            seen = f"{user.name} ({user.role})"
            make = _error if user.name in DEFAULT_NAMES and user.role == "administrator" else _warning
            yield make(target, "undeclared-user", "declared users only", seen, hint)


def _ipmi(target: Target, facts: Facts) -> Iterator[Finding]:
    offers = facts.ipmi
    if offers is None or not offers.answers:
        return
    if 0 in offers.suites:
        seen = "suite 0: anybody who knows a user's name is let in without a password"
        yield _error(target, "cipher-suite-0", "authentication", seen, "switch cipher suite 0 off")
    if 3 in offers.suites and 17 in offers.suites:
        hint = "switch suite 3 off: 17 is there"
        yield _warning(target, "cipher-suite-3", "HMAC-SHA256 (suite 17)", "HMAC-SHA1 (suite 3) too", hint)
    elif 3 in offers.suites:
        hint = "newer firmware may have suite 17"
        seen = "HMAC-SHA1 (suite 3) only"
        yield Finding("cipher-suite-3", "info", target.name, "HMAC-SHA256 (suite 17)", seen, hint)
    if offers.anonymous:
        yield _error(target, "anonymous-login", "no anonymous login", "it is enabled", "disable the null user")
    elif offers.null_users:
        yield _error(target, "null-user", "no user without a name", "one is enabled", "disable it")
    if facts.tls is not None and facts.services is not None:
        hint = "switch IPMI over LAN off: its RAKP gives a hash of each password away (CVE-2013-4786)"
        yield _warning(target, "ipmi-beside-redfish", "Redfish only", "IPMI over LAN too", hint)


def _tls(target: Target, facts: Facts) -> Iterator[Finding]:
    tls = facts.tls
    if tls is None or tls.certificate is None:
        return
    days = tls.days_left(dt.datetime.now(dt.UTC))
    if days < 0:
        seen = f"expired {-days:.0f} days ago"
        yield _error(target, "certificate-expired", "a certificate that is valid", seen, "replace it")
    elif days < EXPIRES_DAYS:
        seen = f"expires in {days:.0f} days"
        yield _warning(target, "certificate-expires", "30 days and more", seen, "replace it")
    if tls.certificate.issuer == tls.certificate.subject and not target.fingerprint:
        hint = "have the rack's CA sign it, or pin it: `bmc: {fingerprint: …}`"
        yield _warning(target, "self-signed", "signed by the rack's CA, or pinned", "self-signed", hint)
    if tls.weak:
        yield _warning(target, "weak-key", "RSA 2048 or EC 256", tls.key, "replace the certificate")
    if tls.old:
        seen = ", ".join(tls.old)
        yield _warning(target, "old-tls", "TLS 1.2 and 1.3 only", seen, "switch old versions off (RFC 8996)")


def _services(target: Target, facts: Facts) -> Iterator[Finding]:
    for service in facts.services or ():
        if service.enabled and service.name in OPEN:
            seen = f"{service.name} on port {service.port}" if service.port else service.name
            make = _error if service.name == "telnet" else _warning
            yield make(target, "open-service", "encrypted services only", seen, "`bmc audit --fix` switches it off")


def version_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Key that sorts versions as people read them: 2.9 before 2.14."""
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"\d+|[A-Za-z]+", text))


def _versions(target: Target, facts: Facts, baseline: Baseline) -> Iterator[Finding]:
    if facts.firmware is None:
        return
    for name, least in baseline.firmware.items():
        parts = [part for part in facts.firmware if name.lower() in (part.name.lower(), part.number.lower())]
        if not parts:
            hint = "`scs-rack bmc firmware` lists names"
            yield _warning(target, "firmware-unknown", f"{name} {least} or newer", "no such part", hint)
        for part in parts:
            if version_key(part.version) < version_key(least):
                hint = "`scs-rack bmc firmware --update` brings it up to date"
                seen = f"{part.name} {part.version}"
                yield _warning(target, "firmware-behind", f"{name} {least} or newer", seen, hint)


def _bios(target: Target, facts: Facts, baseline: Baseline) -> Iterator[Finding]:
    if facts.bios is None:
        return
    for name, wanted in baseline.bios.items():
        value = facts.bios.pending.get(name, facts.bios.attributes.get(name))
        if name not in facts.bios.attributes:
            yield _warning(target, "bios-unknown", f"{name} = {wanted}", "no such attribute", "is it misspelt?")
        elif value != wanted:
            hint = "`bmc audit --fix` sets it; it counts from the next reset"
            yield _warning(target, "bios-off-baseline", f"{name} = {wanted}", f"{name} = {value}", hint)


def _state(target: Target, facts: Facts) -> Iterator[Finding]:
    if facts.clock_off_s is not None and abs(facts.clock_off_s) > CLOCK_OFF_S:
        seen = f"{abs(facts.clock_off_s):.0f} s {'ahead' if facts.clock_off_s > 0 else 'behind'}"
        hint = "give it a time server: its log and its certificates need the time"
        yield _warning(target, "clock-off", f"within {CLOCK_OFF_S:.0f} s", seen, hint)
    log = facts.log
    if log is None:
        return
    used = len(log.events) / log.capacity if log.capacity else 0.0
    if log.full or used >= LOG_FULL:
        seen = f"{len(log.events)} of {log.capacity or '?'} entries"
        hint = f"`scs-rack bmc events {target.name} --clear` after reading it"
        yield _warning(target, "event-log-full", "room in the event log", seen, hint)
