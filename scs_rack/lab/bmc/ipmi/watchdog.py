"""IPMI: the watchdog that acts on a server which stopped feeding it (chapter 27)."""

import asyncio
from dataclasses import dataclass

from scs_rack.lab.bmc.ipmi.commands import APP, INVALID_FIELD, OK, OPERATOR, Call, command
from scs_rack.lab.bmc.machine import Action, Machine

NOT_INITIALIZED = b"\x80"
_ACTIONS: dict[int, Action] = {1: "reset", 2: "off", 3: "cycle"}
_STAYS = 0x40
_RUNS = 0x40


@dataclass
class Watchdog:
    """The timer of one server."""

    machine: Machine
    use: int = 4
    """What it watches; 4 is the operating system."""
    action: int = 0
    pretimeout: int = 0
    expired: int = 0
    """Flags of the uses whose timer ran out."""
    initial: int = 0
    """Tenths of a second."""
    timer: asyncio.TimerHandle | None = None
    ready: bool = False

    def start(self) -> None:
        """Begin to count."""
        self.stop()
        self.timer = asyncio.get_running_loop().call_later(self.initial / 10, self._bite)

    def stop(self) -> None:
        """Stop counting."""
        if self.timer:
            self.timer.cancel()
            self.timer = None

    @property
    def left(self) -> int:
        """Tenths of a second until it acts."""
        if self.timer is None:
            return self.initial
        return max(0, round((self.timer.when() - asyncio.get_running_loop().time()) * 10))

    def _bite(self) -> None:
        self.timer = None
        self.expired |= 1 << (self.use & 0x07)
        action = _ACTIONS.get(self.action & 0x07)
        self.machine.log.add(0x23, 0x63, bytes([self.action & 0x07]), "The watchdog's time ran out", "Warning")
        if action:
            self.machine.act(action, "the watchdog")


@command(APP, 0x22, privilege=OPERATOR)
def _reset(call: Call) -> bytes:
    """27.5: starts it."""
    if not call.server.watchdog.ready:
        return NOT_INITIALIZED
    call.server.watchdog.start()
    return OK


@command(APP, 0x24, privilege=OPERATOR, length=6)
def _set(call: Call) -> bytes:
    """27.6."""
    dog, data = call.server.watchdog, call.data
    if data[1] & 0x07 > 3:
        return INVALID_FIELD
    if call.machine.lies:
        return OK
    running = dog.timer is not None and bool(data[0] & _STAYS)
    dog.stop()
    dog.use, dog.action, dog.pretimeout = data[0] & 0x87, data[1], data[2]
    dog.expired &= ~data[3]
    dog.initial, dog.ready = int.from_bytes(data[4:6], "little"), True
    if running:
        dog.start()
    return OK


@command(APP, 0x25)
def _get(call: Call) -> bytes:
    """27.7."""
    dog = call.server.watchdog
    use = dog.use | (_RUNS if dog.timer else 0)
    times = dog.initial.to_bytes(2, "little") + dog.left.to_bytes(2, "little")
    return OK + bytes([use, dog.action, dog.pretimeout, dog.expired]) + times
