"""All stages, in the order in which people read them."""

import importlib
from typing import cast

from scs_rack.engine.stage import Stage

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


def stages() -> list[Stage]:
    """One object of each stage; their modules are imported only now."""
    return [cast("Stage", getattr(importlib.import_module(module), name)()) for module, name in _STAGES]
