"""Secrets that switches need, by the names that the vault knows them by."""

from scs_rack.design.types import Design

TACACS = "switch_tacacs_key"
"""The key that switches and TACACS+ servers share: the operator stores it."""
PREFIX = "vault/"
"""What stands before the name of a secret where its value belongs; no field of CONFIG_DB begins like that."""


def stand_in(name: str) -> str:
    """What stands in a table in place of a secret."""
    return PREFIX + name


def snmp_secrets(user: str) -> tuple[str, str]:
    """Names of the passwords of an SNMPv3 user: to sign, and to encrypt."""
    return f"switch_snmp_{user}_auth", f"switch_snmp_{user}_priv"


def switch_secrets(design: Design) -> tuple[str, ...]:
    """Names of all secrets that the rack's switches need, sorted."""
    found: set[str] = set()
    for switch in design.switches.values():
        if switch.options.tacacs:
            found.add(TACACS)
        if switch.options.snmp:
            found |= {name for user in switch.options.snmp.users for name in snmp_secrets(user)}
    return tuple(sorted(found))
