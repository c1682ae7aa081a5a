"""What ipmitool says of a virtual BMC, beyond power and boot (test_outside_judges.py)."""

import os
import pty
import select
import shutil
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .running import PASSWORD, running

pytestmark = pytest.mark.skipif(not shutil.which("ipmitool"), reason="needs ipmitool")


@pytest.fixture(scope="module")
def on(both):
    both.said("power", "on")
    end = time.monotonic() + 10
    while "is on" not in both.said("power", "status"):
        assert time.monotonic() < end
    return both


def test_the_controller(both):
    assert "Selftest: passed" in both.said("mc", "selftest")
    assert "GUID Encoding : IPMI" in both.said("mc", "guid")
    assert "Firmware Revision         : 1.02" in both.said("mc", "info")
    assert "always-off always-on previous" in both.said("chassis", "policy", "list")
    ciphers = [line.split()[0] for line in both.said("channel", "getciphers", "ipmi", "1").splitlines()[1:]]
    assert ciphers == ["3", "17"]
    assert "user id                       : 2" in both.said("session", "info", "active")
    assert "Bad Password Threshold  : 10" in both.said("lan", "print")


def test_sensors_have_readings_names_units_and_thresholds(on):
    rows = {row[0].strip(): [one.strip() for one in row] for row in
            (line.split("|") for line in on.said("sensor", "list").splitlines())}  # fmt: skip
    inlet = rows["Inlet Temp"]
    assert 15 < float(inlet[1]) < 35
    assert inlet[2:10] == ["degrees C", "ok", "na", "0.000", "5.000", "38.000", "42.000", "47.000"]
    assert rows["Fan1"][2] == "RPM"
    assert 11.5 < float(rows["12V"][1]) < 12.5
    assert 150 <= float(rows["Total Power"][1]) <= 170
    assert "S0/G0: working" in on.said("sdr", "elist")


def test_thresholds_can_be_set(fresh):
    fresh.said("power", "on")
    fresh.said("sensor", "thresh", "Fan1", "lower", "300", "800", "1200")
    assert "Lower Non-Critical    : 1200.000" in fresh.said("sensor", "get", "Fan1")
    assert fresh.ipmitool("sensor", "thresh", "Fan1", "unc", "9000").returncode != 0  # it has none


def test_the_event_log_is_filled_read_and_cleared(fresh):
    assert "Entries          : 0" in fresh.said("sel", "info")
    fresh.said("power", "on")
    time.sleep(0.5)
    assert "S0/G0: working" in fresh.said("sel", "elist")
    fresh.said("event", "1")
    assert "Entries          : 2" in fresh.said("sel", "info")
    fresh.said("sel", "delete", "1")
    assert "Entries          : 1" in fresh.said("sel", "info")
    fresh.said("sel", "clear")
    assert "Log area reset/cleared" in fresh.said("sel", "elist")


def test_the_clock_is_set(fresh):
    fresh.change(faults=["clock-1970"])
    assert "S+ 00:00:0" in fresh.said("sel", "time", "get")
    fresh.said("sel", "time", "set", "now")
    assert time.strftime("%m/%d/%y %H:", time.gmtime()) in fresh.said("sel", "time", "get")


def test_users_are_made_and_may_do_what_their_level_allows(fresh):
    fresh.said("user", "set", "name", "3", "op")
    fresh.said("user", "set", "password", "3", "Operator-Secret-20xy", "20")
    assert fresh.ipmitool("user", "priv", "3", "3", "1").returncode == 0
    fresh.said("user", "enable", "3")
    assert "op               true    true       true       OPERATOR" in fresh.said("user", "list", "1")
    assert fresh.ipmitool("user", "test", "3", "20", "Operator-Secret-20xy").returncode == 0
    assert fresh.ipmitool("user", "test", "3", "20", "Operator-Secret-20xz").returncode != 0

    def as_op(*words):
        command = ["ipmitool", "-I", "lanplus", "-C", 17, "-H", "127.0.0.1", "-p", fresh.ports["ipmi"], "-U", "op"]
        return fresh.run("env", "IPMI_PASSWORD=Operator-Secret-20xy", *command, "-E", "-R", 1, "-N", 2, *words)

    assert as_op("-L", "OPERATOR", "power", "on").returncode == 0
    assert as_op("-L", "ADMINISTRATOR", "power", "status").returncode != 0
    assert as_op("-L", "OPERATOR", "user", "disable", "2").returncode != 0
    fresh.said("user", "disable", "3")
    assert as_op("-L", "OPERATOR", "power", "status").returncode != 0


def test_dcmi(on):
    assert "Power management available" in on.said("dcmi", "discover")
    assert "CPU1 Temp" in on.said("dcmi", "sensors")
    reading = on.said("dcmi", "power", "reading")
    watts = int(reading.split("Instantaneous power reading:")[1].split()[0])
    assert watts == 160  # idle: 40 % of 400 W
    assert "activated" in reading
    assert "No Active Power Limit" in on.said("dcmi", "power", "get_limit")
    assert "out of range" in on.ipmitool("dcmi", "power", "set_limit", "limit", "5").stderr.lower()
    on.said("dcmi", "power", "set_limit", "limit", "300")
    on.said("dcmi", "power", "activate")
    assert "Power Limit Active" in on.said("dcmi", "power", "get_limit")
    on.said("dcmi", "power", "deactivate")
    on.said("dcmi", "set_asset_tag", "RACK7-U12")
    assert "RACK7-U12" in on.said("dcmi", "asset_tag")
    on.said("dcmi", "set_mc_id_string", "bmc-of-node1")
    assert "bmc-of-node1" in on.said("dcmi", "get_mc_id_string")


@pytest.mark.parametrize(
    ("device", "words", "shown"),
    [
        ("pxe", "options=efiboot,persistent", ["Force PXE", "BIOS EFI", "all future boots"]),
        ("disk", "", ["Force Boot from default Hard-Drive", "only next boot"]),
        ("bios", "options=efiboot", ["Force Boot into BIOS Setup", "BIOS EFI", "only next boot"]),
        ("cdrom", "", ["Force Boot from CD/DVD"]),
        ("diag", "", ["Diagnostic Partition"]),
        ("safe", "", ["Safe-Mode"]),
    ],
)
def test_boot_flags_are_told_as_they_were_set(both, device, words, shown):
    both.said("chassis", "bootdev", device, *([words] if words else []))
    flags = both.said("chassis", "bootparam", "get", "5")
    assert "Boot Flag Valid" in flags
    for one in shown:
        assert one in flags
    both.said("chassis", "bootdev", "none")


def test_the_watchdog_bites(fresh):
    fresh.said("power", "on")
    fresh.said("mc", "watchdog", "set", "action=poweroff", "timeout=2", "use=sms")
    fresh.said("mc", "watchdog", "reset")
    assert "Started" in fresh.said("mc", "watchdog", "get")
    end = time.monotonic() + 15
    while "is off" not in fresh.said("power", "status"):
        assert time.monotonic() < end
    assert "Watchdog" in fresh.said("sel", "elist")


def test_a_restart_of_the_controller_leaves_the_server_on(fresh):
    fresh.said("power", "on")
    with ThreadPoolExecutor(1) as pool:  # ipmitool itself waits until it can close its session
        reset = pool.submit(fresh.said, "mc", "reset", "cold")
        end = time.monotonic() + 15
        while fresh.ipmitool("power", "status", tries=(1, 1)).returncode == 0:
            assert time.monotonic() < end
        while fresh.ipmitool("power", "status").returncode != 0:
            assert time.monotonic() < end
        reset.result()
    assert "is on" in fresh.said("power", "status")


class Terminal:
    """ipmitool at a terminal of its own."""

    def __init__(self, bmc, *words):
        command = ["ipmitool", "-I", "lanplus", "-C", "17", "-H", "127.0.0.1", "-p", str(bmc.ports["ipmi"]),
                   "-U", "admin", "-E", *words]  # fmt: skip
        self.process, self.fd = pty.fork()
        if self.process == 0:
            os.execvpe(command[0], command, bmc.environment)
        self.seen = b""

    def until(self, text, seconds=15.0):
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end, self.seen
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.fd, 4096)
                except OSError:
                    break
        assert text in self.seen, self.seen

    def close(self):
        os.write(self.fd, b"\r~.")
        os.waitpid(self.process, 0)
        os.close(self.fd)


def test_serial_over_lan_carries_both_ways(tmp_path):
    folder = tmp_path / "console"
    folder.mkdir()
    (folder / "console.log").write_bytes(b"node1 login: ")
    typed, stop = [], threading.Event()
    line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    line.bind(str(folder / "console.sock"))
    line.settimeout(0.2)

    def shell():
        while not stop.is_set():
            try:
                data = line.recv(4096)
            except TimeoutError:
                continue
            typed.append(data)
            with (folder / "console.log").open("ab") as log:
                log.write(b"<" + data + b">" + b"x" * 1000 + b"|end\n" if data.endswith(b"u") else data)

    thread = threading.Thread(target=shell)
    thread.start()
    try:
        with running(tmp_path, console=str(folder)) as it:
            terminal = Terminal(it, "sol", "activate")
            terminal.until(b"node1 login: ")
            other = it.ipmitool("sol", "activate")
            assert "already active" in other.stdout + other.stderr
            os.write(terminal.fd, b"root u")
            terminal.until(b"root")
            terminal.until(b"|end")
            assert terminal.seen.count(b"x") == 1000
            terminal.close()
            again = Terminal(it, "sol", "activate")
            again.until(b"|end")
            it.said("sol", "deactivate")  # takes it away from whoever has it
            assert it.ipmitool("sol", "deactivate").returncode != 0
            third = Terminal(it, "sol", "activate")
            third.until(b"|end")
            third.close()
            again.close()
    finally:
        stop.set()
        thread.join()
        line.close()
    assert b"".join(typed).startswith(b"root u")


def test_the_password_is_asked_for_in_many_ways(both):
    assert both.ipmitool("-L", "USER", "power", "status", suite=3).returncode == 0
    wrong = both.run("env", f"IPMI_PASSWORD={PASSWORD}x", "ipmitool", "-I", "lanplus", "-C", 17, "-H", "127.0.0.1",
                     "-p", both.ports["ipmi"], "-U", "admin", "-E", "-R", 1, "-N", 2, "power", "status")  # fmt: skip
    assert wrong.returncode != 0
