"""A virtual rack of our own, apart from the one that people work with."""

import os
import shutil
from pathlib import Path

import pytest

from scs_rack.design import make_design
from scs_rack.lab.down import down
from scs_rack.lab.layout import Lab
from scs_rack.lab.up import up
from scs_rack.model import ImageOptions
from scs_rack.model.load import load_rack
from scs_rack.provision.image import image_of

NAME = "labtest"
REPOSITORY = Path(__file__).parents[2]


class Rack:
    """The rack of these tests and what they do with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.design = make_design(load_rack(folder))
        self.lab = Lab(NAME)

    def up(self) -> list[str]:
        """Bring it up; returns what was said."""
        said: list[str] = []
        up(self.design, self.folder, said.append)
        return said

    def down(self) -> None:
        """Remove it."""
        down(self.lab, lambda _text: None, now=True)


@pytest.fixture(scope="module")
def rack(tmp_path_factory):
    """The rack, down before and after; tests bring it up."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not image_of(ImageOptions()).complete:
        pytest.skip("the node image is not built (scs-rack image build)")
    folder = tmp_path_factory.mktemp("inventory")
    text = (REPOSITORY / "inventory/lab/rack.yml").read_text()
    (folder / "rack.yml").write_text(text.replace("name: lab\n", f"name: {NAME}\n", 1))
    # On a disk, where overlays can be: /tmp may be a tmpfs
    state = Path("/var/tmp/scs-rack-labtest")
    shutil.rmtree(state, ignore_errors=True)
    before = os.environ.get("SCS_RACK_STATE")
    os.environ["SCS_RACK_STATE"] = str(state)
    rack = Rack(folder)
    yield rack
    rack.down()
    shutil.rmtree(state)
    if before is None:
        del os.environ["SCS_RACK_STATE"]
    else:
        os.environ["SCS_RACK_STATE"] = before
