"""Is this server the one that the rack file means? Asked before a disk is touched."""

from dataclasses import dataclass

from scs_rack.design import Design, NodeDesign
from scs_rack.model.server import Provision
from scs_rack.provision import disks
from scs_rack.provision.facts import Facts, SeenDisk
from scs_rack.results import Finding

MEMORY_PART = 0.88
"""Part of the stated memory that an operating system must see: firmware and kernel keep some."""


@dataclass(frozen=True)
class Verdict:
    """What follows from a look at a server."""

    disk: SeenDisk | None
    """The disk to write; None when nothing may be written."""
    findings: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        """True if the server may be installed."""
        return self.disk is not None and not any(one.severity == "error" for one in self.findings)


def judge(
    design: Design, node: NodeDesign, facts: Facts, *, reinstall: bool = False, wipe: frozenset[str] = frozenset()
) -> Verdict:
    """Compare a server with the rack file and choose the disk to write: all differences at once."""
    model = design.rack.model(node.name)
    options = model.provision or Provision()
    found = [*_macs(design, node, facts), *_identity(design, node, facts)]
    if facts.firmware != options.firmware:
        hint = "set the boot mode in the server's setup, or `provision: {firmware: …}` in its model"
        found.append(Finding("boot-mode", "error", node.name, options.firmware, facts.firmware, hint))
    memory = facts.memory_kib / 1024**2
    if memory < model.memory_gib * MEMORY_PART:
        hint = "is a memory module missing or dead, or the rack file wrong?"
        found.append(
            Finding("memory-missing", "error", node.name, f"{model.memory_gib} GiB", f"{memory:.1f} GiB", hint)
        )
    if facts.cpus != model.cpus:
        severity = "error" if facts.cpus < model.cpus else "warning"
        hint = "threads of all processors count; is SMT as it was meant?"
        found.append(Finding("cpus-differ", severity, node.name, str(model.cpus), str(facts.cpus), hint))  # type: ignore[arg-type]
    found += disks.compare(node.name, node.disks, facts.disks)
    root = next(disk for disk in node.disks.values() if disk.use == "root")
    chosen, unclear = disks.choose(node.name, root, options.disk, facts.disks)
    found += unclear
    if chosen is not None:
        found += disks.refusals(node.name, chosen, reinstall=reinstall, wipe=wipe)
    return Verdict(chosen, tuple(found))


def _macs(design: Design, node: NodeDesign, facts: Facts) -> list[Finding]:
    """MAC addresses that are stated and not there; those of another server, by which a swap shows."""
    seen = {nic.mac for nic in facts.nics}
    owners = {mac.lower(): (other.name, port) for other in design.nodes.values() for port, mac in other.macs.items()}
    found = []
    for port, mac in node.macs.items():
        if mac.lower() not in seen:
            hint = "is a network card missing, or the MAC address in the rack file wrong?"
            found.append(
                Finding("mac-missing", "error", f"{node.name} {port}", mac, ", ".join(sorted(seen)) or "no port", hint)
            )
    for mac in sorted(seen):
        owner, port = owners.get(mac, (node.name, ""))
        if owner != node.name:
            hint = f"are {owner} and {node.name} swapped in their cabling or in the rack file?"
            found.append(Finding("mac-of-another", "error", node.name, f"no port of {owner}", f"{mac} ({port})", hint))
    return found


def _identity(design: Design, node: NodeDesign, facts: Facts) -> list[Finding]:
    serial = design.rack.servers[node.name].serial
    if serial and facts.serial and serial != facts.serial:
        hint = "is the BMC's cable on the right server, or `serial` in the rack file wrong?"
        return [Finding("serial-mismatch", "error", node.name, serial, facts.serial, hint)]
    return []
