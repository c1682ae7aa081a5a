"""What ramdisks told of servers, kept, shown, and compared."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scs_rack.files import write_file
from scs_rack.provision.facts import Facts, SeenDisk, SeenNic
from scs_rack.provision.lldp import Neighbour

_ENDING = ".facts.json"
_OWN = {"product_serial", "product_uuid"}
"""What differs between equal servers."""


def keep(state_dir: Path, server: str, facts: Facts) -> None:
    """Remember what a server is made of."""
    folder = state_dir / "provision"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(folder / f"{server}{_ENDING}", json.dumps(plain(facts), indent=1) + "\n", 0o600)


def kept(state_dir: Path) -> dict[str, Facts]:
    """All that is remembered, by server."""
    found = {}
    for path in sorted((state_dir / "provision").glob(f"*{_ENDING}")):
        found[path.name.removesuffix(_ENDING)] = read(path)
    return found


def read(path: Path) -> Facts:
    """What was written of one server."""
    stated: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    stated["nics"] = tuple(SeenNic(**one) for one in stated["nics"])
    stated["neighbours"] = tuple(Neighbour(**one) for one in stated.get("neighbours", ()))
    stated["disks"] = tuple(
        SeenDisk(**{**one, "holds": tuple((part, what) for part, what in one["holds"])}) for one in stated["disks"]
    )
    return Facts(**stated)


def plain(facts: Facts) -> dict[str, Any]:
    """The same as dictionaries and lists."""
    return asdict(facts)


def words(server: str, facts: Facts) -> list[str]:
    """Lines for people."""
    lines = [
        f"{server}: {facts.words.get('sys_vendor', '')} {facts.words.get('product_name', '')}, serial {facts.serial}",
        f"  booted by {facts.firmware}, firmware {facts.words.get('bios_version', 'unknown')}",
        f"  {facts.cpus} CPU threads ({facts.words.get('cpu_model', 'unknown')}), {facts.memory_kib / 2**20:.1f} GiB",
    ]
    for nic in facts.nics:
        speed = f", {nic.speed} Mb/s" if nic.speed else ""
        heard = "".join(f", hears {one.device} {one.port}" for one in facts.neighbours if one.nic == nic.name)
        lines.append(f"  port {nic.name}: {nic.mac}, {'link' if nic.carrier else 'no link'}{speed}{heard}")
    for disk in facts.disks:
        held = ", ".join(f"{part} {what}" for part, what in disk.holds) or "empty"
        health = f", SMART {disk.smart}" if disk.smart else ""
        serial = f", serial {disk.serial}" if disk.serial else ""
        lines.append(f"  disk {disk.name}: {disk.kind}, {disk.size / 10**9:.1f} GB{serial}{health}: {held}")
    return lines


@dataclass(frozen=True)
class Odd:
    """Something that one server has otherwise than most of the others."""

    server: str
    what: str
    seen: str
    usual: str
    others: int
    """How many have the usual."""


def odd(servers: Mapping[str, Facts]) -> list[Odd]:
    """What is odd: of each property, what differs from what most have (from the first, where none has a majority)."""
    values = {name: _comparable(facts) for name, facts in servers.items()}
    found = []
    for what in sorted({key for one in values.values() for key in one}):
        counted = Counter(one.get(what, "none") for one in values.values())
        usual, others = counted.most_common(1)[0]
        found += [
            Odd(name, what, one.get(what, "none"), usual, others)
            for name, one in values.items()
            if one.get(what, "none") != usual
        ]
    return sorted(found, key=lambda one: (one.server, one.what))


def _comparable(facts: Facts) -> dict[str, str]:
    """What equal servers have equal."""
    found = {name: value for name, value in facts.words.items() if name not in _OWN}
    found |= {"boot mode": facts.firmware, "CPU threads": str(facts.cpus)}
    found["memory"] = f"{facts.memory_kib / 2**20:.1f} GiB"
    found["network ports"] = str(len(facts.nics))
    found["ports with link"] = " ".join(sorted(nic.name for nic in facts.nics if nic.carrier))
    kinds = Counter(f"{disk.kind} {disk.model} {disk.size / 10**9:.0f} GB".replace("  ", " ") for disk in facts.disks)
    found["disks"] = ", ".join(f"{count} x {kind}" for kind, count in sorted(kinds.items()))
    found |= {f"SMART of {disk.name}": disk.smart for disk in facts.disks if disk.smart}
    return found
