"""Switches of the rack; what ports a model has stands in `scs_rack.model.portmap`."""

import ipaddress
from typing import Literal

from pydantic import Field

from scs_rack.model.base import Asn, Mac, Strict, Watt
from scs_rack.model.layer2 import Lag, LagName, SwitchPort
from scs_rack.model.switching import Switching


class Switch(Strict):
    """One switch that runs SONiC."""

    model: str
    """Name of a port map that scs-rack knows (`scs-rack switch models` lists them)."""
    role: Literal["leaf", "spine", "oob"]
    """`leaf`: servers' uplinks. `spine`: joins leaves. `oob`: the out-of-band network."""
    unit: int = Field(ge=1)
    """Rack unit, counted from below; addresses and numbers follow from it."""
    release: Literal["202411", "202505", "202511", "202605", "master"] = "202505"
    """SONiC release on the switch; it decides the spelling of CONFIG_DB. `master` is what comes after 202605."""
    feeds: list[str] = Field(default_factory=list)
    """Power feeds that it is plugged into; they share its draw."""
    serial: str | None = None
    """Serial number, as on its label."""
    power_w: Watt | None = None
    """Highest draw in watts; the port map's planning figure when not stated."""
    mac: Mac | None = None
    """Base MAC address, as on its label."""
    breakouts: dict[str, str] = Field(default_factory=dict)
    """Breakout of a port by its name, e.g. `Ethernet48: 4x25G`."""
    address: ipaddress.IPv4Address | None = None
    """Management address; from the out-of-band pool when not stated."""
    loopback4: ipaddress.IPv4Address | None = None
    """Loopback; from the pool when not stated."""
    asn: Asn | None = None
    """Autonomous system number; from the pool when not stated."""
    switching: Switching | None = None
    """Options of this switch that differ from those of the rack."""
    ports: dict[str, SwitchPort] = Field(default_factory=dict)
    """What differs from the usual on single ports, by name."""
    lags: dict[LagName, Lag] = Field(default_factory=dict)
    """Ports that act as one, by name."""
