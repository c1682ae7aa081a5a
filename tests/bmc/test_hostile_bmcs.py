"""Hostile BMCs among good ones, in one call: each costs itself, and bounded time and memory."""

import asyncio
import contextlib
import resource
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack.bmc import Bmc, BmcError, Fleet, Identity, Outcome, Power, Target
from scs_rack.bmc.ipmi import wire

from .emulators import QUICK, emulated
from .hostile import babbling, https, served

CORPUS = Path(__file__).with_name("corpus")
LIMITS = replace(QUICK, answer=3.0, repeats=(1.0,), login=4.0, slow_answer=4.0, patience=(0.1,))
WITHIN = 8.0
SLACK = 12.0
"""Seconds that a busy machine may add."""
MEMORY_MIB = 250
"""What all of them together may add; the largest answer alone would be 300 MiB."""


@pytest.fixture
def tls(tls_files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls_files)
    return context


async def power(bmc: Bmc) -> tuple[Power, Identity]:
    return await bmc.power_state(), await bmc.identity()


async def _called(targets: list[Target], ca: Path) -> dict[str, Outcome[tuple[Power, Identity]]]:
    async with Fleet.open(ca, LIMITS) as fleet:
        return {outcome.target.name: outcome async for outcome in fleet.run(targets, power, WITHIN)}


async def _good(stack: AsyncExitStack, protocol: str, tls_files: tuple[Path, Path]) -> AsyncIterator[Target]:
    for number in range(3):
        options = {"server": f"good-{protocol}-{number}", "cert": tls_files[0], "key": tls_files[1]}
        yield (await stack.enter_async_context(emulated(protocol, on=True, **options))).target


async def test_hostile_services(
    tls: ssl.SSLContext, tls_files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    manners = dict(https(CORPUS))
    async with AsyncExitStack() as stack:
        targets = [await stack.enter_async_context(served(talk, tls, name)) for name, talk in manners.items()]
        targets.append(await stack.enter_async_context(served(manners["silent"], None, "no-tls")))
        targets += [target async for target in _good(stack, "redfish", tls_files)]
        targets.append(replace(targets[-1], name="bad-pin", fingerprint="0" * 64))
        before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        found = await _called(targets, tls_files[0])
        took, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _judge(found, [target.name for target in targets])
    assert [one.message for one in caplog.records if one.name == "scs_rack.bmc.fleet"] == [], "nobody foresaw it"
    assert took < WITHIN + SLACK
    assert (after - before) // 1024 < MEMORY_MIB


async def test_hostile_datagrams(tls_files: tuple[Path, Path], caplog: pytest.LogCaptureFixture) -> None:
    corpus = {path.name: bytes.fromhex(path.read_text(encoding="ascii")) for path in (CORPUS / "ipmi").iterdir()}
    async with AsyncExitStack() as stack:
        manners = {f"ipmi-{name}": ([raw], 1) for name, raw in corpus.items()}
        manners |= {"echo": ([], 1), "everything": (list(corpus.values()), 1), "flood": (list(corpus.values()), 60)}
        manners["refuses-oddly"] = ([wire.plain(0x11, bytes([0, status])) for status in range(1, 200)], 1)
        targets = [
            await stack.enter_async_context(babbling(raw, name, times)) for name, (raw, times) in manners.items()
        ]
        targets += [target async for target in _good(stack, "ipmi", tls_files)]
        begin = time.monotonic()
        found = await _called(targets, tls_files[0])
        took = time.monotonic() - begin
    _judge(found, [target.name for target in targets])
    assert [one.message for one in caplog.records if one.name == "scs_rack.bmc.fleet"] == [], "nobody foresaw it"
    assert took < WITHIN + SLACK


async def test_a_stranger_cant_answer_for_a_bmc(tls_files: tuple[Path, Path]) -> None:
    """What comes from another address than the one that was called is not looked at."""
    loop = asyncio.get_running_loop()

    class Elsewhere(asyncio.DatagramProtocol):
        def datagram_received(self, _data: bytes, addr: tuple[str, int]) -> None:
            stranger.sendto(wire.plain(0x11, b"\0\x01" + bytes(34)), addr)

    stranger, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    called, _ = await loop.create_datagram_endpoint(Elsewhere, local_addr=("127.0.0.1", 0))
    with contextlib.closing(stranger), contextlib.closing(called):
        async with AsyncExitStack() as stack:
            good = (await stack.enter_async_context(emulated("ipmi"))).target
            it = replace(good, name="it", port=called.get_extra_info("sockname")[1])
            found = await _called([it], tls_files[0])
    assert type(found["it"].error).__name__ == "NoAnswer"  # and not Busy, as the stranger says


def _judge(found: dict[str, Outcome[tuple[Power, Identity]]], names: list[str]) -> None:
    assert sorted(found) == sorted(names), "one outcome for each"
    for name, outcome in found.items():
        if name.startswith("good-"):
            assert outcome.value, f"{name}: {outcome.error}"
            assert outcome.value[0] is Power.ON
            continue
        assert isinstance(outcome.error, BmcError), f"{name}: {outcome.value}"
        assert outcome.error.message.isprintable(), name
        assert len(outcome.error.message) < 700, name
