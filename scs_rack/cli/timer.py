"""Timers of systemd on the manager that call scs-rack: what they look like, installed, removed, printed."""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scs_rack.cli.common import Commands, add_command, rack_dir, rack_option
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.model.load import load_rack
from scs_rack.paths import state_root

UNITS = Path("/etc/systemd/system")

SERVICE = """\
# Written by `scs-rack {noun} timer install`.
[Unit]
Description={service}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
Environment={environment}
WorkingDirectory={folder}
ExecStart={command}
StandardInput=null
TimeoutStartSec={limit}
{more}"""

TIMER = """\
# Written by `scs-rack {noun} timer install`.
[Unit]
Description={timer}

[Timer]
OnCalendar={calendar}
RandomizedDelaySec={spread}
Persistent=true

[Install]
WantedBy=timers.target
"""


@dataclass(frozen=True)
class Timer:
    """A command that is called again and again."""

    noun: str
    """Command of scs-rack that has the verb `timer`, and part of the units' names."""
    command: tuple[str, ...]
    """Arguments of scs-rack, without the rack."""
    service: str
    """What the service does, in words; `{rack}` is the rack's name."""
    timer: str
    calendar: str = "daily"
    """As systemd.time(7) has it."""
    spread: str = "1h"
    limit: str = "2h"
    """When a call is given up."""
    more: tuple[str, ...] = ()
    """Further lines of the section Service."""


def add_timer(verbs: Commands, kind: Timer, summary: str, notes: str = "") -> None:
    """Add the verb `timer` to a noun."""
    parser = add_command(
        verbs,
        "timer",
        lambda args: timer(kind, args),
        summary,
        (
            f"scs-rack {kind.noun} timer install -r inventory/berlin-1",
            f"scs-rack {kind.noun} timer remove -r inventory/berlin-1",
        ),
        notes=notes or "It never asks a question: the vault password must come from a file (docs/secrets.md).",
    )
    timer_options(parser)


def timer_options(parser: argparse.ArgumentParser) -> None:
    """Add what `timer` takes."""
    rack_option(parser)
    parser.add_argument("action", choices=("install", "remove", "print"))
    parser.add_argument("--to", metavar="DIR", type=Path, help="write the units there, and start nothing")


def timer(kind: Timer, args: argparse.Namespace) -> int:
    """Install, remove, or print the units."""
    folder = rack_dir(args)
    rack = make_design(load_rack(folder)).rack.name
    contents = units(kind, rack, folder)
    if args.action == "print":
        print("\n".join(f"# {name}\n{text}" for name, text in contents.items()), end="")
        return 0
    live = args.to is None
    if live and not Path("/run/systemd/system").is_dir():
        words = shlex.join(["scs-rack", *kind.command])
        raise UsageError(
            "systemd does not run on this machine",
            f"write the units elsewhere by --to DIR, or call `{words}` by other means ({kind.calendar})",
        )
    where = UNITS if live else args.to
    main = next(name for name in contents if name.endswith(".timer"))
    if args.action == "remove":
        if live and (where / main).is_file():
            _systemctl("disable", "--now", main)
        for name in contents:
            (where / name).unlink(missing_ok=True)
    else:
        _install(where, contents)
    if live:
        _systemctl("daemon-reload")
        if args.action == "install":
            _systemctl("enable", "--now", main)
    print(f"{'removed' if args.action == 'remove' else 'written'}: {', '.join(str(where / name) for name in contents)}")
    return 0


def units(kind: Timer, rack: str, folder: Path) -> dict[str, str]:
    """Text of the units by name."""
    command = [sys.executable, "-m", "scs_rack", *kind.command, "-r", str(folder)]
    settings = {"SCS_RACK_STATE": str(state_root().resolve())}
    for name in ("SCS_RACK_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_PASSWORD_FILE", "SCS_RACK_BACKUPS"):
        if os.environ.get(name):
            settings[name] = os.environ[name]
    filled = {
        "noun": kind.noun,
        "service": kind.service.format(rack=rack),
        "timer": kind.timer.format(rack=rack),
        "calendar": kind.calendar,
        "spread": kind.spread,
        "limit": kind.limit,
        "more": "".join(f"{line}\n" for line in kind.more),
        "folder": folder,
        "command": _escaped(command),
        "environment": _assignments(settings),
    }
    base = f"scs-rack-{kind.noun}-{rack}"
    return {f"{base}.service": SERVICE.format(**filled), f"{base}.timer": TIMER.format(**filled)}


def _escaped(command: Sequence[str]) -> str:
    return shlex.join(command).replace("%", "%%")


def _assignments(settings: Mapping[str, str]) -> str:
    return " ".join(f'"{key}={value}"' for key, value in settings.items()).replace("%", "%%")


def _install(where: Path, contents: Mapping[str, str]) -> None:
    where.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        write_file(where / name, text, 0o644)


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"systemctl {' '.join(words)}: {done.stderr.strip()}")
