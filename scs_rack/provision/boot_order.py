"""What firmware boots from, as a running server tells it (UEFI 2.10, 3.1.3: BootOrder, BootCurrent, Boot####)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from scs_rack.results import Finding

OURS = "scs-rack"
"""Name of the boot entry that the ramdisk makes; a mirror's other disk has one that begins with it."""
COMMAND = """
v=/sys/firmware/efi/efivars
[ -d $v ] || { echo bios; exit; }
for f in $v/BootCurrent-8be4* $v/BootOrder-8be4* $v/Boot[0-9A-F][0-9A-F][0-9A-F][0-9A-F]-8be4*; do
  [ -e "$f" ] && echo "${f##*/} $(od -An -v -tx1 "$f" | tr -d ' \\n')"
done
"""
"""Prints each variable's name and its content (hexadecimal, four bytes of attributes first); `bios` without UEFI."""
_VARIABLE = re.compile(r"Boot(Current|Order|[0-9A-F]{4})-8be4df61-93ca-11d2-aa0d-00e098032b8c ([0-9a-f]+)")


@dataclass(frozen=True)
class BootOrder:
    """What was read."""

    current: str
    """Name of the entry that this start came from."""
    order: tuple[str, ...]
    """Names of the entries, first first."""
    numbers: dict[str, str] = field(default_factory=dict)
    """Number of each entry (four hexadecimal digits) by its name."""

    @property
    def words(self) -> str:
        """The order in one line."""
        return ", ".join(self.order)


def parse(text: str) -> BootOrder | None:
    """Read what `COMMAND` printed; None where firmware has no such order (BIOS)."""
    found = {name: bytes.fromhex(data)[4:] for name, data in _VARIABLE.findall(text)}
    if "Order" not in found:
        return None
    names = {number: _name(data) for number, data in found.items() if len(number) == 4}

    def listed(data: bytes) -> list[str]:
        return [f"{data[at + 1]:02X}{data[at]:02X}" for at in range(0, len(data) - 1, 2)]

    current = next(iter(listed(found.get("Current", b""))), "")
    order = tuple(names.get(number, f"Boot{number}") for number in listed(found["Order"]))
    return BootOrder(names.get(current, f"Boot{current}"), order, {name: number for number, name in names.items()})


def _name(entry: bytes) -> str:
    """Description of a load option: after attributes (4 bytes) and a length (2), UTF-16, ended by zero."""
    text = entry[6:].decode("utf-16-le", errors="replace").partition("\0")[0]
    return "".join(letter for letter in text if letter.isprintable())[:60]


def judge(server: str, seen: BootOrder, before: str) -> Iterator[Finding]:
    """What is wrong with the order.

    Args:
        server: its name.
        seen: what it tells now.
        before: the order (`words`) right after the installation; empty when that is now, or nobody knows.
    """
    if not any(name.startswith(OURS) for name in seen.order):
        hint = r"firmware threw it away and boots by \EFI\BOOT\BOOTX64.EFI; `scs-rack node reinstall` makes it again"
        yield Finding("boot-entry-lost", "warning", server, f"a boot entry {OURS}", seen.words or "no entry", hint)
    elif not seen.order[0].startswith(OURS):
        number = next(number for name, number in seen.numbers.items() if name.startswith(OURS))
        others = ",".join(seen.numbers[name] for name in seen.order if name in seen.numbers and name[:8] != OURS)
        hint = f"on {server}: efibootmgr -o {number},{others}; does the server's setup put the network first?"
        yield Finding("boot-order", "warning", server, f"{OURS} first", seen.words, hint)
    if before and seen.words != before:
        hint = "firmware or somebody rewrote the boot order since the installation"
        yield Finding("boot-order-changed", "warning", server, before, seen.words, hint)
