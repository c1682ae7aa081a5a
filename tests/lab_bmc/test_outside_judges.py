"""The virtual BMC as strangers see it: ipmitool and curl against the program that the lab starts."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scs_rack import pki

PASSWORD = "s3cret-Passw0rd"


@dataclass
class Running:
    """A virtual BMC in a process of its own."""

    config: Path
    port: int
    folder: Path

    def change(self, **values: Any) -> None:
        """Rewrite the configuration while the BMC runs, as `scs-rack lab fault` does."""
        self.config.write_text(json.dumps(json.loads(self.config.read_text()) | values))


def _start(folder: Path, protocol: str) -> tuple[Running, subprocess.Popen[str]]:
    pki.issue(folder, "bmc", [], ["127.0.0.1"])
    config = folder / "bmc.json"
    stated = {
        "rack": "test",
        "rack_dir": str(folder),
        "server": "node1",
        "address": "127.0.0.1",
        "protocol": protocol,
        "user": "admin",
        "password": PASSWORD,
        "mac": "02:5c:05:00:01:00",
        "nics": {"mgmt0": "02:5c:05:00:01:01"},
        "model": "vnode",
        "serial": "SN-0001",
        "cert": str(folder / "ca/bmc.crt"),
        "key": str(folder / "ca/bmc.key"),
        "state_dir": str(folder),
        "power": "fake",
        "port": 0,
    }
    config.write_text(json.dumps(stated))
    process = subprocess.Popen(
        [sys.executable, "-m", "scs_rack.lab.bmc", "--config", str(config)],
        stdout=subprocess.PIPE,
        stderr=(folder / "log").open("w"),
        text=True,
    )
    assert process.stdout
    words = process.stdout.readline().split()
    assert words[:3] == ["ready", protocol, "127.0.0.1"], (folder / "log").read_text()
    return Running(config, int(words[3]), folder), process


@pytest.fixture
def bmc(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    running, process = _start(tmp_path, request.param)
    try:
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


ipmi = pytest.mark.parametrize("bmc", ["ipmi"], indirect=True)
redfish = pytest.mark.parametrize("bmc", ["redfish"], indirect=True)
needs_ipmitool = pytest.mark.skipif(not shutil.which("ipmitool"), reason="needs ipmitool")
needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")


def ipmitool(bmc: Running, *words: str, suite: int = 17, user: str = "admin", password: str = PASSWORD) -> Any:
    return subprocess.run(
        ["ipmitool", "-I", "lanplus", "-C", str(suite), "-H", "127.0.0.1", "-p", str(bmc.port), "-U", user, "-E",
         "-N", "2", "-R", "1", *words],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "IPMI_PASSWORD": password},
    )  # fmt: skip


def said(bmc: Running, *words: str, suite: int = 17) -> str:
    done = ipmitool(bmc, *words, suite=suite)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def power_becomes(bmc: Running, state: str, suite: int = 17) -> None:
    for _ in range(50):
        if said(bmc, "chassis", "power", "status", suite=suite) == f"Chassis Power is {state}\n":
            return
        time.sleep(0.1)
    pytest.fail(f"power did not become {state}")


@needs_ipmitool
@ipmi
@pytest.mark.parametrize("suite", [3, 17])
def test_ipmitool_power_and_boot(bmc: Running, suite: int) -> None:
    power_becomes(bmc, "off", suite)
    said(bmc, "chassis", "bootdev", "pxe", "options=efiboot", suite=suite)
    flags = said(bmc, "chassis", "bootparam", "get", "5", suite=suite)
    assert "Force PXE" in flags
    assert "BIOS EFI boot" in flags
    assert "only next boot" in flags
    said(bmc, "chassis", "power", "on", suite=suite)
    power_becomes(bmc, "on", suite)
    assert "Boot Flag Invalid" in said(bmc, "chassis", "bootparam", "get", "5", suite=suite)
    said(bmc, "chassis", "power", "reset", suite=suite)
    power_becomes(bmc, "on", suite)
    said(bmc, "chassis", "power", "cycle", suite=suite)
    power_becomes(bmc, "on", suite)
    said(bmc, "chassis", "power", "soft", suite=suite)
    power_becomes(bmc, "off", suite)
    assert ipmitool(bmc, "chassis", "power", "cycle", suite=suite).returncode != 0
    said(bmc, "chassis", "power", "on", suite=suite)
    power_becomes(bmc, "on", suite)
    said(bmc, "chassis", "power", "off", suite=suite)
    power_becomes(bmc, "off", suite)


@needs_ipmitool
@ipmi
def test_ipmitool_identity(bmc: Running) -> None:
    assert "IPMI Version              : 2.0" in said(bmc, "mc", "info")
    fru = said(bmc, "fru", "print")
    assert "Product Name          : vnode" in fru
    assert "Product Serial        : SN-0001" in fru
    lan = said(bmc, "lan", "print")
    assert "MAC Address             : 02:5c:05:00:01:00" in lan
    assert "IP Address              : 127.0.0.1" in lan
    assert "RMCP+ Cipher Suites     : 3,17" in lan
    assert "802.3 LAN" in said(bmc, "channel", "info", "1")
    assert "BMC" in said(bmc, "sdr", "list", "all")


@needs_ipmitool
@ipmi
def test_ipmitool_is_refused_what_it_should_be(bmc: Running) -> None:
    for suite in (3, 17):
        assert ipmitool(bmc, "chassis", "power", "status", suite=suite, password="wrong").returncode != 0
        assert ipmitool(bmc, "chassis", "power", "status", suite=suite, user="nobody").returncode != 0
    for suite in (0, 1, 2, 8):  # without authentication, integrity or encryption
        assert ipmitool(bmc, "chassis", "power", "status", suite=suite).returncode != 0
    assert ipmitool(bmc, "-L", "USER", "chassis", "power", "on").returncode != 0
    power_becomes(bmc, "off")


@needs_ipmitool
@ipmi
def test_faults_come_and_go_while_it_runs(bmc: Running) -> None:
    bmc.change(faults=["lies"])
    said(bmc, "chassis", "power", "on")
    time.sleep(0.5)
    power_becomes(bmc, "off")
    bmc.change(faults=["silent"])
    assert ipmitool(bmc, "chassis", "power", "status").returncode != 0
    bmc.config.write_text("{ half written")
    assert ipmitool(bmc, "chassis", "power", "status").returncode != 0
    bmc.config.write_text("{}")
    assert ipmitool(bmc, "chassis", "power", "status").returncode != 0


def curl(bmc: Running, path: str, *words: str, login: str | None = f"admin:{PASSWORD}") -> tuple[int, Any]:
    # Credentials go by standard input (-K -), never on the command line.
    done = subprocess.run(
        ["curl", "-sS", "--cacert", str(bmc.folder / "ca/ca.crt"), "-w", "\n%{http_code}", "-K", "-", *words,
         f"https://127.0.0.1:{bmc.port}{path}"],
        capture_output=True, text=True, timeout=60, check=True, input=f'user = "{login}"\n' if login else "",
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body) if body else None


SYSTEM = "/redfish/v1/Systems/1"


@needs_curl
@redfish
def test_curl_reads_the_root_and_what_is_open(bmc: Running) -> None:
    assert curl(bmc, "/redfish", login=None)[1] == {"v1": "/redfish/v1/"}
    status, _ = curl(bmc, "/redfish/v1/", login=None)
    assert status == 200
    nic = curl(bmc, f"{SYSTEM}/EthernetInterfaces/mgmt0")[1]
    assert nic["MACAddress"] == "02:5C:05:00:01:01"
    own = curl(bmc, "/redfish/v1/Managers/1/EthernetInterfaces/1")[1]
    assert own["MACAddress"] == "02:5C:05:00:01:00"


@needs_curl
@redfish
def test_curl_is_refused_what_it_should_be(bmc: Running) -> None:
    assert curl(bmc, SYSTEM, login=None)[0] == 401
    status, body = curl(bmc, SYSTEM, login="admin:wrong")
    assert status == 401
    assert body["error"]["@Message.ExtendedInfo"][0]["MessageId"].startswith("Base.")
    assert curl(bmc, SYSTEM, "-H", "X-Auth-Token: nonsense", login=None)[0] == 401
    assert curl(bmc, "/redfish/v1/Systems/2")[0] == 404
    assert curl(bmc, SYSTEM, "-X", "DELETE")[0] == 405
    assert curl(bmc, f"{SYSTEM}/Actions/ComputerSystem.Reset", "-d", '{"ResetType": "Explode"}')[0] == 400
    assert curl(bmc, f"{SYSTEM}/Actions/ComputerSystem.Reset", "-d", "{")[0] == 400
    with pytest.raises(subprocess.CalledProcessError):  # another CA
        subprocess.run(["curl", "-sS", f"https://127.0.0.1:{bmc.port}/redfish"], check=True, capture_output=True)


@needs_curl
@redfish
def test_curl_switches_power_and_boot(bmc: Running) -> None:
    reset = f"{SYSTEM}/Actions/ComputerSystem.Reset"
    assert curl(bmc, reset, "-d", '{"ResetType": "ForceRestart"}')[0] == 409  # it is off
    boot = '{"Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}}'
    assert curl(bmc, SYSTEM, "-X", "PATCH", "-H", 'If-Match: "old"', "-d", boot)[0] == 412
    status, system = curl(bmc, SYSTEM, "-X", "PATCH", "-d", boot)
    assert status == 200
    assert system["Boot"]["BootSourceOverrideTarget"] == "Pxe"
    assert curl(bmc, reset, "-d", '{"ResetType": "On"}') == (204, None)
    for _ in range(50):
        system = curl(bmc, SYSTEM)[1]
        if system["PowerState"] == "On":
            break
        time.sleep(0.1)
    assert system["PowerState"] == "On"
    assert system["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
    assert system["LastResetTime"]


@needs_curl
@redfish
def test_sessions_are_made_limited_and_deleted(bmc: Running) -> None:
    sessions = "/redfish/v1/SessionService/Sessions"
    login = json.dumps({"UserName": "admin", "Password": PASSWORD})
    body = bmc.folder / "login.json"
    body.write_text(login)
    numbers = []
    for _ in range(8):
        status, session = curl(bmc, sessions, "-d", f"@{body}", login=None)
        assert status == 201
        numbers.append(session["Id"])
    assert curl(bmc, sessions, "-d", f"@{body}", login=None)[0] == 503
    assert curl(bmc, sessions)[1]["Members@odata.count"] == 8
    assert curl(bmc, f"{sessions}/{numbers[0]}", "-X", "DELETE")[0] == 204
    assert curl(bmc, sessions, "-d", f"@{body}", login=None)[0] == 201


@redfish
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(bmc: Running) -> None:
    import socket

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", bmc.port), timeout=10) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw)


def test_a_wrong_configuration_is_told(tmp_path: Path) -> None:
    path = tmp_path / "bmc.json"
    path.write_text('{"rack": "x", "passwort": "hidden-secret"}')
    done = subprocess.run(
        [sys.executable, "-m", "scs_rack.lab.bmc", "--config", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "passwort" in done.stderr
    assert "hidden-secret" not in done.stderr
