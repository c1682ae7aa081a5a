"""Power feeds and budgets."""

from scs_rack.model.base import Strict, Watt


class Feed(Strict):
    """One power feed of the rack (a PDU or a busbar's shelf)."""

    capacity_w: Watt
    """What the feed can deliver for ever, in watts (after derating)."""
    inrush_w: Watt | None = None
    """What may be drawn for the seconds after power-on; the capacity when not stated."""


class Power(Strict):
    """All feeds of the rack, and what they may deliver together."""

    feeds: dict[str, Feed]
    """Power feeds by name. Each must carry the rack when another one is lost."""
    budget_w: Watt | None = None
    """Limit for the whole rack in watts; none when not stated."""
