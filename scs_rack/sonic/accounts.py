"""Bring accounts and keys to switches over SSH, and see that they are there; the script of `host` tells it all."""

from collections.abc import Iterable

from scs_rack.errors import ScsRackError
from scs_rack.sonic.host import host_script
from scs_rack.sonic.transport import Switch, SwitchRefused, on_all

COMMAND = "sudo -n sh -s"
CHECK = f"{COMMAND} check"
TIMEOUT = 120.0
"""Seconds for one run of the script."""


def bring(switch: Switch) -> list[str]:
    """Make accounts and keys of a switch as the rack file states them; returns what was changed, a line each.

    Raises:
        SwitchUnreachable, SwitchRefused: it could not be done, or was not as wanted afterwards.
    """
    script = host_script(switch.ctx.design, switch.name)
    if script is None:
        return []
    with switch.locked():
        changed = switch.ask(COMMAND, stdin=script, timeout=TIMEOUT).splitlines()
        left = switch.ask(COMMAND, stdin=script, timeout=TIMEOUT).splitlines() if changed else []
    if left:
        raise SwitchRefused(f"{switch.name}: was set and is not so: {'; '.join(left)}", "look at the switch itself")
    return changed


def foresee(switch: Switch) -> list[str]:
    """What `bring` would change, a line each; changes nothing.

    Raises:
        SwitchUnreachable, SwitchRefused: the switch can't be asked.
    """
    script = host_script(switch.ctx.design, switch.name)
    return [] if script is None else switch.ask(CHECK, stdin=script, timeout=TIMEOUT).splitlines()


def bring_all(targets: Iterable[Switch]) -> dict[str, list[str] | ScsRackError]:
    """The same for many switches at the same time: what was changed on each, or why it could not be done."""
    return on_all(targets, bring)
