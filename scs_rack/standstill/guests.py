"""Guests of all customers: shut down with grace and remembered; those remembered are started again.

OpenStack API reference, Compute: server actions `os-stop` (of servers ACTIVE or ERROR; the operating system is asked,
and cut after the guest's own `os_shutdown_timeout`, else Nova's `shutdown_timeout`) and `os-start`.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from scs_rack.days.tools import Tools
from scs_rack.standstill.record import Guest

AT_ONCE = 8
PAUSE = 3.0
QUIET = frozenset({"SHUTOFF", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED", "DELETED", "SOFT_DELETED", "ERROR"})
"""States in which nothing runs that could be lost; what `ERROR` hides is asked of the hosts."""
PASSING = frozenset({"BUILD", "REBOOT", "HARD_REBOOT", "MIGRATING", "REBUILD", "RESIZE", "REVERT_RESIZE", "PASSWORD"})
"""States that end by themselves."""
WAY_OUT = {
    "PAUSED": "`openstack server unpause` or `suspend` it",
    "RESCUE": "`openstack server unrescue` it",
    "VERIFY_RESIZE": "`openstack server resize confirm` or `resize revert` it",
}


@dataclass(frozen=True)
class Row:
    """A guest as Nova lists it."""

    guest: Guest
    status: str
    task: str


def rows(compute: Any) -> list[Row]:
    """All guests of all customers."""
    return [
        Row(
            Guest(str(one.id), str(one.name), str(one.compute_host or "").partition(".")[0]),
            str(one.status),
            str(one.task_state or ""),
        )
        for one in compute.servers(details=True, all_projects=True)
    ]


def running(listed: Iterable[Row]) -> list[Guest]:
    """Guests to shut down."""
    return [one.guest for one in listed if one.status == "ACTIVE"]


def obstacles(listed: Iterable[Row]) -> dict[str, str]:
    """Guests that can't be shut down as they are, and the way out, by their name and id."""
    found = {}
    for one in listed:
        if one.status not in QUIET | PASSING | {"ACTIVE"}:
            way = WAY_OUT.get(one.status, "bring it to ACTIVE or SHUTOFF")
            found[f"{one.guest.name} ({one.guest.id}) is {one.status}"] = way
    return found


def passing(listed: Iterable[Row]) -> list[str]:
    """Guests with something under way that ends by itself."""
    return [
        f"{one.guest.name}: {one.task or one.status}"
        for one in listed
        if one.status in PASSING or (one.task and one.status == "ACTIVE" and one.task != "powering-off")
    ]


def each(order: Callable[[Guest], None], guests: Sequence[Guest]) -> dict[str, str]:
    """Give an order for each guest, some at a time; errors by guest's ID: names may be the same."""

    def one(guest: Guest) -> tuple[str, str]:
        try:
            order(guest)
        except Exception as error:  # noqa: BLE001 (an SDK raises anything; one guest's trouble is not another's)
            return guest.id, f"{type(error).__name__}: {error}"[:200]
        return guest.id, ""

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return {key: why for key, why in pool.map(one, guests) if why}


def settle(tools: Tools, guests: Sequence[Guest], wanted: str, seconds: float) -> dict[str, str]:
    """Wait until guests are in a state, or `seconds` are over, or the operator wants to stop; progress is told.

    Returns:
        State of each that did not get there, by ID; one that is gone is `deleted`.
    """
    deadline, told = time.monotonic() + seconds, -1
    while True:
        states = {one.guest.id: one.status for one in rows(tools.connection.compute)}
        left = {one.id: states.get(one.id, "deleted") for one in guests if states.get(one.id) != wanted}
        there = len(guests) - len(left)
        if there != told:
            tools.say("cloud", f"{there} of {len(guests)} guests are {wanted}")
            told = there
        going = [state for state in left.values() if state not in ("deleted", "ERROR")]
        if not going or time.monotonic() > deadline or tools.pause(PAUSE):
            return left
