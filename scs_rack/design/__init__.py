"""What follows from a Rack by pure functions: no clock, no network, no randomness."""

from scs_rack.design.build import make_design
from scs_rack.design.types import Api, BmcDesign, Design, ManagerDesign, NodeDesign, PortUse, SwitchDesign

__all__ = [
    "Api",
    "BmcDesign",
    "Design",
    "ManagerDesign",
    "NodeDesign",
    "PortUse",
    "SwitchDesign",
    "make_design",
]
