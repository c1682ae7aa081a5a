"""What strangers' Redfish clients and DMTF's own validators say of a virtual BMC."""

import csv
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from . import judged
from .running import BIN, PASSWORD

CSDL = Path(os.environ.get("SCS_RACK_CSDL", Path(__file__).parents[3] / "shared/data/redfish-csdl"))
"""Schemas of DMTF (DSP8010, folder csdl): no package has them, so they are used where somebody has put them."""
REFUSED_BY_AIOHTTP = ("PROTO_HTTP_UNSUPPORTED_METHODS", "FAKEMETHODFORTEST")
"""The parser of aiohttp answers methods that it has never heard of itself, with 400."""


@pytest.fixture
def sushy(fresh, monkeypatch):
    """sushy, logged in."""
    module = pytest.importorskip("sushy")
    for name, value in fresh.environment.items():
        monkeypatch.setenv(name, value)
    client = module.Sushy(f"{fresh.url}/redfish/v1/", username="admin", password=PASSWORD, verify=str(fresh.ca))
    yield module, client
    client._auth.close()  # else its destructor tries for half a minute to reach the BMC that is gone


def until(what, seconds=10.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.1)


def test_sushy_switches_and_boots(sushy):
    module, client = sushy
    system = client.get_system()
    assert system.power_state is module.PowerState.OFF
    system.set_system_boot_options(
        target=module.BOOT_SOURCE_TARGET_PXE, enabled=module.BOOT_SOURCE_ENABLED_ONCE, mode=module.BOOT_SOURCE_MODE_UEFI
    )
    system.refresh(force=True)
    assert system.boot.target is module.BootSource.PXE
    system.reset_system(module.RESET_TYPE_ON)
    until(lambda: system.refresh(force=True) or system.power_state is module.PowerState.ON)
    assert system.boot.enabled is module.BootSourceOverrideEnabled.DISABLED  # once is once
    system.reset_system(module.RESET_TYPE_FORCE_OFF)
    until(lambda: system.refresh(force=True) or system.power_state is module.PowerState.OFF)


def test_sushy_reads_inventory_bios_and_media(sushy):
    module, client = sushy
    system = client.get_system()
    assert system.serial_number == "SN-0001"
    assert system.processors.summary.count == 8
    assert sorted(system.storage.drives_sizes_bytes) == [8 * 10**9, 20 * 10**9]
    assert list(system.ethernet_interfaces.summary) == ["02:5C:05:00:01:01"]
    system.bios.set_attribute("NumLock", False)
    assert system.bios.pending_attributes["NumLock"] is False
    assert system.bios.attributes["NumLock"] is True
    assert system.secure_boot.enabled is False
    drive = next(one for one in client.get_manager().virtual_media.get_members() if one.identity == "CD")
    drive.insert_media("http://images.example/install.iso")
    drive.refresh()
    assert drive.inserted
    drive.eject_media()
    drive.refresh()
    assert not drive.inserted
    with pytest.raises(module.exceptions.BadRequestError):
        system.bios.set_attribute("NumLock", "yes please")


class Image(BaseHTTPRequestHandler):
    """Serves a firmware image."""

    def do_GET(self):
        self.send_response(200 if "bios" in self.path else 404)
        self.end_headers()
        self.wfile.write(b"image" * 100)

    def log_message(self, *_):
        """Say nothing."""


def test_sushy_updates_firmware_and_follows_the_task(sushy):
    _, client = sushy
    server = ThreadingHTTPServer(("127.0.0.1", 0), Image)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        service = client.get_update_service()
        where = f"http://127.0.0.1:{server.server_port}"
        target = "/redfish/v1/UpdateService/FirmwareInventory/BMC"
        monitor = service.simple_update(f"{where}/bios-3.11.bin", targets=[target], transfer_protocol="HTTP")
        seen = [monitor.get_task().percent_complete]
        while seen[-1] < 100:
            time.sleep(0.1)
            seen.append(monitor.get_task().percent_complete)
        assert len(set(seen)) > 3, "no progress was seen"
        assert seen == sorted(seen)
        versions = {one.identity: one.version for one in service.firmware_inventory.get_members()}
        assert versions["BMC"] == "3.11"
        failed = service.simple_update(f"{where}/nothing", targets=[target], transfer_protocol="HTTP")
        until(lambda: failed.get_task().task_state.value == "Exception")
    finally:
        server.shutdown()
        server.server_close()


def redfishtool(bmc, *words):
    done = bmc.run(
        BIN / "redfishtool", "-r", f"127.0.0.1:{bmc.ports['redfish']}", "-c", bmc.folder / "redfishtool.json",
        "-S", "Always", "-A", "Session", *words,
    )  # fmt: skip
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.mark.skipif(not (BIN / "redfishtool").exists(), reason="needs redfishtool")
def test_redfishtool(fresh):
    credentials = fresh.folder / "redfishtool.json"
    credentials.write_text(json.dumps({"user": "admin", "password": PASSWORD}))
    assert redfishtool(fresh, "Systems", "-I", "1")["SerialNumber"] == "SN-0001"
    redfishtool(fresh, "Systems", "-I", "1", "setBootOverride", "Continuous", "Hdd")
    assert redfishtool(fresh, "Systems", "-I", "1")["Boot"]["BootSourceOverrideEnabled"] == "Continuous"
    redfishtool(fresh, "Systems", "-I", "1", "reset", "On")
    until(lambda: redfishtool(fresh, "Systems", "-I", "1")["PowerState"] == "On")
    assert redfishtool(fresh, "Chassis", "-I", "1", "getPowerReading")["PowerConsumedWatts"] == 160
    redfishtool(fresh, "Chassis", "-I", "1", "setPowerLimit", "300")
    assert redfishtool(fresh, "Chassis", "-I", "1", "getPowerReading")["PowerLimit"]["LimitInWatts"] == 300
    redfishtool(fresh, "AccountService", "adduser", "joe", "Passw0rd-of-Joe", "Operator")
    assert redfishtool(fresh, "AccountService", "Accounts")["Members@odata.count"] == 2
    redfishtool(fresh, "AccountService", "deleteuser", "joe")
    assert redfishtool(fresh, "AccountService", "Accounts")["Members@odata.count"] == 1
    assert redfishtool(fresh, "SessionService", "Sessions")["Members@odata.count"] == 1  # its own; none is left behind


@pytest.mark.skipif(not (BIN / "rf_protocol_validator").exists(), reason="needs redfish-protocol-validator")
def test_dmtf_protocol_validator(fresh):
    config = fresh.folder / "judge"
    config.mkdir()
    done = fresh.run(
        BIN / "rf_protocol_validator", "-u", "admin", "-p", PASSWORD, "-r", fresh.url, "--ca-bundle", fresh.ca,
        "--avoid-http-redirect", "--report-type", "tsv", "--report-dir", config, seconds=240,
    )  # fmt: skip
    (report,) = config.glob("*.tsv")
    with report.open() as file:
        rows = list(csv.reader(file, delimiter="\t"))
    failed = [row for row in rows if "FAIL" in row and (row[0], row[1]) != REFUSED_BY_AIOHTTP]
    assert failed == [], done.stderr[-2000:]
    assert sum("PASS" in row for row in rows) > 300


@pytest.mark.skipif(not (BIN / "rf_service_validator").exists(), reason="needs redfish-service-validator")
@pytest.mark.skipif(not CSDL.is_dir(), reason="needs DMTF's CSDL files (SCS_RACK_CSDL)")
@pytest.mark.parametrize("kind", ["server", "shelf"])
def test_dmtf_service_validator(tmp_path, kind):
    count, wrong = judged.judge(tmp_path, kind, CSDL)
    assert wrong == ""
    assert count > (60 if kind == "server" else 25)


@pytest.mark.parametrize("kind", ["server", "shelf"])
def test_nothing_changed_since_the_service_validator_judged_it(tmp_path, kind):
    known = json.loads(judged.FILE.read_text())[kind]
    now = judged.digests(tmp_path, kind)
    changed = sorted(path for path in {*known, *now} if known.get(path) != now.get(path))
    assert changed == [], "not judged: python -m tests.lab_bmc.judged CSDL (docs/lab-bmc.md)"
