"""Called when a machine ended by itself: `python -m scs_rack.lab.exited LAB MACHINE CODE`.

A machine that asked to be rebooted is started again; one that powered off leaves its ports without carrier.
"""

import sys

from scs_rack.lab import nodes
from scs_rack.lab.layout import Lab


def exited(lab: Lab, name: str, code: int) -> None:
    """Follow up on a machine's end, unless somebody else did meanwhile."""
    with lab.locked(name):
        if nodes.power_state(lab, name) or not (lab.folder(name) / "machine.json").is_file():
            return
        if code == nodes.REBOOT:
            nodes.start_locked(lab, name)
        else:
            nodes.after_stop(lab, name)


if __name__ == "__main__":
    exited(Lab(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
