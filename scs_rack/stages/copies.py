"""How far Ceph is with the copies of its data, as `ceph status` tells it."""

from typing import Any


def left(status: dict[str, Any]) -> float:
    """Share of objects that lack a copy or lie at the wrong place; falls while Ceph is at work."""
    return float(status["pgmap"].get("misplaced_ratio", 0.0)) + float(status["pgmap"].get("degraded_ratio", 0.0))


def is_clean(state: str) -> bool:
    """True if a placement group's state means that all copies are there; scrubbing does no harm."""
    parts = set(state.split("+"))
    return {"active", "clean"} <= parts <= {"active", "clean", "scrubbing", "deep", "snaptrim", "snaptrim_wait"}
