"""What a switch uses and offers on its management side: time, logs, names, monitoring, logins, banners.

A part that the rack file does not state yields no table: what the switch has there is its own. A part that is stated
yields its tables even when they are empty, so that what was taken out of the rack file goes from the switch too.
"""

from scs_rack.design.switch_secrets import TACACS, snmp_secrets, stand_in
from scs_rack.sonic.rows import Row, Tables
from scs_rack.sonic.site import Site

SNMP_PORT = 161


def _vrf(site: Site) -> Row:
    return {"vrf": "mgmt"} if site.management_vrf else {}


def _ntp(site: Site) -> Tables:
    """Both ntpd (before 202505) and chrony read these tables."""
    if site.options.ntp is None:
        return {}
    source = {"src_intf": "eth0"} if site.routed else {}
    vrf = {"vrf": "mgmt" if site.management_vrf else "default"}
    return {
        "NTP": {"global": {"admin_state": "enabled", **source, **vrf}},
        "NTP_SERVER": {
            server: {"association_type": "server", "iburst": "on", "resolve_as": server}
            for server in site.options.ntp.servers
        },
    }


def _syslog(site: Site) -> Tables:
    options = site.options.syslog
    if options is None:
        return {}
    row = {"port": str(options.port), "protocol": options.protocol, "severity": options.severity, **_vrf(site)}
    return {"SYSLOG_SERVER": {server: dict(row) for server in options.servers}}


def _dns(site: Site) -> Tables:
    options = site.options.dns
    if options is None:
        return {}
    tables: Tables = {"DNS_NAMESERVER": {server: {} for server in options.servers}}
    if site.switch.release >= "202511":
        tables["DNS_OPTIONS"] = {"GLOBAL": {"search": list(options.search)}} if options.search else {}
    return tables


def _snmp(site: Site) -> Tables:
    options = site.options.snmp
    if options is None:
        return {}
    place = options.location or f"rack {site.design.rack.name}, unit {site.switch.unit}"
    users: dict[str, Row] = {}
    for name, user in options.users.items():
        auth, privacy = snmp_secrets(name)
        users[name] = {
            "SNMP_USER_TYPE": "Priv",
            "SNMP_USER_PERMISSION": "RW" if user.write else "RO",
            "SNMP_USER_AUTH_TYPE": "SHA",
            "SNMP_USER_AUTH_PASSWORD": stand_in(auth),
            "SNMP_USER_ENCRYPTION_TYPE": "AES",
            "SNMP_USER_ENCRYPTION_PASSWORD": stand_in(privacy),
        }
    # the agent answers in the management VRF only where it is told to listen there
    listen: dict[str, Row] = {f"{site.switch.mgmt.ip}|{SNMP_PORT}|mgmt": {}} if site.management_vrf else {}
    return {
        "SNMP": {
            "LOCATION": {"Location": place},
            **({"CONTACT": {"Contact": options.contact}} if options.contact else {}),
        },
        "SNMP_USER": users,
        "SNMP_COMMUNITY": {},
        "SNMP_AGENT_ADDRESS_CONFIG": listen,
    }


def _tacacs(site: Site) -> Tables:
    """Local accounts stay as the last resort: without them a lost server locks everybody out."""
    options = site.options.tacacs
    if options is None:
        return {}
    login = "tacacs+,local" if options.servers else "local"
    servers: dict[str, Row] = {
        # a higher number is asked first
        server: {"priority": str(number), "tcp_port": str(options.port), **_vrf(site)}
        for number, server in zip(range(len(options.servers), 0, -1), options.servers, strict=True)
    }
    return {
        "AAA": {"authentication": {"login": login, "failthrough": "True"}},
        "TACPLUS": {"global": {"auth_type": "login", "timeout": str(options.timeout), "passkey": stand_in(TACACS)}},
        "TACPLUS_SERVER": servers,
    }


def _banner(site: Site) -> Tables:
    banner = site.options.banner
    if banner is None:
        return {}
    row = {"state": "enabled", "login": banner.login, "motd": banner.motd, "logout": banner.logout}
    return {"BANNER_MESSAGE": {"global": row}}


def services(site: Site) -> Tables:
    """Tables of all services that the rack file states for a switch."""
    tables: Tables = {}
    for part in (_ntp, _syslog, _dns, _snmp, _tacacs, _banner):
        tables |= part(site)
    return tables
