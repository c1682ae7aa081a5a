"""One exception class a kind of failure: a message, a hint, and the exit code of the command line."""


class ScsRackError(Exception):
    """Base of all failures that a person is told about.

    Args:
        message: what happened and where, without a trailing full stop.
        hint: how to mend it; the class's own when not given.
    """

    exit_code = 1
    hint = ""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint


class StageFailed(ScsRackError):
    """A stage or its gate failed."""


class UsageError(ScsRackError):
    """Wrong usage, or a rack file that can't be used."""

    exit_code = 2


class Unreachable(ScsRackError):
    """Devices don't answer."""

    exit_code = 3


class RackLocked(ScsRackError):
    """Another run holds the rack."""

    exit_code = 4


class NotConformant(ScsRackError):
    """The cloud is up, but conformance was not reached."""

    exit_code = 5


class Interrupted(ScsRackError):
    """Stopped by the operator; the run can be resumed."""

    exit_code = 130
