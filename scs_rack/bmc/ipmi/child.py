"""A process for the deep functions of one BMC, by pyghmi: started as a script, it imports nothing else of ours.

pyghmi's sessions share locks that can dead-lock, and one of its waits can't be given a limit; in a process of its own
that costs one BMC one time limit. The order is one line of JSON on standard input, since the password must not be on a
command line; the answer is one line of JSON on standard output. A console's bytes follow the order and the answer.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from pyghmi.exceptions import IpmiException
from pyghmi.ipmi.command import Command
from pyghmi.ipmi.console import Console

_CHUNK = 4096


def _sensors(command: Command, _order: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "type": one.type,
            "value": None if one.unavailable else one.value,
            "units": one.units,
            "health": int(one.health),
            "states": [str(state) for state in one.states],
        }
        for one in command.get_sensor_data()
    ]


def _events(command: Command, _order: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = ("record_id", "timestamp", "event", "event_data", "severity", "component", "component_type", "deassertion")
    return [{key: one[key] for key in wanted if one.get(key) is not None} for one in command.get_event_log()]


def _inventory(command: Command, _order: dict[str, Any]) -> list[list[Any]]:
    return [[name, info] for name, info in command.get_inventory() if info]


WORK: dict[str, Callable[[Command, dict[str, Any]], Any]] = {
    "sensors": _sensors,
    "events": _events,
    "inventory": _inventory,
}


def _say(answer: dict[str, Any]) -> None:
    line = json.dumps(answer, default=str).encode() + b"\n"
    while line:
        line = line[os.write(1, line) :]


class _Terminal:
    """A console between this process's pipes."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.over = threading.Event()
        self.sol = Console(
            bmc=order["address"],
            port=order["port"],
            userid=order["user"],
            password=order["password"],
            iohandler=self._printed,
        )

    def run(self) -> None:
        """Until either end closes."""
        while not (self.sol.connected or self.sol.broken):
            Console.wait_for_rsp(0.1)
        if self.sol.broken:
            return
        _say({"ok": None})
        threading.Thread(target=self._typed, daemon=True).start()
        while not (self.over.is_set() or self.sol.broken):
            Console.wait_for_rsp(0.1)
        session = self.sol.ipmi_session
        self.sol.close()
        if session is not None:
            session.logout()

    def _typed(self) -> None:
        while data := os.read(0, _CHUNK):
            self.sol.send_data(data)
        self.over.set()

    def _printed(self, data: bytes | str | dict[str, Any]) -> None:
        if isinstance(data, dict):
            if "error" in data:
                os.write(2, str(data["error"]).encode()[:500])
                self.over.set()
            return
        raw = data if isinstance(data, bytes) else data.encode()
        while raw:
            raw = raw[os.write(1, raw) :]


def main() -> None:
    """Read an order, carry it out, and answer."""
    line = b""
    while not line.endswith(b"\n"):  # byte by byte: what a console types comes after it
        byte = os.read(0, 1)
        if not byte:
            return
        line += byte
    order = json.loads(line)
    try:
        if order["work"] == "console":
            _Terminal(order).run()
            return
        signal.alarm(int(order["limit"]) + 1)  # also where nobody is left to kill us
        command = Command(
            bmc=order["address"], port=order["port"], userid=order["user"], password=order["password"], keepalive=False
        )
        try:
            _say({"ok": WORK[order["work"]](command, order)})
        finally:
            command.ipmi_session.logout()
    except IpmiException as error:
        code = getattr(error, "ipmicode", 0)
        _say({"error": "refused" if code else "no answer", "code": code, "message": str(error)[:300]})
    except Exception as error:  # noqa: BLE001 (pyghmi raises anything when a BMC answers nonsense)
        _say({"error": "nonsense", "message": f"{type(error).__name__}: {str(error)[:300]}"})


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # pyghmi's own thread would hold the process
