"""A fault of a CONFIG_DB, in its own words: table, key, field. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

TablesLike = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Table → key → fields, as read from anywhere: values are strings, lists of strings, or what a file says."""

Kind = Literal["schema", "value", "reference", "constraint", "unknown-table", "rule", "file"]
"""`schema`: unknown field or key, wrong shape. `value`: type, range, pattern. `reference`: to a row that is not there.
`constraint`: a condition or a mandatory field of the models. `unknown-table`: the models know no such table.
`rule`: a check of our own. `file`: the text of the file."""


@dataclass(frozen=True)
class Fault:
    """Something wrong in a CONFIG_DB."""

    message: str
    table: str = ""
    key: str = ""
    field: str = ""
    hint: str = ""
    """How to mend it."""
    kind: Kind = "rule"
    severity: Literal["error", "warning"] = "error"
    models_tell: bool = False
    """True for a rule of ours that the YANG models of most releases have too: where they tell, we don't repeat it."""

    @property
    def where(self) -> str:
        """As people write it: PORT|Ethernet0.mtu."""
        return self.table + (f"|{self.key}" if self.key else "") + (f".{self.field}" if self.field else "")

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message
