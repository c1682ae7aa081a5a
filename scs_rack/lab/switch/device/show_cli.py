"""`show`: the tree of its commands."""

import sys
from typing import NoReturn

from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device import show_interfaces, show_neighbours, show_system
from scs_rack.lab.switch.device.cmdtree import Group, Runner


def tree() -> Group:
    """All commands of `show` that a lab switch offers."""
    show = Group("show", "SONiC command line - 'show' command")
    for part in (show_interfaces, show_neighbours, show_system):
        part.register(show)
    return show


def main() -> NoReturn:
    """Run `show`."""
    Runner(tree(), click=releases.click_major(releases.number())).main(sys.argv[1:])
