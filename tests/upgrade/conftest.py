import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backup"))

from scratch_node import node  # noqa: F401 (a fixture)
