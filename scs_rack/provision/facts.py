"""What the ramdisk says of a server: one line a fact, words parted by tabs (see `ramdisk/agent`)."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from scs_rack.errors import ScsRackError
from scs_rack.provision import lldp
from scs_rack.provision.lldp import Neighbour

MOST_BYTES = 256 * 1024
"""What a server may say at most."""


class NoFacts(ScsRackError):
    """What came is no report of a ramdisk of ours."""


@dataclass(frozen=True)
class SeenNic:
    """A network port."""

    name: str
    mac: str
    carrier: bool
    speed: int | None
    """Mb/s; None where it does not say."""


@dataclass(frozen=True)
class SeenDisk:
    """A disk, and what is on it."""

    name: str
    """Kernel's name, such as sda: it may be another one after the next boot."""
    size: int
    """Bytes."""
    kind: str
    """nvme, ssd, hdd, or virtual."""
    serial: str
    wwid: str
    model: str
    removable: bool
    smart: str = ""
    """What its self test says; empty where it has none."""
    holds: tuple[tuple[str, str], ...] = ()
    """Disk or partition, and what was found there: a file system, `table:gpt`, `name:…`, `server:…`, `ceph-osd`."""


@dataclass(frozen=True)
class Facts:
    """A server as the ramdisk saw it."""

    firmware: str
    """bios or uefi: what it was booted by."""
    memory_kib: int
    cpus: int
    words: dict[str, str] = field(default_factory=dict)
    """All else: product_serial, bios_version, cpu_model, …"""
    nics: tuple[SeenNic, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    disks: tuple[SeenDisk, ...] = ()

    @property
    def serial(self) -> str:
        """Serial number of the server; empty where firmware has none."""
        return self.words.get("product_serial", "")


def parse(text: str) -> Facts:
    """Read a report.

    Raises:
        NoFacts: it is none.
    """
    words: dict[str, str] = {}
    nics: list[SeenNic] = []
    neighbours: list[Neighbour] = []
    disks: dict[str, SeenDisk] = {}
    for number, fields in _lines(text):
        try:
            match fields:
                case ["nic", name, mac, carrier, speed]:
                    mbits = int(speed)
                    nics.append(SeenNic(name, mac.lower(), carrier == "1", mbits if mbits > 0 else None))
                case ["lldp", nic, frame]:
                    neighbours += lldp.neighbours(nic, frame)
                case ["disk", name, size, kind, serial, wwid, model, removable]:
                    disks[name] = SeenDisk(
                        name, int(size), kind, serial.strip(), wwid, model.strip(), removable.strip() == "1"
                    )
                case ["smart", name, said]:
                    disks[name] = replace(disks[name], smart=said)
                case ["holds", name, part, what]:
                    disks[name] = replace(disks[name], holds=(*disks[name].holds, (part, what)))
                case [name, value]:
                    words[name] = value.strip()
                case _:
                    raise ValueError("not understood")
        except (ValueError, KeyError) as error:
            raise NoFacts(f"line {number} of the ramdisk's report: {error}: {' '.join(fields)[:100]}") from error
    try:
        memory, cpus, firmware = int(words.pop("memory_kib")), int(words.pop("cpus")), words.pop("firmware")
    except (KeyError, ValueError) as error:
        raise NoFacts(f"the ramdisk's report lacks {error}") from error
    return Facts(firmware, memory, cpus, words, tuple(nics), tuple(neighbours), tuple(disks.values()))


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line:
            yield number, line.split("\t")
