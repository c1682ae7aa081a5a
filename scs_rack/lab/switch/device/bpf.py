"""As much of eBPF as a VLAN needs: assemble a program, load it, hang it on the way into an interface.

Instructions and helpers: kernel documentation, bpf/standardization/instruction-set.rst; linux/bpf.h. An interface's
programs are run by tcx (Linux 6.6), where a program is held by a descriptor and goes away with its owner.
"""

import ctypes
import os
import platform
import struct

CONTEXT, RESULT = 1, 0
"""Registers of the first argument and of the result."""
SAVED = 6
"""A register that calls leave alone."""
VLAN_PRESENT, VLAN_TCI = 20, 24
"""Offsets in struct __sk_buff."""
DROP, NEXT = 2, -1
"""Verdicts TCX_DROP and TCX_NEXT."""
VLAN_PUSH, VLAN_POP, REDIRECT = 18, 19, 23
"""Helper functions."""

_PROG_LOAD, _LINK_CREATE, _LINK_UPDATE = 5, 28, 29
_SCHED_CLS = 3
_TCX_INGRESS = 46
_SYSCALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_LIBC = ctypes.CDLL(None, use_errno=True)


class Program:
    """Instructions with labels that can be jumped to before they stand."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._code: list[tuple[int, int, int, int, int, str]] = []
        self._labels: dict[str, int] = {}

    def _add(  # noqa: PLR0917 (the fields of an instruction)
        self, code: int, dst: int, src: int, offset: int, value: int, label: str = ""
    ) -> "Program":
        self._code.append((code, dst, src, offset, value, label))
        return self

    def label(self, name: str) -> "Program":
        """Name the next instruction."""
        self._labels[name] = len(self._code)
        return self

    def copy(self, dst: int, src: int) -> "Program":
        """Dst = src."""
        return self._add(0xBF, dst, src, 0, 0)

    def put(self, dst: int, value: int) -> "Program":
        """Dst = value."""
        return self._add(0xB7, dst, 0, 0, value)

    def load(self, dst: int, base: int, offset: int) -> "Program":
        """Dst = the 32-bit word at base + offset."""
        return self._add(0x61, dst, base, offset, 0)

    def mask(self, dst: int, value: int) -> "Program":
        """Dst &= value."""
        return self._add(0x57, dst, 0, 0, value)

    def if_equal(self, dst: int, value: int, label: str) -> "Program":
        """Jump if dst == value."""
        return self._add(0x15, dst, 0, 0, value, label)

    def call(self, helper: int) -> "Program":
        """Call a helper: arguments in registers 1 to 5, result in 0."""
        return self._add(0x85, 0, 0, 0, helper)

    def leave(self, verdict: int | None = None) -> "Program":
        """End with a verdict, or with what the last call returned."""
        if verdict is not None:
            self.put(RESULT, verdict)
        return self._add(0x95, 0, 0, 0, 0)

    def machine_code(self) -> bytes:
        """Instructions as the kernel takes them."""
        out = b""
        for index, (code, dst, src, offset, value, label) in enumerate(self._code):
            jump = self._labels[label] - index - 1 if label else offset
            out += struct.pack("<BBhi", code, dst | src << 4, jump, value)
        return out


def _bpf(command: int, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result: int = _LIBC.syscall(_SYSCALL[platform.machine()], command, buffer, 128)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf({command}): {os.strerror(number)}")
    return result


def load(program: Program) -> int:
    """Load a program for traffic control; returns its descriptor.

    Raises:
        OSError: the kernel refuses it.
    """
    code = ctypes.create_string_buffer(program.machine_code())
    licence = ctypes.create_string_buffer(b"MIT")
    count = len(program.machine_code()) // 8
    addresses = (ctypes.addressof(code), ctypes.addressof(licence))
    return _bpf(_PROG_LOAD, struct.pack("<IIQQ", _SCHED_CLS, count, *addresses))


def attach(program: int, interface: int) -> int:
    """Let a program judge what comes into an interface, until the returned descriptor is closed.

    Raises:
        OSError: the interface is gone, or the kernel is older than 6.6.
    """
    return _bpf(_LINK_CREATE, struct.pack("<IIII", program, interface, _TCX_INGRESS, 0))


def exchange(link: int, program: int) -> None:
    """Put another program in the place of an attached one, with no packet in between.

    Raises:
        OSError: the interface is gone.
    """
    _bpf(_LINK_UPDATE, struct.pack("<IIII", link, program, 0, 0))
