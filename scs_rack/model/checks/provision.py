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
