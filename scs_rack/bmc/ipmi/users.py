"""Accounts over IPMI (22.26 to 22.30): slots with a name, a password and a privilege.

By our own client and not by pyghmi, which does not tell whether an account is enabled.
"""

from collections.abc import AsyncIterator

from scs_rack.bmc.errors import NonsenseAnswer, Refused
from scs_rack.bmc.facts import Role, User
from scs_rack.bmc.ipmi.session import IpmiSession

_APP = 0x06
_CHANNEL = 0x0E
_NAME = 16
_SHORT, _LONG = 16, 20
"""Bytes of a password: of IPMI 1.5, and of 2.0."""
_DISABLE, _ENABLE, _SET = 0, 1, 2
_NONE = 0x0F
_PRIVILEGES: dict[Role, int] = {"readonly": 2, "operator": 3, "administrator": 4, "none": _NONE}
_ROLES: dict[int, Role] = {number: role for role, number in _PRIVILEGES.items()}
_SLOTS = 63
_ENABLED, _DISABLED = 1, 2


async def read(session: IpmiSession, where: str) -> tuple[User, ...]:
    """Accounts with a name, and the null user (slot 1) where it is enabled."""
    found = [user async for user in _slots(session, where)]
    return tuple(user for user in found if user.name or user.enabled)


async def add(session: IpmiSession, where: str, name: str, password: str, role: Role) -> None:
    """Fill the first free slot: name, password, privilege, and only then enabled."""
    slots = [user async for user in _slots(session, where)]
    if any(user.name == name for user in slots):
        raise Refused(f"{where}: it has a user {name} already")
    free = next((user for user in slots if not user.name and user.number != "1"), None)
    if free is None:
        raise Refused(f"{where}: all of its account slots are taken")
    slot = int(free.number)
    await _rename(session, where, slot, name)
    await _password(session, where, slot, password)
    await _access(session, slot, role)
    await session.command(_APP, 0x47, bytes([slot, _ENABLE]))


async def change(session: IpmiSession, where: str, name: str, role: Role | None, *, enabled: bool | None) -> None:
    """Change privilege or state."""
    slot = await _slot(session, where, name)
    if role is not None:
        await _access(session, slot, role)
    if enabled is not None:
        await session.command(_APP, 0x47, bytes([slot, _ENABLE if enabled else _DISABLE]))


async def set_password(session: IpmiSession, where: str, name: str, password: str) -> None:
    """Set a password; the longer form only where it is needed, since some BMCs lack it."""
    await _password(session, where, await _slot(session, where, name), password)


async def remove(session: IpmiSession, where: str, name: str) -> None:
    """Disable an account, take its privilege, and clear its name."""
    slot = await _slot(session, where, name)
    await session.command(_APP, 0x47, bytes([slot, _DISABLE]))
    await _access(session, slot, "none")
    await _rename(session, where, slot, "")


async def _slots(session: IpmiSession, where: str) -> AsyncIterator[User]:
    slot, count = 1, 1
    while slot <= count:
        access = await session.command(_APP, 0x44, bytes([_CHANNEL, slot]))
        if len(access) < 4:
            raise NonsenseAnswer(f"{where}: the answer about user {slot} is too short")
        count = min(access[0] & 0x3F, _SLOTS)
        state, messaging, privilege = access[1] >> 6, bool(access[3] & 0x10), access[3] & 0x0F
        name = await _name(session, slot)
        role = _ROLES.get(privilege, "other")
        # Old BMCs do not tell the state: then whoever may send messages counts as enabled.
        enabled = state == _ENABLED or (state != _DISABLED and messaging and role != "none")
        yield User(str(slot), name, role, enabled)
        slot += 1


async def _name(session: IpmiSession, slot: int) -> str:
    try:
        raw = await session.command(_APP, 0x46, bytes([slot]))
    except Refused:  # some have no name to tell for an empty slot
        return ""
    words = raw[:_NAME].split(b"\0", 1)[0].decode("latin-1")
    return "".join(c for c in words if c.isprintable())


async def _slot(session: IpmiSession, where: str, name: str) -> int:
    users = [user async for user in _slots(session, where)]
    found = next((int(user.number) for user in users if user.name == name and name), None)
    if found is None:
        raise Refused(f"{where}: it has no user {name}", f"it has {', '.join(u.name for u in users if u.name)}")
    return found


async def _rename(session: IpmiSession, where: str, slot: int, name: str) -> None:
    raw = name.encode()
    if len(raw) > _NAME:
        raise Refused(f"{where}: user names have at most {_NAME} bytes over IPMI")
    await session.command(_APP, 0x45, bytes([slot]) + raw.ljust(_NAME, b"\0"))


async def _password(session: IpmiSession, where: str, slot: int, password: str) -> None:
    raw = password.encode()
    if len(raw) > _LONG:
        raise Refused(f"{where}: passwords have at most {_LONG} bytes over IPMI")
    long = len(raw) > _SHORT
    head = bytes([slot | (0x80 if long else 0), _SET])
    await session.command(_APP, 0x47, head + raw.ljust(_LONG if long else _SHORT, b"\0"))


async def _access(session: IpmiSession, slot: int, role: Role) -> None:
    """Set User Access: messages and link authentication as the privilege has them."""
    if role not in _PRIVILEGES:
        raise Refused(f"no role {role}", f"there are {', '.join(_PRIVILEGES)}")
    bits = 0x80 | (0x00 if role == "none" else 0x30) | _CHANNEL
    await session.command(_APP, 0x43, bytes([bits, slot, _PRIVILEGES[role], 0]))
