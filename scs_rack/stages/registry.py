"""All stages, in the order in which people read them."""

import importlib
from dataclasses import replace
from typing import Any, cast

from scs_rack.design import Design
from scs_rack.engine.stage import Stage
from scs_rack.stages.provision import ProvisionStage, needed

_STAGES = (
    ("scs_rack.stages.bmc", "BmcStage"),
    ("scs_rack.stages.switches", "SwitchesStage"),
    ("scs_rack.stages.host_base", "BaseStage"),
    ("scs_rack.stages.ceph", "CephStage"),
    ("scs_rack.stages.platform", "PlatformStage"),
    ("scs_rack.stages.cloud", "CloudStage"),
    ("scs_rack.stages.resources", "ResourcesStage"),
    ("scs_rack.stages.conformance", "ConformanceStage"),
)


def stages(design: Design) -> list[Stage]:
    """One object of each stage that a rack needs; their modules are imported only now.

    `provision` stands before `base`, and only where servers are installed by us.
    """
    found: list[Any] = [getattr(importlib.import_module(module), name)() for module, name in _STAGES]
    if needed(design):
        found = [replace(one, needs=(*one.needs, "provision")) if one.name == "base" else one for one in found]
        found.insert(1, ProvisionStage())
    return cast("list[Stage]", found)
