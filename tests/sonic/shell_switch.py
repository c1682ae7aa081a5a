"""Switches made of a folder each: what runs there are real shell commands; SONiC's own are those of `shell_program`.

So the script that stands on a switch runs as it is, timers included. What a test wants to go wrong it writes into
`faults`, one word a line; see the uses of `faults` there.
"""

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from scs_rack.engine.stage import Context
from scs_rack.sonic import apply as change
from scs_rack.sonic.generate import day0
from scs_rack.sonic.transport import Reply, Switch, SwitchBusy, SwitchUnreachable

PROGRAM = Path(__file__).with_name("shell_program.py")
QUICK = {"sudo": 'exec "$@"', "sonic-cfggen": "exec cat {home}/db.json", "ip": "echo []"}
SLOW = f'exec {sys.executable} -S {PROGRAM} {{home}} {{command}} "$@"'
NAMES = ("config", "docker", "ip", "ping", "sonic-cfggen", "sudo", "systemctl", "systemd-run", "vtysh")


class ShellSwitches:
    """All switches of a rack."""

    def __init__(self, ctx: Context, folder: Path, monkeypatch) -> None:
        """Make them as they are before scs-rack touches them."""
        self.ctx, self.folder = ctx, folder
        self.said: list[tuple[str, str]] = []
        self.lost: dict[str, str] = {}
        """Switch → part of a command during which it is lost, for good."""
        self._locks = {name: threading.Lock() for name in ctx.design.switches}
        for name in ctx.design.switches:
            home = folder / name
            (home / "bin").mkdir(parents=True)
            for command in NAMES:
                program = home / "bin" / command
                program.write_text(f"#!/bin/sh\n{QUICK.get(command, SLOW)}\n".format(home=home, command=command))
                program.chmod(0o755)
            self.write(name, day0(ctx.design, name))
            (home / "saved.json").write_text((home / "db.json").read_text())
        monkeypatch.setattr(Switch, "run", lambda switch, *words, **options: self.run(switch, *words, **options))  # noqa: PLW0108
        monkeypatch.setattr(Switch, "hang_up", lambda _switch: None)
        monkeypatch.setattr(Switch, "locked", lambda switch: self.locked(switch.name))
        script = folder / "change.sh"
        text = re.sub("^PATH=.*$", "", change.SCRIPT.read_text(), count=1, flags=re.MULTILINE)
        text = text.replace("/etc/sonic/checkpoints", "$here/../../checkpoints")
        script.write_text(text)
        monkeypatch.setattr(change, "SCRIPT", script)

    def write(self, name: str, tables: dict) -> None:
        """Set what runs."""
        (self.folder / name / "db.json").write_text(json.dumps(tables))

    def tables(self, name: str) -> dict:
        """What runs."""
        return json.loads((self.folder / name / "db.json").read_text())

    def saved(self, name: str) -> dict:
        """What a restart would load."""
        return json.loads((self.folder / name / "saved.json").read_text())

    def fault(self, name: str, *words: str) -> None:
        """Make things go wrong from now on; no word: nothing more."""
        (self.folder / name / "faults").write_text("\n".join(words))

    def timers(self, name: str) -> list[str]:
        """Timers that have not fired."""
        return [path.name for path in (self.folder / name).glob("*.timer")]

    def left(self, name: str) -> list[str]:
        """Changes that lie on a switch."""
        return [path.name for path in (self.folder / name / "changes").glob("scs-rack-*")]

    @contextmanager
    def locked(self, name: str):
        """One writer."""
        lock = self._locks[name]
        if not lock.acquire(blocking=False):
            raise SwitchBusy(f"{name} is being changed by another")
        try:
            yield type("Held", (), {"alive": True})
        finally:
            lock.release()

    def run(self, switch, command, *, stdin="", timeout=60.0) -> Reply:
        """Run a command of ours."""
        name = switch.name
        self.said.append((name, command))
        if name in self.lost and (self.lost[name] == "" or self.lost[name] in command):
            self.lost[name] = ""
            raise SwitchUnreachable(f"{name}: connection lost")
        home = self.folder / name
        here = command.replace("/var/lib/scs-rack", str(home / "changes")).replace(
            change.SAVED, str(home / "saved.json")
        )
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            ["sh", "-c", here], input=data, capture_output=True, check=False, timeout=timeout, cwd=home,
            env={"PATH": f"{home / 'bin'}:{os.environ['PATH']}"},
        )  # fmt: skip
        return Reply(done.returncode, done.stdout.decode(), done.stderr.decode(), 0.0)
