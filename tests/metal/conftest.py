"""One rack of virtual machines for all tests of this folder; each machine is installed from nothing.

It is that of rack.yml, with a mirror in the first server, an encrypted root in the second, and a third server whose
firmware wants signatures and which boots by virtual media.
"""

import copy
import os
import shutil
from pathlib import Path

import pytest
import yaml

from scs_rack.lab.down import down
from scs_rack.lab.layout import Lab
from scs_rack.model import ImageOptions
from scs_rack.provision import artifact
from scs_rack.provision.image import image_of

from .bare import NAME, Metal


def extended(stated):
    """The rack with what only these tests want of it."""
    models, servers = stated["server_models"], stated["servers"]
    for model in models.values():
        model["disks"]["root"]["size_gb"] = 3
    models["sealed"] = copy.deepcopy(models["modern"])
    models["sealed"]["provision"] |= {"secure_boot": True, "boot": ["media"]}
    models["legacy"]["provision"]["mirror"] = True
    models["legacy"]["disks"]["root2"] = dict(models["legacy"]["disks"]["root"])
    models["modern"]["provision"]["encrypt"] = "keyfile"
    models["modern"]["disks"]["stick"] = {"size_gb": 1, "kind": "ssd", "use": "key"}
    third = copy.deepcopy(servers["metal2"]) | {"model": "sealed", "unit": 3}
    third["bmc"]["mac"] = "02:5c:05:95:03:00"
    third["macs"] = {port: mac.replace(":95:02:", ":95:03:") for port, mac in third["macs"].items()}
    servers["metal3"] = third
    ports = {"bmc": "oob1:Ethernet2", "mgmt0": "oob1:Ethernet6", "up0": "leaf1:Ethernet2", "up1": "leaf2:Ethernet2"}
    stated["cables"] += [[f"metal3:{port}", end] for port, end in (ports | {"ext0": "leaf1:Ethernet10"}).items()]
    return stated


@pytest.fixture(scope="package")
def metal(tmp_path_factory):
    """The rack, up; its servers are dark."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not image_of(ImageOptions()).complete:
        pytest.skip("the node image is not built (scs-rack image build)")
    folder = tmp_path_factory.mktemp("inventory")
    stated = extended(yaml.safe_load((Path(__file__).parent / "rack.yml").read_text(encoding="utf-8")))
    (folder / "rack.yml").write_text(yaml.safe_dump(stated, sort_keys=False), encoding="utf-8")
    state = Path("/var/tmp/scs-rack-metaltest")  # on a disk, where overlays can be
    before = os.environ.get("SCS_RACK_STATE")
    os.environ["SCS_RACK_STATE"] = str(state)
    try:
        down(Lab(NAME), lambda _text: None, now=True)
        shutil.rmtree(state, ignore_errors=True)
        rack = Metal(folder)
        artifact.build(rack.design.rack.image, "minimal", lambda _text: None)
        rack.scs_rack("lab", "up")
        yield rack
    finally:
        down(Lab(NAME), lambda _text: None, now=True)
        shutil.rmtree(state, ignore_errors=True)
        if before is None:
            del os.environ["SCS_RACK_STATE"]
        else:
            os.environ["SCS_RACK_STATE"] = before
