"""Our Redfish client against sushy-tools' emulator of OpenStack, not ours: no sessions, no ETags, slow power."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest
from aiohttp import web

from scs_rack.bmc import Bmc, BootOverride, Fleet, Power, Target, act, settings
from scs_rack.bmc.errors import NotSupported, WrongPassword

from .emulators import PASSWORD, QUICK, target

EMULATOR = Path(sys.executable).with_name("sushy-emulator")
pytestmark = pytest.mark.skipif(not EMULATOR.is_file(), reason="needs sushy-tools (extra dev)")

LIMITS = replace(QUICK, slow_answer=15.0, power=20.0, setting=3.0)
SYSTEM = "c7a5fdbd-cdaf-9455-926a-d65c16db1809"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def emulator(folder: Path, tls_files: tuple[Path, Path]) -> AsyncIterator[Target]:
    """Run the emulator with one fake system."""
    port = _free_port()
    users = folder / "users"
    users.write_text(f"admin:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n", encoding="ascii")
    config = folder / "sushy.conf"
    config.write_text(
        f"""SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_STATE_DIR = {str(folder)!r}
SUSHY_EMULATOR_AUTH_FILE = {str(users)!r}
SUSHY_EMULATOR_FAKE_SYSTEMS = [{{"uuid": {SYSTEM!r}, "name": "judge", "power_state": "Off", "nics": [
    {{"mac": "00:5c:52:31:3a:9c", "ip": "192.0.2.1"}}]}}]
""",
        encoding="utf-8",
    )
    arguments = ("--config", config, "--interface", "127.0.0.1", "--port", port, "--fake")
    tls = ("--ssl-certificate", tls_files[0], "--ssl-key", tls_files[1])
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(EMULATOR), *map(str, (*arguments, *tls)), stdout=log, stderr=asyncio.subprocess.STDOUT
        )
    try:
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:  # it is starting
                await asyncio.sleep(0.1)
        yield target("redfish", port)
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def called(folder: Path, tls_files: tuple[Path, Path]) -> AsyncIterator[Bmc]:
    async with (
        emulator(folder, tls_files) as to,
        Fleet.open(tls_files[0], LIMITS) as fleet,
        fleet.bmc(to) as bmc,
    ):
        yield bmc


async def test_the_emulator_is_driven(tmp_path: Path, tls_files: tuple[Path, Path]) -> None:
    async with called(tmp_path, tls_files) as bmc:
        assert await bmc.power_state() is Power.OFF
        assert (await bmc.identity()).uuid == SYSTEM
        macs = await bmc.macs()
        assert macs.nics is not None
        assert "00:5c:52:31:3a:9c" in macs.nics.values()
        result = await act(bmc, "on", LIMITS)  # the emulator takes up to 11 s
        assert (result.changed, result.error) == (True, None)
        result = await settings.boot(bmc, BootOverride("pxe", persistent=True), LIMITS)
        assert (result.changed, result.error, result.findings) == (True, None, ())
        once = await settings.boot(bmc, BootOverride("disk"), LIMITS)  # it knows Continuous only
        assert once.error is None
        assert [finding.type for finding in once.findings] == ["boot-not-as-often"]
        assert (await bmc.boot_override()).device == "disk"
        assert (await settings.identify(bmc, LIMITS, on=True)).error is None
        assert next((one.kind, one.value is not None) for one in await bmc.sensors()) == ("temperature", True)
        assert {slot.name for slot in await bmc.media()} == {"Cd", "Floppy"}
        async with image(tmp_path) as url:
            result = await settings.insert_media(bmc, url, LIMITS)
            assert (result.changed, result.error) == (True, None)
            assert (await settings.insert_media(bmc, url, LIMITS)).changed is False
        assert (await settings.eject_media(bmc, LIMITS)).changed is True
        for missing in (bmc.events, bmc.users, bmc.bios):
            with pytest.raises(NotSupported):
                await missing()


@asynccontextmanager
async def image(folder: Path) -> AsyncIterator[str]:
    """Serve an image, which the emulator fetches."""
    (folder / "rescue.iso").write_bytes(b"image")
    app = web.Application()
    app.router.add_static("/", folder)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/rescue.iso"
    finally:
        await runner.cleanup()


async def test_a_wrong_password_is_told(tmp_path: Path, tls_files: tuple[Path, Path]) -> None:
    async with emulator(tmp_path, tls_files) as to, Fleet.open(tls_files[0], LIMITS) as fleet:
        with pytest.raises(WrongPassword):
            async with fleet.bmc(replace(to, password="wrong")) as bmc:
                await bmc.power_state()
