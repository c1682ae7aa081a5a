"""`config`: the tree of its commands."""

import os
import sys
from typing import NoReturn

from scs_rack.lab.switch.device import (
    config_files,
    config_interface,
    config_portchannel,
    config_system,
    config_updates,
    config_vlan,
)
from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.cmdtree import HELP, Group, Runner


def tree() -> Group:
    """All commands of `config` that a lab switch offers."""
    config = Group("config", "SONiC command line - 'config' command")
    for part in (config_files, config_updates, config_interface, config_portchannel, config_system, config_vlan):
        part.register(config)
    return config


def main() -> NoReturn:
    """Run `config`; only root may, but anybody may ask for help."""
    words = sys.argv[1:]
    if os.geteuid() != 0 and words and not any(word in HELP for word in words):
        print("Root privileges are required for this operation", file=sys.stderr)
        raise SystemExit(1)
    Runner(tree(), click=releases.click_major(releases.number())).main(words)
