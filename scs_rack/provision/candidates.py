"""Servers that nobody stated: what their ramdisks told, and the lines that make them servers of the rack."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from scs_rack.design import Design
from scs_rack.files import write_file
from scs_rack.model.server import ServerModel
from scs_rack.provision import disks, hardware, inventory
from scs_rack.provision.facts import Facts
from scs_rack.sonic.cabling.parse import port_names

POOL = 32
"""Addresses that strangers get at most."""


@dataclass(frozen=True)
class Candidate:
    """A server that called and is not in the rack file."""

    mac: str
    """Of the port that it booted from."""
    facts: Facts


def pool(design: Design) -> tuple[IPv4Address, IPv4Address] | None:
    """The longest run of free addresses in the out-of-band network, first and last; None where all are taken."""
    network = next(one for one in design.rack.networks.values() if one.purpose == "oob")
    taken = {design.manager.mgmt.ip, network.gateway}
    taken |= {node.mgmt.ip for node in design.nodes.values()} | {node.bmc.address for node in design.nodes.values()}
    taken |= {switch.mgmt.ip for switch in design.switches.values()}
    best: list[IPv4Address] = []
    run: list[IPv4Address] = []
    for address in network.prefix.hosts():
        run = [] if address in taken else [*run, address][-POOL:]
        if len(run) > len(best):
            best = run
    return (best[0], best[-1]) if best else None


def keep(state_dir: Path, mac: str, facts: Facts) -> None:
    """Remember a server."""
    folder = state_dir / "candidates"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(folder / f"{mac.replace(':', '')}.json", json.dumps(inventory.plain(facts), indent=1) + "\n", 0o600)


def kept(state_dir: Path, design: Design) -> list[Candidate]:
    """All that are remembered and not stated meanwhile, by MAC address."""
    known = {mac.lower() for node in design.nodes.values() for mac in node.macs.values()}
    found = []
    for path in sorted((state_dir / "candidates").glob("*.json")):
        facts = inventory.read(path)
        if known.isdisjoint(nic.mac for nic in facts.nics):
            found.append(Candidate(":".join(re.findall("..", path.stem)), facts))
    return found


def fitting(design: Design, candidate: Candidate) -> list[str]:
    """Models of the rack file that a server can be one of."""
    return [name for name, model in design.rack.server_models.items() if _fits(model, candidate)]


def _fits(model: ServerModel, candidate: Candidate) -> bool:
    facts = candidate.facts
    memory = facts.memory_kib / 2**20
    return (
        model.cpus == facts.cpus
        and model.memory_gib * hardware.MEMORY_PART <= memory <= model.memory_gib
        and len(model.nics) == len(facts.nics)
        and not disks.compare("", model.disks, facts.disks)
        and len(model.disks) == len([one for one in facts.disks if not one.removable])
    )


def stanza(design: Design, candidate: Candidate) -> str:
    """Lines for the rack file: the server, and its cables as far as neighbours were heard.

    What nobody can see from within a server (its place, its feeds, its roles, its BMC's cable) is marked with `?`.
    """
    return "\n".join(_lines(design, candidate)) + "\n"


def _lines(design: Design, candidate: Candidate) -> Iterator[str]:
    facts, models = candidate.facts, fitting(design, candidate)
    name = "server-" + (re.sub(r"[^a-z0-9]+", "-", facts.serial.lower()).strip("-") or candidate.mac.replace(":", ""))
    maker = f"{facts.words.get('sys_vendor', '')} {facts.words.get('product_name', '')}".strip() or "unknown maker"
    ports = _ports(design, candidate, models[0] if models else None)
    yield f"# {maker}, serial {facts.serial or 'unknown'}: {facts.cpus} CPU threads, {facts.memory_kib / 2**20:.1f} GiB"
    if not models:
        yield "server_models:"
        yield from _model(candidate, ports)
    yield "servers:"
    yield f"  {name}:"
    if len(models) > 1:
        yield f"    model: {models[0]}  # or {', '.join(models[1:])}: all fit"
    else:
        yield f"    model: {models[0] if models else _model_name(candidate)}"
    units = {unit for node in design.nodes.values() for unit in range(node.unit, node.unit + 1)}
    units |= {switch.unit for switch in design.switches.values()}
    free = next((unit for unit in range(1, design.rack.height + 1) if unit not in units), 1)
    yield f"    unit: {free}  # ? a free one"
    yield "    roles: [compute]  # ?"
    yield f"    feeds: [{', '.join(design.rack.power.feeds)}]  # ?"
    if facts.serial:
        yield f"    serial: {json.dumps(facts.serial)}"
    yield f"    macs: {{{', '.join(f'{port}: {mac}' for mac, port in ports.items())}}}"
    cables = list(_cables(design, candidate, name, ports))
    if cables:
        yield "cables:"
        yield from cables


def _ports(design: Design, candidate: Candidate, model: str | None) -> dict[str, str]:
    """Name of each port by its MAC address: the one that it booted from is the management port.

    The rest get the model's other names in their order, or new ones by who was heard.
    """
    nics = candidate.facts.nics
    rest = [nic for nic in nics if nic.mac != candidate.mac]
    if model is not None:
        stated = design.rack.server_models[model].nics
        mgmt = [name for name, nic in stated.items() if nic.use == "mgmt"]
        others = [name for name in stated if name not in mgmt[:1]]
        return {candidate.mac: mgmt[0] if mgmt else others.pop(0)} | {
            nic.mac: name for nic, name in zip(rest, others, strict=False)
        }
    return {candidate.mac: "mgmt0"} | {nic.mac: f"port{number}" for number, nic in enumerate(rest)}


def _model_name(candidate: Candidate) -> str:
    said = candidate.facts.words.get("product_name", "") or "new-model"
    return re.sub(r"[^a-z0-9]+", "-", said.lower()).strip("-") or "new-model"


def _model(candidate: Candidate, ports: dict[str, str]) -> Iterator[str]:
    facts = candidate.facts
    yield f"  {_model_name(candidate)}:"
    yield f"    cpus: {facts.cpus}"
    yield f"    memory_gib: {_gib(facts.memory_kib)}"
    yield "    power_w: 800  # ? highest draw"
    yield f"    provision: {{firmware: {facts.firmware}}}"
    yield "    nics:"
    for nic in facts.nics:
        mgmt = nic.mac == candidate.mac
        speed = f"{(nic.speed or (1000 if mgmt else 25000)) // 1000 or 1}G"
        yield f"      {ports[nic.mac]}: {{speed: {speed}, use: {'mgmt' if mgmt else 'unused'}}}  # {nic.name}"
    yield "    disks:"
    fixed = [one for one in facts.disks if not one.removable]
    for number, disk in enumerate(sorted(fixed, key=lambda one: (one.size, one.name))):
        kind = "nvme" if disk.kind == "virtual" else disk.kind
        use, label = ("root", "root") if number == 0 else ("unused", f"disk{number}")
        yield f"      {label}: {{size_gb: {max(1, round(disk.size / 10**9))}, kind: {kind}, use: {use}}}  # {disk.name}"


def _gib(kib: int) -> int:
    """Memory that is built in, from what an operating system sees: the next even number of GiB, or one."""
    seen = kib / 2**20
    return 1 if seen <= 1 else int(-(-seen // 2) * 2)


def _cables(design: Design, candidate: Candidate, name: str, ports: dict[str, str]) -> Iterator[str]:
    names = port_names(design)
    macs = {nic.name: nic.mac for nic in candidate.facts.nics}
    for heard in candidate.facts.neighbours:
        if heard.device in design.switches and heard.nic in macs:
            port = names.get((heard.device, heard.port), heard.port)
            yield f"  - [{name}:{ports[macs[heard.nic]]}, {heard.device}:{port}]"
    yield f"  # ? {name}:bmc"
