"""Read a rack file: all of its faults at once, or a Rack."""

from pathlib import Path

from pydantic import ValidationError

from scs_rack.model.checks import run_checks
from scs_rack.model.draft import draft_of, salvage
from scs_rack.model.fault import Fault, RackFaulty
from scs_rack.model.overlay import read_overlays
from scs_rack.model.rack import Rack
from scs_rack.model.shape import shape_problems
from scs_rack.model.source import read_source


def rack_file(where: str | Path) -> Path:
    """Path of the rack file, given itself or the folder that holds it."""
    path = Path(where)
    return path / "rack.yml" if path.is_dir() else path


def check_rack(where: str | Path) -> tuple[Rack | None, list[Fault]]:
    """Read a rack file and the overlays beside it.

    Returns:
        The rack when its shape is right, and all faults in the order of their lines, those of overlays last.

    Raises:
        UsageError: the file can't be read at all.
    """
    source = read_source(rack_file(where))
    faults = list(source.faults)
    if source.data is None:
        return None, faults
    rack = None
    try:
        rack = Rack.model_validate(source.data)
        draft = draft_of(rack)
    except ValidationError as error:
        faults += [source.fault(check, problem) for check, problem in shape_problems(error.errors(include_url=False))]
        draft = salvage(source.data)
    faults += run_checks(draft, source)
    faults.sort(key=lambda fault: fault.line)
    if draft.stated.get("switches"):
        overlays, wrong = read_overlays(rack_file(where).parent, draft.stated["switches"])
        faults += wrong
        rack = rack.with_overlays(overlays) if rack else None
    return rack, faults


def load_rack(where: str | Path) -> Rack:
    """Load a rack file into typed objects.

    Raises:
        RackFaulty: it has faults; the error carries all of them.
        UsageError: the file can't be read at all.
    """
    rack, faults = check_rack(where)
    if faults or rack is None:
        raise RackFaulty(str(rack_file(where)), faults)
    return rack
