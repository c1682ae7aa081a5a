"""One site for all lab tests of this folder."""

import os

import pytest

from scs_rack.model import ImageOptions
from scs_rack.provision.image import image_of

from .trial import running


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """Three light racks, and links to their managers."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not image_of(ImageOptions()).complete:
        pytest.skip("the node image is not built (scs-rack image build)")
    with running(tmp_path_factory.mktemp("site")) as trial:
        yield trial
