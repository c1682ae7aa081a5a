"""The probe of KVM."""

import struct
import subprocess

import pytest

from scs_rack.errors import UsageError
from scs_rack.lab import accel
from scs_rack.model import ImageOptions
from scs_rack.provision.image import Image, image_of

IMAGE = Image("trixie", "0" * 16)


def test_the_archive_is_what_cpio_reads(tmp_path):
    data = accel.archive({"init": b"x" * 7, "other": b"hello"})
    listing = subprocess.run(["cpio", "-itv"], input=data, capture_output=True, check=True).stdout.decode()
    assert "-rwxr-xr-x" in listing
    assert [line.split()[-1] for line in listing.splitlines()] == ["init", "other"]
    subprocess.run(["cpio", "-i", "--quiet"], input=data, cwd=tmp_path, check=True)
    assert (tmp_path / "init").read_bytes() == b"x" * 7


def test_the_program_points_to_its_message():
    program = accel.program(b"hello")
    assert program.endswith(b"hello")
    entry = struct.unpack_from("<Q", program, 24)[0] - 0x400000
    offset = struct.unpack_from("<i", program, entry + 13)[0]
    assert program[entry + 17 + offset :] == b"hello"


def test_without_the_device_there_is_no_kvm(monkeypatch, tmp_path):
    monkeypatch.setattr(accel, "KVM", tmp_path / "kvm")
    assert accel.resolve("auto", IMAGE) == "tcg"
    with pytest.raises(UsageError, match="no guest boots"):
        accel.resolve("kvm", IMAGE)


@pytest.mark.parametrize(("works", "expected"), [(True, "kvm"), (False, "tcg")])
def test_the_answer_is_what_was_seen_and_is_asked_once(monkeypatch, tmp_path, works, expected):
    asked = []
    monkeypatch.setenv("SCS_RACK_CACHE", str(tmp_path))
    monkeypatch.setattr(accel, "KVM", tmp_path)
    monkeypatch.setattr(accel, "boots", lambda image, kind: asked.append(kind) or works)
    assert [accel.resolve("auto", IMAGE) for _ in range(2)] == [expected, expected]
    assert asked == ["kvm"]
    accel.resolve("auto", Image("trixie", "1" * 16))
    assert asked == ["kvm", "kvm"]


@pytest.mark.lab
def test_the_probe_guest_boots_under_emulation():
    image = image_of(ImageOptions())
    if not image.complete:
        pytest.skip("the node image is not built (scs-rack image build)")
    assert accel.boots(image, "tcg", 60)
