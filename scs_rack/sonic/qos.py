"""Lossless Ethernet for RDMA storage: classes, PFC, ECN, schedulers, and buffers where they are stated.

RoCEv2 travels in one class that is paused (PFC, IEEE 802.1Qbb) rather than dropped, and marked (ECN, RFC 3168) before
it comes to that. Congestion notifications and routing go first, all other traffic shares the rest.
Without stated buffers the platform's own hold: SONiC makes lossless groups from `pfc_enable` and the cable's length.
"""

from scs_rack.model.portmap import load_portmap
from scs_rack.model.switching import Roce, RoceBuffers
from scs_rack.sonic.rows import Row, Tables, strings
from scs_rack.sonic.site import Site

NAME = "ROCE"
CABLES = "AZURE"
"""Name of the row of cable lengths: SONiC's own templates call it so, and two rows would contradict each other."""
CONTROL = 6
"""Class, queue and priority group of what goes first."""
NETWORK_CONTROL = (48, 56)
"""Markings of routing protocols (class selectors 6 and 7, RFC 4594)."""
PFC_GROUP_VENDORS = frozenset({"Mellanox"})
"""Vendors whose chips want to be told the priority group of each PFC priority; others refuse the map."""
POLL, DETECTION, RESTORATION = 200, 400, 400
"""The watchdog's times in milliseconds."""


def _maps(roce: Roce) -> Tables:
    classes = {str(dscp): "0" for dscp in range(64)}
    classes |= {str(dscp): str(CONTROL) for dscp in (*NETWORK_CONTROL, roce.cnp_dscp)}
    classes[str(roce.dscp)] = str(roce.priority)
    same = {str(number): str(number) for number in range(8)}
    groups = {str(number): str(number) if number == roce.priority else "0" for number in range(8)}
    return {
        "DSCP_TO_TC_MAP": {NAME: classes},
        "TC_TO_QUEUE_MAP": {NAME: same},
        "TC_TO_PRIORITY_GROUP_MAP": {NAME: groups},
        "MAP_PFC_PRIORITY_TO_QUEUE": {NAME: dict(same)},
    }


def _queues(roce: Roce, ports: list[str]) -> Tables:
    wred = {
        "ecn": "ecn_all",
        "wred_green_enable": "true",
        "wred_yellow_enable": "true",
        "wred_red_enable": "true",
        **{f"{colour}_min_threshold": roce.ecn_min for colour in ("green", "yellow", "red")},
        **{f"{colour}_max_threshold": roce.ecn_max for colour in ("green", "yellow", "red")},
        **{f"{colour}_drop_probability": roce.ecn_probability for colour in ("green", "yellow", "red")},
    }
    queues: dict[str, Row] = {}
    for port in ports:
        queues[f"{port}|0"] = {"scheduler": "SCS_OTHER"}
        queues[f"{port}|{roce.priority}"] = {"scheduler": "SCS_STORAGE", "wred_profile": NAME}
        queues[f"{port}|{CONTROL}"] = {"scheduler": "SCS_CONTROL"}
    return {
        "WRED_PROFILE": {NAME: strings(wred)},
        "SCHEDULER": {
            "SCS_CONTROL": {"type": "STRICT"},
            "SCS_STORAGE": {"type": "DWRR", "weight": str(roce.share)},
            "SCS_OTHER": {"type": "DWRR", "weight": str(100 - roce.share)},
        },
        "QUEUE": queues,
    }


def _ports(roce: Roce, ports: list[str], *, groups: bool) -> Tables:
    row: Row = {
        "dscp_to_tc_map": NAME,
        "tc_to_queue_map": NAME,
        "tc_to_pg_map": NAME,
        "pfc_to_queue_map": NAME,
        "pfc_enable": str(roce.priority),
    }
    tables: Tables = {"CABLE_LENGTH": {CABLES: dict.fromkeys(ports, f"{roce.cable_m}m")}}
    if groups:
        tables["PFC_PRIORITY_TO_PRIORITY_GROUP_MAP"] = {NAME: {str(roce.priority): str(roce.priority)}}
        row["pfc_to_pg_map"] = NAME
    if roce.watchdog:
        row["pfcwd_sw_enable"] = str(roce.priority)
        watch = {"action": "drop", "detection_time": str(DETECTION), "restoration_time": str(RESTORATION)}
        tables["PFC_WD"] = {"GLOBAL": {"POLL_INTERVAL": str(POLL)}, **{port: dict(watch) for port in ports}}
    # switches with one map for all ports take it from the row `global`
    tables["PORT_QOS_MAP"] = {"global": {"dscp_to_tc_map": NAME}, **{port: dict(row) for port in ports}}
    return tables


def _buffers(roce: Roce, buffers: RoceBuffers, ports: list[str]) -> Tables:
    pool = {"type": "ingress", "mode": "dynamic", "size": buffers.pool, "xoff": buffers.pool_xoff}
    profile = {
        "pool": "ingress_lossless_pool",
        "size": buffers.size,
        "xon": buffers.xon,
        "xoff": buffers.xoff,
        "dynamic_th": buffers.threshold,
    }
    return {
        "BUFFER_POOL": {"ingress_lossless_pool": strings(pool)},
        "BUFFER_PROFILE": {NAME: strings(profile)},
        "BUFFER_PG": {f"{port}|{roce.priority}": {"profile": NAME} for port in ports},
    }


def qos(site: Site) -> Tables:
    """Tables of the lossless class on all routed ports of a leaf or spine; none where the rack file states none."""
    roce = site.options.roce
    if roce is None or not site.routed:
        return {}
    ports = [port for one in site.neighbours.values() for port in one.members]
    groups = load_portmap(site.switch.model).vendor in PFC_GROUP_VENDORS
    tables = {**_maps(roce), **_queues(roce, ports), **_ports(roce, ports, groups=groups)}
    return tables | (_buffers(roce, roce.buffers, ports) if roce.buffers else {})
