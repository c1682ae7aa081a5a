"""What a BMC says of its server, compared with what the rack file states."""

from dataclasses import dataclass

from scs_rack.bmc.types import Bmc, Identity, Macs, Power
from scs_rack.design import Design, NodeDesign
from scs_rack.results import Finding


@dataclass(frozen=True)
class Survey:
    """One look at a BMC."""

    power: Power
    identity: Identity
    macs: Macs


async def survey(bmc: Bmc) -> Survey:
    """Read power, identity and MAC addresses."""
    return Survey(await bmc.power_state(), await bmc.identity(), await bmc.macs())


def differences(design: Design, node: NodeDesign, seen: Survey) -> tuple[Finding, ...]:
    """Findings where the BMC's words and the rack file differ; an error means that this may be another server."""
    found = [*_bmc_mac(node, seen.macs), *_nics(node, seen.macs)]
    serial = design.rack.servers[node.name].serial
    if serial and seen.identity.serial and serial != seen.identity.serial:
        hint = "is the BMC's cable on the right server, or servers.<name>.serial in the rack file wrong?"
        found.append(Finding("serial-mismatch", "error", node.name, serial, seen.identity.serial, hint))
    return tuple(found)


def _bmc_mac(node: NodeDesign, macs: Macs) -> list[Finding]:
    if node.bmc.mac is None or node.bmc.mac.lower() in macs.bmc:
        return []
    if not macs.bmc:
        return [Finding("mac-not-listed", "warning", f"{node.name} bmc", node.bmc.mac, "the BMC tells none of its own")]
    return [_mismatch(f"{node.name} bmc", node.bmc.mac, ", ".join(macs.bmc))]


def _nics(node: NodeDesign, macs: Macs) -> list[Finding]:
    """Compare by name where the BMC uses the same names, else by whether it lists the address at all."""
    if macs.nics is None:
        seen = "IPMI tells the BMC's own MAC address only; those of the server's NICs were not compared"
        expected = f"MAC addresses of {len(node.macs)} NICs"
        return [Finding("nics-not-compared", "info", node.name, expected, seen)] if node.macs else []
    found = []
    for name, stated in node.macs.items():
        if macs.nics.get(name, stated.lower()) != stated.lower():
            found.append(_mismatch(f"{node.name} {name}", stated, macs.nics[name]))
        elif stated.lower() not in macs.nics.values():
            seen = f"the BMC lists {', '.join(macs.nics.values()) or 'none'}"
            hint = "BMCs often list on-board NICs only; if this one is on board, the rack file or a cable is wrong"
            found.append(Finding("mac-not-listed", "warning", f"{node.name} {name}", stated, seen, hint))
    return found


def _mismatch(where: str, expected: str, seen: str) -> Finding:
    hint = "is the cable on the right server, or the MAC address in the rack file wrong?"
    return Finding("mac-mismatch", "error", where, expected, seen, hint)
