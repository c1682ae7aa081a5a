"""What a virtual BMC switches: a real node of the lab, or a variable in tests."""

import time
from typing import Protocol

from scs_rack.lab import nodes
from scs_rack.lab.bmc.config import BmcConfig


class PowerBackend(Protocol):
    """Power of one server. Calls may block for seconds; the BMC makes them in threads."""

    def power_state(self) -> bool:
        """True while the server runs, also while it shuts down."""
        ...

    def start(self) -> None:
        """Power on; does nothing on a running server."""
        ...

    def stop(self, *, hard: bool) -> None:
        """Power off: at once, or by asking the operating system; does nothing on a server that is off."""
        ...


class FakePower:
    """Power as a variable.

    Args:
        on: state to begin with.
        delay: seconds that each action takes.
    """

    def __init__(self, *, on: bool = False, delay: float = 0.0) -> None:
        self.on = on
        self.delay = delay
        self.actions: list[str] = []
        """What was really done, in order."""

    def power_state(self) -> bool:
        """True while on."""
        return self.on

    def start(self) -> None:
        """Power on."""
        time.sleep(self.delay)
        self.on = True
        self.actions.append("start")

    def stop(self, *, hard: bool) -> None:
        """Power off."""
        time.sleep(self.delay)
        self.on = False
        self.actions.append("kill" if hard else "shutdown")


class LabPower:
    """Power of a node of the lab."""

    def __init__(self, config: BmcConfig) -> None:
        self._lab = nodes.lab_of(config.rack_dir)
        self._server = config.server

    def power_state(self) -> bool:
        """True while the node's machine runs."""
        return nodes.power_state(self._lab, self._server)

    def start(self) -> None:
        """Start the node's machine."""
        nodes.start(self._lab, self._server)

    def stop(self, *, hard: bool) -> None:
        """Stop the node's machine."""
        nodes.stop(self._lab, self._server, hard=hard)


def backend_of(config: BmcConfig) -> PowerBackend:
    """The backend that the configuration asks for."""
    return FakePower() if config.power == "fake" else LabPower(config)
