"""Ask every device what it draws now: servers by their BMCs, switches by their power supplies, shelves by Redfish."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from scs_rack.bmc import Bmc, Fleet, Target
from scs_rack.bmc.facts import Power, PowerDraw
from scs_rack.bmc.redfish.driver import RedfishBmc
from scs_rack.bmc.redfish.equipment import ShelfReading, shelf_reading
from scs_rack.design import Design
from scs_rack.errors import ScsRackError, UsageError
from scs_rack.model.portmap import load_portmap
from scs_rack.sonic.transport import Switch

Kind = Literal["server", "switch", "shelf"]
PSU = (
    "for key in $(sonic-db-cli STATE_DB KEYS 'PSU_INFO|*' | tr ' ' '~'); do "
    "sonic-db-cli STATE_DB HGET \"$(echo \"$key\" | tr '~' ' ')\" power; done"
)
"""Prints the watts that each power supply of a switch delivers (STATE_DB, written by SONiC's psud)."""


@dataclass(frozen=True)
class Reading:
    """What a device draws."""

    device: str
    kind: Kind
    watts: float | None
    """None where it does not say."""
    source: str
    """Where the figure is from; `planned` for one that nobody measured."""
    energy_kwh: float | None = None
    """Counter of the device itself, where it has one."""
    error: str = ""

    @property
    def measured(self) -> bool:
        """True if the device told it."""
        return self.watts is not None and self.source != "planned"


async def _server(bmc: Bmc) -> PowerDraw:
    """Draw of a server. One that is off and tells no reading draws what nobody knows, but little: it counts as 0."""
    found = await bmc.power_draw()
    if found.watts is None and await bmc.power_state() is Power.OFF:
        return PowerDraw(0.0, source="off")
    return found


async def of_servers(fleet: Fleet, targets: Iterable[Target]) -> AsyncIterator[Reading]:
    """Readings of servers, as they come."""
    async for outcome in fleet.run(targets, _server):
        name = outcome.target.name
        if outcome.value is None:
            yield Reading(name, "server", None, "", error=outcome.error.message if outcome.error else "no answer")
        else:
            yield Reading(name, "server", outcome.value.watts, outcome.value.source)


async def of_shelves(fleet: Fleet, targets: Iterable[Target]) -> AsyncIterator[Reading]:
    """Readings of power shelves, as they come."""

    async def look(bmc: Bmc) -> ShelfReading:
        if not isinstance(bmc, RedfishBmc):
            raise UsageError(f"{bmc.target.name}: shelves are asked over Redfish")
        return await shelf_reading(bmc.tree)

    async for outcome in fleet.run(targets, look):
        name, value = outcome.target.name, outcome.value
        if value is None:
            yield Reading(name, "shelf", None, "", error=outcome.error.message if outcome.error else "no answer")
        else:
            yield Reading(name, "shelf", value.watts, "PowerEquipment", value.kwh)


def of_switch(switch: Switch) -> Reading:
    """Reading of a switch: the sum of its power supplies, else the figure of its model, which is marked as planned."""
    design = switch.ctx.design
    stated = design.rack.switches[switch.name].power_w
    planned = float(stated or load_portmap(design.switches[switch.name].model).power_w)
    try:
        reply = switch.run(PSU)
    except ScsRackError as error:
        return Reading(switch.name, "switch", planned, "planned", error=error.message)
    watts = [float(line) for line in reply.out.split() if _is_number(line)]
    if not watts:
        return Reading(switch.name, "switch", planned, "planned")
    return Reading(switch.name, "switch", sum(watts), "PSU_INFO")


def shelf_targets(design: Design, secrets: Mapping[str, str]) -> list[Target]:
    """Controllers of the rack's shelves.

    Raises:
        UsageError: the password of one is not among the secrets.
    """
    found = []
    for name, shelf in design.rack.power.shelves.items():
        if f"bmc_{name}" not in secrets:
            raise UsageError(f"no secret bmc_{name}", f"store it: `scs-rack secrets set bmc_{name}`")
        found.append(
            Target(name, "redfish", shelf.address, shelf.user, secrets[f"bmc_{name}"], fingerprint=shelf.fingerprint)
        )
    return found


def _is_number(text: str) -> bool:
    try:
        return 0 <= float(text) < 100_000
    except ValueError:
        return False
