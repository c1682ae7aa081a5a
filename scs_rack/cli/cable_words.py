"""How findings about cables are said."""

from collections.abc import Iterable, Sequence

from scs_rack.errors import Unreachable
from scs_rack.results import Finding

MISPLACED = frozenset({"cables-swapped", "cables-in-a-round", "cable-misplaced"})
UNREACHABLE = frozenset({"switch-unreachable", "node-unreachable"})


def sentence(finding: Finding) -> str:
    """What is wrong with a cable, as one says it."""
    if finding.type in MISPLACED:
        return f"{finding.where} is in {finding.seen}, should be in {finding.expected}"
    return f"{finding.where}: {finding.type}: expected {finding.expected}, seen {finding.seen}"


def print_findings(findings: Iterable[Finding]) -> None:
    """One line a finding, how to mend it below."""
    for finding in findings:
        print(f"{finding.severity}: {sentence(finding)}")
        if finding.hint:
            print(f"  mend: {finding.hint}")


def exit_code(findings: Sequence[Finding]) -> int:
    """1 when something is wrong, 3 when all that is wrong is that devices don't answer."""
    kinds = {finding.type for finding in findings if finding.severity == "error"}
    if kinds and kinds <= UNREACHABLE:
        return Unreachable.exit_code
    return 1 if kinds else 0
