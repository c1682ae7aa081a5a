"""What a change of CONFIG_DB disturbs, by table and field, and which way of applying it that asks for.

Sources: sonic-utilities 202505 (generic config updater: create-only fields, ports that are set down, services that are
restarted), sonic-swss (orchagent, cfgmgr), FRR's user guide, chapter BGP. docs/switch-changes.md says it for people.
"""

from collections.abc import Iterable
from enum import IntEnum

from scs_rack.sonic.tables import RowChange


class Disruption(IntEnum):
    """How much a change disturbs, least first."""

    NONE = 0
    ROW = 1
    FLAP = 2
    SESSION = 3
    RESTART = 4
    RELOAD = 5

    @property
    def text(self) -> str:
        """In words."""
        return _WORDS[self]


_WORDS = {
    Disruption.NONE: "none",
    Disruption.ROW: "row",
    Disruption.FLAP: "port flap",
    Disruption.SESSION: "BGP session",
    Disruption.RESTART: "restart",
    Disruption.RELOAD: "reload",
}

QUIET_TABLES = frozenset(
    {"BANNER_MESSAGE", "DEVICE_NEIGHBOR", "DEVICE_NEIGHBOR_METADATA", "DNS_NAMESERVER", "NTP", "NTP_KEY", "NTP_SERVER",
     "SNMP", "SNMP_COMMUNITY", "SNMP_USER", "SYSLOG_CONFIG", "SYSLOG_SERVER", "TACPLUS", "TACPLUS_SERVER", "VERSIONS"}
)  # fmt: skip
"""Tables that no frame's way depends on."""
RELOAD_TABLES = frozenset({"BREAKOUT_CFG", "MGMT_INTERFACE", "MGMT_PORT", "MGMT_VRF_CONFIG"})
"""Tables whose changes SONiC takes over reliably only when it starts, or that cut us off while it takes them over."""
FLAP_TABLES = frozenset(
    {"BUFFER_PG", "BUFFER_PORT_EGRESS_PROFILE_LIST", "BUFFER_PORT_INGRESS_PROFILE_LIST", "BUFFER_QUEUE",
     "PORT_QOS_MAP", "QUEUE"}
)  # fmt: skip
"""Tables for whose rows the config updater sets their port down and up again."""
RESTART_FIELDS = {
    ("DEVICE_METADATA", "docker_routing_config_mode"): "bgp",
    ("DEVICE_METADATA", "frr_mgmt_framework_config"): "bgp",
}
"""Fields that a service reads when it starts only, and the systemd unit of that service."""
_PORT_FLAP = frozenset({"admin_status", "autoneg", "adv_interface_types", "adv_speeds", "fec", "interface_type",
                        "link_training", "speed"})  # fmt: skip
_PORT_RELOAD = frozenset({"lanes", "subport"})
_DEVICE_RELOAD = frozenset({"buffer_model", "hwsku", "mac", "platform", "synchronous_mode", "type"})
_SESSION_FIELDS = {
    "BGP_GLOBALS": frozenset({"local_asn", "router_id", "default_ipv4_unicast"}),
    "BGP_NEIGHBOR": frozenset({"asn", "auth_password", "ebgp_multihop", "holdtime", "keepalive", "local_addr",
                               "local_asn", "name", "peer_group_name", "peer_type", "admin_status"}),
    "BGP_PEER_GROUP": frozenset({"asn", "auth_password", "ebgp_multihop", "holdtime", "keepalive", "local_addr",
                                 "local_asn", "peer_type", "admin_status"}),
    "BGP_NEIGHBOR_AF": frozenset({"admin_status"}),
    "BGP_PEER_GROUP_AF": frozenset({"admin_status"}),
}  # fmt: skip
_SESSION_ROWS = frozenset({*_SESSION_FIELDS, "INTERFACE", "LOOPBACK_INTERFACE", "PORTCHANNEL_INTERFACE"})
"""Tables with rows that carry sessions: taking one away ends them."""


def _fields(change: RowChange) -> set[str]:
    """Fields that differ."""
    before, after = change.before or {}, change.after or {}
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def _port(change: RowChange) -> Disruption:
    if change.before is None or change.after is None:
        return Disruption.RELOAD
    fields = _fields(change)
    if fields & _PORT_RELOAD:
        return Disruption.RELOAD
    if fields & _PORT_FLAP:
        return Disruption.FLAP
    return Disruption.ROW if fields - {"description"} else Disruption.NONE


def _device(change: RowChange) -> Disruption:
    fields = _fields(change)
    before = change.before or {}
    if any(before.get(name) for name in fields & _DEVICE_RELOAD):
        return Disruption.RELOAD  # stating one that was not stated, or only the default, changes nothing
    return Disruption.RESTART if restarts([change]) else Disruption.NONE


_BY_FIELD = {"PORT": _port, "DEVICE_METADATA": _device}
_BY_TABLE = (
    (RELOAD_TABLES, Disruption.RELOAD),
    (FLAP_TABLES, Disruption.FLAP),
    (QUIET_TABLES, Disruption.NONE),
)


def disruption(change: RowChange) -> Disruption:
    """What one change disturbs at most."""
    if change.table in _BY_FIELD:
        return _BY_FIELD[change.table](change)
    for tables, found in _BY_TABLE:
        if change.table in tables:
            return found
    if change.table in _SESSION_ROWS and change.before is not None:
        ends = change.after is None or _fields(change) & _SESSION_FIELDS.get(change.table, frozenset())
        return Disruption.SESSION if ends else Disruption.ROW
    return Disruption.ROW


def worst(changes: Iterable[RowChange]) -> Disruption:
    """What many changes disturb at most."""
    return max(map(disruption, changes), default=Disruption.NONE)


def restarts(changes: Iterable[RowChange]) -> tuple[str, ...]:
    """Units of systemd on a switch that must be started again after these changes."""
    units = {
        unit
        for change in changes
        for (table, field), unit in RESTART_FIELDS.items()
        if change.table == table and field in _fields(change) and change.after is not None
    }
    return tuple(sorted(units))
