import pytest

from .running import running


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A virtual BMC with both protocols that the tests of one file share."""
    with running(tmp_path_factory.mktemp("bmc")) as it:
        yield it


@pytest.fixture
def fresh(tmp_path):
    """A virtual BMC of one test's own."""
    with running(tmp_path) as it:
        yield it
