"""Our IPMI client against our emulator, through a wire that may lose or forge datagrams."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from scs_rack.bmc import Power, Target
from scs_rack.bmc.errors import (
    AnswerLost,
    Busy,
    NoAnswer,
    NonsenseAnswer,
    PortClosed,
    PrivilegeTooLow,
    Refused,
    SuiteRefused,
    WrongPassword,
    WrongUser,
)
from scs_rack.bmc.ipmi import wire
from scs_rack.bmc.ipmi.driver import IpmiBmc
from scs_rack.bmc.ipmi.session import IpmiSession
from scs_rack.bmc.ipmi.suites import SUITES
from scs_rack.lab.bmc import ipmi_server

from .emulators import LOOPBACK, QUICK, emulated, target

Filter = Callable[[bytes], list[bytes]]


class _Wire(asyncio.DatagramProtocol):
    """Stands between client and BMC; `up` and `down` say what goes on of each datagram."""

    def __init__(self, server: tuple[str, int], up: Filter, down: Filter) -> None:
        self.server, self.up, self.down = server, up, down
        self.client: tuple[str, int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr == self.server:
            for one in self.down(data):
                self.transport.sendto(one, self.client)
            return
        self.client = addr
        for one in self.up(data):
            self.transport.sendto(one, self.server)


@asynccontextmanager
async def wired(to: Target, *, up: Filter = lambda d: [d], down: Filter = lambda d: [d]) -> AsyncIterator[Target]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Wire((str(to.address), to.port or 0), up, down), local_addr=("127.0.0.1", 0)
    )
    try:
        yield replace(to, port=transport.get_extra_info("sockname")[1])
    finally:
        transport.close()


@pytest.mark.parametrize("suites", [(17,), (3,)])
async def test_all_verbs(suites: tuple[int, ...]) -> None:
    async with emulated("ipmi") as it, IpmiSession(it.target, QUICK, suites) as session:
        bmc = IpmiBmc(it.target, session)
        assert session.suite == suites[0]
        assert await bmc.power_state() is Power.OFF
        identity = await bmc.identity()
        assert (identity.model, identity.serial, identity.uuid) == ("vnode", "SN-0001", str(it.machine.uuid))
        macs = await bmc.macs()
        assert macs.bmc == ("02:5c:05:00:01:00",)
        assert macs.nics is None
        await bmc.boot_once("pxe")
        assert await bmc.boot_device() == "pxe"
        await bmc.power_on()
        await it.machine.settle()
        assert await bmc.power_state() is Power.ON
        assert await bmc.boot_device() == "none"  # once means once
        await bmc.reset()
        await it.machine.settle()
        await bmc.cycle()
        await it.machine.settle()
        await bmc.power_off(hard=False)
        await it.machine.settle()
        assert it.power.actions == ["start", "kill", "start", "kill", "start", "shutdown"]
        with pytest.raises(Refused, match="not possible in this state"):
            await bmc.reset()


async def test_falls_back_to_suite_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipmi_server, "SUITES", {3: SUITES[3]})
    async with emulated("ipmi") as it, IpmiSession(it.target, QUICK) as session:
        assert session.suite == 3
        assert await IpmiBmc(it.target, session).power_state() is Power.OFF


async def test_no_common_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipmi_server, "SUITES", {})
    async with emulated("ipmi") as it:
        with pytest.raises(SuiteRefused):
            await IpmiSession(it.target, QUICK).__aenter__()


async def test_other_algorithms_than_asked_for_are_not_taken() -> None:
    """A BMC that answers suite 17 with suite 3's algorithms must not drag us into anything we did not ask for."""

    def downgrade(raw: bytes) -> list[bytes]:
        packet = wire.decode(raw)
        if packet.payload_type != wire.Payload.OPEN_RESPONSE or packet.payload[1]:
            return [raw]
        body = bytearray(packet.payload)
        body[16], body[24] = 0, 0  # no authentication, no integrity
        return [wire.plain(wire.Payload.OPEN_RESPONSE, bytes(body))]

    async with emulated("ipmi") as it, wired(it.target, down=downgrade) as through:
        with pytest.raises(SuiteRefused, match="chose other algorithms"):
            await IpmiSession(through, QUICK).__aenter__()


@pytest.mark.parametrize("suites", [(17,), (3,)])
async def test_failures_have_names(suites: tuple[int, ...]) -> None:
    async with emulated("ipmi") as it:
        for wrong, error in (({"password": "wrong"}, WrongPassword), ({"user": "nobody"}, WrongUser)):
            with pytest.raises(error):
                await IpmiSession(replace(it.target, **wrong), QUICK, suites).__aenter__()
        it.machine.faults.set("silent")
        begin = time.monotonic()
        with pytest.raises(NoAnswer):
            await IpmiSession(it.target, QUICK, suites).__aenter__()
        assert time.monotonic() - begin < QUICK.answer + 0.3
    with pytest.raises(PortClosed):
        await IpmiSession(it.target, QUICK, suites).__aenter__()


async def test_a_wrong_password_is_tried_once() -> None:
    proofs: list[bytes] = []

    def count(raw: bytes) -> list[bytes]:
        if wire.decode(raw).payload_type == wire.Payload.RAKP1:
            proofs.append(raw)
        return [raw]

    async with emulated("ipmi") as it, wired(it.target, up=count) as through:
        with pytest.raises(WrongPassword):
            await IpmiSession(replace(through, password="wrong"), QUICK).__aenter__()
    assert len(proofs) == 1


async def test_a_bmc_without_free_sessions_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ipmi_server, "SESSIONS", 1)
    async with emulated("ipmi") as it, IpmiSession(it.target, QUICK):
        with pytest.raises(Busy):
            await IpmiSession(it.target, QUICK).__aenter__()


async def test_sessions_are_closed_also_after_an_error() -> None:
    async with emulated("ipmi") as it:
        with pytest.raises(PrivilegeTooLow):
            async with IpmiSession(it.target, QUICK) as session:
                await session.command(0x00, 0x02, b"\x00")  # a new session is no more than a user's
        await asyncio.sleep(0.05)
        server = [s for s in ipmi_sessions(it) if not s.closed]
        assert server == []


def ipmi_sessions(it: object) -> list[ipmi_server.Session]:
    import gc

    return [
        session
        for server in gc.get_objects()
        if isinstance(server, ipmi_server.IpmiServer) and server.machine is it.machine
        for session in server.sessions.values()
    ]


async def test_every_second_packet_lost_still_works() -> None:
    seen = 0

    def lossy(raw: bytes) -> list[bytes]:
        nonlocal seen
        seen += 1
        return [raw] if seen % 2 else []

    async with (
        emulated("ipmi") as it,
        wired(it.target, down=lossy) as through,
        IpmiSession(through, replace(QUICK, answer=4.0)) as session,
    ):
        bmc = IpmiBmc(through, session)
        for _ in range(6):
            assert await bmc.power_state() is Power.OFF


async def test_a_lost_answer_never_doubles_an_action() -> None:
    lose = False

    def down(raw: bytes) -> list[bytes]:
        return [] if lose else [raw]

    async with (
        emulated("ipmi", on=True) as it,
        wired(it.target, down=down) as through,
        IpmiSession(through, QUICK) as session,
    ):
        bmc = IpmiBmc(through, session)
        await bmc.boot_device()  # raises the privilege
        lose = True
        with pytest.raises(AnswerLost):
            await bmc.cycle()
        lose = False
        await it.machine.settle()
        assert it.power.actions == ["kill", "start"]


async def test_datagrams_that_arrive_twice_are_harmless() -> None:
    async with (
        emulated("ipmi", on=True) as it,
        wired(it.target, up=lambda d: [d, d, d], down=lambda d: [d, d]) as through,
        IpmiSession(through, QUICK) as session,
    ):
        bmc = IpmiBmc(through, session)
        await bmc.cycle()
        await it.machine.settle()
        assert it.power.actions == ["kill", "start"]
        assert await bmc.power_state() is Power.ON


async def test_forged_answers_are_not_believed() -> None:
    """An answer with a bit turned has a wrong code; replayed and foreign ones have a wrong number."""

    def forge(raw: bytes) -> list[bytes]:
        packet = wire.decode(raw)
        if not packet.session:
            return [raw]
        spoilt = bytearray(raw)
        spoilt[20] ^= 0x01
        return [bytes(spoilt), b"\x06\x00\xff\x07garbage", b""]

    async with (
        emulated("ipmi") as it,
        wired(it.target, down=forge) as through,
        IpmiSession(through, QUICK) as session,
    ):
        with pytest.raises(NoAnswer):
            await IpmiBmc(through, session).power_state()


async def test_a_bmc_that_knows_the_password_but_makes_other_keys_is_not_trusted() -> None:
    def spoil(raw: bytes) -> list[bytes]:
        packet = wire.decode(raw)
        if packet.payload_type != wire.Payload.RAKP4:
            return [raw]
        return [wire.plain(wire.Payload.RAKP4, packet.payload[:-1] + bytes([packet.payload[-1] ^ 1]))]

    async with emulated("ipmi") as it, wired(it.target, down=spoil) as through:
        with pytest.raises(NonsenseAnswer):
            await IpmiSession(through, QUICK).__aenter__()


async def test_a_slow_bmc_is_waited_for() -> None:
    async with emulated("ipmi", slow_seconds=0.8, faults=["slow"]) as it, IpmiSession(it.target, QUICK) as session:
        assert await IpmiBmc(it.target, session).power_state() is Power.OFF


async def test_no_way_to_the_address() -> None:
    with pytest.raises(NoAnswer):
        await IpmiSession(replace(target("ipmi", 623), address=LOOPBACK + 2**24 * 113 - 1), QUICK).__aenter__()


async def test_what_a_bmc_is_too_busy_for_is_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with emulated("ipmi") as it, IpmiSession(it.target, QUICK) as session:
        honest, codes = session._judge, iter([0xC0, 0xC0, 0])

        def busy(netfn: int, number: int, _code: int) -> None:
            honest(netfn, number, next(codes))

        monkeypatch.setattr(session, "_judge", busy)
        await session.command(0x00, 0x01)
        codes = iter([0xC3])
        with pytest.raises(Busy):
            await session.command(0x00, 0x02, b"\x03", once=True)  # it may have been done
        codes = iter([0xC1])
        with pytest.raises(Refused):
            await session.command(0x00, 0x01)
