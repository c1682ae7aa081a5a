"""Starts machines again that asked for a reboot, as the lab does: nspawn ends with 133 then."""

import os
import subprocess
import threading
from typing import Self

from .machines import Machines

REBOOT = 133


class Reboots:
    """Watches machines while it is entered."""

    def __init__(self, machines: Machines) -> None:
        """Take the machines."""
        self.machines = machines
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        environment = os.environ | {
            "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        }
        while not self._ended.wait(0.2):
            for name, process in list(self.machines.running.items()):
                if process.poll() == REBOOT:
                    console = (self.machines.folder / name / "console").open("ab")
                    self.machines.running[name] = subprocess.Popen(
                        process.args, stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment,
                        start_new_session=True,
                    )  # fmt: skip
