"""What a switch refuses: invalid configurations, and operations that its config updater forbids.

Sources: sonic-utilities 202505, generic_config_updater (field_operation_validators, patch_sorter, gu_common).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from scs_rack.lab.switch.device import release as releases
from scs_rack.lab.switch.device.configdb import Row, Tables
from scs_rack.sonic.checks import check_tables

CREATE_ONLY = {
    "PORT": frozenset({"lanes"}),
    "LOOPBACK_INTERFACE": frozenset({"vrf_name"}),
    "BGP_NEIGHBOR": frozenset({"asn", "name", "holdtime", "keepalive", "local_addr", "nhopself", "rrclient"}),
    "BGP_MONITORS": frozenset({"asn", "name", "holdtime", "keepalive", "local_addr", "nhopself", "rrclient"}),
    "BGP_PEER_RANGE": frozenset({"*"}),
    "BGP_SENTINELS": frozenset({"*"}),
    "MIRROR_SESSION": frozenset({"*"}),
}
"""Fields that a row gets only when it is made: to change one, the row goes away and comes back."""
LOCKED = ("PFC_WD", "BUFFER_POOL", "BUFFER_PROFILE")
"""Tables that are changed only on ASICs of a list that no lab switch is on."""
SPEEDS = frozenset({"1000", "10000", "25000", "40000", "50000", "100000", "200000", "400000", "800000"})


class Illegal(Exception):
    """The config updater forbids this operation."""


def must_be_made_anew(table: str, before: Row, after: Row) -> bool:
    """True if a row's change touches a field that it gets only when it is made."""
    fields = CREATE_ONLY.get(table, frozenset())
    names = before.keys() | after.keys()
    changed = {name for name in names if before.get(name) != after.get(name)}
    return bool(changed & fields) or (fields == {"*"} and bool(changed))


def forbidden(current: Tables, target: Tables) -> str | None:
    """Why the config updater forbids going from one configuration to the other, or None."""
    if "Loopback0" in current.get("LOOPBACK_INTERFACE", {}) and "Loopback0" not in target.get("LOOPBACK_INTERFACE", {}):
        return "Given patch operation is invalid. Operation: remove is illegal on field: /LOOPBACK_INTERFACE/Loopback0"
    if "GLOBAL" in current.get("PFC_WD", {}) and "GLOBAL" not in target.get("PFC_WD", {}):
        return "Given patch operation is invalid. Operation: remove is illegal on field: /PFC_WD/GLOBAL"
    for table in LOCKED:
        if current.get(table) and current.get(table) != target.get(table, {}):
            function = "generic_config_updater.field_operation_validators.rdma_config_update_validator"
            return f"Modification of {table} table is illegal- validating function {function} returned False"
    for name, row in target.get("PORT", {}).items():
        old = current.get("PORT", {}).get(name, {})
        if row.get("speed") != old.get("speed") and row.get("speed") not in SPEEDS:
            function = "generic_config_updater.field_operation_validators.port_config_update_validator"
            return f"Modification of PORT table is illegal- validating function {function} returned False"
    return _acl_type(current, target)


def _acl_type(current: Tables, target: Tables) -> str | None:
    before, after = current.get("ACL_TABLE", {}), target.get("ACL_TABLE", {})
    turned = [name for name in before.keys() & after.keys() if before[name].get("type") != after[name].get("type")]
    old, new = current.get("ACL_RULE", {}), target.get("ACL_RULE", {})
    for key in sorted(old.keys() | new.keys()):
        if key.split("|")[0] in turned and old.get(key) != new.get(key):
            return f"Modification of dataacl rule {key} is illegal: acl table type changed in {turned}"
    return None


def _old_family_status(tables: Tables) -> Iterator[str]:
    for table in ("BGP_GLOBALS_AF", "BGP_NEIGHBOR_AF", "BGP_PEER_GROUP_AF"):
        for key, row in tables.get(table, {}).items():
            if row.get("admin_status") in ("true", "false"):
                yield f"{table}|{key}: admin_status must be up or down"


def own_faults(tables: Tables, release: int) -> list[str]:
    """Faults that scs-rack's own checks find: all there is on a lab switch without YANG models."""
    found = check_tables(tables)
    if release <= 202411:
        found += _old_family_status(tables)
    return found


def has_models() -> bool:
    """True if this switch has YANG models to judge by."""
    return any(Path("/usr/local/yang-models").glob("sonic-*.yang"))


def yang_faults(tables: Tables) -> list[str] | None:
    """Faults by the YANG models on this switch; None when it has none."""
    from scs_rack.lab.switch.device import yang

    return yang.faults(tables)


def without_model(tables: Iterable[str]) -> list[str]:
    """Tables that the YANG models on this switch do not know; none when it has no models."""
    from scs_rack.lab.switch.device import yang

    return yang.unknown(tables)


def faults(tables: Tables) -> list[str]:
    """Faults of a configuration, as the config updater of this switch sees them."""
    found = yang_faults(tables)
    if found is not None:
        return found + _lanes(tables)
    return own_faults(tables, releases.number())


def _lanes(tables: Tables) -> list[str]:
    """The check that the config updater makes itself: lanes are numbers and no two ports share one."""
    seen: dict[str, str] = {}
    found = []
    for name, row in sorted(tables.get("PORT", {}).items()):
        for lane in str(row.get("lanes", "")).split(","):
            if not lane.strip().isdigit():
                found.append(f"PORT has an invalid lane '{lane}' ({name})")
            elif lane in seen:
                found.append(f"{lane} lane is used multiple times in PORT: {seen[lane]}, {name}")
            seen[lane] = name
    return found
