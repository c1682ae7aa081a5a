"""Servers that are installed from nothing."""

from collections.abc import Iterator

from scs_rack.model.draft import Draft
from scs_rack.model.fault import Problem


def boot_ways(draft: Draft) -> Iterator[Problem]:
    """Each way to boot is one that the firmware has."""
    for name, model in draft.server_models.items():
        stated = model.provision
        if stated and stated.firmware == "bios" and "http" in stated.boot:
            hint = "leave `boot` out, or say `firmware: uefi`"
            yield Problem(("server_models", name, "provision", "boot"), "BIOS can't boot over HTTP", hint)
        if stated and "media" in stated.boot and model.bmc_protocol == "ipmi":
            hint = "leave `media` out, or say `bmc_protocol: redfish`"
            yield Problem(("server_models", name, "provision", "boot"), "IPMI has no virtual media", hint)


def secure_boot(draft: Draft) -> Iterator[Problem]:
    """Secure Boot is UEFI's; iPXE is not signed, and no server was seen to boot over the network without it."""
    for name, model in draft.server_models.items():
        stated = model.provision
        if not stated or not stated.secure_boot:
            continue
        path = ("server_models", name, "provision")
        if stated.firmware == "bios":
            yield Problem((*path, "secure_boot"), "BIOS has no Secure Boot", "say `firmware: uefi`, or leave it out")
        elif model.bmc_protocol == "ipmi":
            what = "with Secure Boot servers boot by virtual media, which IPMI has not"
            hint = "leave it out, and switch Secure Boot off while they are installed"
            yield Problem((*path, "secure_boot"), what, hint)
        if set(stated.boot) - {"media"}:
            hint = "say `boot: [media]`"
            yield Problem((*path, "boot"), "no server was seen to boot so with Secure Boot", hint)


def root_disks(draft: Draft) -> Iterator[Problem]:
    """The root is written to one disk, and a disk for a key is of use only where a root is encrypted."""
    for name, server in draft.servers.items():
        model, disks = draft.server_models.get(server.model), draft.disks(name)
        if model is None or model.provision is None or disks is None:
            continue
        roots = [disk for disk, stated in disks.items() if stated.use == "root"]
        keys = [disk for disk, stated in disks.items() if stated.use == "key"]
        if model.provision.mirror and len(roots) != 2:
            what = f"a mirror takes two disks of use `root`; stated: {', '.join(roots) or 'none'}"
            yield Problem(("servers", name), what, "state both in the model's `disks`, or leave `mirror` out")
        if model.provision.encrypt == "keyfile" and len(keys) != 1:
            what = f"a key takes one disk of use `key`; stated: {', '.join(keys) or 'none'}"
            yield Problem(("servers", name), what, "state it in the model's `disks`, or leave `encrypt` out")
        if len(roots) > 1 and not model.provision.mirror:
            names, hint = ", ".join(roots), "give one of them another use"
            yield Problem(("servers", name), f"two disks for the root ({names}), which is written once", hint)
        if keys and model.provision.encrypt == "none":
            yield Problem(("servers", name), f"{keys[0]} is for a key, and nothing is encrypted", "say `use: unused`")


def boot_address(draft: Draft) -> Iterator[Problem]:
    """Each server that is installed over the network is known by the MAC address of its management port."""
    for name, server in draft.servers.items():
        model = draft.server_models.get(server.model)
        nics = draft.nics(name)
        if model is None or model.provision is None or nics is None or server.state != "active":
            continue
        port = next((nic for nic, stated in nics.items() if stated.use == "mgmt"), None)
        if port and port not in server.macs:
            hint = f"state it: `macs: {{{port}: …}}`; it is on the server's label, or `scs-rack bmc inventory` tells it"
            yield Problem(("servers", name), f"no MAC address of {port}, by which it would boot from the network", hint)
