"""From one protocol to the other: where it makes sense, and never where it would do harm."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scs_rack.bmc import Bmc, BootOverride, Fleet, Power, Target
from scs_rack.bmc.choice import Choice, other
from scs_rack.bmc.errors import CertificateRefused, NoAnswer, NotSupported, PortClosed, ProtocolLacks, WrongPassword

from .emulators import QUICK, Emulated, emulated
from .vendors import Shape, serving

Files = tuple[Path, Path]


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def both(tls_files: Files, protocol: str, **changes: Any) -> AsyncIterator[tuple[Emulated, Target]]:
    """A BMC that speaks both protocols, and a target that may fall back."""
    spare = free_port(socket.SOCK_STREAM if protocol == "ipmi" else socket.SOCK_DGRAM)
    async with emulated(protocol, cert=tls_files[0], key=tls_files[1], both=True, other_port=spare, **changes) as it:
        yield it, replace(it.target, fallback=True, fallback_port=spare)


@asynccontextmanager
async def called(to: Target, tls_files: Files) -> AsyncIterator[Bmc]:
    async with Fleet.open(tls_files[0], QUICK) as fleet, fleet.bmc(to) as bmc:
        yield bmc


def used(bmc: Bmc) -> tuple[str, ...]:
    assert isinstance(bmc, Choice)
    return bmc.used


async def test_what_ipmi_lacks_is_done_over_redfish(tls_files: Files) -> None:
    async with both(tls_files, "ipmi") as (_, to), called(to, tls_files) as bmc:
        assert await bmc.power_state() is Power.OFF
        assert used(bmc) == ("ipmi",)
        assert (await bmc.bios()).attributes
        assert used(bmc) == ("ipmi", "redfish")
        assert (await bmc.inventory()).cpus is not None
        await bmc.set_boot(BootOverride("http", mode="uefi"))  # IPMI has no such device
        assert (await bmc.boot_override()).device == "http"


async def test_what_redfish_lacks_is_done_over_ipmi(tls_files: Files) -> None:
    async with both(tls_files, "redfish") as (_, to), called(to, tls_files) as bmc, bmc.console():
        assert used(bmc) == ("redfish", "ipmi")


@pytest.mark.parametrize("protocol", ["ipmi", "redfish"])
async def test_where_one_is_closed_the_other_is_spoken(tls_files: Files, protocol: Any) -> None:
    async with both(tls_files, protocol) as (_, to):
        kind = socket.SOCK_DGRAM if protocol == "ipmi" else socket.SOCK_STREAM
        async with called(replace(to, port=free_port(kind)), tls_files) as bmc:
            assert await bmc.power_state() is Power.OFF
            assert used(bmc) == (other(to).protocol,)


async def test_where_one_is_silent_the_other_is_spoken(tls_files: Files) -> None:
    """A port that takes datagrams and says nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        async with (
            both(tls_files, "ipmi") as (_, to),
            called(replace(to, port=deaf.getsockname()[1]), tls_files) as bmc,
        ):
            assert await bmc.power_state() is Power.OFF
            assert used(bmc) == ("redfish",)


async def test_a_bmc_that_is_silent_in_both_costs_one_time_limit(tls_files: Files) -> None:
    async with both(tls_files, "ipmi", faults=["silent"]) as (_, to):
        begin = asyncio.get_running_loop().time()
        with pytest.raises(NoAnswer):
            async with called(to, tls_files):
                pass
        assert asyncio.get_running_loop().time() - begin < QUICK.answer + 0.5


async def test_a_wrong_password_is_tried_over_one_protocol_only(tls_files: Files) -> None:
    for protocol in ("ipmi", "redfish"):
        async with both(tls_files, protocol) as (_, to):
            silent = replace(to, password="wrong")
            async with Fleet.open(tls_files[0], QUICK) as fleet:
                outcome = await fleet.one(silent, lambda bmc: bmc.power_state())
            assert isinstance(outcome.error, WrongPassword)


async def test_a_certificate_that_is_not_trusted_leads_to_no_weaker_protocol(tls_files: Files) -> None:
    async with both(tls_files, "redfish") as (_, to):
        with pytest.raises(CertificateRefused):
            async with Fleet.open(None, QUICK) as fleet, fleet.bmc(to) as bmc:
                await bmc.power_state()


async def test_without_fallback_the_other_protocol_is_left_alone(tls_files: Files) -> None:
    async with both(tls_files, "ipmi") as (_, to):
        async with called(replace(to, fallback=False), tls_files) as bmc:
            with pytest.raises(ProtocolLacks) as lacks:
                await bmc.media()
            assert "Redfish" in lacks.value.hint
        with pytest.raises(PortClosed):
            async with called(replace(to, fallback=False, port=free_port(socket.SOCK_DGRAM)), tls_files):
                pass


async def test_what_neither_has_names_both(tls_files: Files) -> None:
    async with emulated("ipmi") as it, serving(Shape(), tls_files) as to:
        bare = replace(to, fallback=True, fallback_port=it.target.port)
        async with called(bare, tls_files) as bmc:
            with pytest.raises(NotSupported, match=r"Redfish; IPMI neither"):
                await bmc.bios()
