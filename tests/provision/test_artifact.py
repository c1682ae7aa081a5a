"""What servers are installed from: signed, whole, told in a bill of materials, the same twice."""

import io
import json
import os
import tarfile

import pytest

from scs_rack.errors import UsageError
from scs_rack.provision import artifact, sbom, signature
from scs_rack.provision.artifact import Artifact, boot_files, epoch
from scs_rack.provision.kit import Kit

STATUS = """Package: bash
Status: install ok installed
Architecture: amd64
Source: bash (5.2-1)
Version: 5.2.37-2+b3
Description: shell
 Version: not a field

Package: gone
Status: deinstall ok config-files
Version: 1
"""
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
License: GPL-3+
Files: a
License: Expat or BSD-3-clause
"""


@pytest.fixture
def root(tmp_path):
    """A root folder of one package."""
    for path, text in {"var/lib/dpkg/status": STATUS, "usr/share/doc/bash/copyright": COPYRIGHT}.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_the_bill_of_materials_holds_what_is_installed(root):
    (root / "carried").write_text("ipxe 1.21 \n")
    found = json.loads(sbom.of(root, "digest", root / "carried"))
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert [(one["name"], one["version"]) for one in found["components"]] == [("bash", "5.2.37-2+b3"), ("ipxe", "1.21")]
    bash = found["components"][0]
    assert bash["purl"] == "pkg:deb/debian/bash@5.2.37-2%2Bb3?arch=amd64"
    assert bash["licenses"] == [
        {"license": {"id": "BSD-3-Clause"}}, {"license": {"id": "MIT"}}, {"license": {"id": "GPL-3.0-or-later"}},
    ]  # fmt: skip
    assert sbom.of(root, "digest") == sbom.of(root, "digest")


def test_free_text_has_no_licence_that_we_could_name(root):
    (root / "usr/share/doc/bash/copyright").write_text("License: do what you like\n")
    assert sbom.licenses(root / "usr/share/doc/bash/copyright") == []
    assert sbom.licenses(root / "none") == []


@pytest.fixture
def made(tmp_path, monkeypatch):
    """An artefact of one file, signed."""
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path))
    found = Artifact("minimal", "digest")
    found.folder.mkdir(parents=True)
    found.path("root.tar.zst").write_bytes(b"root")
    manifest = json.dumps({"files": {"root.tar.zst": artifact._digest(found.path("root.tar.zst"))}}).encode()
    found.path("manifest.json").write_bytes(manifest)
    found.path("manifest.json.sig").write_bytes(signature.sign(manifest))
    return found


def test_what_was_signed_is_taken(made):
    artifact.verify(made)
    assert (made.folder.parents[1] / "image-key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["root.tar.zst", "manifest.json", "manifest.json.sig"])
def test_what_was_changed_is_refused(made, name):
    data = bytearray(made.path(name).read_bytes())
    data[0] ^= 1
    made.path(name).write_bytes(data)
    with pytest.raises(UsageError):
        artifact.verify(made)


def test_times_of_packages_files_are_kept_and_those_of_the_build_are_not(root):
    os.utime(root / "usr/share/doc/bash/copyright", (1700000000, 1700000000))
    assert epoch(root) == 1700000000


def test_both_firmwares_find_their_boot_loader(tmp_path, monkeypatch):
    lib = tmp_path / "kits/digest/files/usr/lib"
    names = ("shim/shimx64.efi.signed", "shim/mmx64.efi.signed", "grub/x86_64-efi-signed/grubx64.efi.signed")
    for name in names:
        (lib / name).parent.mkdir(parents=True, exist_ok=True)
        (lib / name).write_bytes(name.encode())
    (tmp_path / "vmlinuz").write_bytes(b"kernel")
    (tmp_path / "initrd").write_bytes(b"ramdisk")
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path))
    data = boot_files(Kit("cloud", "digest"), tmp_path)
    assert data == boot_files(Kit("cloud", "digest"), tmp_path)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = set(tar.getnames())
        assert {"EFI/BOOT/BOOTX64.EFI", "EFI/BOOT/grubx64.efi", "syslinux.cfg", "vmlinuz", "initrd"} <= found
        for name in ("syslinux.cfg", "EFI/debian/grub.cfg"):
            assert b"root=@ROOT@" in tar.extractfile(name).read()
