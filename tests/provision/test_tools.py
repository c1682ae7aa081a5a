"""What `make` installs on a fresh machine is what the programs call."""

from pathlib import Path

from scs_rack.provision.tools import BUILD_TOOLS, GUEST_TOOLS, LAB_TOOLS

ESSENTIAL = {"apt", "util-linux"}
"""On every Debian and Ubuntu machine."""


def test_host_packages_names_every_package_that_a_build_or_a_lab_needs():
    script = Path(__file__).resolve().parents[2] / "scs_rack/share/host-packages"
    listed = {line.rpartition(":")[2] for line in script.read_text().splitlines() if ":" in line and " " not in line}
    needed = {*BUILD_TOOLS.values(), *GUEST_TOOLS.values(), *LAB_TOOLS.values()} - ESSENTIAL
    assert needed <= listed, needed - listed
