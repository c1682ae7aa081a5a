"""A rack whose operator brings certificates."""

import pytest

from .racks import RACK
from .signers import make


@pytest.fixture(scope="module")
def root():
    return make("root", ca=True, days=3650)


@pytest.fixture(scope="module")
def middle(root):
    return make("middle", root, ca=True, days=1000)


@pytest.fixture
def rack(tmp_path, monkeypatch):
    """Write a rack with these lines in `cloud.tls`, and files beside it."""
    monkeypatch.setenv("SCS_RACK_STATE", str(tmp_path / "state"))
    folder = tmp_path / "rack"
    folder.mkdir()

    def write(lines, name="", **files):
        extra = "  tls:\n" + "".join(f"    {line}\n" for line in lines.splitlines())
        extra += f"  api_name: {name}\n" if name else ""
        assert RACK.count("\ncloud:\n") == 1
        (folder / "rack.yml").write_text(RACK.replace("\ncloud:\n", f"\ncloud:\n{extra}"))
        for file, data in files.items():
            path = folder / file.replace("_", ".")
            path.write_bytes(data)
            path.chmod(0o600)
        return folder

    return write
