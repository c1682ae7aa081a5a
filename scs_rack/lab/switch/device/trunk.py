"""VLANs on ports, though the kernel of the lab knows neither 802.1Q interfaces nor bridges that filter VLANs.

Each VLAN is a bridge of its own. A port without tag hangs in its VLAN's bridge. For each VLAN that a port carries with
a tag there is a veth pair: one end in the bridge; what comes out of the other gets the tag and leaves by the port, and
what comes in by the port with that tag loses it and goes in there. All else with a tag is dropped, and on a port with
tagged VLANs only, all without.
"""

import contextlib
import logging
import os
import socket
from dataclasses import dataclass

from scs_rack.lab.switch.device import bpf

log = logging.getLogger("labswitchd")

_BE_8021Q = 0x0081
"""0x8100 in network order, as a little-endian machine sees it."""


@dataclass(frozen=True)
class Membership:
    """VLANs of one port."""

    untagged: int | None = None
    tagged: tuple[int, ...] = ()


def short(port: str) -> str:
    """A port's name so short that `.4094` fits behind it (interface names have 15 characters)."""
    return port.replace("Ethernet", "E").replace("PortChannel", "P")


def inner(port: str, vlan: int) -> str:
    """End of the pair that hangs in the bridge."""
    return f"{short(port)}.{vlan}"


def outer(port: str, vlan: int) -> str:
    """End of the pair that the port's traffic goes through."""
    return f"{short(port).lower()}.{vlan}"


def port_of(name: str) -> str:
    """Port that an end of a pair stands for; any other name is its own."""
    head, dot, _ = name.partition(".")
    if not dot or not head[1:].isdigit():
        return name
    return {"E": "Ethernet", "P": "PortChannel"}.get(head[0].upper(), head[0]) + head[1:]


def incoming(member: Membership, ends: dict[int, int]) -> bpf.Program:
    """Program for what comes in by a port; `ends` are interface numbers of the outer ends by VLAN."""
    program = bpf.Program()
    program.copy(bpf.SAVED, bpf.CONTEXT).load(2, bpf.CONTEXT, bpf.VLAN_PRESENT).if_equal(2, 0, "untagged")
    program.load(2, bpf.CONTEXT, bpf.VLAN_TCI).mask(2, 0xFFF)
    for vlan in ends:
        program.if_equal(2, vlan, f"vlan{vlan}")
    if member.untagged is not None:
        program.if_equal(2, 0, "own").if_equal(2, member.untagged, "own")
    program.label("drop").leave(bpf.DROP)
    for vlan, end in ends.items():
        program.label(f"vlan{vlan}").copy(1, bpf.SAVED).call(bpf.VLAN_POP)
        program.put(1, end).put(2, 0).call(bpf.REDIRECT).leave()
    if member.untagged is not None:
        program.label("own").copy(1, bpf.SAVED).call(bpf.VLAN_POP)
    return program.label("untagged").leave(bpf.DROP if member.untagged is None else bpf.NEXT)


def outgoing(vlan: int, port: int) -> bpf.Program:
    """Program for what comes out of a bridge at an outer end: it gets its tag and leaves by the port."""
    program = bpf.Program()
    program.put(2, _BE_8021Q).put(3, vlan).call(bpf.VLAN_PUSH).if_equal(0, 0, "tagged").leave(bpf.DROP)
    return program.label("tagged").put(1, port).put(2, 0).call(bpf.REDIRECT).leave()


class Taggers:
    """The programs of a switch; they live as long as this object's process."""

    def __init__(self) -> None:
        """Start with none."""
        self._links: dict[str, tuple[int, bytes, int]] = {}

    def apply(self, members: dict[str, Membership]) -> None:
        """Bring programs to what ports carry; call it when all interfaces are there."""
        wanted: dict[str, tuple[int, bpf.Program]] = {}
        for port, member in members.items():
            number = _number(port)
            ends = {vlan: _number(outer(port, vlan)) for vlan in member.tagged}
            if number is None:
                continue
            there = {vlan: end for vlan, end in ends.items() if end is not None}
            wanted[port] = (number, incoming(member, there))
            wanted |= {outer(port, vlan): (end, outgoing(vlan, number)) for vlan, end in there.items()}
        for name in self._links.keys() - wanted.keys():
            self._drop(name)
        for name, (number, program) in wanted.items():
            try:
                self._set(name, number, program)
            except OSError as error:
                log.error("%s: no VLANs with tags here: %s", name, error)  # noqa: TRY400 (the message says it all)

    def _set(self, name: str, number: int, program: bpf.Program) -> None:
        code = program.machine_code()
        have = self._links.get(name)
        if have and have[:2] == (number, code):
            return
        descriptor = bpf.load(program)
        try:
            if have and have[0] == number:
                bpf.exchange(have[2], descriptor)
                self._links[name] = (number, code, have[2])
            else:
                self._drop(name)
                self._links[name] = (number, code, bpf.attach(descriptor, number))
        finally:
            os.close(descriptor)

    def _drop(self, name: str) -> None:
        if name in self._links:
            with contextlib.suppress(OSError):
                os.close(self._links.pop(name)[2])


def _number(name: str) -> int | None:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None
