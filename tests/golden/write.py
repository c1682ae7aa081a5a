"""Write anew what golden tests and error tests expect; look at the difference before you commit it.

Run by `make golden`.
"""

import sys
import tempfile
from pathlib import Path

from tests.errors import error_cases as cases
from tests.golden import golden_racks as golden


def main() -> int:
    """Write all expected outputs."""
    with tempfile.TemporaryDirectory() as folder:
        for case in cases.CASES:
            text = cases.said(cases.faults_of(case, Path(folder)))
            (cases.FOLDER / case / "expected.txt").write_text(text, encoding="utf-8")
    for rack in golden.RACKS:
        golden.write(rack)
    print(f"wrote {len(cases.CASES)} messages and {len(golden.RACKS)} racks; see git diff tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
