"""Our IPMI client against OpenIPMI's ipmi_sim: a server that is not ours (cipher suite 3; it has no 17)."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack.bmc import Power, Target, act
from scs_rack.bmc.errors import SuiteRefused, WrongPassword, WrongUser
from scs_rack.bmc.ipmi.driver import IpmiBmc
from scs_rack.bmc.ipmi.session import IpmiSession

from .emulators import PASSWORD, QUICK, target

pytestmark = pytest.mark.skipif(not shutil.which("ipmi_sim"), reason="needs ipmi_sim (Debian package openipmi)")

LIMITS = replace(QUICK, answer=3.0, repeats=(1.0,), power=5.0)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write(folder: Path, port: int) -> None:
    script = folder / "chassis"
    script.write_text(
        f"""#!/bin/sh
case "$2 $3" in
"get power") echo "power:$(cat {folder}/power 2>/dev/null || echo 0)" ;;
"get boot") echo "boot:$(cat {folder}/boot 2>/dev/null || echo none)" ;;
"set power"|"set boot") echo "$4" > {folder}/"$3" ;;
esac
""",
        encoding="utf-8",
    )
    script.chmod(0o755)
    (folder / "lan.conf").write_text(
        f"""name "judge"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{script} 0x20"
  user 2 true "admin" "{PASSWORD}" admin 10 none md2 md5 straight
""",
        encoding="utf-8",
    )
    (folder / "sim.emu").write_text(
        "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nmc_enable 0x20\n", encoding="utf-8"
    )


@pytest.fixture
async def judge(tmp_path: Path) -> AsyncIterator[Target]:
    port = _free_port()
    _write(tmp_path, port)
    (tmp_path / "state").mkdir()
    process = await asyncio.create_subprocess_exec(
        "ipmi_sim",
        "-n",
        "-c",
        str(tmp_path / "lan.conf"),
        "-f",
        str(tmp_path / "sim.emu"),
        "-s",
        str(tmp_path / "state"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=(tmp_path / "log").open("wb"),
        stderr=asyncio.subprocess.STDOUT,
    )
    found = target("ipmi", port)
    try:
        for _ in range(50):
            try:
                async with IpmiSession(found, LIMITS):
                    break
            except Exception:  # noqa: BLE001 (it is starting)
                await asyncio.sleep(0.1)
        yield found
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_verbs(judge: Target) -> None:
    async with IpmiSession(judge, LIMITS) as session:
        assert session.suite == 3  # 17 was offered first and refused
        bmc = IpmiBmc(judge, session)
        assert await bmc.power_state() is Power.OFF
        result = await act(bmc, "on", LIMITS)
        assert (result.changed, result.error) == (True, None)
        assert (await act(bmc, "on", LIMITS)).changed is False
        assert (await act(bmc, "off", LIMITS)).changed is True
        assert (await bmc.identity()).bmc_firmware == "9.08"
        assert len((await bmc.macs()).bmc) == 1


async def test_refusals(judge: Target) -> None:
    with pytest.raises(WrongPassword):
        await IpmiSession(replace(judge, password="wrong"), LIMITS).__aenter__()
    with pytest.raises(WrongUser):
        await IpmiSession(replace(judge, user="nobody"), LIMITS).__aenter__()
    with pytest.raises(SuiteRefused):
        await IpmiSession(judge, LIMITS, suites=(17,)).__aenter__()
