"""scs-rack itself runs inside the manager's namespace of a lab, as it would run on a rack's manager machine."""

import os
from collections.abc import Sequence

from scs_rack.design import Design
from scs_rack.errors import UsageError
from scs_rack.lab import netns
from scs_rack.lab.layout import MANAGER, Lab


def entered(lab: Lab) -> bool:
    """True if this process is in the manager's namespace."""
    return netns.holds(lab.namespace(MANAGER), os.getpid())


def enter(design: Design, argv: Sequence[str] = ()) -> None:  # noqa: ARG001 (a re-execution would need it)
    """Move into the manager's network namespace when the rack is a lab; only the network changes, no file system.

    Call it before any thread is started: setns(2) moves the calling thread, and what it starts from then on.

    Raises:
        UsageError: the lab is not up, or the caller is not root.
    """
    if design.rack.lab is None:
        return
    lab = Lab(design.rack.name)
    if not netns.exists(lab.namespace(MANAGER)):
        raise UsageError(f"the lab {lab.name} is not up", "start it: `scs-rack lab up`")
    if entered(lab):
        return
    if os.geteuid() != 0:
        raise UsageError("only root can enter the lab", "run the command with sudo")
    netns.switch(netns.path(lab.namespace(MANAGER)))
