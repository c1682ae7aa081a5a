"""CONFIG_DB of a switch, made from a Design: pure functions, the same input gives the same tables.

Spelling is that of community SONiC 202505 and newer in unified mode with the FRR management framework (frrcfgd).
Release 202411 can't do that validly (its YANG models and its frrcfgd contradict each other about `admin_status`),
so its CONFIG_DB says `split-unified`, and `frr_file` gives the FRR configuration that belongs to it.
"""

from scs_rack.design import Design
from scs_rack.sonic.device import is_split, management, metadata, neighbours
from scs_rack.sonic.frr import frr_conf
from scs_rack.sonic.ports import ports, vlans
from scs_rack.sonic.routing import BGP_TABLES, routing
from scs_rack.sonic.rows import Tables


def all_tables(design: Design, name: str) -> Tables:
    """All that follows from a Design for a switch, whatever its release can keep in CONFIG_DB."""
    switch = design.switches[name]
    tables: Tables = {"DEVICE_METADATA": {"localhost": metadata(switch)}, **ports(design, switch)}
    tables |= vlans(switch)
    tables |= management(design, switch)
    tables |= neighbours(design, switch)
    if switch.role != "oob":
        tables |= routing(design, switch)
    return dict(sorted(tables.items()))


def config_db(design: Design, switch_name: str) -> Tables:
    """The tables of CONFIG_DB that scs-rack owns on a switch.

    Raises:
        KeyError: the rack has no switch of that name.
        BadBreakout: a port can't be broken out as the rack file says.
    """
    tables = all_tables(design, switch_name)
    if is_split(design.switches[switch_name].release):
        return {table: rows for table, rows in tables.items() if table not in BGP_TABLES}
    return tables


def frr_file(design: Design, switch_name: str) -> str | None:
    """FRR's configuration of a switch whose release keeps it in a file; None where CONFIG_DB holds it."""
    if not is_split(design.switches[switch_name].release):
        return None
    return frr_conf(all_tables(design, switch_name))


def day0(design: Design, switch_name: str) -> Tables:
    """What a switch has before scs-rack touches it: it can be managed, and does nothing else.

    An out-of-band switch already bridges its VLAN, so that all that hangs on it can be reached; that is what whoever
    puts a switch into a rack does by hand or by ZTP.
    """
    switch = design.switches[switch_name]
    localhost = {
        key: value for key, value in metadata(switch).items() if key in ("hostname", "hwsku", "platform", "mac", "type")
    }
    tables: Tables = {
        "DEVICE_METADATA": {"localhost": localhost},
        "VERSIONS": {"DATABASE": {"VERSION": f"version_{switch.release}_01"}},
        **ports(design, switch),
        **management(design, switch),
    }
    if switch.role == "oob":
        tables |= vlans(switch)
    else:
        for row in tables["PORT"].values():
            row["admin_status"] = "down"
    for row in tables["PORT"].values():
        del row["description"]
    return dict(sorted(tables.items()))
