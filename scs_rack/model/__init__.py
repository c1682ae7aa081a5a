"""The rack file as typed objects: what the operator states, once.

Nothing here is derived; what follows from a Rack is made by `scs_rack.design`.
"""

from scs_rack.model.cloud import CephOptions, CloudOptions, ConformanceOptions, ImageOptions, ScsSuiteOptions
from scs_rack.model.network import Network, Pools
from scs_rack.model.power import Feed, Power
from scs_rack.model.rack import AccessOptions, Cable, LabOptions, Manager, Rack
from scs_rack.model.server import Bmc, Disk, Nic, Server, ServerModel
from scs_rack.model.switch import Switch

__all__ = [
    "AccessOptions",
    "Bmc",
    "Cable",
    "CephOptions",
    "CloudOptions",
    "ConformanceOptions",
    "Disk",
    "Feed",
    "ImageOptions",
    "LabOptions",
    "Manager",
    "Network",
    "Nic",
    "Pools",
    "Power",
    "Rack",
    "ScsSuiteOptions",
    "Server",
    "ServerModel",
    "Switch",
]
