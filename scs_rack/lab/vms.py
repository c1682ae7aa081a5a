"""Virtual machines of a lab, as the rack file states them."""

import uuid

from scs_rack.design import Design, NodeDesign
from scs_rack.lab import cgroup, overlay, vm
from scs_rack.lab.layout import Lab, Machine
from scs_rack.model.server import Provision

_NAMESPACE = uuid.UUID("5f0c7f5e-6d0b-5c9b-9f38-5c5ac4000003")


def prepare(lab: Lab, design: Design, node: NodeDesign) -> Machine:
    """Empty disks and the description of a server's virtual machine; disks that are there keep their content.

    Firmware for UEFI does not run with every KVM, so such machines are emulated; see facts in docs/bare-metal.md.
    """
    server = design.rack.servers[node.name]
    model = design.rack.model(node.name)
    folder = lab.disk(node.name, "root").parent
    folder.mkdir(parents=True, exist_ok=True)
    for name, disk in node.disks.items():
        path = folder / name
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(disk.size_gb * 10**9 // 2**20 * 2**20)
    ports = tuple(end.port for cable in design.rack.cables for end in cable if end.device == node.name)
    nics = tuple(port for port in ports if port != "bmc")
    kvm = lab.accel.is_file() and lab.accel.read_text(encoding="ascii") == "kvm"
    options = model.provision or Provision()
    firmware = options.firmware
    stated = vm.Vm(
        name=f"{lab.name}-{node.name}",
        root=str(overlay.root(lab, node.name)),
        disks_folder=str(folder),
        group=str(cgroup.of(lab.name, node.name, "machine")),
        firmware=firmware,
        secure_boot=options.secure_boot,
        accel="kvm" if kvm and firmware == "bios" else "tcg",
        cpus=model.cpus,
        memory_mib=model.memory_gib * 1024,
        nics=tuple((port, node.macs[port], port == node.mgmt_nic) for port in nics),
        disks=tuple(sorted(node.disks, key=lambda name: node.disks[name].use != "root")),  # BIOS boots the first alone
        vendor=model.vendor,
        model=server.model,
        serial=server.serial or f"{lab.name}-{node.name}",
        uuid=str(uuid.uuid5(_NAMESPACE, f"{lab.name}/{node.name}")),
    )
    vm.write_spec(stated, lab.vm(node.name))
    return Machine(node.name, "server", lab.namespace(node.name), nics, vm=True)
