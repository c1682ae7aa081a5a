"""Whether Mitogen speeds up our runs: where it can be imported and knows this ansible-core."""

import importlib.util
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NEEDED = (0, 3, 54)
"""The Mitogen we tested."""
SUPPORTED = ((2, 15), (2, 19))
"""First and last ansible-core that it was seen to run with."""


@dataclass(frozen=True)
class Strategy:
    """Ansible's strategy for a run."""

    environment: dict[str, str]
    """Variables that make ansible-playbook use it."""
    why_plain: str = ""
    """Why Mitogen is not used; empty when it is."""


def strategy() -> Strategy:
    """Mitogen's linear strategy, else Ansible's own with the reason."""
    try:
        mitogen, core = version("mitogen"), version("ansible-core")
    except PackageNotFoundError as error:
        return Strategy({}, f"{error.name} is not installed")
    if _numbers(mitogen) < NEEDED:
        return Strategy({}, f"mitogen {mitogen} is older than {'.'.join(map(str, NEEDED))}")
    if not SUPPORTED[0] <= _numbers(core)[:2] <= SUPPORTED[1]:
        return Strategy({}, f"mitogen {mitogen} was not tried with ansible-core {core}")
    found = importlib.util.find_spec("ansible_mitogen")
    if found is None or found.origin is None:
        return Strategy({}, "ansible_mitogen can't be imported")
    plugins = Path(found.origin).parent / "plugins/strategy"
    return Strategy({"ANSIBLE_STRATEGY_PLUGINS": str(plugins), "ANSIBLE_STRATEGY": "mitogen_linear"})


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])
