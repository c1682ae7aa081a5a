"""Checks of addresses and AS numbers, stated and derived."""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

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
    """An address or AS number of a device."""

    who: str
    what: str
    key: Path
    """Where it stands, or would stand."""
    unit: int | None
    """The rack unit that it follows from; None when it is stated."""
    value: Any
    """None when the pool has none for the unit."""

    @property
    def path(self) -> Path:
        """Where a fault of it is reported: the value itself, or the unit that it follows from."""
        return self.key if self.unit is None else (*self.key[:2], "unit")


def _number(who: str, what: str, key: Path, *, stated: Any, unit: int, derived: Any) -> _Number:
    return _Number(who, what, key, None, stated) if stated is not None else _Number(who, what, key, unit, derived)


def _devices(draft: Draft) -> Iterator[tuple[str, str, Any]]:
    for section in ("servers", "switches"):
        for name, device in getattr(draft, section).items():
            yield section, name, device


def _managements(draft: Draft, prefix: IPv4Network) -> Iterator[_Number]:
    """All addresses of devices in the out-of-band network."""
    for section, name, device in _devices(draft):
        key, derived = (section, name, "address"), nth(prefix, MGMT_OFFSET + device.unit)
        yield _number(name, "management address", key, stated=device.address, unit=device.unit, derived=derived)
    for name, server in draft.servers.items():
        bmc, derived = ("servers", name, "bmc", "address"), nth(prefix, BMC_OFFSET + server.unit)
        yield _number(name, "BMC address", bmc, stated=server.bmc.address, unit=server.unit, derived=derived)


def _loopbacks(draft: Draft, prefix: IPv4Network) -> Iterator[_Number]:
    for section, name, device in _devices(draft):
        key, derived = (section, name, "loopback4"), nth(prefix, device.unit)
        yield _number(name, "loopback", key, stated=device.loopback4, unit=device.unit, derived=derived)


def loopback_users(draft: Draft) -> dict[IPv4Address, str]:
    """Who has which address of the loopback pool, and outside of it."""
    if not draft.pools:
        return {}
    users = {number.value: number.who for number in _loopbacks(draft, draft.pools.loopback4) if number.value}
    return {address: who for address, who in _fixed(draft).items() if address in draft.pools.loopback4} | users


def _asns(draft: Draft) -> Iterator[_Number]:
    for section, name, device in _devices(draft) if draft.pools else ():
        key, derived = (section, name, "asn"), nth_asn(draft.pools.asn, device.unit) if draft.pools else None
        yield _number(name, "AS number", key, stated=device.asn, unit=device.unit, derived=derived)


def device_asns(draft: Draft) -> dict[int, str]:
    """Who has which AS number."""
    users = {draft.pools.asn[1]: f"the {MANAGER}"} if draft.pools else {}
    return users | {number.value: number.who for number in _asns(draft) if number.value is not None}


def _groups(draft: Draft) -> Iterator[tuple[str, IPv4Network, list[_Number]]]:
    """Name, prefix and addresses of each pool."""
    if draft.oob:
        yield "the out-of-band network", draft.oob.prefix, list(_managements(draft, draft.oob.prefix))
    if draft.pools:
        yield "the loopback pool", draft.pools.loopback4, list(_loopbacks(draft, draft.pools.loopback4))


def address_pool(draft: Draft) -> Iterator[Problem]:
    """Pools have an address for each device that states none, and for the manager."""
    for _, prefix, numbers in _groups(draft):
        for number in numbers:
            if number.value is None:
                hint = f"make {prefix} larger, or state `{'.'.join(map(str, number.key[2:]))}` of {number.who}"
                yield Problem(number.path, f"no {number.what} is left for this unit", hint)
    for name, network in draft.networks.items():
        if network is draft.oob and nth(network.prefix, MANAGER_OFFSET) is None:
            hint = f"it takes number {MANAGER_OFFSET} of the prefix; make it larger"
            yield Problem(("networks", name, "prefix"), "no address is left for the manager", hint)


def address_outside(draft: Draft) -> Iterator[Problem]:
    """Stated addresses lie in their networks."""
    for what, prefix, numbers in _groups(draft):
        for number in numbers:
            if number.unit is not None:
                continue
            if number.value not in prefix:
                yield Problem(number.key, f"the {number.what} is outside {what}", f"it is {prefix}")
            elif number.value in (prefix.network_address, prefix.broadcast_address):
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
        if draft.cloud and draft.cloud.api_failover == "keepalived":
            found[default_api(draft.pools.loopback4)] = "the API"  # its IPv6 address has the same host part
    return found


def _twice(numbers: list[_Number], fixed: dict[Any, str]) -> Iterator[Problem]:
    """Numbers that are taken. Those that follow from one unit are not told: the unit itself is."""
    seen: dict[Any, tuple[str, int | None]] = {value: (who, None) for value, who in fixed.items()}
    for number in sorted(numbers, key=lambda number: number.unit is not None):
        if number.value is None:
            continue
        if number.value not in seen:
            seen[number.value] = (number.who, number.unit)
            continue
        who, unit = seen[number.value]
        if unit is not None and unit == number.unit:
            continue
        hint = f"{who} has {number.value} already"
        if number.unit is None:
            yield Problem(number.path, f"the {number.what} is used twice", hint)
        else:
            hint += f"; state `{'.'.join(map(str, number.key[2:]))}` of one of them"
            yield Problem(number.path, f"the {number.what} that follows from this unit is used twice", hint)


def address_twice(draft: Draft) -> Iterator[Problem]:
    """No address is used twice."""
    for _, prefix, numbers in _groups(draft):
        yield from _twice(numbers, {address: who for address, who in _fixed(draft).items() if address in prefix})


def asn_twice(draft: Draft) -> Iterator[Problem]:
    """No AS number is used twice."""
    yield from _twice(list(_asns(draft)), {draft.pools.asn[1]: f"the {MANAGER}"} if draft.pools else {})


def asn_pool(draft: Draft) -> Iterator[Problem]:
    """The range of AS numbers has one for each device that states none."""
    for number in _asns(draft):
        if number.value is None and draft.pools:
            first, last = draft.pools.asn
            hint = f"make {first}-{last} larger (the last one is the {MANAGER}'s), or state `asn` of {number.who}"
            yield Problem(number.path, "no AS number is left for this unit", hint)


def api_address(draft: Draft) -> Iterator[Problem]:
    """The API's address is a /32 of its own and not one of a bridged network."""
    address = draft.cloud.api_address4 if draft.cloud and draft.cloud.api_failover == "anycast" else None
    for name, network in draft.networks.items():
        if address and address in network.prefix:
            hint = f"it is announced by BGP as a /32; {name} is {network.prefix}"
            if network is draft.oob:
                hint += ". `api_failover: keepalived` is for an address there"
            yield Problem(("cloud", "api_address4"), "the API's address is inside a bridged network", hint)


def api_keepalived(draft: Draft) -> Iterator[Problem]:
    """With keepalived the API's address is a free one of the network that all controllers share."""
    cloud, path = draft.cloud, ("cloud", "api_failover")
    if cloud is None:
        return
    if cloud.api_failover == "anycast":
        if cloud.api_vrrp_id is not None:
            hint = "it is for `api_failover: keepalived`; leave it out"
            yield Problem(("cloud", "api_vrrp_id"), "a virtual router without keepalived", hint)
        return
    if draft.oob is None:
        return
    prefix, address = draft.oob.prefix, cloud.api_address4
    if address is None:
        hint = f"state `api_address4`, a free address of {prefix}: keepalived moves it between controllers there"
        yield Problem(path, "keepalived has no address to move", hint, "")
        return
    where = ("cloud", "api_address4")
    if address not in prefix or address in (prefix.network_address, prefix.broadcast_address):
        hint = f"controllers share the out-of-band network alone, {prefix}; take a free address of it"
        yield Problem(where, "keepalived can't move this address", hint)
    elif address in (draft.oob.gateway, nth(prefix, MANAGER_OFFSET)):
        owner = "the gateway" if address == draft.oob.gateway else f"the {MANAGER}"
        yield Problem(where, "the API's address is taken", f"{owner} has it; take a free one of {prefix}")
