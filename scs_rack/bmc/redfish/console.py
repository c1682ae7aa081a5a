"""Serial consoles as Redfish tells of them: it names ways to get there, and carries none itself."""

from typing import NoReturn

from scs_rack.bmc.errors import ProtocolLacks
from scs_rack.bmc.redfish.read import flag, whole
from scs_rack.bmc.redfish.tree import Tree

_SSH = 22


async def refuse(tree: Tree) -> NoReturn:
    """Say where the console is.

    Raises:
        ProtocolLacks: always.
    """
    target = tree.session.service.target
    offers = (await tree.system()).get("SerialConsole")
    ways = []
    if flag(offers, "SSH", "ServiceEnabled"):
        port = whole(offers, "SSH", "Port") or _SSH
        ways.append(f"over SSH: `ssh -p {port} {target.user}@{target.address}`")
    if flag(offers, "IPMI", "ServiceEnabled"):
        ways.append("over IPMI: `bmc: {protocol: ipmi}` in the rack file")
    hint = (
        f"it offers one {' and '.join(ways)}" if ways else "switch Serial over LAN of IPMI on in the BMC, if it has it"
    )
    raise ProtocolLacks(f"{tree.where}: Redfish carries no serial console", hint)
