"""Where scs-rack keeps things outside of the checkout."""

import os
from pathlib import Path


def state_root() -> Path:
    """Root of all racks' state: SCS_RACK_STATE, else /var/lib/scs-rack for root, else below ~/.local/state."""
    stated = os.environ.get("SCS_RACK_STATE")
    if stated:
        return Path(stated)
    return Path("/var/lib/scs-rack") if os.geteuid() == 0 else Path.home() / ".local/state/scs-rack"


def cache_root() -> Path:
    """Root of caches (node images): SCS_RACK_CACHE, else /var/cache/scs-rack for root, else ~/.cache/scs-rack."""
    stated = os.environ.get("SCS_RACK_CACHE")
    if stated:
        return Path(stated)
    return Path("/var/cache/scs-rack") if os.geteuid() == 0 else Path.home() / ".cache/scs-rack"


def state_dir(rack: str) -> Path:
    """State of one rack: `ssh/id_ed25519`, `ssh/known_hosts`, `ca/ca.crt`, `runs/`, `lab/`."""
    return state_root() / rack


def guest_accel(state: Path) -> str:
    """How guests of a virtual rack run, `kvm` or `tcg`: tried, and written down, when its lab starts."""
    file = state / "lab/accel"
    return file.read_text(encoding="ascii").strip() if file.is_file() else "tcg"


def shipped(name: str) -> Path:
    """What comes with scs-rack (`roles`, `playbooks`, `ansible.cfg`): from the wheel, else from the checkout."""
    package = Path(__file__).resolve().parent
    carried = package / "share" / name
    return carried if carried.exists() else package.parent / name
