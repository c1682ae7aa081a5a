"""One fabric for all tests of this folder."""

import os

import pytest

from scs_rack.model import ImageOptions
from scs_rack.provision.image import image_of

from .rack import running


@pytest.fixture(scope="package")
def fabric(tmp_path_factory):
    """The fabric, up and configured."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not image_of(ImageOptions()).complete:
        pytest.skip("the node image is not built (scs-rack image build)")
    with running(tmp_path_factory.mktemp("inventory")) as fabric:
        yield fabric
