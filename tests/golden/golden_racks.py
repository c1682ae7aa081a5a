"""Golden outputs: what `scs-rack render` writes for each rack that we ship."""

import json
import shutil
from pathlib import Path

from scs_rack.design import make_design
from scs_rack.model.load import load_rack
from scs_rack.model.schema import rack_schema, site_schema
from scs_rack.report.files import rendered

FOLDER = Path(__file__).parent
INVENTORY = FOLDER.parents[1] / "inventory"
RACKS = ("lab", "example", "fabric")


def output(rack: str) -> dict[str, str]:
    """Name and content of each file that render writes."""
    return rendered(make_design(load_rack(INVENTORY / rack)))


def expected(rack: str) -> dict[str, str]:
    """Name and content of each golden file."""
    top = FOLDER / rack
    return {str(path.relative_to(top)): path.read_text(encoding="utf-8") for path in top.rglob("*") if path.is_file()}


def write(rack: str) -> None:
    """Write the golden files of a rack, and the schemas that stand beside the racks."""
    shutil.rmtree(FOLDER / rack, ignore_errors=True)
    for name, content in output(rack).items():
        path = FOLDER / rack / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (INVENTORY / "rack.schema.json").write_text(json.dumps(rack_schema(), indent=2) + "\n", encoding="utf-8")
    (INVENTORY / "site.schema.json").write_text(json.dumps(site_schema(), indent=2) + "\n", encoding="utf-8")
