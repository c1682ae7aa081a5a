"""What differs between SONiC releases, as far as a lab switch shows it (SONiC 202405 to 202605, and master)."""

import re
from pathlib import Path

IMAGE = Path("/etc/sonic/sonic_version.yml")
NEWEST = 999999
"""Number of `master`."""


def build_version(path: Path = IMAGE) -> str:
    """Version of the running image, such as `202505.1`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return "unknown"
    found = re.search(r"^build_version: '?([^'\n]+)'?$", text, re.MULTILINE)
    return found[1] if found else "unknown"


def number(version: str | None = None) -> int:
    """Release as a number that can be compared: 202505, or NEWEST for master."""
    found = re.match(r"(\d{6})", version if version is not None else build_version())
    return int(found[1]) if found else NEWEST


def click_major(release: int) -> int:
    """Version of click that `config` and `show` are built on (setup.py of sonic-utilities)."""
    return 7 if release <= 202505 else 8


def family_status_words(release: int) -> frozenset[str]:
    """Values of admin_status in *_AF tables that frrcfgd takes for `activate`."""
    return frozenset({"true"}) if release <= 202411 else frozenset({"true", "up"})


def pause_after_change(release: int) -> float:
    """Seconds that the config updater takes for a change: newer ones sleep, older ones compare what they read back."""
    return 1.0 if release >= 202605 else 0.5


UPDATE_SECONDS = 3.0
"""What the config updater takes for sorting and verifying, whatever there is to change."""


def reload_validates(release: int, file_name: str | None) -> bool:
    """True if `config reload` judges the file by the YANG models first; None is the startup file."""
    if file_name is None:
        return release == NEWEST
    return release >= 202505 or (release >= 202405 and "golden" in file_name)


def version_string(release: int) -> str:
    """VERSIONS|DATABASE.VERSION that db_migrator of a release leaves."""
    return "version_202605_01" if release == NEWEST else f"version_{release}_01"


def migrated(seen: str | None, release: int) -> str:
    """VERSIONS|DATABASE.VERSION after db_migrator ran: it raises the string, and never lowers it."""
    mine = version_string(release)
    if seen is None:
        return mine
    dated = re.fullmatch(r"version_(\d{6})_(\d+)", seen)
    if dated and (int(dated[1]), int(dated[2])) > (int(mine.split("_")[1]), int(mine.split("_")[2])):
        return seen
    return mine
