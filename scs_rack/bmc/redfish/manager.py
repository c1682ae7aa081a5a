"""The BMC itself: its services and its restart."""

from scs_rack.bmc.facts import NetworkService
from scs_rack.bmc.redfish import power
from scs_rack.bmc.redfish.read import at, clean, flag, link, whole
from scs_rack.bmc.redfish.tree import Tree


async def services(tree: Tree) -> tuple[NetworkService, ...]:
    """Manager.NetworkProtocol: every service that says whether it is enabled."""
    body = await tree.optional(link(await tree.manager(), "NetworkProtocol"))
    found = []
    for name, one in body.items():
        enabled = flag(one, "ProtocolEnabled")
        if enabled is not None:
            found.append(NetworkService(clean(name).lower(), enabled, whole(one, "Port")))
    return tuple(found)


async def restart(tree: Tree) -> None:
    """Manager.Reset."""
    action = at(await tree.manager(), "Actions", "#Manager.Reset")
    await power.run_reset(tree, action, "GracefulRestart", "ForceRestart")
