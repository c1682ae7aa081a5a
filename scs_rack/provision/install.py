"""Install servers from nothing: boot each from the network, listen to its ramdisk, see it boot from its own disk."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable

from scs_rack import bmc, pki
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError
from scs_rack.provision import booting, watching
from scs_rack.provision.answers import Answers
from scs_rack.provision.netboot.service import running
from scs_rack.provision.work import Say, Server, Wish
from scs_rack.results import Result

__all__ = ["Installer", "Wish", "install"]


class Installer(Answers):
    """Servers that are installed or looked at together."""

    async def run(self) -> AsyncIterator[Result]:
        """Install all of them side by side; one result for each, as it ends."""
        servers = list(self.servers.values())
        async with (
            running(self.ctx.state_dir, self.place, [one.caller for one in servers], self.kit, self),
            bmc.Fleet.open(pki.files(self.ctx.state_dir).ca) as fleet,
        ):  # fmt: skip
            tasks = [asyncio.create_task(self._one(fleet, one)) for one in servers]
            try:
                for done in asyncio.as_completed(tasks):
                    yield await done
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, fleet: bmc.Fleet, server: Server) -> Result:
        begin = time.monotonic()
        step = {"inspect": "look at", "burnin": "burn in", "install": "install"}[self.wish.job]
        name = server.node.name
        writes = self.wish.job == "install"
        try:
            await booting.booted(self, fleet, server)
            if self.wish.job != "inspect":
                await watching.worked(self, fleet, server)
            if writes:
                await watching.seen_running(self, fleet, server)
        except ScsRackError as error:
            took = time.monotonic() - begin
            return Result(name, step, findings=tuple(server.findings), duration=took, error=error.message)
        finally:
            self.chain.gone(name)
            self.pairs.gone(name)
        took = time.monotonic() - begin
        diff = f"nothing -> image {self.artifact(server.caller).digest}, by {server.way}" if writes else ""
        failed = [what for what, (passed, _) in server.burnt.items() if not passed]
        error_words = f"{name} did not pass: {', '.join(failed)}" if failed else None
        return Result(
            name, step, changed=writes, diff=diff, findings=tuple(server.findings), duration=took, error=error_words
        )


async def install(ctx: Context, names: Iterable[str], wish: Wish, say: Say) -> AsyncIterator[Result]:
    """As `Installer.run`."""
    async for result in Installer(ctx, names, wish, say).run():
        yield result
