"""`lab up`: make the virtual rack of a rack file, or mend what is missing of it."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from scs_rack import ssh
from scs_rack.design import Design
from scs_rack.errors import RackLocked, StageFailed, UsageError
from scs_rack.lab import (
    accel,
    bmcs,
    cables,
    cgroup,
    host,
    identity,
    manager,
    netns,
    nodes,
    overlay,
    plugs,
    preflight,
    switch,
    vms,
)
from scs_rack.lab.layout import MANAGER, Lab, Machine
from scs_rack.paths import state_dir
from scs_rack.prepare import prepare
from scs_rack.provision import image

Progress = Callable[[str], None]

READY_SECONDS = 90.0
_DEVICES = ("/dev/net/tun", "/dev/fuse")


@contextmanager
def lab_lock(lab: Lab) -> Iterator[None]:
    """Hold the whole lab, against a second `up` or `down`.

    Raises:
        RackLocked: another process holds it.
    """
    folder = state_dir(lab.name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lab.lock").open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            raise RackLocked(f"process {holder or 'unknown'} is at work on the lab {lab.name}", "wait for it") from None
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def up(design: Design, rack_dir: Path, progress: Progress) -> Lab:
    """Bring the lab up: namespaces, cables, switches, manager, BMCs. Servers stay as they are; a new one is off.

    Idempotent: what is there and whole is not touched.

    Raises:
        UsageError: the rack file is not a lab's, or this machine lacks something.
        StageFailed: a device did not come up.
    """
    if design.rack.lab is None:
        raise UsageError(f"{design.rack.name} is no lab", "only a rack file with the stanza `lab:` can be brought up")
    preflight.require(design)
    lab = Lab(design.rack.name)
    with lab_lock(lab), ThreadPoolExecutor(1) as pool:
        secrets = prepare(rack_dir, state_dir(lab.name), design)
        built = image.build(design.rack.image, progress)
        _pin_image(lab, built.root, progress)
        probe = pool.submit(accel.resolve, design.rack.lab.guest_accel, built)
        preflight.raise_inotify(lab)
        plugged = _wire(lab, design)
        progress(f"{len(plugged)} of {len(design.rack.cables)} cables plugged in")
        lost = _unplugged(lab, design, {(end.namespace, end.port) for pair in plugged for end in pair.ends})
        _machines(lab, design)
        started = [name for name in (MANAGER, *design.switches) if nodes.start(lab, name)]
        started += [name for name in (*lost, *_hosts(design)) if nodes.start(lab, name)]
        manager.configure(lab, design)
        for node in design.nodes.values():
            if bmcs.start(lab, design, node, rack_dir, secrets[f"bmc_{node.name}"]):
                started.append(f"BMC of {node.name}")
        progress(f"started: {', '.join(started) or 'nothing, all was running'}")
        _wait(lab, design, progress)
        lab.accel.write_text(probe.result(), encoding="ascii")
        progress(f"guests run with {probe.result()}")
    return lab


def make_anew(lab: Lab, design: Design, name: str, *, disks: bool) -> None:
    """Take a server's power away and put another one in its place, with an empty root disk and another host key.

    Args:
        lab: which lab.
        design: its design.
        name: of a server that boots the node image.
        disks: its other disks are empty too.

    Raises:
        UsageError: the server has no root folder of its own.
    """
    machine = lab.machine(name)
    if machine.vm or not machine.boots:
        raise UsageError(f"{name} boots no node image", "`scs-rack node reinstall` writes a VM anew")
    with lab_lock(lab):
        nodes.stop(lab, name, hard=True)
        overlay.discard(lab, name)
        for disk in machine.disks if disks else ():
            lab.disk(name, disk).unlink(missing_ok=True)
        _machines(lab, design)


def _pin_image(lab: Lab, root: Path, progress: Progress) -> None:
    """A lab keeps the image that its overlays were made on, until `lab down`."""
    lab.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if lab.image.is_symlink() and lab.image.is_dir():
        if lab.image.readlink() != root:
            progress("the node image has changed; this lab keeps its own until `scs-rack lab down`")
        return
    lab.image.unlink(missing_ok=True)
    lab.image.symlink_to(root)


def _wire(lab: Lab, design: Design) -> list[cables.Pair]:
    """All namespaces and cables; nothing is powered on or off meanwhile. Returns the cables that were plugged in."""
    names = cables.namespaces(lab, design)
    record = lab.home / "namespaces"
    known = set(record.read_text(encoding="utf-8").split()) if record.is_file() else set()
    record.write_text("\n".join(sorted(known | set(names))) + "\n", encoding="utf-8")
    with ExitStack() as stack:
        for device in sorted((*design.switches, *design.nodes)):
            stack.enter_context(lab.locked(device))
            if netns.half_refreshed(lab.namespace(device)):
                netns.refresh(lab.namespace(device), _ports(design, device))
        for name in names:
            netns.create(name)
        return cables.ensure(lab, design)


def _unplugged(lab: Lab, design: Design, plugged: set[tuple[str, str]]) -> list[str]:
    """Power off what runs without its namespace or with a port that was just replaced; returns those machines.

    A cable in a port that was free when the machine started disturbs nobody.
    """
    lost = []
    for name in (MANAGER, *design.switches, *design.nodes):
        pid = nodes.leader(lab, name)
        if pid is None or name not in lab.machines():
            continue
        namespace = lab.namespace(name)
        replaced = any((namespace, port) in plugged for port in lab.machine(name).ports)
        alone = not netns.holds(namespace, pid)
        if alone or (name != MANAGER and replaced):
            nodes.stop(lab, name, hard=True)
            lost.append(name)
    for server in design.nodes:
        pids = cgroup.processes(bmcs.group(lab, server))
        if pids and not netns.holds(lab.bmc_namespace(server), pids[0]):
            cgroup.kill(bmcs.group(lab, server))
    return lost


def _machines(lab: Lab, design: Design) -> None:
    """Root folders, disks and identity of all machines; one that runs is left alone."""
    keys = ssh.files(state_dir(lab.name))
    public = keys.public.read_text(encoding="ascii")
    hosts: list[str] = []
    for name in (MANAGER, *design.switches, *design.nodes):
        on = nodes.power_state(lab, name)
        root = overlay.root(lab, name) if on else _make(lab, design, name, public)
        if on:
            _note_ports(lab, design, name)
        if name == MANAGER or lab.machine(name).vm:  # a virtual machine makes its host key when it is installed
            continue
        device = design.nodes.get(name) or design.switches[name]
        names = f"{name},{device.mgmt.ip},{device.loopback4},{device.loopback6}"
        hosts.append(f"{names} {identity.host_key(root)}\n")
    before = keys.known_hosts.read_text(encoding="ascii") if keys.known_hosts.is_file() else ""
    pinned = [line for line in before.splitlines(keepends=True) if _is_vm(lab, line.partition(",")[0])]
    text = "".join((*hosts, *pinned))
    if text != before or not keys.known_hosts.is_file():
        keys.known_hosts.write_text(text, encoding="ascii")


def _make(lab: Lab, design: Design, name: str, public: str) -> Path:
    root = overlay.mount(lab, name)
    disks: dict[str, str] = {}
    ports: tuple[str, ...]
    if name == MANAGER:
        manager.prepare(design, root)
        kind, ports = "manager", tuple(design.manager.ports)
    elif name in design.switches:
        identity.name(root, name)
        identity.host_key(root)
        switch.prepare(design, name, root)
        kind, ports = "switch", tuple(design.switches[name].ports)
    else:
        node = design.nodes[name]
        if design.rack.model(name).lab == "vm":
            lab.record(vms.prepare(lab, design, node))
            return root
        identity.host_key(root)
        if name in _hosts(design):
            host.prepare(root, node, public)
            ports = tuple(port for port in _ports(design, name) if port != "bmc")
            lab.record(Machine(name, "server", lab.namespace(name), ports, boots=False))
            return root
        identity.server(root, name, node.mgmt_nic, node.mgmt, public)
        kind, ports = "server", tuple(port for port in _ports(design, name) if port != "bmc")
        disks = {
            disk: str(_disk(lab, name, disk, what.size_gb)) for disk, what in node.disks.items() if what.use != "root"
        }
    lab.record(Machine(name, kind, lab.namespace(name), ports, disks, _DEVICES if kind == "server" else _DEVICES[:1]))
    return root


def _is_vm(lab: Lab, name: str) -> bool:
    """True for a virtual machine: its host key was pinned when it was installed."""
    return name in lab.machines() and lab.machine(name).vm


def _note_ports(lab: Lab, design: Design, name: str) -> None:
    """Remember the ports of a running machine that were plugged into since it started."""
    machine = lab.machine(name)
    ports = tuple(dict.fromkeys((*machine.ports, *(port for port in _ports(design, name) if port != "bmc"))))
    if ports != machine.ports:
        lab.record(replace(machine, ports=ports))
        if machine.kind == "switch":
            plugs.nudge(lab, name)


def _ports(design: Design, device: str) -> list[str]:
    return [end.port for cable in design.rack.cables for end in cable if end.device == device]


def _hosts(design: Design) -> list[str]:
    """Servers in service that are plain namespaces."""
    return [name for name in design.in_service if design.rack.model(name).lab == "namespace"]


def _disk(lab: Lab, server: str, disk: str, size_gb: int) -> Path:
    """A sparse file of a disk's size; one that is there keeps its content."""
    path = lab.disk(server, disk)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with path.open("wb") as file:
            file.truncate(size_gb * 10**9)
    return path


def _wait(lab: Lab, design: Design, progress: Progress) -> None:
    """Wait until all that was started can be spoken to."""
    waiting: dict[str, Callable[[], bool]] = {MANAGER: lambda: manager.routing(lab)}
    machines = (*design.switches, *_hosts(design))
    waiting |= {name: lambda name=name: nodes.listening(lab, name, 22) for name in machines}  # type: ignore[misc]
    waiting |= {
        f"BMC of {node.name}": lambda node=node: bmcs.ready(lab, node)  # type: ignore[misc]
        for node in design.nodes.values()
    }
    end = time.monotonic() + READY_SECONDS
    while waiting:
        for name in [name for name, is_ready in waiting.items() if is_ready()]:
            del waiting[name]
            progress(f"{name} is ready")
        if waiting and time.monotonic() > end:
            raise StageFailed(
                f"not ready after {READY_SECONDS:.0f} s: {', '.join(waiting)}", f"see the logs in {lab.home}"
            )
        time.sleep(0.05 if waiting else 0)
