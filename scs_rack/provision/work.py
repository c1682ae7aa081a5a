"""Servers that are worked on together: what is known of each, and what all that is done to them needs."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from scs_rack import bmc
from scs_rack.design import NodeDesign
from scs_rack.engine.stage import Context
from scs_rack.errors import StageFailed
from scs_rack.model.server import Provision
from scs_rack.provision import artifact, facts, kit, together
from scs_rack.provision.netboot import callers as calling
from scs_rack.provision.netboot import seed
from scs_rack.provision.netboot.web import Told
from scs_rack.results import Finding

Say = Callable[[str, str], None]
"""Called with the name of a server and what it does."""


@dataclass(frozen=True)
class Wish:
    """What the operator allowed beyond the usual."""

    reinstall: frozenset[str] = frozenset()
    """Servers whose names were typed: their own installation may be replaced."""
    wipe: frozenset[str] = frozenset()
    """Serial numbers of disks that may lose whatever they hold."""
    only_look: bool = False
    """Boot the ramdisk, collect, write nothing."""
    burn_s: int = 0
    """Seconds for each part of a burn-in, which writes to disks without data only; 0: none."""

    @property
    def job(self) -> calling.Job:
        """What the ramdisk is booted for."""
        return "burnin" if self.burn_s else "inspect" if self.only_look else "install"


@dataclass
class Server:
    """One server at work."""

    node: NodeDesign
    caller: calling.Caller
    options: Provision
    events: "asyncio.Queue[Told]" = field(default_factory=asyncio.Queue)
    trail: list[str] = field(default_factory=list)
    """What was seen of it since its last power-on: evidence where it does not come."""
    ids: seed.Ids = field(default_factory=seed.new_ids)
    report: facts.Facts | None = None
    findings: list[Finding] = field(default_factory=list)
    way: str = ""
    bmc_serial: str = ""
    """Serial number of the server that its BMC is in, by the BMC's own words."""
    burnt: dict[str, tuple[bool, str]] = field(default_factory=dict)
    """Results of a burn-in: whether it passed, and figures."""


class Work:
    """Servers at work, and what they share.

    Args:
        ctx: rack, state and secrets.
        names: servers.
        wish: what the operator allowed.
        say: told what goes on.
    """

    def __init__(self, ctx: Context, names: Iterable[str], wish: Wish, say: Say) -> None:
        self.ctx, self.wish, self.say = ctx, wish, say
        design = ctx.design
        self.place = calling.place(design)
        found = calling.callers(design, names, wish.job)
        self.servers = {
            one.name: Server(design.nodes[one.name], one, design.rack.model(one.name).provision or Provision())
            for one in found
        }
        self.powering = asyncio.Lock()
        """Held while a server is switched on."""
        self.chain = together.Gathering(self.servers, together.chain)
        self.pairs = together.Gathering(self.servers, together.pairs)
        image = design.rack.image
        self.kit = kit.built_kit(image, image.kernel)
        self._artifacts = {
            flavour: artifact.built(image, flavour) for flavour in {one.options.image for one in self.servers.values()}
        }

    def artifact(self, caller: calling.Caller) -> artifact.Artifact:
        """Files of the flavour that the server's model states."""
        return self._artifacts[self.servers[caller.name].options.image]

    def target(self, name: str, way: str = "") -> bmc.Target:
        """The BMC of a server; `ipmi` speaks that protocol whatever is stated."""
        target = bmc.targets(self.ctx.design, self.ctx.secrets, [name])[0]
        if way != "ipmi" or target.protocol == "ipmi":
            return target
        return replace(target, protocol="ipmi", port=target.fallback_port, fallback=False, fallback_port=None)

    async def next(self, server: Server, limit: float) -> Told | None:
        """What the server does next; None when the time is over.

        Raises:
            StageFailed: the operator wants to stop.
        """
        end = time.monotonic() + limit
        while (left := end - time.monotonic()) > 0:
            if self.ctx.stop.requested.is_set():
                raise StageFailed("stopped; the server can be installed again")
            try:
                return await asyncio.wait_for(server.events.get(), min(left, 1.0))
            except TimeoutError:
                continue
        return None

    @property
    def burnt(self) -> dict[str, dict[str, tuple[bool, str]]]:
        """Results of burn-ins by server."""
        return {name: one.burnt for name, one in self.servers.items()}

    @property
    def seen(self) -> dict[str, facts.Facts]:
        """What ramdisks said of their servers."""
        return {name: one.report for name, one in self.servers.items() if one.report is not None}
