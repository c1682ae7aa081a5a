"""Read a rack file."""

from pathlib import Path

import yaml

from scs_rack.model.rack import Rack


def rack_file(where: str | Path) -> Path:
    """Path of the rack file, given itself or the folder that holds it."""
    path = Path(where)
    return path / "rack.yml" if path.is_dir() else path


def load_rack(where: str | Path) -> Rack:
    """Load a rack file into typed objects."""
    return Rack.model_validate(yaml.safe_load(rack_file(where).read_text(encoding="utf-8")))
