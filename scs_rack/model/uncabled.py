"""Read a rack file whose cables are not written yet."""

from pathlib import Path

from pydantic import ValidationError

from scs_rack.model.checks import CHECKS, cables, cabling, check_name, run_checks
from scs_rack.model.draft import draft_of
from scs_rack.model.ends import ports_of
from scs_rack.model.fault import RackFaulty
from scs_rack.model.load import rack_file
from scs_rack.model.rack import Rack
from scs_rack.model.shape import shape_problems
from scs_rack.model.source import read_source

ABOUT_CABLES = frozenset(
    check_name(check) for check in CHECKS if check.__module__ in {cables.__name__, cabling.__name__}
)
"""Checks that fail while cables are missing or wrong."""


def load_uncabled(where: str | Path) -> Rack:
    """Load a rack file without its cables, whether it has any or not.

    Raises:
        RackFaulty: it has faults that are not about cables; the error carries all of them.
        UsageError: the file can't be read at all.
    """
    source = read_source(rack_file(where))
    faults = list(source.faults)
    if not faults:
        try:
            rack = Rack.model_validate({**source.data, "cables": []})
        except ValidationError as error:
            found = shape_problems(error.errors(include_url=False))
            faults = [source.fault(check, problem) for check, problem in found]
        else:
            faults = [fault for fault in run_checks(draft_of(rack), source) if fault.check not in ABOUT_CABLES]
            if not faults:
                return rack
    raise RackFaulty(str(rack_file(where)), sorted(faults, key=lambda fault: fault.line))


def all_ports(rack: Rack) -> set[tuple[str, str]]:
    """Every port of every device, cabled or not."""
    draft = draft_of(rack)
    devices = (*rack.servers, *rack.switches, "manager")
    return {(device, port) for device in devices for port in ports_of(draft, device) or ()}
