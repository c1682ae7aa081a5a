"""One BMC over whichever of the two protocols does it.

The model's protocol comes first. The other one is taken where the first gives no answer at all, or has no such function
(its specification, or this BMC). Nothing else leads there: a wrong password would be tried twice, and a certificate
that is not trusted must not lead to a weaker protocol.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from scs_rack.bmc.errors import AnswerLost, BmcError, NoAnswer, NotSupported, PortClosed, SuiteRefused
from scs_rack.bmc.facts import Inventory
from scs_rack.bmc.ipmi import wire
from scs_rack.bmc.ipmi.link import Link
from scs_rack.bmc.types import Bmc, Console, ProtocolName, Target, TimeLimits

Open = Callable[[Target], AbstractAsyncContextManager[Bmc]]
"""Logs in to a BMC over the protocol of its target."""

_PROBE_AFTER = 1.0
"""Seconds without an answer after which we look whether the other protocol is there."""
_HTTPS = 443
_SUBJECTS = {
    **dict.fromkeys(("boot_override", "set_boot"), "boot"),
    **dict.fromkeys(("identify", "set_identify"), "light"),
    **dict.fromkeys(("events", "clear_events"), "events"),
    **dict.fromkeys(("power_limit", "set_power_limit"), "limit"),
    **dict.fromkeys(("users", "add_user", "set_user", "set_password", "remove_user"), "users"),
}
"""Methods that belong together."""
_NAMES: dict[ProtocolName, str] = {"redfish": "Redfish", "ipmi": "IPMI"}


def other(target: Target) -> Target:
    """The same BMC over the other protocol."""
    protocol: ProtocolName = "ipmi" if target.protocol == "redfish" else "redfish"
    return replace(target, protocol=protocol, port=target.fallback_port, fallback_port=target.port)


def spoken(bmc: Bmc) -> tuple[ProtocolName, ...]:
    """Protocols that something was done over, the first one first."""
    return bmc.used if isinstance(bmc, Choice) else (bmc.protocol,)


@asynccontextmanager
async def chosen(target: Target, limits: TimeLimits, login: Open) -> AsyncIterator[Bmc]:
    """Log in over the first protocol, or over the other one where the first is silent."""
    if not target.fallback:
        async with login(target) as bmc:
            yield bmc
        return
    async with AsyncExitStack() as stack:
        probe = asyncio.create_task(_there(other(target), limits))
        try:
            bmc = await _first(target, stack, login, probe)
        finally:
            probe.cancel()
        yield Choice(bmc, stack, login)


async def _first(target: Target, stack: AsyncExitStack, login: Open, probe: asyncio.Task[bool]) -> Bmc:
    try:
        return await stack.enter_async_context(login(target))
    except (NoAnswer, SuiteRefused, NotSupported) as error:
        silent = isinstance(error, NoAnswer) and not isinstance(error, PortClosed)
        if isinstance(error, AnswerLost) or (silent and not await probe):
            raise
        failure = error
    try:
        return await stack.enter_async_context(login(other(target)))
    except NoAnswer:
        raise failure from None


async def _there(target: Target, limits: TimeLimits) -> bool:
    """True when something answers on the port of a protocol; nobody logs in."""
    await asyncio.sleep(_PROBE_AFTER)
    left = max(limits.answer - _PROBE_AFTER, _PROBE_AFTER) * 0.9
    try:
        async with asyncio.timeout(left):
            return await (_udp(target, left) if target.protocol == "ipmi" else _tcp(target))
    except (OSError, TimeoutError, BmcError):
        return False


async def _udp(target: Target, limit: float) -> bool:
    """Get Channel Authentication Capabilities (22.13), which every BMC answers outside of a session."""
    link = Link(target)
    await link.open()
    try:
        ask = wire.legacy(wire.Message(0x06, 0x38, b"\x8e\x04", 1).encode())
        return await link.exchange(lambda: ask, lambda raw: bool(wire.decode(raw)) or None, (0.0, 1.0), limit)
    finally:
        link.close()


async def _tcp(target: Target) -> bool:
    _, writer = await asyncio.open_connection(str(target.address), target.port or _HTTPS)
    writer.close()
    return True


class Choice(Bmc):
    """A BMC that we are logged in to, with the other protocol at hand for what the one in use lacks.

    Its methods are those of `Bmc`; they are made below, all alike.
    """

    def __init__(self, bmc: Bmc, stack: AsyncExitStack, login: Open) -> None:
        self.target = bmc.target
        self.protocol = bmc.protocol
        self.used: tuple[ProtocolName, ...] = (bmc.protocol,)
        """Protocols that something was done over, the first one first."""
        self._bmc = bmc
        self._stack = stack
        self._login = login
        self._second: Bmc | BmcError | None = None
        self._moved: dict[str, NotSupported] = {}
        """Subjects that the other protocol is spoken for, and why."""

    @property
    def in_use(self) -> Bmc:
        """The driver of the first protocol, for what the interface has no method for."""
        return self._bmc

    async def inventory(self) -> Inventory:
        """Parts of the server: over Redfish where it is there, since IPMI knows boards only."""
        if self._bmc.protocol == "ipmi":
            with contextlib.suppress(BmcError):
                second = await self._other(NotSupported(f"{self.target.where}: IPMI lists no parts"))
                return await second.inventory()
        return await self._bmc.inventory()

    def console(self) -> AbstractAsyncContextManager[Console]:
        """The console of whichever protocol has one."""
        return self._console()

    @asynccontextmanager
    async def _console(self) -> AsyncIterator[Console]:
        async with AsyncExitStack() as stack:
            try:
                console = await stack.enter_async_context(self._bmc.console())
            except NotSupported as error:
                second = await self._other(error)
                console = await stack.enter_async_context(second.console())
            yield console

    async def either(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method over the first protocol, or over the other one where the first has no such function.

        What was set over the other one is read over it too: the first may word it otherwise.
        """
        subject = _SUBJECTS.get(name, name)
        lacking = self._moved.get(subject)
        if lacking is None:
            try:
                return await getattr(self._bmc, name)(*args, **kwargs)
            except NotSupported as error:
                lacking = error
        second = await self._other(lacking)
        self._moved[subject] = lacking
        try:
            return await getattr(second, name)(*args, **kwargs)
        except NotSupported as error:
            names = f"{_NAMES[self._bmc.protocol]}; {_NAMES[second.protocol]}"
            both = NotSupported(f"{lacking.message} ({names} neither: {error.message})", "")
            both.status = lacking.status
            raise both from error

    async def _other(self, lacking: NotSupported) -> Bmc:
        """The second driver; logged in to once, and not again after a failure."""
        if self._second is None:
            try:
                self._second = await self._stack.enter_async_context(self._login(other(self.target)))
            except BmcError as error:
                self._second = error
        if isinstance(self._second, BmcError):
            if isinstance(self._second, NoAnswer):
                raise lacking
            raise self._second
        self.used = tuple(dict.fromkeys((*self.used, self._second.protocol)))
        return self._second


def _method(name: str) -> Callable[..., Awaitable[Any]]:
    async def call(self: Choice, *args: Any, **kwargs: Any) -> Any:
        return await self.either(name, *args, **kwargs)

    call.__name__, call.__doc__ = name, getattr(Bmc, name).__doc__
    return call


for _name, _value in vars(Bmc).items():
    # boot_device and boot_once are made of others of these.
    if asyncio.iscoroutinefunction(_value) and _name not in ("boot_device", "boot_once", "inventory"):
        setattr(Choice, _name, _method(_name))
with contextlib.suppress(NameError):
    del _name, _value
