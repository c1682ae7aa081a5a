"""The qcow2 reader: disks come out as they went in, and what can't be read is refused."""

import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scs_rack.resources.qcow2 import MAGIC, BadImage, is_qcow2, to_raw

BITS = 9
CLUSTER = 1 << BITS
PER_TABLE = CLUSTER // 8


def qcow2(disk: bytes, pack: list[bool], *, version: int = 3, **header: int) -> bytes:
    """An image of a disk, written by the format's description; clusters of which `pack` says so are compressed."""
    total = -(-len(disk) // CLUSTER)
    l1_size = max(1, -(-total // PER_TABLE))
    l1_clusters = -(-l1_size * 8 // CLUSTER)
    at = (1 + l1_clusters + l1_size) * CLUSTER
    body, entries = b"", []
    for number in range(total):
        data = disk[number * CLUSTER : (number + 1) * CLUSTER].ljust(CLUSTER, b"\0")
        here = at + len(body)
        if not any(data):
            entries.append(number % 2 if version == 3 else 0)  # not there, or marked as zeros
        elif pack and pack[number % len(pack)]:
            worker = zlib.compressobj(9, zlib.DEFLATED, -12)
            packed = worker.compress(data) + worker.flush()
            split = 62 - (BITS - 8)
            sectors = (here % 512 + len(packed) - 1) // 512
            entries.append(1 << 62 | sectors << split | here)
            body += packed.ljust(-(-len(packed) // CLUSTER) * CLUSTER, b"\0")
        else:
            entries.append(1 << 63 | here)
            body += data
    entries += [0] * (l1_size * PER_TABLE - total)
    l2_at = (1 + l1_clusters) * CLUSTER
    l1 = b"".join(struct.pack(">Q", 1 << 63 | l2_at + index * CLUSTER) for index in range(l1_size))
    size = header.get("size", len(disk))
    first = struct.pack(
        ">IQIIQIIQQIIQ",
        header.get("number", version), header.get("backing", 0), 0, header.get("bits", BITS), size,
        header.get("crypt", 0), header.get("l1_size", l1_size), CLUSTER, 0, 0, 0, 0,
    )  # fmt: skip
    first = MAGIC + first
    if version == 3:
        first += struct.pack(">QQQII", header.get("features", 0), 0, 0, 4, 112) + bytes([header.get("packing", 0)])
    tables = b"".join(struct.pack(">Q", entry) for entry in entries)
    return first.ljust(CLUSTER, b"\0") + l1.ljust(l1_clusters * CLUSTER, b"\0") + tables + body


DISKS = st.lists(
    st.one_of(st.just(b"\0" * CLUSTER), st.binary(min_size=1, max_size=CLUSTER), st.just(b"again " * 99)), max_size=80
).map(b"".join)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(disk=DISKS, pack=st.lists(st.booleans(), max_size=4), version=st.sampled_from([2, 3]))
def test_a_disk_comes_out_as_it_went_in(tmp_path: Path, disk: bytes, pack: list[bool], version: int) -> None:
    image, raw = tmp_path / "i.qcow2", tmp_path / "i.raw"
    image.write_bytes(qcow2(disk, pack, version=version))
    assert is_qcow2(image)
    assert to_raw(image, raw) == len(disk)
    assert raw.read_bytes() == disk


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"backing": 512}, "rests on another file"),
        ({"crypt": 1}, "encrypted"),
        ({"features": 2}, "damaged"),
        ({"features": 4}, "another file"),
        ({"features": 8, "packing": 1}, "zstd"),
        ({"features": 16}, "extended tables"),
        ({"features": 32}, "not known"),
        ({"bits": 40}, "out of range"),
        ({"l1_size": 1 << 30}, "too large"),
        ({"size": 1 << 40}, "shorter than its disk"),
        ({"number": 4}, "version 4"),
    ],
)
def test_what_it_refuses(tmp_path: Path, header: dict[str, int], words: str) -> None:
    image = tmp_path / "i.qcow2"
    image.write_bytes(qcow2(b"data" * 999, [], **header))
    with pytest.raises(BadImage, match=words):
        to_raw(image, tmp_path / "i.raw")
    assert [path.name for path in tmp_path.iterdir()] == ["i.qcow2"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, 4000), spoiled=st.integers(0, 4000), value=st.integers(0, 255))
def test_damage_never_hangs_and_leaves_no_part(tmp_path: Path, cut: int, spoiled: int, value: int) -> None:
    whole = bytearray(qcow2(bytes(range(256)) * 9, [True, False]))
    whole[spoiled % len(whole)] = value
    image, raw = tmp_path / "i.qcow2", tmp_path / "i.raw"
    image.write_bytes(whole[: len(whole) - cut % len(whole)])
    raw.unlink(missing_ok=True)
    try:
        to_raw(image, raw)
    except BadImage:
        assert not raw.exists()


def test_a_table_beyond_any_file(tmp_path: Path) -> None:
    whole = bytearray(qcow2(b"data" * 999, []))
    whole[40] = 0x7F  # the first byte of the table's offset
    (tmp_path / "i.qcow2").write_bytes(whole)
    with pytest.raises(BadImage, match="beyond any file"):
        to_raw(tmp_path / "i.qcow2", tmp_path / "i.raw")
