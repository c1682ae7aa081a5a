"""Wrong rack files: a case is what is spoiled in base.yml (or a whole file, rack.raw), and what is said of it.

A case may have overlays of switches too, in `switches/`.
"""

import shutil
from pathlib import Path

import yaml

from scs_rack.model.fault import Fault
from scs_rack.model.load import check_rack

FOLDER = Path(__file__).parent
CASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and not path.name.startswith("__"))


def spoiled(case: str) -> bytes:
    """The rack file of a case: base.yml with each text of edit.yml found once and replaced."""
    whole = FOLDER / case / "rack.raw"
    if whole.exists():
        return whole.read_bytes()
    text = (FOLDER / "base.yml").read_text(encoding="utf-8")
    for edit in yaml.safe_load((FOLDER / case / "edit.yml").read_text(encoding="utf-8")):
        assert text.count(edit["find"]) == 1, f"{case}: {edit['find']} must stand once in base.yml"
        text = text.replace(edit["find"], edit["put"])
    return text.encode()


def faults_of(case: str, folder: Path) -> list[Fault]:
    """All faults of a case."""
    path = folder / "rack.yml"
    path.write_bytes(spoiled(case))
    shutil.rmtree(folder / "switches", ignore_errors=True)
    if (FOLDER / case / "switches").is_dir():
        shutil.copytree(FOLDER / case / "switches", folder / "switches")
    return check_rack(path)[1]


def said(faults: list[Fault]) -> str:
    """What a person reads, with the bare name of the file."""
    return "".join(f"{fault}\n".replace(fault.file, _bare(Path(fault.file)), 1) for fault in faults)


def _bare(path: Path) -> str:
    return path.name if path.name == "rack.yml" else f"{path.parent.name}/{path.name}"
