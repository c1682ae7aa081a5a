"""Power of the lab's machines: on is a systemd-nspawn machine in a control group and a network namespace of its own.

Safe to call from any process and any network namespace: each machine has a lock, and whether it runs is read from the
kernel, not from a file.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from scs_rack.errors import StageFailed
from scs_rack.lab import cgroup, host, netns, overlay
from scs_rack.lab.layout import Lab, Machine
from scs_rack.model.load import rack_file

STOP_SECONDS = 180.0
"""Longer than systemd itself waits for a service that hangs."""

START_SECONDS = 10.0
REBOOT = 133
"""Exit code of nspawn when the machine asked to be started again (systemd-nspawn, --keep-unit)."""

_DROPPED = "CAP_SYS_TIME,CAP_SYS_MODULE"
_WRAPPER = """
echo $$ >"$1/watch/cgroup.procs"
(echo 0 >"$1/machine/cgroup.procs" && shift 4 && exec "$@")
code=$?
exec "$2" -m scs_rack.lab.exited "$3" "$4" "$code"
"""
_ON_CONSOLE = """
echo $$ >"$1/watch/cgroup.procs"
group=$1 python=$2 lab=$3 name=$4 folder=$5
shift 5
"$python" -m scs_rack.lab.serial "$group" "$folder" "$@"
exec "$python" -m scs_rack.lab.exited "$lab" "$name" "$?"
"""
"""The same for servers, whose console can be typed at."""


def start(lab: Lab, name: str) -> bool:
    """Power on; False if it was on already. Returns when the machine runs, not when it has booted."""
    with lab.locked(name):
        return start_locked(lab, name)


def lab_of(rack_dir: Path) -> Lab:
    """The lab of a rack file's folder; reads only the name, so that a fault elsewhere in the file can't matter."""
    return Lab(str(yaml.safe_load(rack_file(rack_dir).read_text(encoding="utf-8"))["name"]))


def stop(lab: Lab, name: str, hard: bool = False, seconds: float = STOP_SECONDS) -> bool:
    """Power off: `hard` at once, else by asking the operating system and only then at once. False if it was off.

    While the operating system shuts down the machine is not locked: a hard power-off overtakes.
    """
    asked = None if hard else _shut_down(lab, name, seconds)
    with lab.locked(name):
        if not power_state(lab, name):
            return asked is not None
        if asked is None or leader(lab, name) == asked:  # else somebody has started it again meanwhile
            _power_off(lab, name)
    return True


def reset(lab: Lab, name: str) -> None:
    """Power off at once and on again."""
    with lab.locked(name):
        _power_off(lab, name)
        start_locked(lab, name)


def power_state(lab: Lab, name: str) -> bool:
    """True if the machine is on."""
    return cgroup.populated(cgroup.of(lab.name, name, "machine"))


def leader(lab: Lab, name: str) -> int | None:
    """Process id (of the host) of the machine's own init; None while it is off or not that far yet."""
    payload = cgroup.of(lab.name, name, "machine", "payload")
    for group in (payload / "init.scope", payload):
        with contextlib.suppress(OSError):
            pids = (group / "cgroup.procs").read_text(encoding="ascii").split()
            if pids:
                return int(pids[0])
    return None


def listening(lab: Lab, name: str, port: int) -> bool:
    """True if something in the machine's network listens on a TCP port."""
    pid = leader(lab, name)
    return pid is not None and listens(pid, port)


def listens(pid: int, port: int, kinds: tuple[str, ...] = ("tcp", "tcp6")) -> bool:
    """True if a socket in a process's network namespace is bound to a port (TCP: listens; UDP: unconnected)."""
    for kind in kinds:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/net/{kind}").read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if int(fields[1].rpartition(":")[2], 16) == port and fields[3] in {"0A", "07"}:
                    return True
    return False


def enter_command(lab: Lab, name: str, argv: list[str]) -> list[str]:
    """Command that runs another one inside a machine.

    Raises:
        StageFailed: the machine is off.
    """
    pid = leader(lab, name)
    if pid is None:
        raise StageFailed(f"{name} is off", f"`scs-rack power on {name}` or `scs-rack lab status`")
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
    environment = ["/usr/bin/env", "-i", path, "HOME=/root", "LANG=C.UTF-8", f"TERM={os.environ.get('TERM', 'dumb')}"]
    return ["nsenter", "-t", str(pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", *environment, *argv]


def start_locked(lab: Lab, name: str) -> bool:
    """Power on while the lock is held."""
    if power_state(lab, name):
        return False
    machine = lab.machine(name)
    if machine.kind != "manager":
        netns.refresh(machine.namespace, machine.ports)
    where = overlay.mount(lab, name)
    overlay.forget(lab, name)
    group = cgroup.of(lab.name, name)
    for part in ("machine", "watch"):
        cgroup.create(group / part)
    environment = {
        **os.environ,
        "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",
        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
    }
    typed_at = _has_serial(machine)
    wrapper, folder = (_ON_CONSOLE, [lab.folder(name)]) if typed_at else (_WRAPPER, [])
    with (lab.folder(name) / "console.log").open("ab") as console:
        subprocess.run(
            ["nsenter", f"--net={netns.path(machine.namespace)}", "setsid", "--fork", "sh", "-c", wrapper, "sh",
             group, sys.executable, lab.name, name, *folder, *_program(lab, machine, where)],
            check=True, stdin=subprocess.DEVNULL, stdout=console, stderr=console, env=environment, cwd="/",
        )  # fmt: skip
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if power_state(lab, name):
            return True
        time.sleep(0.01)
    raise StageFailed(f"{name} did not start", f"see {lab.folder(name) / 'console.log'}")


def _has_serial(machine: Machine) -> bool:
    """True for machines whose console can be typed at: servers, by their BMC."""
    return machine.kind == "server" and machine.boots


def _program(lab: Lab, machine: Machine, where: Path) -> list[str]:
    if machine.vm:
        return [sys.executable, "-m", "scs_rack.lab.vm", str(lab.vm(machine.name))]
    if machine.boots:
        return _nspawn(lab, machine, where)
    return host.command(machine.name, where, cgroup.of(lab.name, machine.name, "machine"))


def _nspawn(lab: Lab, machine: Machine, where: Path) -> list[str]:
    with_kvm = machine.kind == "server" and lab.accel.is_file() and lab.accel.read_text(encoding="ascii") == "kvm"
    devices = (*machine.devices, "/dev/kvm") if with_kvm else machine.devices
    return [
        "systemd-nspawn", "--quiet", f"--directory={where}", f"--machine={lab.name}-{machine.name}",
        f"--hostname={machine.name}", "--register=no", "--keep-unit",
        f"--network-namespace-path={netns.path(machine.namespace)}",
        "--capability=all", f"--drop-capability={_DROPPED}",
        *(["--system-call-filter=bpf"] if machine.kind == "switch" else []),
        "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        f"--console={'interactive' if _has_serial(machine) else 'read-only'}",
        *(f"--bind={device}" for device in devices),
        *(f"--bind={path}:/srv/disks/{name}" for name, path in machine.disks.items()),
        "--boot", "--", "--show-status=yes",
    ]  # fmt: skip


def _shut_down(lab: Lab, name: str, seconds: float) -> int | None:
    """Ask the operating system to power off and wait for it; returns the init that was asked, None if there is none."""
    group = cgroup.of(lab.name, name, "machine")
    pid = leader(lab, name)
    end = time.monotonic() + seconds
    while pid is not None and leader(lab, name) == pid and time.monotonic() < end:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGRTMIN + 4)  # systemd(1): power off; lost while systemd itself is not up yet
        cgroup.wait_empty(group, min(2.0, seconds))
    return pid


def _power_off(lab: Lab, name: str) -> None:
    cgroup.kill(cgroup.of(lab.name, name, "machine"))
    after_stop(lab, name)


def after_stop(lab: Lab, name: str) -> None:
    """What losing power does to the network: ports lose their carrier, and nothing forwards any more."""
    machine = lab.machine(name)
    if machine.kind != "manager":
        netns.refresh(machine.namespace, machine.ports)
