"""What speaks against giving a switch a configuration, before anything is changed: models, own rules, the fabric.

The models are those of the switch itself, taken from it once and kept, or those of the folder in $SCS_RACK_YANG_MODELS.
What the models object to in rows of others that run already, the switch itself tells: it then takes a reload only.
"""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Lock

from scs_rack.design import Design
from scs_rack.errors import Unreachable
from scs_rack.paths import cache_root
from scs_rack.sonic.checks import own_faults
from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.links import fabric_faults, links_of
from scs_rack.sonic.transport import Switch, SwitchRefused
from scs_rack.sonic.validity import masked
from scs_rack.sonic.yang.models import BadModels, Judge, Models, NoJudge, take_from_switch

MODELS_FOLDER = "SCS_RACK_YANG_MODELS"
"""Environment variable with a folder of models, used in place of those of the switches."""

_taking = Lock()
_without: set[tuple[str, str]] = set()
"""Switches that were asked in vain, by rack and name: they are not asked again by this process."""


@cache
def _models(folder: str, kept: Path) -> Models:  # noqa: ARG001 (models of another cache are others)
    return Models(Path(folder).expanduser() if folder else None)


def models_at_hand() -> Models:
    """The models of the folder that the environment names, else those in the cache.

    Raises:
        UsageError: there are none in the folder.
    """
    return _models(os.environ.get(MODELS_FOLDER, ""), cache_root())


def judge_of(switch: Switch) -> Judge | None:
    """Judge by the models of a switch; None where there are none, or libyang is missing.

    Raises:
        SwitchUnreachable: it does not answer.
        UsageError: there are none in the folder that the environment names.
    """
    release = switch.ctx.design.switches[switch.name].release
    with _taking:
        try:
            known = models_at_hand().judge(release)
            if known or os.environ.get(MODELS_FOLDER) or _asked(switch) in _without:
                return known
            take_from_switch(switch.ask, release)
            return models_at_hand().judge(release)
        except Unreachable:
            raise
        except (BadModels, NoJudge, SwitchRefused):
            _without.add(_asked(switch))
            return None


def _asked(switch: Switch) -> tuple[str, str]:
    return switch.ctx.design.rack.name, switch.name


def objections(switch: Switch, running: TablesLike, goal: TablesLike, wanted: TablesLike) -> list[Fault]:
    """Errors that a switch would have with a configuration; they tell no secret.

    Args:
        switch: the switch; its models judge.
        running: its CONFIG_DB.
        goal: what it would have.
        wanted: what of that is ours.

    Raises:
        SwitchUnreachable: it does not answer.
    """
    judge = judge_of(switch)
    by_models = _by_models(judge, goal)
    if by_models and running:  # what is left of others blocks changes on the switch, which says so: not ours to refuse
        left = _by_models(judge, running)
        by_models = [one for one in by_models if one not in left or one.key in wanted.get(one.table, {})]
    told = {(fault.table, fault.key) for fault in by_models}
    own = [fault for fault in own_faults(goal) if fault.severity == "error"]
    found = [*by_models, *(one for one in own if not (one.models_tell and (one.table, one.key) in told))]
    return [masked(fault) for fault in found]


def _by_models(judge: Judge | None, tables: TablesLike) -> list[Fault]:
    return [fault for fault in judge.judge(tables) if fault.kind != "unknown-table"] if judge else []


def fabric_objections(design: Design, goals: Mapping[str, TablesLike]) -> list[str]:
    """Errors between the switches of a rack, one line each, once these have their goals and the others what is planned.

    Args:
        design: the rack's design.
        goals: whole CONFIG_DB of switches by name.
    """
    configs = {name: goals.get(name) or config_db(design, name) for name in design.switches}
    found = fabric_faults(configs, links_of(design))
    return [f"{name} {fault}" for name, fault in found if fault.severity == "error" and name in configs]
