"""Each fault of a virtual BMC, as ipmitool and curl see it: it comes, shows, and goes."""

import json
import shutil
import socket
import time

import pytest

from scs_rack.errors import UsageError
from scs_rack.lab.bmc.faults import ALIASES, FAULTS, named
from scs_rack.lab.bmc.many import many

from .running import PASSWORD

pytestmark = [
    pytest.mark.skipif(not shutil.which("ipmitool"), reason="needs ipmitool"),
    pytest.mark.skipif(not shutil.which("curl"), reason="needs curl"),
]
SYSTEM, MANAGER = "/redfish/v1/Systems/1", "/redfish/v1/Managers/1"
TIMED_OUT, PARTIAL, CERTIFICATE = 28, 18, 60
"""Exit codes of curl."""


class Curl:
    """curl at one BMC; credentials are in a file, not on the command line."""

    def __init__(self, bmc):
        self.bmc = bmc
        self.secrets = bmc.folder / "curl"
        self.secrets.write_text(f'user = "admin:{PASSWORD}"\n')

    def __call__(self, path, *words, seconds=5, who=True):
        """Exit code, status and body of a request."""
        login = ["-K", self.secrets] if who else []
        done = self.bmc.run("curl", "-sS", "--max-time", seconds, "-w", "\n%{http_code}", *login, *words,
                            f"{self.bmc.url}{path}")  # fmt: skip
        body, _, status = done.stdout.rpartition("\n")
        self.said = done.stderr
        return done.returncode, int(status or 0), body

    def get(self, path):
        """A resource."""
        code, status, body = self(path)
        assert (code, status) == (0, 200), (self.said, body)
        return json.loads(body)

    def send(self, path, body, method="POST"):
        """Status of a change."""
        return self(path, "-X", method, "-H", "Content-Type: application/json", "-d", json.dumps(body))[1]


@pytest.fixture
def bmc(both):
    """The shared BMC, healed and off before and after."""
    yield both
    both.change(faults=[], slow_seconds=3.0)
    time.sleep(0.4)  # idle ports look every quarter of a second
    both.said("power", "off")


@pytest.fixture
def curl(bmc):
    return Curl(bmc)


def spoil(bmc, *faults, **changes):
    bmc.change(faults=list(faults), **changes)
    time.sleep(0.4)


def works(bmc, curl):
    return bmc.ipmitool("power", "status", tries=(1, 1)).returncode == 0 and curl(SYSTEM, seconds=3)[:2] == (0, 200)


def until(what, seconds=10.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.1)


def test_a_dead_one_does_not_even_accept_connections(bmc, curl):
    assert works(bmc, curl)
    spoil(bmc, "silent")
    assert bmc.ipmitool("power", "status", tries=(1, 1)).returncode != 0
    with pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", bmc.ports["redfish"]), timeout=1)
    spoil(bmc)
    assert works(bmc, curl)


def test_a_half_open_one_accepts_and_says_nothing(bmc, curl):
    spoil(bmc, "half-open")
    with socket.create_connection(("127.0.0.1", bmc.ports["redfish"]), timeout=1) as line:
        line.sendall(b"\x16\x03\x01")
        with pytest.raises(TimeoutError):
            line.recv(1)
    assert curl(SYSTEM, seconds=1)[0] == TIMED_OUT
    assert bmc.ipmitool("power", "status").returncode == 0
    spoil(bmc)
    assert works(bmc, curl)


def test_a_slow_one(bmc, curl):
    spoil(bmc, "slow", slow_seconds=2.5)
    assert curl(SYSTEM, seconds=1)[0] == TIMED_OUT
    assert curl(SYSTEM, seconds=20)[:2] == (0, 200)
    assert bmc.ipmitool("power", "status", tries=(1, 1)).returncode != 0
    spoil(bmc)
    assert works(bmc, curl)


def test_one_that_loses_packets_is_reached_by_patience(bmc, curl):
    spoil(bmc, "drops")
    assert bmc.ipmitool("power", "status", tries=(1, 1)).returncode != 0
    if shutil.which("ipmipower"):
        config = bmc.folder / "freeipmi.conf"
        config.touch(mode=0o600)
        config.write_text(f"username admin\npassword {PASSWORD}\n")
        where = f"127.0.0.1:{bmc.ports['ipmi']}"
        done = bmc.run(
            "ipmipower", "--config-file", config, "-D", "LAN_2_0", "-h", where, "--retransmission-timeout=300", "--stat"
        )
        assert "127.0.0.1: off" in done.stdout, done.stdout + done.stderr
    assert curl(SYSTEM, seconds=60)[:2] == (0, 200)  # TCP sends again what was lost


def test_one_with_another_password(bmc, curl):
    spoil(bmc, "wrong-password")
    assert bmc.ipmitool("power", "status").returncode != 0
    assert curl(SYSTEM)[1] == 401
    spoil(bmc)
    assert works(bmc, curl)


def test_one_that_lies(bmc, curl):
    spoil(bmc, "lies")
    bmc.said("power", "on")
    bmc.said("chassis", "bootdev", "pxe")
    assert curl.send(SYSTEM, {"Boot": {"BootSourceOverrideTarget": "Cd"}, "AssetTag": "x"}, "PATCH") == 200
    assert curl.send(f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "On"}) == 204
    cd = f"{MANAGER}/VirtualMedia/CD"
    assert curl.send(f"{cd}/Actions/VirtualMedia.InsertMedia", {"Image": "http://images.example/a.iso"}) == 204
    account = {"UserName": "joe", "Password": "Passw0rd-of-Joe", "RoleId": "Operator"}
    assert curl.send("/redfish/v1/AccountService/Accounts", account) == 201
    assert curl.send(f"{SYSTEM}/Bios/Settings", {"Attributes": {"NumLock": False}}, "PATCH") == 200
    time.sleep(0.5)
    system = curl.get(SYSTEM)
    assert (system["PowerState"], system["AssetTag"]) == ("Off", "")
    assert system["Boot"]["BootSourceOverrideEnabled"] == "Disabled"
    assert curl.get(cd)["Inserted"] is False
    assert curl.get("/redfish/v1/AccountService/Accounts")["Members@odata.count"] == 1
    assert curl.get(f"{SYSTEM}/Bios/Settings")["Attributes"]["NumLock"] is True


@pytest.mark.parametrize("fault", [False, True])
def test_media_that_do_not_survive_the_start(bmc, curl, fault):
    spoil(bmc, *(["ejects-media"] if fault else []))
    cd = f"{MANAGER}/VirtualMedia/CD"
    curl.send(f"{cd}/Actions/VirtualMedia.EjectMedia", {})
    assert curl.send(f"{cd}/Actions/VirtualMedia.InsertMedia", {"Image": "http://images.example/a.iso"}) == 204
    bmc.said("power", "on")
    until(lambda: curl.get(SYSTEM)["BootProgress"]["LastState"] == "OSRunning")
    assert curl.get(cd)["Inserted"] is not fault


@pytest.mark.parametrize("fault", [False, True])
def test_a_boot_order_that_is_not_left_alone(bmc, curl, fault):
    spoil(bmc, *(["rewrites-boot-order"] if fault else []))
    order = sorted(curl.get(SYSTEM)["Boot"]["BootOrder"])
    assert curl.send(SYSTEM, {"Boot": {"BootOrder": order}}, "PATCH") == 200
    bmc.said("chassis", "bootdev", "pxe", "options=persistent")
    bmc.said("power", "on")
    until(lambda: curl.get(SYSTEM)["BootProgress"]["LastState"] == "OSRunning")
    assert (curl.get(SYSTEM)["Boot"]["BootOrder"] == order) is not fault
    assert ("Boot Flag Invalid" in bmc.said("chassis", "bootparam", "get", "5")) is fault
    bmc.said("chassis", "bootdev", "none")


def test_noise(bmc, curl):
    spoil(bmc, "garbage")
    assert bmc.ipmitool("power", "status", tries=(1, 1)).returncode != 0
    answers = [curl(SYSTEM, "--output", "-")[2] for _ in range(4)]

    def good(text):
        try:
            return json.loads(text).get("PowerState") in ("On", "Off")
        except (ValueError, AttributeError):
            return False

    assert not any(good(answer) for answer in answers)
    spoil(bmc)
    assert works(bmc, curl)


def test_half_an_answer(bmc, curl):
    spoil(bmc, "truncated")
    assert bmc.ipmitool("power", "status", tries=(1, 1)).returncode != 0
    assert curl(SYSTEM)[0] == PARTIAL
    spoil(bmc)
    assert works(bmc, curl)


def test_room_for_four(bmc, curl):
    spoil(bmc, "few-sessions")
    sessions = "/redfish/v1/SessionService/Sessions"
    body = bmc.folder / "login.json"
    body.write_text(json.dumps({"UserName": "admin", "Password": PASSWORD}))
    seen = [curl(sessions, "-d", f"@{body}", who=False)[1] for _ in range(5)]
    assert seen == [201] * 4 + [503]
    spoil(bmc)
    assert curl(sessions, "-d", f"@{body}", who=False)[1] == 201
    for one in curl.get(sessions)["Members"]:
        assert curl(one["@odata.id"], "-X", "DELETE")[1] == 204


def test_a_certificate_that_expired(bmc, curl):
    spoil(bmc, "expired-certificate")
    assert curl(SYSTEM)[0] == CERTIFICATE
    assert curl(SYSTEM, "--insecure")[:2] == (0, 200)
    spoil(bmc)
    assert works(bmc, curl)


def test_a_clock_without_a_battery(bmc, curl):
    spoil(bmc, "clock-1970")
    assert curl.get(MANAGER)["DateTime"].startswith("1970-01-01T00:0")
    assert curl.send(MANAGER, {"DateTime": "2031-01-02T03:04:05Z"}, "PATCH") == 200
    assert curl.get(MANAGER)["DateTime"].startswith("2031-01-02T03:04")
    spoil(bmc)
    assert curl.get(MANAGER)["DateTime"].startswith(time.strftime("%Y-%m-%dT", time.gmtime()))


def test_every_fault_has_a_name_and_says_what_it_does():
    assert all(text and not text.endswith(".") for text in FAULTS.values())
    assert [named(one) for one in (*FAULTS, *ALIASES)] == [*FAULTS, *ALIASES.values()]
    with pytest.raises(UsageError, match="no fault explode"):
        named("explode")


async def test_many_in_one_process_are_spoilt_apart(tmp_path):
    async with many(20, protocol="ipmi") as bmcs:
        assert len({one.ports["ipmi"] for one in bmcs}) == 20
        bmcs[3].machine.faults.set("silent")
        assert [one.machine.config.server for one in bmcs if "silent" in one.machine.faults] == ["n3"]
