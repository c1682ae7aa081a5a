"""The file of a port map, `switch_models/<model>.yml`: groups of equal cages, each in a few lines.

`lanes` names the SerDes lanes behind each cage in the order of the cages: `73-76` is one cage of four lanes, `1*24`
is 24 cages of a lane each, `0-3*32` is 32 cages of four, and `0-3*64+8` is 64 cages of four lanes whose first lanes lie
eight apart. The first port of a group is Ethernet<first>; each next one follows by the number of lanes of the one
before, as SONiC counts, or by `step` on models where it counts otherwise.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, Field, ValidationError

from scs_rack.errors import UsageError
from scs_rack.model.base import Speed, Strict
from scs_rack.model.portmap import BadBreakout, Port, PortMap, parse_breakout

_CAGES = re.compile(r"(?P<first>\d+)(-(?P<last>\d+))?(\*(?P<count>[1-9]\d*)(\+(?P<step>[1-9]\d*))?)?")


class BadPortMap(UsageError):
    """The file of a port map is wrong."""


def _lanes(text: str) -> str:
    for item in str(text).split():
        if not _CAGES.fullmatch(item):
            raise ValueError(f"{item} is not a cage; write e.g. 5, 73-76, 0-3*32 or 0-3*64+8")
    return text


def _mode(text: str) -> str:
    try:
        parse_breakout(text)
    except BadBreakout as error:
        raise ValueError(error.message) from error
    return text


class _Group(Strict):
    """Cages of the same kind, side by side."""

    first: int = Field(ge=0)
    """Number of the first port: 48 for Ethernet48."""
    step: int | None = Field(default=None, ge=1)
    """How far the numbers of two ports lie apart; the number of lanes when not stated."""
    cage: int = Field(ge=0)
    """Number of the first cage on the front panel."""
    index: int | None = Field(default=None, ge=0)
    """SONiC's index of the first port; the number of its cage when not stated."""
    alias: str
    """Alias: a text with {cage}, or with {port} for the port's own number."""
    child_alias: str = Port.child_alias
    """Alias of a child: a text with {alias}, and {number} from 1 or {letter} from a."""
    speed: Speed
    speeds: list[Speed] = Field(default_factory=list, validate_default=False)
    """All speeds, the usual one first."""
    autoneg: bool = False
    breakouts: list[Annotated[str, AfterValidator(_mode)]] = Field(default_factory=list)
    """What else the port can be, e.g. 4x25G[10G]; what an operator wants most often first."""
    lanes: Annotated[str, AfterValidator(_lanes)]
    """Lanes of each cage."""


class _File(Strict):
    """A switch model."""

    summary: str
    sku: str
    platform: str
    platform_json: bool = False
    vendor: str
    units: int = Field(ge=1)
    power_w: int = Field(ge=1)
    ports: list[_Group] = Field(min_length=1)


def _cages(text: str) -> list[tuple[int, ...]]:
    cages = []
    for item in text.split():
        found = _CAGES.fullmatch(item)
        assert found  # the type has seen to it
        first, last = int(found["first"]), int(found["last"] or found["first"])
        width = last - first + 1
        step = int(found["step"] or width)
        cages += [tuple(range(first + n * step, first + n * step + width)) for n in range(int(found["count"] or 1))]
    return cages


def _ports(group: _Group) -> list[Port]:
    number = group.first
    index = group.cage if group.index is None else group.index
    common = Port(
        name="",
        lanes=(),
        alias="",
        index=0,
        speed=group.speed,
        speeds=tuple(group.speeds or [group.speed]),
        breakouts=tuple(parse_breakout(mode) for mode in group.breakouts),
        autoneg="on" if group.autoneg else "off",
        child_alias=group.child_alias,
    )
    ports = []
    for offset, lanes in enumerate(_cages(group.lanes)):
        alias = group.alias.format(cage=group.cage + offset, port=number)
        ports.append(replace(common, name=f"Ethernet{number}", lanes=lanes, alias=alias, index=index + offset))
        number += group.step or len(lanes)
    return ports


def read_portmap(path: Path) -> PortMap:
    """Read the file of a port map; its name is the model's.

    Raises:
        BadPortMap: the file says something else than a port map; all faults at once.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        data = _File.model_validate(yaml.load(path.read_text(encoding="utf-8"), loader))  # noqa: S506 (a safe loader)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadPortMap(f"{path}: {'; '.join(faults)}", "docs/portmaps.md tells how such a file looks") from error
    except (OSError, yaml.YAMLError) as error:
        raise BadPortMap(f"{path}: {error}") from error
    return PortMap(
        model=path.stem,
        sku=data.sku,
        platform=data.platform,
        vendor=data.vendor,
        units=data.units,
        power_w=data.power_w,
        summary=data.summary,
        platform_json=data.platform_json,
        ports={port.name: port for group in data.ports for port in _ports(group)},
    )
