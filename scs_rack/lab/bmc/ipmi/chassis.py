"""IPMI: power, boot flags, identify light (chapter 28)."""

import time

from scs_rack.lab.bmc.boot import BootOverride, BootTarget
from scs_rack.lab.bmc.ipmi.commands import (
    CHASSIS,
    INVALID_FIELD,
    NOT_IN_THIS_STATE,
    OK,
    OPERATOR,
    PARAMETER_UNSUPPORTED,
    SHORT_REQUEST,
    Call,
    command,
)  # fmt: skip
from scs_rack.lab.bmc.machine import Action, Machine

CONTROL: dict[int, Action] = {0: "off", 1: "on", 2: "cycle", 3: "reset", 4: "nmi", 5: "soft"}
BOOT: dict[int, BootTarget] = {
    0: "none", 1: "pxe", 2: "disk", 3: "safe", 4: "diag", 5: "cd", 6: "bios", 7: "remote-removable", 8: "remote-cd",
    11: "remote-disk", 15: "usb",
}  # fmt: skip
_NUMBER: dict[BootTarget, int] = {target: number for number, target in BOOT.items()} | {"http": 1}
POLICIES = ("AlwaysOff", "LastState", "AlwaysOn")
BOOT_SECONDS = 60.0
"""Boot flags are forgotten when no power command follows them within this time (28.12, parameter 3)."""
KEEP_ON_TIMEOUT = 0x08
IDENTIFY_SECONDS = 15


@command(CHASSIS, 0x00)
def _capabilities(_call: Call) -> bytes:
    """28.1: power interlock is not provided; all devices are at 20h."""
    return OK + bytes([0x00, 0x20, 0x20, 0x20, 0x20, 0x20])


@command(CHASSIS, 0x01)
def _status(call: Call) -> bytes:
    """28.2."""
    machine = call.machine
    power = int(call.on) | POLICIES.index(machine.restore_policy) << 5
    until = machine.identify_until
    light = 2 if machine.lit or until == float("inf") else 1 if until > time.monotonic() else 0
    return OK + bytes([power, 0x10 if call.on else 0x00, 0x40 | light << 4])


@command(CHASSIS, 0x02, privilege=OPERATOR, length=1)
def _control(call: Call) -> bytes:
    """28.3."""
    action = CONTROL.get(call.data[0] & 0x0F)
    if action is None:
        return INVALID_FIELD
    if action in ("cycle", "reset", "soft", "nmi") and not call.on:
        return NOT_IN_THIS_STATE
    call.server.boot_timer(None)
    user = call.session.account.name if call.session.account else "nobody"
    call.machine.act(action, f"{user} (IPMI)")
    return OK


@command(CHASSIS, 0x04, privilege=OPERATOR)
def _identify(call: Call) -> bytes:
    """28.5: for some seconds, or for good."""
    seconds = call.data[0] if call.data else IDENTIFY_SECONDS
    forever = len(call.data) > 1 and call.data[1] & 1
    call.machine.set_identify(None if forever else float(seconds))
    return OK


@command(CHASSIS, 0x06, privilege=OPERATOR, length=1)
def _restore_policy(call: Call) -> bytes:
    """28.8; 3 asks only what is supported."""
    wanted = call.data[0] & 0x07
    if wanted > 3:
        return INVALID_FIELD
    if wanted < 3 and not call.machine.lies:
        call.machine.restore_policy = POLICIES[wanted]  # type: ignore[assignment]
    return OK + b"\x07"


@command(CHASSIS, 0x07)
def _restart_cause(call: Call) -> bytes:
    """28.11: chassis control command, or unknown."""
    return OK + bytes([0x01 if call.machine.last_reset else 0x00, 0x01])


@command(CHASSIS, 0x0F)
def _hours(call: Call) -> bytes:
    """28.14: power-on hours, counted in units of 60 minutes."""
    return OK + b"\x3c" + int(max(0.0, time.monotonic() - call.machine.started) / 3600).to_bytes(4, "little")


@command(CHASSIS, 0x08, privilege=OPERATOR, length=1)
def _set_boot(call: Call) -> bytes:
    """28.12."""
    parameter, data = call.data[0] & 0x7F, call.data[1:]
    lengths = {0: 1, 1: 1, 2: 1, 3: 1, 4: 2, 5: 5, 6: 9, 7: 1}
    if parameter not in lengths:
        return PARAMETER_UNSUPPORTED
    if not data:  # only marks the parameter as invalid or valid
        return OK
    if len(data) < lengths[parameter]:
        return SHORT_REQUEST
    if call.machine.lies:
        return OK
    if parameter == 5:
        return _set_flags(call, data)
    keep = data[: lengths[parameter]] if parameter != 7 else data[:17]
    call.server.boot_parameters[parameter] = bytes([data[0] & 0x03]) if parameter == 0 else keep
    return OK


def _set_flags(call: Call, data: bytes) -> bytes:
    """Table 28-14, parameter 5."""
    target = BOOT.get(data[1] >> 2 & 0x0F)
    if target is None:
        return INVALID_FIELD
    valid, persistent, uefi = bool(data[0] & 0x80), bool(data[0] & 0x40), bool(data[0] & 0x20)
    extra = (data[1] & 0xC3, data[2], data[3], data[4])
    call.machine.set_boot(BootOverride(target if valid else "none", persistent, uefi, extra))
    kept = call.server.boot_parameters.get(3, b"\0")[0] & KEEP_ON_TIMEOUT
    call.server.boot_timer(BOOT_SECONDS if valid and not persistent and not kept else None)
    return OK


def flags(machine: Machine) -> bytes:
    """The five bytes of parameter 5."""
    boot = machine.boot
    first = (0x80 if boot.target != "none" else 0) | (0x40 if boot.persistent else 0) | (0x20 if boot.uefi else 0)
    return bytes([first, _NUMBER[boot.target] << 2 | boot.extra[0], *boot.extra[1:]])


@command(CHASSIS, 0x09, privilege=OPERATOR, length=3)
def _get_boot(call: Call) -> bytes:
    """28.13."""
    parameter = call.data[0] & 0x7F
    defaults = {0: b"\0", 1: b"\0", 2: b"\0", 3: b"\0", 4: bytes(2), 6: bytes(9), 7: bytes([call.data[1]]) + bytes(16)}
    head = OK + bytes([0x01, parameter])
    if parameter == 5:
        return head + flags(call.machine)
    if parameter not in defaults:
        return PARAMETER_UNSUPPORTED
    return head + call.server.boot_parameters.get(parameter, defaults[parameter])
