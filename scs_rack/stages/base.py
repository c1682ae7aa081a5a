"""What a stage is, and what it is given (see `scs_rack.engine.stage`)."""

from scs_rack.engine.stage import Context, Stage, Stop

__all__ = ["Context", "Stage", "Stop"]
