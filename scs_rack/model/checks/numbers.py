"""Checks of addresses and AS numbers, stated and derived."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from scs_rack.model.draft import MANAGER, Draft
from scs_rack.model.fault import Path, Problem
from scs_rack.model.numbering import (
    BMC_OFFSET,
    MANAGER_OFFSET,
    MGMT_OFFSET,
    default_api,
    manager_loopback,
    nth,
    nth_asn,
)


@dataclass(frozen=True)
class _Number:
    """An address or a number of a device; None when its pool has none for it."""

    who: str
    what: str
    entry: Path
    key: Path
    """Where it stands, or would stand."""
    stated: bool
    value: IPv4Address | None

    @property
    def path(self) -> Path:
        """Where a fault of it is reported: the value itself, or the unit that it follows from."""
        return self.key if self.stated else (*self.entry, "unit")


def _devices(draft: Draft) -> Iterator[tuple[Path, str, int, IPv4Address | None, IPv4Address | None]]:
    """Path, name, unit, stated management address and stated loopback of each server and switch."""
    for name, server in draft.servers.items():
        yield ("servers", name), name, server.unit, server.address, server.loopback4
    for name, switch in draft.switches.items():
        yield ("switches", name), name, switch.unit, switch.address, switch.loopback4


def _managements(draft: Draft) -> Iterator[_Number]:
    """All addresses in the out-of-band network."""
    oob = draft.oob
    if not oob:
        return
    for path, name, unit, address, _ in _devices(draft):
        value = address or nth(oob.prefix, MGMT_OFFSET + unit)
        yield _Number(name, "management address", path, (*path, "address"), address is not None, value)
    for name, server in draft.servers.items():
        entry: Path = ("servers", name)
        value = server.bmc.address or nth(oob.prefix, BMC_OFFSET + server.unit)
        yield _Number(name, "BMC address", entry, (*entry, "bmc", "address"), server.bmc.address is not None, value)


def _loopbacks(draft: Draft) -> Iterator[_Number]:
    pools = draft.pools
    for path, name, unit, _, loopback in _devices(draft) if pools else ():
        value = loopback or (nth(pools.loopback4, unit) if pools else None)
        yield _Number(name, "loopback", path, (*path, "loopback4"), loopback is not None, value)


def address_pool(draft: Draft) -> Iterator[Problem]:
    """Pools have an address for each device that states none."""
    for numbers, pool in ((_managements, draft.oob and draft.oob.prefix), (_loopbacks, _loopback_pool(draft))):
        for number in numbers(draft):
            if number.value is None:
                hint = f"make {pool} larger, or state `{number.key[-1]}` of {number.who}"
                yield Problem(number.path, f"no {number.what} is left for this unit", hint)
    if draft.oob and nth(draft.oob.prefix, MANAGER_OFFSET) is None:
        path = ("networks", _oob_name(draft), "prefix")
        yield Problem(path, "the prefix has no address for the manager", f"it takes number {MANAGER_OFFSET}")


def _loopback_pool(draft: Draft) -> object:
    return draft.pools.loopback4 if draft.pools else None


def _oob_name(draft: Draft) -> str:
    return next(name for name, network in draft.networks.items() if network is draft.oob)


def address_outside(draft: Draft) -> Iterator[Problem]:
    """Stated addresses lie in their networks."""
    checks: tuple[tuple[Callable[[Draft], Iterator[_Number]], object, str], ...] = (
        (_managements, draft.oob and draft.oob.prefix, "the out-of-band network"),
        (_loopbacks, _loopback_pool(draft), "the loopback pool"),
    )
    for numbers, prefix, what in checks:
        for number in numbers(draft):
            if number.stated and number.value not in prefix:  # type: ignore[operator]
                yield Problem(number.key, f"the {number.what} is outside {what}", f"it is {prefix}")
            elif number.stated and number.value in (prefix.network_address, prefix.broadcast_address):  # type: ignore[attr-defined]
                yield Problem(number.key, f"the {number.what} is no host address", f"{what} is {prefix}")


def _fixed(draft: Draft) -> dict[IPv4Address, str]:
    """Addresses that are taken by the rack itself."""
    found: dict[IPv4Address, str] = {}
    if draft.oob:
        manager = nth(draft.oob.prefix, MANAGER_OFFSET)
        found |= {manager: f"the {MANAGER}"} if manager else {}
        found |= {draft.oob.gateway: "the gateway"} if draft.oob.gateway else {}
    if draft.pools:
        found[manager_loopback(draft.pools.loopback4)] = f"the {MANAGER}"
        stated = draft.cloud.api_address4 if draft.cloud else None
        found[stated or default_api(draft.pools.loopback4)] = "the API"
    return found


def address_twice(draft: Draft) -> Iterator[Problem]:
    """No address is used twice."""
    seen = _fixed(draft)
    numbers = [*_managements(draft), *_loopbacks(draft)]
    for number in sorted(numbers, key=lambda number: not number.stated):
        if number.value is None:
            continue
        if number.value in seen:
            how = "" if number.stated else " that follows from this unit"
            message = f"the {number.what}{how} is used twice"
            hint = f"{seen[number.value]} has {number.value} already"
            if not number.stated:
                hint += f"; state `{number.key[-1]}` of one of them"
            yield Problem(number.path, message, hint)
        seen.setdefault(number.value, f"{number.who} ({number.what})")


def _asns(draft: Draft) -> Iterator[tuple[str, Path, bool, int | None]]:
    """Name, path, whether it is stated, and value of each AS number."""
    for section in ("servers", "switches"):
        for name, device in getattr(draft, section).items():
            value = device.asn
            if value is not None:
                yield name, (section, name, "asn"), True, value
            elif draft.pools:
                yield name, (section, name, "unit"), False, nth_asn(draft.pools.asn, device.unit)


def asn_pool(draft: Draft) -> Iterator[Problem]:
    """The range of AS numbers has one for each device that states none."""
    for name, path, _, value in _asns(draft):
        if value is None and draft.pools:
            first, last = draft.pools.asn
            hint = f"make {first}-{last} larger (the last one is the {MANAGER}'s), or state `asn` of {name}"
            yield Problem(path, "no AS number is left for this unit", hint)


def asn_twice(draft: Draft) -> Iterator[Problem]:
    """No AS number is used twice."""
    seen = {draft.pools.asn[1]: f"the {MANAGER}"} if draft.pools else {}
    for name, path, stated, value in sorted(_asns(draft), key=lambda number: not number[2]):
        if value is None:
            continue
        if value in seen:
            how = "" if stated else " that follows from this unit"
            yield Problem(path, f"the AS number{how} is used twice", f"{seen[value]} has {value} already")
        seen.setdefault(value, name)


def api_address(draft: Draft) -> Iterator[Problem]:
    """The API's address is a /32 of its own and not one of a bridged network."""
    address = draft.cloud.api_address4 if draft.cloud else None
    for name, network in draft.networks.items():
        if address and address in network.prefix:
            hint = f"it is announced by BGP as a /32; {name} is {network.prefix}"
            yield Problem(("cloud", "api_address4"), "the API's address is inside a bridged network", hint)
