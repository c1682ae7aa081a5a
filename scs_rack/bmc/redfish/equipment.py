"""Power shelves: PowerEquipment and what its PowerDistributions measure (DSP2046, PowerDistributionMetrics)."""

from dataclasses import dataclass

from scs_rack.bmc.errors import NotSupported
from scs_rack.bmc.redfish.read import link, number
from scs_rack.bmc.redfish.tree import ROOT, Tree


@dataclass(frozen=True)
class ShelfReading:
    """What a shelf, or all shelves of one controller, take from the mains."""

    watts: float | None
    kwh: float | None
    """Counter of energy since its last reset."""


async def shelf_reading(tree: Tree) -> ShelfReading:
    """Sum over all shelves of a controller.

    Raises:
        NotSupported: the service has no power shelf.
    """
    equipment = await tree.optional(link(await tree.get(ROOT), "PowerEquipment"))
    watts: list[float] = []
    energy: list[float] = []
    found = False
    async for _, shelf in tree.members(link(equipment, "PowerShelves")):
        found = True
        metrics = await tree.optional(link(shelf, "Metrics"))
        for values, field in ((watts, "PowerWatts"), (energy, "EnergykWh")):
            value = number(metrics, field, "Reading")
            if value is not None:
                values.append(value)
    if not found:
        raise NotSupported(f"{tree.where}: it manages no power shelf")
    return ShelfReading(sum(watts) if watts else None, sum(energy) if energy else None)
