"""`scs-rack pki timer`: a timer of systemd on the manager that renews certificates before they end."""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

from scs_rack.cli.common import Commands, add_command, rack_dir, rack_option
from scs_rack.design import make_design
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.model.load import load_rack
from scs_rack.paths import state_root

UNITS = Path("/etc/systemd/system")

SERVICE = """\
# Written by `scs-rack pki timer install`.
[Unit]
Description=Renew certificates of the rack {rack} that end soon
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
Environment={environment}
WorkingDirectory={folder}
ExecStart={command}
StandardInput=null
TimeoutStartSec=2h
"""

TIMER = """\
# Written by `scs-rack pki timer install`.
[Unit]
Description=Look daily for certificates of the rack {rack} that end soon

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h
Persistent=true

[Install]
WantedBy=timers.target
"""


def register(verbs: Commands) -> None:
    """Add the verb."""
    parser = add_command(
        verbs,
        "timer",
        timer,
        "have certificates renewed daily by a timer of systemd on this machine, 30 days before they end",
        ("scs-rack pki timer install -r inventory/berlin-1", "scs-rack pki timer remove -r inventory/berlin-1"),
        notes="It never asks a question: the vault password must come from a file (docs/secrets.md).",
    )
    rack_option(parser)
    parser.add_argument("action", choices=("install", "remove", "print"))
    parser.add_argument("--to", metavar="DIR", type=Path, help="write the units there, and start nothing")


def timer(args: argparse.Namespace) -> int:
    """Install, remove, or print the units."""
    folder = rack_dir(args)
    rack = make_design(load_rack(folder)).rack.name
    contents = units(rack, folder)
    if args.action == "print":
        print("\n".join(f"# {name}\n{text}" for name, text in contents.items()), end="")
        return 0
    live = args.to is None
    if live and not Path("/run/systemd/system").is_dir():
        raise UsageError(
            "systemd does not run on this machine",
            "write the units elsewhere by --to DIR, or call `scs-rack pki renew` daily by other means",
        )
    where = UNITS if live else args.to
    main = next(name for name in contents if name.endswith(".timer"))
    if args.action == "remove":
        if live and (where / main).is_file():
            _systemctl("disable", "--now", main)
        for name in contents:
            (where / name).unlink(missing_ok=True)
    else:
        where.mkdir(parents=True, exist_ok=True)
        for name, text in contents.items():
            write_file(where / name, text, 0o644)
    if live:
        _systemctl("daemon-reload")
        if args.action == "install":
            _systemctl("enable", "--now", main)
    print(f"{'removed' if args.action == 'remove' else 'written'}: {', '.join(str(where / name) for name in contents)}")
    return 0


def units(rack: str, folder: Path) -> dict[str, str]:
    """Text of the units by name."""
    command = [sys.executable, "-m", "scs_rack", "pki", "renew", "-r", str(folder)]
    settings = {"SCS_RACK_STATE": str(state_root().resolve())}
    for name in ("SCS_RACK_VAULT_PASSWORD_FILE", "ANSIBLE_VAULT_PASSWORD_FILE"):
        if os.environ.get(name):
            settings[name] = os.environ[name]
    filled = {
        "rack": rack,
        "folder": folder,
        "command": shlex.join(command).replace("%", "%%"),
        "environment": " ".join(f'"{key}={value}"' for key, value in settings.items()).replace("%", "%%"),
    }
    base = f"scs-rack-pki-{rack}"
    return {f"{base}.service": SERVICE.format(**filled), f"{base}.timer": TIMER.format(**filled)}


def _systemctl(*words: str) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UsageError(f"systemctl {' '.join(words)}: {done.stderr.strip()}")
