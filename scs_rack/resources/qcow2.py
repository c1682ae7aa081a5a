"""Turn a qcow2 image into a raw one (QEMU's docs/interop/qcow2): what clouds publish, without qemu-img on the manager.

Only images that stand alone are read: no backing file, no external data, no encryption.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b"QFI\xfb"
MOST_CLUSTER_BITS = 21
MOST_L1 = 32 * 2**20
"""Bytes of a table of the first level: what QEMU takes."""
_OFFSET = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED = 1 << 62
_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED = 1, 2, 4, 8, 16


class BadImage(ValueError):
    """A file that is not a qcow2 image, is damaged, or uses what can't be read."""


@dataclass(frozen=True)
class Header:
    """What the header of an image tells."""

    size: int
    """Bytes of the disk."""
    cluster_bits: int
    l1_size: int
    l1_offset: int
    version: int

    @property
    def cluster(self) -> int:
        """Bytes of a cluster."""
        return 1 << self.cluster_bits


def is_qcow2(path: Path) -> bool:
    """True where a file begins as a qcow2 image does."""
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def read_header(file: BinaryIO) -> Header:
    """Read and check a header.

    Raises:
        BadImage: it is none, or asks for what this reader does not do.
    """
    data = file.read(112)
    if len(data) < 72 or data[:4] != MAGIC:
        raise BadImage("not a qcow2 image")
    version, backing, _, bits, size, crypt, l1_size, l1_offset = struct.unpack_from(">IQIIQIIQ", data, 4)
    if version not in (2, 3):
        raise BadImage(f"version {version} of qcow2 is not known")
    if version == 3 and len(data) < 104:
        raise BadImage("the header is cut off")
    features = struct.unpack_from(">Q", data, 72)[0] if version == 3 else 0
    length = struct.unpack_from(">I", data, 100)[0] if version == 3 else 72
    for wrong, words in (
        (backing, "it rests on another file; flatten it first"),
        (crypt, "it is encrypted"),
        (features & _CORRUPT, "it is marked as damaged"),
        (features & _DATA_FILE, "its data lies in another file"),
        (features & _EXTENDED, "it has extended tables; write it with extended_l2=off"),
        (features & ~(_DIRTY | _CORRUPT | _DATA_FILE | _COMPRESSION | _EXTENDED), "it has features that are not known"),
        (features & _COMPRESSION and length > 104 and data[104], "it is compressed with zstd; write it with zlib"),
        (not 9 <= bits <= MOST_CLUSTER_BITS, "the size of its clusters is out of range"),
        (l1_size * 8 > MOST_L1, "its table is too large"),
    ):
        if wrong:
            raise BadImage(words)
    clusters = -(-size // (1 << bits))
    if l1_size < -(-clusters // (1 << (bits - 3))):
        raise BadImage("its table is shorter than its disk")
    return Header(size, bits, l1_size, l1_offset, version)


def to_raw(source: Path, target: Path) -> int:
    """Write the disk of an image as a raw file with holes; whole or not at all.

    Args:
        source: the qcow2 image.
        target: the raw file to write.

    Returns:
        Bytes of the disk.

    Raises:
        BadImage: it can't be read, or is damaged.
        OSError: no room, or no right to write.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with source.open("rb") as file, draft.open("wb") as out:
            header = read_header(file)
            out.truncate(header.size)
            for number, data in _clusters(file, header):
                start = number * header.cluster
                out.seek(start)
                out.write(data[: header.size - start])
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return header.size


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    """Bytes at an offset, fewer at the end of the file."""
    try:
        file.seek(offset)
    except (OSError, OverflowError, ValueError) as error:  # no file system has files so large
        raise BadImage(f"it points to {offset}, beyond any file") from error
    return file.read(length)


def _exactly(file: BinaryIO, offset: int, length: int) -> bytes:
    data = _read(file, offset, length)
    if len(data) < length:
        raise BadImage(f"it is cut off: {length} bytes at {offset} are not there")
    return data


def _clusters(file: BinaryIO, header: Header) -> Iterator[tuple[int, bytes]]:
    """Number and content of each cluster that is not all zeros."""
    per_table = header.cluster // 8
    total = -(-header.size // header.cluster)
    for index, entry in enumerate(_table(file, header.l1_offset, header.l1_size)):
        if not entry & _OFFSET:
            continue
        for position, cluster in enumerate(_table(file, entry & _OFFSET, per_table)):
            number = index * per_table + position
            if number >= total:
                break
            if data := _content(file, header, cluster):
                yield number, data


def _table(file: BinaryIO, offset: int, count: int) -> tuple[int, ...]:
    return struct.unpack(f">{count}Q", _exactly(file, offset, count * 8))


def _content(file: BinaryIO, header: Header, entry: int) -> bytes:
    if entry & _COMPRESSED:
        split = 62 - (header.cluster_bits - 8)
        offset = entry & ((1 << split) - 1)
        sectors = (entry >> split & ((1 << (62 - split)) - 1)) + 1
        packed = _read(file, offset, sectors * 512 - offset % 512)
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, header.cluster)
        except zlib.error as error:
            raise BadImage(f"the cluster at {offset} is damaged: {error}") from error
        if len(data) < header.cluster:
            raise BadImage(f"the cluster at {offset} is damaged: {len(data)} of {header.cluster} bytes")
        return data
    if (header.version == 3 and entry & 1) or not entry & _OFFSET:
        return b""
    offset = entry & _OFFSET
    data = _read(file, offset, header.cluster)
    if not data:
        raise BadImage(f"it is cut off: nothing is at {offset}")
    return data.ljust(header.cluster, b"\0")
