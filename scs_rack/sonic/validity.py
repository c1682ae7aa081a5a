"""Whether CONFIG_DBs are valid: `judge` asks the YANG models of each switch's release, our own rules, and the fabric.

`judge(tables_by_switch, release_by_switch, models)` is what stages call before they change anything; `verdicts` gives
the same by switch, in CONFIG_DB's words.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scs_rack.results import Finding
from scs_rack.sonic.checks import own_faults
from scs_rack.sonic.fault import Fault, TablesLike
from scs_rack.sonic.hardware import hardware_faults
from scs_rack.sonic.links import End, fabric_faults
from scs_rack.sonic.rules.tools import rows, text
from scs_rack.sonic.secrets import SECRET_FIELDS, SECRET_KEYS
from scs_rack.sonic.yang.models import Models

COMPLETE = "202505"
"""From this release on `config reload FILE` refuses a file with a table that the models don't know."""
_COMMUNITY = re.compile(r"version_(20\d{4})_\d+")
_QUOTED = re.compile(r"'.*'|\".*\"", re.DOTALL)
_ENTERPRISE_TABLES = frozenset({"BREAKOUT_PORTS", "BGP_GLOBALS_ROUTE_ADVERTISE", "COREDUMP", "LOOPBACK", "SNMP_SERVER"})
_ENTERPRISE_FIELDS = {"FEATURE": "has_timer", "PORT": "parent_port"}


@dataclass
class Verdict:
    """What was found at one switch."""

    faults: list[Fault] = field(default_factory=list)
    by_models: bool = False
    """True if the YANG models of its release had their say; else only our own rules did."""

    @property
    def errors(self) -> list[Fault]:
        """What makes it invalid."""
        return [fault for fault in self.faults if fault.severity == "error"]


def stated_release(tables: TablesLike) -> str | None:
    """Release of community SONiC by `VERSIONS|DATABASE`; None when it does not tell."""
    found = _COMMUNITY.fullmatch(text(rows(tables, "VERSIONS").get("DATABASE", {}), "VERSION"))
    return found[1] if found else None


def enterprise_marks(tables: TablesLike) -> list[str]:
    """What tells that a CONFIG_DB is that of an enterprise image, which community models can't judge."""
    version = text(rows(tables, "VERSIONS").get("DATABASE", {}), "VERSION")
    marks = [f"VERSION {version}"] if version and not _COMMUNITY.fullmatch(version) else []
    marks += [f"table {table}" for table in sorted(_ENTERPRISE_TABLES & tables.keys())]
    return marks + [
        f"field {name} of {table}"
        for table, name in sorted(_ENTERPRISE_FIELDS.items())
        if any(name in row for row in rows(tables, table).values())
    ]


def well_formed(tables: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """What of a CONFIG_DB has the form table, key, fields: our own rules read no other."""
    return {
        table: {key: dict(row) for key, row in found.items() if isinstance(row, Mapping)}
        for table, found in tables.items()
        if isinstance(found, Mapping)
    }


def shape_faults(tables: Mapping[str, Any]) -> list[Fault]:
    """Tables that hold no rows, and rows that hold no fields."""
    faults = []
    for table, found in tables.items():
        if not isinstance(found, Mapping):
            faults.append(Fault("a table holds rows: key and fields", table, kind="schema"))
            continue
        faults += [
            Fault("a row holds fields and values", table, key, kind="schema")
            for key, row in found.items()
            if not isinstance(row, Mapping)
        ]
    return faults


def verdict(tables: Mapping[str, Any], release: str, models: Models | None, *, strict_tables: bool = False) -> Verdict:
    """Verdict on one switch's CONFIG_DB.

    Args:
        tables: the CONFIG_DB, whatever its form.
        release: the release of SONiC that it is for.
        models: where the YANG models are; without them only our own rules judge.
        strict_tables: a table that the models don't know is an error, as for `config reload FILE` from 202505 on.

    Raises:
        NoJudge: the models can't be used.
    """
    judge = models.judge(release) if models else None
    faults = [_unknown(fault, release, strict=strict_tables) for fault in judge.judge(tables)] if judge else []
    sound = well_formed(tables)
    if not judge:
        faults += shape_faults(tables)
    own = own_faults(sound)
    if not enterprise_marks(sound):
        own += hardware_faults(sound)
    told = {(fault.table, fault.key) for fault in faults}
    faults += [fault for fault in own if not (fault.models_tell and (fault.table, fault.key) in told)]
    return Verdict(faults, judge is not None)


def _unknown(fault: Fault, release: str, *, strict: bool) -> Fault:
    """A table without a model, by what the release makes of it."""
    if fault.kind != "unknown-table":
        return fault
    refuses = "`config reload FILE` refuses the file" if release >= COMPLETE else "SONiC loads it without a check"
    hint = f"{fault.hint} {refuses}" if fault.hint else refuses
    return Fault(fault.message, fault.table, hint=hint, kind=fault.kind, severity="error" if strict else "warning")


def verdicts(
    tables_by_switch: Mapping[str, Mapping[str, Any]],
    release_by_switch: Mapping[str, str],
    models: Models | None,
    *,
    links: Iterable[tuple[End, End]] | None = None,
    strict_tables: bool = False,
) -> dict[str, Verdict]:
    """Verdict on each switch, with what is wrong between them told at one of them.

    Args:
        tables_by_switch: CONFIG_DB by switch.
        release_by_switch: release by switch.
        models: as for `verdict`.
        links: which port leads to which; by DEVICE_NEIGHBOR when not given.
        strict_tables: as for `verdict`.

    Raises:
        NoJudge: models can't be used.
    """
    found = {
        name: verdict(tables, release_by_switch[name], models, strict_tables=strict_tables)
        for name, tables in tables_by_switch.items()
    }
    if len(found) > 1:
        configs = {name: well_formed(tables) for name, tables in tables_by_switch.items()}
        for name, fault in fabric_faults(configs, links):
            found[name].faults.append(fault)
    return found


def masked(fault: Fault) -> Fault:
    """A fault without the secret that it may be about, to be shown or logged."""
    if fault.table in SECRET_KEYS:
        return replace(fault, key="(secret)" if fault.key else "", message=_QUOTED.sub("the value", fault.message))
    if fault.field in SECRET_FIELDS or (fault.table, fault.field) in SECRET_FIELDS:
        return replace(fault, message=_QUOTED.sub("the value", fault.message))
    return fault


def judge(
    tables_by_switch: Mapping[str, Mapping[str, Any]],
    release_by_switch: Mapping[str, str],
    models: Models | None,
    *,
    links: Iterable[tuple[End, End]] | None = None,
) -> list[Finding]:
    """All that is wrong with the CONFIG_DBs of a fabric; arguments and errors as for `verdicts`."""
    found = verdicts(tables_by_switch, release_by_switch, models, links=links)
    return [finding(name, fault) for name, one in found.items() for fault in one.faults]


def finding(switch: str, fault: Fault) -> Finding:
    """A fault as a finding, without secrets."""
    fault = masked(fault)
    expected = "what the YANG models allow" if fault.kind != "rule" else "a configuration that works"
    return Finding("config-invalid", fault.severity, f"{switch} {fault.where}", expected, fault.message, fault.hint)
