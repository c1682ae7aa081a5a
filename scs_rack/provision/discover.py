"""Boot servers that nobody stated into the ramdisk, look at them, and write nothing."""

import asyncio
from collections.abc import Callable
from typing import Literal

from scs_rack.engine.stage import Context
from scs_rack.errors import UsageError
from scs_rack.provision import artifact, candidates, facts, kit
from scs_rack.provision.netboot import callers as calling
from scs_rack.provision.netboot.service import running
from scs_rack.provision.netboot.web import Answer, Told

Say = Callable[[str, str], None]


class Discovery:
    """Answers whoever is not in the rack file; servers that are get no answer.

    Args:
        ctx: rack and state.
        say: told what goes on, with a MAC address.
    """

    def __init__(self, ctx: Context, say: Say) -> None:
        self._ctx, self._say = ctx, say
        design = ctx.design
        found = candidates.pool(design)
        if found is None:
            raise UsageError("the out-of-band network has no free address for servers that nobody stated")
        known = [mac.lower() for node in design.nodes.values() for mac in (*node.macs.values(), node.bmc.mac) if mac]
        self._strangers = calling.Strangers(*found, tuple(known))
        image = design.rack.image
        self._kit = kit.built_kit(image, image.kernel)
        flavours = [model.provision.image for model in design.rack.server_models.values() if model.provision]
        self._artifact = artifact.built(image, flavours[0] if flavours else "minimal")
        self.seen: dict[str, facts.Facts] = {}

    async def run(self, seconds: float) -> None:
        """Look at all that call within this time, or until the operator wants to stop."""
        place = calling.place(self._ctx.design)
        async with running(self._ctx.state_dir, place, [], self._kit, self, strangers=self._strangers):
            await asyncio.to_thread(self._ctx.stop.wait, seconds)

    # The desk of the boot service

    def artifact(self, caller: calling.Caller) -> artifact.Artifact:  # noqa: ARG002 (all get the same)
        """Kernel and ramdisk."""
        return self._artifact

    def hello(self, caller: calling.Caller, seen: facts.Facts) -> Answer:
        """Remember it, and let it switch itself off."""
        candidates.keep(self._ctx.state_dir, caller.mac, seen)
        self.seen[caller.mac] = seen
        self._say(caller.mac, "was looked at, and switches itself off")
        return Answer({"JOB": "inspect"})

    async def meet(self, caller: calling.Caller, what: Literal["turn", "pair"]) -> dict[str, str]:  # noqa: ARG002
        """Nothing is done together."""
        return {}

    def seed(self, caller: calling.Caller) -> bytes:  # noqa: ARG002
        """Nobody is installed."""
        return b""

    def told(self, told: Told) -> None:
        """Say what a server does."""
        if told.what == "script":
            self._say(told.caller.mac, "boots the ramdisk")

    def heard(self, who: str, what: str) -> None:
        """Say who asks for the first time."""
        if what == "DHCP ack":
            self._say(who, "asks by DHCP and is answered")
