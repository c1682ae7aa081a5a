"""One link to one manager node: ansible-runner's transmit, worker and process, with SSH between them."""

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import ansible_runner

from scs_rack.model.site_file import Member
from scs_rack.sites.stream import Heard
from scs_rack.sites.ticket import RACK, Ticket, copy

SILENT = 15.0
"""Seconds without a sign of life after which a link counts as lost; a worker gives one every 3 seconds."""
FIRST = 40.0
"""Seconds until the first sign of life: a manager that is busy loads Python slowly."""

Listen = Callable[[dict[str, Any]], None]


class Link:
    """One link; it is used once.

    Args:
        member: the rack.
        folder: of the site file: keys are named from there.
        listen: told each line that the manager says.
    """

    def __init__(self, member: Member, folder: Path, listen: Listen) -> None:
        self._member = member
        self._folder = folder
        self._listen = listen
        self._process: subprocess.Popen[bytes] | None = None
        self._cut = threading.Event()
        self.answered = False
        """True when the manager has said something."""
        self.ended = False
        """True when it has said its last word."""
        self.why = ""
        """What SSH or the manager's shell said when there was no last word."""
        self.code: int | None = None
        """Exit code of SSH, or of the worker where there is none."""

    def carry(self, ticket: Ticket) -> None:
        """Send an order and listen until its end or that of the link."""
        with tempfile.TemporaryDirectory(prefix="scs-rack-site-") as name:
            top = Path(name)
            with (top / "stderr").open("wb+") as errors:
                self._process = subprocess.Popen(
                    self._command(top),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Ctrl-C at a terminal is ours to pass on
                )
                try:
                    self._transmit(ticket, top / "out")
                    self._process_answer(top / "in")
                finally:
                    self.cut()
                    self.code = self._process.wait()
                    errors.seek(0, os.SEEK_END)
                    errors.seek(max(0, errors.tell() - 2000))
                    if not self.why:
                        self.why = _last_line(errors.read().decode(errors="replace"))

    def cut(self) -> None:
        """End the link from our side; what was begun on the manager goes on."""
        self._cut.set()
        if self._process and self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    def _command(self, top: Path) -> list[str]:
        manager = self._member.manager
        if manager is None:
            return [sys.executable, "-m", "scs_rack", "manager", "worker"]
        alias = f"scs-rack-{self._member.name}"  # whatever the operator's own SSH configuration says
        (top / "known_hosts").write_text(f"{alias} {manager.host_key}\n", encoding="ascii")
        options = {
            "UserKnownHostsFile": str(top / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "HostKeyAlias": alias,
            "VerifyHostKeyDNS": "no",
            "UpdateHostKeys": "no",
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "ServerAliveInterval": "5",
            "ServerAliveCountMax": "3",
            "ControlMaster": "no",
            "ControlPath": "none",
            "ClearAllForwardings": "yes",
            "ForwardAgent": "no",
            "LogLevel": "ERROR",
        }
        if manager.identity:
            key = self._folder / Path(manager.identity).expanduser()
            options |= {"IdentityFile": str(key), "IdentitiesOnly": "yes"}
        command = ["ssh", "-T", "-p", str(manager.port), "-l", manager.user]
        for name, value in options.items():
            command += ["-o", f"{name}={value}"]
        return [*command, manager.address, f"{manager.command} manager worker"]

    def _transmit(self, ticket: Ticket, out: Path) -> None:
        """Send the order and the rack's files."""
        process, manager = self._process, self._member.manager
        if process is None or process.stdin is None:
            return
        project = out / "project"
        project.mkdir(parents=True)
        ticket.write(project)
        if ticket.sent:
            copy(self._member.folder, project / RACK)
        ours = [sys.executable, "-m", "scs_rack"] if manager is None else [manager.command]
        (out / "args").write_text(shlex.join([*ours, "manager", "serve"]), encoding="utf-8")
        with suppress(BrokenPipeError):
            ansible_runner.run(
                streamer="transmit",
                private_data_dir=str(out),
                _output=process.stdin,
                suppress_env_files=True,
                cancel_callback=_never,
            )
        with suppress(BrokenPipeError):
            process.stdin.close()

    def _process_answer(self, into: Path) -> None:
        """Listen until the worker or the link ends."""
        process = self._process
        if process is None or process.stdout is None:
            return
        heard = Heard(process.stdout)
        watch = threading.Thread(target=self._watch, args=(heard,), daemon=True)
        watch.start()
        ansible_runner.run(
            streamer="process",
            _input=heard,
            private_data_dir=str(into),
            settings={},
            quiet=True,
            event_handler=self._event,
            cancel_callback=_never,
        )
        self._cut.set()

    def _watch(self, heard: Heard) -> None:
        """Cut a link that has been silent for too long."""
        begun = heard.last
        while not self._cut.wait(0.5):
            patience = SILENT if heard.last != begun else FIRST
            if time.monotonic() - heard.last > patience:
                self.why = f"nothing was heard for {patience:.0f} s"
                self.cut()

    def _event(self, event: dict[str, Any]) -> bool:
        """One event of the worker; False, so that none is written to a file here."""
        try:
            line = json.loads(event.get("stdout") or "null")
        except ValueError:
            line = None
        if isinstance(line, dict) and isinstance(line.get("kind"), str):
            self.answered = True
            self.ended = self.ended or line["kind"] == "end"
            self._listen(line)
        elif event.get("stdout"):
            self.why = str(event["stdout"])[:500]
        return False


def _never() -> bool:
    return False


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
