"""CONFIG_DB of a switch, made from a Design: pure functions, the same input gives the same tables.

Spelling is that of the switch's release of community SONiC. From 202505 on the tables of BGP are in CONFIG_DB (unified
mode with the FRR management framework, frrcfgd). Release 202411 can't do that validly (its YANG models and its frrcfgd
contradict each other about `admin_status`), so its CONFIG_DB says `split-unified`, and `frr_file` gives the FRR
configuration that belongs to it.
"""

from collections.abc import Iterator

from scs_rack.design import Design
from scs_rack.model.fault import Fault
from scs_rack.sonic.acl import acls
from scs_rack.sonic.device import is_split, management, metadata, neighbours
from scs_rack.sonic.evpn import Overlay, multihoming
from scs_rack.sonic.frr import frr_conf, static_routes
from scs_rack.sonic.overlay import conflicts, merged
from scs_rack.sonic.ports import breakouts, lags, ports, vlans
from scs_rack.sonic.qos import qos
from scs_rack.sonic.routing import BGP_TABLES, routing
from scs_rack.sonic.rows import Tables
from scs_rack.sonic.services import services
from scs_rack.sonic.site import Site
from scs_rack.sonic.spanning_tree import spanning_tree

SPLIT_LINES = ("no fpm use-next-hop-groups", "fpm address 127.0.0.1", "no zebra nexthop kernel enable")
"""What SONiC has in frr.conf in split mode, so that routes go to the switch chip (docker-fpm-frr, docker_init.sh)."""
NEWEST = "202605"
"""Newest release that has a number; what comes after it still has its schema of CONFIG_DB."""


def _parts(site: Site) -> Iterator[Tables]:
    """Tables by subject; later parts may add rows to tables, and fields to rows, of earlier ones."""
    yield {"DEVICE_METADATA": {"localhost": metadata(site.switch)}}
    yield ports(site.design, site.switch)
    yield breakouts(site.switch)
    yield lags(site)
    yield vlans(site)
    yield management(site)
    yield neighbours(site)
    yield services(site)
    yield acls(site)
    yield qos(site)
    yield spanning_tree(site)
    if not site.routed:
        return
    yield routing(site)
    if site.design.rack.layer2.segments and site.switch.role == "leaf":
        overlay = Overlay(site)
        yield overlay.bridging()
        yield overlay.loopbacks()
    if site.design.rack.layer2.vnis:
        yield Overlay(site).routing()
    yield multihoming(site)


def all_tables(design: Design, name: str) -> Tables:
    """All that follows from a Design for a switch, whatever its release can keep in CONFIG_DB; without its overlay."""
    tables: Tables = {}
    for part in _parts(Site(design, design.switches[name])):
        for table, rows in part.items():
            have = tables.setdefault(table, {})
            for key, row in rows.items():
                have[key] = {**have[key], **row} if key in have else row
    return dict(sorted(tables.items()))


def generated(design: Design, switch_name: str) -> Tables:
    """The tables of CONFIG_DB that follow from the rack file for a switch, without its overlay."""
    tables = all_tables(design, switch_name)
    if is_split(design.switches[switch_name].release):
        return {table: rows for table, rows in tables.items() if table not in BGP_TABLES}
    return tables


def config_db(design: Design, switch_name: str) -> Tables:
    """The tables of CONFIG_DB that scs-rack wants on a switch: what follows from the rack file, and the overlay.

    Secrets are named, not told (`scs_rack.sonic.secrets.filled` puts them in). A table without rows shall be empty.

    Raises:
        KeyError: the rack has no switch of that name.
        BadBreakout: a port can't be broken out as the rack file says.
        OverlayConflict: the overlay contradicts the rack file.
    """
    release = design.switches[switch_name].release
    return merged(generated(design, switch_name), design.rack.overlays.get(switch_name), release)


def all_conflicts(design: Design) -> list[Fault]:
    """Contradictions between the rack file and all overlays."""
    return [
        fault
        for name, overlay in design.rack.overlays.items()
        for fault in conflicts(generated(design, name), overlay, design.switches[name].release)
    ]


def frr_file(design: Design, switch_name: str) -> str | None:
    """FRR's configuration of a switch whose release keeps it in a file; None where CONFIG_DB holds it.

    It has all that FRR shall run, also what SONiC adds to the file when its routing container starts: without
    `fpm address` no route would reach the switch chip.
    """
    if not is_split(design.switches[switch_name].release):
        return None
    own = design.rack.overlays.get(switch_name)
    tables = merged(all_tables(design, switch_name), own, design.switches[switch_name].release)
    return "\n".join([*SPLIT_LINES, *static_routes(tables), frr_conf(tables)]) + (own.frr if own else "")


def day0(design: Design, switch_name: str) -> Tables:
    """What a switch has before scs-rack touches it: it can be managed, and does nothing else.

    An out-of-band switch already bridges its VLAN, so that all that hangs on it can be reached; that is what whoever
    puts a switch into a rack does by hand or by ZTP.
    """
    site = Site(design, design.switches[switch_name])
    switch = site.switch
    localhost = {
        key: value for key, value in metadata(switch).items() if key in ("hostname", "hwsku", "platform", "mac", "type")
    }
    tables: Tables = {
        "DEVICE_METADATA": {"localhost": localhost},
        "VERSIONS": {"DATABASE": {"VERSION": f"version_{NEWEST if switch.release == 'master' else switch.release}_01"}},
        **ports(design, switch),
        **breakouts(switch),
        **management(site),
    }
    if switch.role == "oob":
        tables |= lags(site) | vlans(site)
    else:
        for row in tables["PORT"].values():
            row["admin_status"] = "down"
    for row in tables["PORT"].values():
        del row["description"]
    return dict(sorted(tables.items()))
