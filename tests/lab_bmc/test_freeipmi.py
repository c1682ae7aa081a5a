"""What FreeIPMI says of a virtual BMC."""

import shutil

import pytest

from .running import PASSWORD

pytestmark = pytest.mark.skipif(not shutil.which("ipmi-sensors"), reason="needs freeipmi-tools")


@pytest.fixture(params=[3, 17])
def ask(both, request):
    """Run a tool of FreeIPMI without any of its workarounds."""
    config = both.folder / "freeipmi.conf"
    config.touch(mode=0o600)
    config.write_text(
        f"username admin\npassword {PASSWORD}\ndriver-type LAN_2_0\ncipher-suite-id {request.param}\n"
        "privilege-level ADMIN\n"
    )

    def run(tool, *words):
        done = both.run(tool, "--config-file", config, "-h", f"127.0.0.1:{both.ports['ipmi']}", *words)
        assert done.returncode == 0, (tool, words, done.stderr)
        return done.stdout

    return run


def test_power(ask):
    assert "127.0.0.1: off" in ask("ipmipower", "--stat")
    assert "ok" in ask("ipmipower", "--on", "--wait-until-on")
    assert "ok" in ask("ipmipower", "--cycle")
    assert "127.0.0.1: on" in ask("ipmipower", "--stat")
    assert "ok" in ask("ipmipower", "--off", "--wait-until-off")


def test_who_it_is(ask):
    assert "SDR Repository Device : supported" in ask("bmc-info")
    assert "FRU Product Serial Number: SN-0001" in ask("ipmi-fru")
    assert "Power restore policy                : Always off" in ask("ipmi-chassis", "--get-chassis-status")


def test_sensors_and_events(ask):
    lines = ask("ipmi-sensors", "--quiet-cache", "--comma-separated-output").splitlines()
    found = {row[1]: row for row in (line.split(",") for line in lines)}
    assert found["Inlet Temp"][4:6] == ["C", "'OK'"]
    assert found["PSU1 Status"][5] == "'Presence detected'"
    ask("ipmi-sel", "--quiet-cache", "--clear")
    assert "Log Area Reset/Cleared" in ask("ipmi-sel", "--quiet-cache")
    ask("bmc-device", "--set-sel-time=01/02/2031 - 03:04:05")
    assert "01/02/2031 - 03:04" in ask("bmc-device", "--get-sel-time")
    ask("bmc-device", "--set-sel-time=now")


def test_dcmi_and_users(ask):
    assert "Power Measurement                    : Active" in ask("ipmi-dcmi", "--get-system-power-statistics")
    assert "DCMI Specification Conformance" in ask("ipmi-dcmi", "--get-dcmi-capability-info")
    user = ask("bmc-config", "--checkout", "-S", "User2")
    assert "admin" in user
    assert "Administrator" in user


def test_boot_device(ask):
    ask("ipmi-config", "--category=chassis", "--commit", "-e", "Chassis_Boot_Flags:Boot_Device=PXE")
    said = ask("ipmi-config", "--category=chassis", "--checkout", "-S", "Chassis_Boot_Flags")
    assert any(line.split() == ["Boot_Device", "PXE"] for line in said.splitlines())
    ask("ipmi-config", "--category=chassis", "--commit", "-e", "Chassis_Boot_Flags:Boot_Device=NO-OVERRIDE")
