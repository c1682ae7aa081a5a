import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from scs_rack.lab.bmc.config import BmcConfig
from scs_rack.lab.bmc.faults import LiveFaults
from scs_rack.lab.bmc.machine import BootOverride, Machine
from scs_rack.lab.bmc.power import FakePower


def config(**changes: object) -> BmcConfig:
    stated = {
        "rack": "test",
        "rack_dir": "/nonexistent",
        "server": "node1",
        "address": "127.0.0.1",
        "protocol": "ipmi",
        "user": "admin",
        "password": "secret",
        "mac": "02:5c:05:00:01:00",
        "serial": "SN-0001",
    }
    return BmcConfig.model_validate(stated | changes)


async def test_power_tells_the_truth_while_a_shutdown_takes_its_time() -> None:
    power = FakePower(on=True, delay=0.3)
    machine = Machine(config(), power)
    machine.act("soft")
    await asyncio.sleep(0.05)
    assert await machine.power_state() is True
    await machine.settle()
    assert await machine.power_state() is False


async def test_actions_come_one_after_the_other() -> None:
    power = FakePower(delay=0.05)
    machine = Machine(config(), power)
    for action in ("on", "reset", "soft", "on"):
        machine.act(action)
        await asyncio.sleep(0)
    await machine.settle()
    assert power.actions == ["start", "kill", "start", "shutdown", "start"]


@pytest.mark.parametrize("seconds", [0.0, 0.02, 0.07, 0.12])
async def test_a_hard_off_ends_what_it_overtakes_and_not_what_comes_later(seconds: float) -> None:
    power = FakePower(on=True, delay=0.05)
    machine = Machine(config(), power)
    machine.act("reset")
    await asyncio.sleep(seconds)
    machine.act("off")
    await machine.settle()
    assert await machine.power_state() is False
    machine.act("on")
    machine.act("off")
    machine.act("on")
    await machine.settle()
    assert await machine.power_state() is True


async def test_a_failed_start_leaves_the_bmc_alive(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakePower):
        def start(self) -> None:
            raise RuntimeError("no disk")

    machine = Machine(config(), Broken())
    machine.act("on")
    await machine.settle()
    assert await machine.power_state() is False
    assert "no disk" in caplog.text


async def test_the_boot_override_outlives_the_bmc_and_leaves_its_configuration_alone(tmp_path: Path) -> None:
    written = tmp_path / "bmc" / "node1.json"  # where the lab keeps the configuration
    written.parent.mkdir()
    written.write_text("configuration")
    stated = config(state_dir=tmp_path)
    Machine(stated, FakePower()).set_boot(BootOverride("pxe", persistent=True))
    again = Machine(stated, FakePower())
    assert again.boot == BootOverride("pxe", persistent=True)
    again.act("on")
    await again.settle()
    assert Machine(stated, FakePower()).boot.target == "pxe"  # persistent
    assert again.last_reset == Machine(stated, FakePower()).last_reset
    assert written.read_text() == "configuration"
    (tmp_path / "bmc" / "node1.kept").write_text("{ damaged")
    assert Machine(stated, FakePower()).boot == BootOverride()


def test_faults_are_read_again_and_half_a_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bmc.json"
    stated = json.loads(config().model_dump_json())
    path.write_text(json.dumps(stated))
    faults = LiveFaults([], 3.0, path)
    assert "silent" not in faults
    path.write_text(json.dumps(stated | {"faults": ["silent"]}))
    assert "silent" in faults
    path.write_text("{")
    assert "silent" in faults
    path.unlink()
    assert "silent" in faults


def test_the_password_is_in_no_representation() -> None:
    assert "secret" not in repr(config())


def test_a_password_that_was_changed_outlives_the_bmc_until_the_vault_has_another(tmp_path: Path) -> None:
    stated = config(state_dir=tmp_path)
    machine = Machine(stated, FakePower())
    assert machine.accounts.login("admin", "secret")
    machine.accounts.put(replace(machine.accounts.slot(2), password="rotated"))
    assert Machine(stated, FakePower()).accounts.login("admin", "rotated")
    assert (tmp_path / "bmc" / "node1.kept").stat().st_mode & 0o777 == 0o600
    fresh = Machine(config(state_dir=tmp_path, password="another"), FakePower())
    assert fresh.accounts.login("admin", "another")
    assert fresh.accounts.login("admin", "rotated") is None
