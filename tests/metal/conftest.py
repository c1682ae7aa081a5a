"""One rack of virtual machines for all tests of this folder; each machine is installed from nothing."""

import os
import shutil
from pathlib import Path

import pytest

from scs_rack.lab.down import down
from scs_rack.lab.layout import Lab
from scs_rack.model import ImageOptions
from scs_rack.provision import artifact
from scs_rack.provision.image import image_of

from .bare import NAME, Metal


@pytest.fixture(scope="package")
def metal(tmp_path_factory):
    """The rack, up; its servers are dark."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not image_of(ImageOptions()).complete:
        pytest.skip("the node image is not built (scs-rack image build)")
    folder = tmp_path_factory.mktemp("inventory")
    shutil.copy(Path(__file__).parent / "rack.yml", folder / "rack.yml")
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
