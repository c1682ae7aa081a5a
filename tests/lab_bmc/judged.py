"""Which resources of a virtual BMC DMTF's service validator has judged clean: `python -m tests.lab_bmc.judged CSDL`.

The validator needs DMTF's schemas (DSP8010, folder csdl), which no package brings and which are not ours to commit. So
it runs where somebody has put them (SCS_RACK_CSDL), and what it judged clean is written down by digest. Everywhere
else a test compares the tree with these digests: whatever changed since has not been judged.
"""

import base64
import json
import re
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from scs_rack import pki
from scs_rack.lab.bmc.config import BmcConfig
from scs_rack.lab.bmc.machine import Machine
from scs_rack.lab.bmc.power import FakePower
from scs_rack.lab.bmc.redfish.routes import ROOT, ROUTES, Call
from scs_rack.lab.bmc.redfish_server import RedfishServer

from .running import PASSWORD, Running, running

FILE = Path(__file__).with_name("judged.json")
TOOL = "redfish-service-validator"
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)")


def links(value: Any) -> Iterator[str]:
    """Paths of resources that something refers to."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "@odata.id" and "#" not in inner:
                yield inner.rstrip("/")
            else:
                yield from links(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from links(inner)


def tree(folder: Path, kind: str) -> dict[str, Any]:
    """Every resource that can be reached from the root of a BMC whose server is on."""
    folder = folder / "judged-tree"  # the CA is called by it
    pki.issue(folder, "bmc", ["localhost"], ["127.0.0.1"])
    stated = {
        "rack": "test", "rack_dir": "/nonexistent", "server": "node1", "address": "127.0.0.1", "kind": kind,
        "protocol": "redfish", "user": "admin", "password": PASSWORD, "mac": "02:5c:05:00:01:00",
        "nics": {"mgmt0": "02:5c:05:00:01:01"}, "model": "vnode", "serial": "SN-0001", "cert": folder / "ca/bmc.crt",
        "key": folder / "ca/bmc.key", "disks": {"root": {"size_gb": 20}, "osd0": {"size_gb": 8, "kind": "hdd"}},
    }  # fmt: skip
    machine = Machine(BmcConfig.model_validate(stated), FakePower(on=True))
    machine.log.add(0x22, 0x60, b"\x00", "Power on by a test")
    server = RedfishServer(machine)
    found: dict[str, Any] = {}
    waiting = [ROOT]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        route = ROUTES.find("GET", path, kind)
        assert route, f"{path} leads nowhere"
        found[path] = route[0].handler(Call(machine, server, path, route[1], True, None, {}, {}))
        assert isinstance(found[path], dict), f"{path} leads nowhere"
        waiting += links(found[path])
    server.close()
    return found


def _steady(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _steady(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_steady(inner, key) for inner in value]
    if isinstance(value, str) and ("CERTIFICATE" in value or (key == "SerialNumber" and ":" in value)):
        return "text"
    if isinstance(value, str):
        return _TIMES.sub("time", value)
    return value if isinstance(value, bool) or value is None else "number"


def digests(folder: Path, kind: str) -> dict[str, str]:
    """A digest of each resource, without what changes by itself."""
    return {
        path: sha256(json.dumps(_steady(resource), sort_keys=True).encode()).hexdigest()[:16]
        for path, resource in sorted(tree(folder, kind).items())
    }


_SYSTEM = f"{ROOT}/Systems/1"
_BEFORE = {
    f"{_SYSTEM}/Actions/ComputerSystem.Reset": {"ResetType": "On"},
    f"{ROOT}/Managers/1/VirtualMedia/CD/Actions/VirtualMedia.InsertMedia": {"Image": "http://images.example/a.iso"},
    f"{ROOT}/UpdateService/Actions/UpdateService.SimpleUpdate": {"ImageURI": "http://127.0.0.1:9/none.bin"},
    f"{ROOT}/EventService/Subscriptions": {"Destination": "http://127.0.0.1:9/", "Protocol": "Redfish"},
    f"{ROOT}/AccountService/Accounts": {"UserName": "joe", "Password": "Passw0rd-of-Joe", "RoleId": "Operator"},
}
"""What is done first, so that there are entries, tasks, subscriptions and accounts to judge."""


def _fill(bmc: Running, kind: str) -> None:
    trusted = ssl.create_default_context(cafile=bmc.ca)
    login = "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    headers = {"Authorization": login, "Content-Type": "application/json"}
    for path, body in _BEFORE.items():
        if kind == "server" or "Service" in path:
            request = Request(f"{bmc.url}{path}", json.dumps(body).encode(), headers)
            urlopen(request, context=trusted, timeout=10).close()
    time.sleep(0.5)


def judge(folder: Path, kind: str, csdl: Path) -> tuple[int, str]:
    """Run the validator; returns the number of resources that it judged, and what it found wrong with any."""
    with running(folder, kind=kind, both=False) as it:
        _fill(it, kind)
        (folder / "judge.ini").write_text(f"[Authentication]\nuser=admin\npassword={PASSWORD}\n")
        done = it.run(
            Path(sys.executable).parent / "rf_service_validator", "-c", "judge.ini", "-r", it.url, "--authtype",
            "Session", "--schema_directory", csdl, "--skipschema", "--logdir", folder / "judged", seconds=240,
        )  # fmt: skip
    counts = re.findall(r"Pass: (\d+), Warn: \d+, Fail: (\d+)", done.stdout)
    wrong = [line for log in (folder / "judged").glob("*/*.log") for line in log.read_text().splitlines()
             if " ERROR " in line]  # fmt: skip
    return len(counts), "\n".join(wrong) if any(int(failed) for _, failed in counts) or wrong else ""


def main() -> int:
    """Judge both trees and write down what is clean."""
    csdl = Path(sys.argv[1])
    known: dict[str, Any] = {"judge": f"{TOOL} {version(TOOL)}", "schemas": "DMTF DSP8010, CSDL"}
    for kind in ("server", "shelf"):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
            count, wrong = judge(Path(one), kind, csdl)
            if wrong or not count:
                print(wrong or "the validator judged nothing")
                return 1
            known[kind] = digests(Path(other), kind)
            print(f"{kind}: {count} resources judged clean")
    FILE.write_text(json.dumps(known, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
