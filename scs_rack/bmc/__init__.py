"""BMCs over IPMI 2.0 and Redfish behind one interface, many at once.

`Fleet.open()` gives a fleet, `fleet.run(targets, work)` does the same work on all BMCs, `actions.act` and the
functions of `settings` are work that observes what it did.
"""

from scs_rack.bmc.actions import Action, act
from scs_rack.bmc.errors import BmcError
from scs_rack.bmc.fleet import Fleet, Outcome
from scs_rack.bmc.settings import boot_once
from scs_rack.bmc.targets import targets
from scs_rack.bmc.types import Bmc, BootDevice, BootOverride, Identity, Macs, Power, Target, TimeLimits

__all__ = [
    "Action",
    "Bmc",
    "BmcError",
    "BootDevice",
    "BootOverride",
    "Fleet",
    "Identity",
    "Macs",
    "Outcome",
    "Power",
    "Target",
    "TimeLimits",
    "act",
    "boot_once",
    "targets",
]
