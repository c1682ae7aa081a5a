"""What the image is built from, seen from the host's apt files."""

import pytest

from scs_rack.provision.sources import lines_for

DEB822 = """# a comment
Types: deb deb-src
# inside
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By:
 /usr/share/keyrings/one.gpg

Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: https://vendor.example/apt
Suites: stable
Components: main
"""

ONE_LINE = """
# deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by=/x.gpg] http://archive.example/debian bookworm main non-free
deb-src http://archive.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb http://archive.example/debian bookworm-backports main
"""


@pytest.fixture
def host(tmp_path):
    """A host's /etc/apt and os-release."""
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "os-release").write_text("ID=debian\nVERSION_CODENAME=bookworm\n")
    return tmp_path


def read(host, mirror=None):
    return lines_for("trixie", mirror, host / "apt", host / "os-release")


def test_deb822_sources_are_turned_to_the_suite_of_the_image(host):
    (host / "apt/sources.list.d/debian.sources").write_text(DEB822)
    assert read(host) == [
        "deb http://archive.example/debian trixie main",
        "deb http://archive.example/debian trixie-updates main",
        "deb http://security.example/debian-security trixie-security main",
    ]


def test_one_line_sources_are_turned_to_the_suite_of_the_image(host):
    (host / "apt/sources.list").write_text(ONE_LINE)
    assert read(host) == [
        "deb http://archive.example/debian trixie main",
        "deb http://security.example/debian-security trixie-security main",
    ]


def test_files_that_apt_ignores_are_ignored(host):
    (host / "apt/sources.list.d/debian.sources.disabled").write_text(DEB822)
    assert read(host) == []


def test_the_mirror_of_the_rack_file_wins(host):
    (host / "apt/sources.list").write_text(ONE_LINE)
    assert read(host, "http://mirror.example/debian") == ["deb http://mirror.example/debian trixie main"]


def test_other_systems_leave_it_to_the_builder(host):
    (host / "apt/sources.list").write_text(ONE_LINE)
    (host / "os-release").write_text("ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n")
    assert read(host) == []
