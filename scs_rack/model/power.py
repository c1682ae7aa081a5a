"""Power feeds, shelves and budgets, and what their energy costs the climate."""

import ipaddress

from pydantic import Field

from scs_rack.model.base import Fingerprint, HostName, Strict, Watt


class Feed(Strict):
    """One power feed of the rack (a PDU or a busbar's shelf)."""

    capacity_w: Watt
    """What the feed can deliver for ever, in watts (after derating)."""
    inrush_w: Watt | None = None
    """What may be drawn for the seconds after power-on; the capacity when not stated."""
    pue: float | None = Field(default=None, ge=1, le=5)
    """Power usage effectiveness of the room behind it: energy of the whole room for each kWh of its devices."""


class Shelf(Strict):
    """A power shelf with a controller of its own (Open Rack V3), which speaks Redfish (PowerEquipment)."""

    address: ipaddress.IPv4Address
    """Address of its controller in the out-of-band network."""
    feeds: list[str] = Field(default_factory=list)
    """Feeds that it supplies."""
    user: str = "admin"
    """Account that scs-rack logs in with; its password is a secret of the rack."""
    fingerprint: Fingerprint | None = None
    """SHA-256 fingerprint (hex) that its certificate is pinned by; verified by the rack's CA when not stated."""


class Power(Strict):
    """All feeds of the rack, and what they may deliver together."""

    feeds: dict[str, Feed]
    """Power feeds by name. Each must carry the rack when another one is lost."""
    budget_w: Watt | None = None
    """Limit for the whole rack in watts; none when not stated."""
    shelves: dict[HostName, Shelf] = Field(default_factory=dict)
    """Power shelves by name."""
    co2e_g_per_kwh: float | None = Field(default=None, ge=0, le=5000)
    """Emissions of the electricity in grams of CO2 equivalent per kWh; without it none are reckoned."""
