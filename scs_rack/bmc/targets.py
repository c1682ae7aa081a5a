"""From a Design to the BMCs that are called."""

from collections.abc import Iterable, Mapping

from scs_rack.bmc.types import Target
from scs_rack.design import Design
from scs_rack.errors import UsageError


def targets(design: Design, secrets: Mapping[str, str], names: Iterable[str] | None = None) -> list[Target]:
    """BMCs of the named servers (all of them, spares included, when None), in the order of the rack file.

    Raises:
        UsageError: the password of a BMC is not among the secrets.
    """
    chosen = None if names is None else set(names)
    found: list[Target] = []
    for node in design.nodes.values():
        if chosen is not None and node.name not in chosen:
            continue
        secret = f"bmc_{node.name}"
        if secret not in secrets:
            raise UsageError(f"no secret {secret}", f"store it: `scs-rack secrets set {secret}`")
        bmc = node.bmc
        found.append(
            Target(
                name=node.name,
                protocol=bmc.protocol,
                address=bmc.address,
                user=bmc.user,
                password=secrets[secret],
                fingerprint=bmc.fingerprint,
                fallback=bmc.fallback,
                quirks=bmc.quirks,
            )
        )
    return found
