"""Is this server the one that the rack file means? Asked before a disk is touched."""

from dataclasses import dataclass

from scs_rack.bmc.audit.checks import version_key
from scs_rack.design import Design, NodeDesign
from scs_rack.model.server import Provision
from scs_rack.provision import cabling, disks
from scs_rack.provision.facts import Facts, SeenDisk
from scs_rack.results import Finding

MEMORY_PART = 0.88
"""Part of the stated memory that an operating system must see: firmware and kernel keep some."""


@dataclass(frozen=True)
class Verdict:
    """What follows from a look at a server."""

    disks: tuple[SeenDisk, ...]
    """The disks to write: one, or two that mirror each other; none when nothing may be written."""
    findings: tuple[Finding, ...]
    key_disk: SeenDisk | None = None
    """The disk that takes the key of an encrypted root."""

    @property
    def good(self) -> bool:
        """True if the server may be installed."""
        return bool(self.disks) and not any(one.severity == "error" for one in self.findings)


def judge(
    design: Design,
    node: NodeDesign,
    facts: Facts,
    *,
    reinstall: bool = False,
    wipe: frozenset[str] = frozenset(),
    image_bytes: int = 0,
) -> Verdict:
    """Compare a server with the rack file and choose the disks to write: all differences at once.

    Args:
        design: the rack.
        node: the server that is meant.
        facts: what its ramdisk said.
        reinstall: the operator typed its name.
        wipe: serial numbers of disks that the operator named.
        image_bytes: what the image takes on a disk.
    """
    options = design.rack.model(node.name).provision or Provision()
    found = differences(design, node, facts)
    roots = [disk for disk in node.disks.values() if disk.use == "root"]
    chosen, unclear = disks.choose(node.name, roots, options.disk, facts.disks)
    found += unclear
    for disk in chosen:
        found += disks.refusals(node.name, disk, reinstall=reinstall, wipe=wipe)
        found += disks.too_small(node.name, disk, image_bytes + options.esp_mib * 2**20)
    key = None
    if options.encrypt == "keyfile" and chosen:
        stated = next(disk for disk in node.disks.values() if disk.use == "key")
        others = [disk for disk in node.disks.values() if disk.use != "key"]
        fitting = [
            one
            for one in facts.disks
            if one not in chosen and disks.fits(stated, one) and not any(disks.fits(other, one) for other in others)
        ]
        if len(fitting) == 1:
            key = fitting[0]
            found += disks.key_disk(node.name, key, wipe=wipe)
        else:
            names = ", ".join(disks.describe(one) for one in fitting) or "none"
            hint = "state the `path` of the disk for the key"
            found.append(Finding("key-disk-unclear", "error", node.name, "one disk for the key", names, hint))
    return Verdict(chosen, tuple(found), key)


def differences(design: Design, node: NodeDesign, facts: Facts) -> list[Finding]:
    """All that is not as the rack file says."""
    model = design.rack.model(node.name)
    options = model.provision or Provision()
    found = [*_macs(design, node, facts), *_identity(design, node, facts), *cabling.judge(design, node, facts)]
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
    least = next((version for name, version in model.baseline.firmware.items() if name.lower() == "bios"), None)
    firmware = facts.words.get("bios_version", "")
    if least and firmware and version_key(firmware) < version_key(least):
        hint = "`scs-rack bmc firmware --update` brings it up to date"
        found.append(Finding("firmware-behind", "error", node.name, f"BIOS {least} or newer", firmware, hint))
    for disk in facts.disks:
        if disk.smart and not disk.smart.upper().startswith(("PASSED", "OK")):
            hint = "its own test says that it fails: replace it"
            found.append(Finding("disk-failing", "error", f"{node.name} {disk.name}", "SMART passed", disk.smart, hint))
    return found + disks.compare(node.name, node.disks, facts.disks)


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
