"""The BMC itself: its services and its restart."""

import datetime as dt

from scs_rack.bmc.errors import NotSupported
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


async def set_service(tree: Tree, name: str, *, enabled: bool) -> None:
    """Switch a service of Manager.NetworkProtocol.

    Raises:
        NotSupported: the BMC tells of no such service.
    """
    path = link(await tree.manager(), "NetworkProtocol")
    for key, one in (await tree.optional(path)).items():
        if clean(key).lower() == name and flag(one, "ProtocolEnabled") is not None:
            await tree.patch(path, {key: {"ProtocolEnabled": enabled}})
            return
    raise NotSupported(f"{tree.where}: it has no service {name}")


async def set_clock(tree: Tree, now: dt.datetime) -> None:
    """Set Manager.DateTime (DSP2046: ISO 8601 with an offset)."""
    await tree.patch(await tree.manager_path(), {"DateTime": now.isoformat(timespec="seconds")})


async def restart(tree: Tree) -> None:
    """Manager.Reset."""
    action = at(await tree.manager(), "Actions", "#Manager.Reset")
    await power.run_reset(tree, action, "GracefulRestart", "ForceRestart")
