"""Faults of a rack file that show in what it makes of its switches, at the line of the overlay or of the rack file."""

from pathlib import Path

from scs_rack.design import Design
from scs_rack.model import fault as rack_fault
from scs_rack.model.fault import Problem
from scs_rack.model.source import Source, read_source
from scs_rack.sonic.fault import Fault
from scs_rack.sonic.generate import config_db
from scs_rack.sonic.links import links_of
from scs_rack.sonic.rows import stored
from scs_rack.sonic.validity import verdicts

CHECK = "switch-config"
"""Name of the check in the faults."""


def switch_faults(design: Design, rack_file: Path) -> list[rack_fault.Fault]:
    """All errors by our own rules of the CONFIG_DBs that follow from a rack, each switch and across them.

    The YANG models have no say here: they take longer to load than a rack file to check. `scs-rack switch validate`
    asks them, and so does every change of a switch.

    Args:
        design: of a rack whose file has no fault by itself.
        rack_file: that file.
    """
    tables = {name: stored(config_db(design, name)) for name in design.switches}
    releases = {name: switch.release for name, switch in design.switches.items()}
    found = verdicts(tables, releases, None, links=links_of(design))
    wrong = [(name, fault) for name, verdict in found.items() for fault in verdict.errors]
    if not wrong:
        return []
    source = read_source(rack_file)
    return [_placed(design, name, fault, source) for name, fault in wrong]


def _placed(design: Design, name: str, fault: Fault, rack: Source) -> rack_fault.Fault:
    """A fault in the overlay that states what it is about, else at the switch in the rack file."""
    overlay = design.rack.overlays.get(name)
    path = tuple(part for part in (fault.table, fault.key, fault.field) if part)
    while overlay and path:
        if path in overlay.source.lines:
            return overlay.source.fault(CHECK, Problem(path, fault.message, fault.hint))
        path = path[:-1]
    return rack.fault(CHECK, Problem(("switches", name), str(fault), fault.hint, ""))
