"""Takes secrets out of whatever is written to a run folder or shown."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scs_rack.results import Finding, Result

SHORTEST = 5
"""Shorter values are left: replacing them everywhere would make logs unreadable."""


class Redactor:
    """Replaces the values of secrets by their names."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        names = {value: name for name, value in secrets.items() if len(value) >= SHORTEST}
        names |= {json.dumps(value)[1:-1]: name for value, name in names.items()}
        self._names = names
        longest_first = sorted(names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if names else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda match: f"<secret {self._names[match.group()]}>", text)

    def finding(self, finding: Finding) -> Finding:
        """The finding without secrets."""
        clean = self.text
        return replace(
            finding,
            where=clean(finding.where),
            expected=clean(finding.expected),
            seen=clean(finding.seen),
            hint=clean(finding.hint),
        )

    def result(self, result: Result) -> Result:
        """The result without secrets."""
        return replace(
            result,
            step=self.text(result.step),
            diff=self.text(result.diff),
            findings=tuple(map(self.finding, result.findings)),
            error=self.text(result.error) if result.error else result.error,
        )

    def data(self, data: dict[str, Any]) -> None:
        """Replace secrets inside of a JSON object, in place."""
        before = json.dumps(data, default=str)
        after = self.text(before)
        if after != before:
            data.clear()
            data.update(json.loads(after))
