"""Servers in service get another node image, one after the other: as a new server of the same name, with its disks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.bmc.stream import stream
from scs_rack.days import kept, operations
from scs_rack.days import tools as real
from scs_rack.days.operations import Wish
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.replace import GONE
from scs_rack.days.tools import Make, Tools
from scs_rack.engine import settled
from scs_rack.engine.bring_up import Order
from scs_rack.engine.stage import Context
from scs_rack.errors import ScsRackError, UsageError
from scs_rack.provision import artifact, records
from scs_rack.provision import install as installing
from scs_rack.results import Result
from scs_rack.upgrade.look import MARK


@dataclass(frozen=True)
class Image:
    """What a server runs, and what it shall run."""

    name: str
    runs: str
    """Digest of the artefact it was installed from; empty when we don't know."""
    wanted: str
    begun: bool
    """True when a renewal of it did not get to its end."""

    @property
    def work(self) -> bool:
        """True when there is something to do."""
        return self.begun or self.runs != self.wanted

    @property
    def words(self) -> str:
        """What there is to do, for people."""
        if not self.work:
            return f"image {self.runs} as wanted"
        more = "; go on where it stopped" if self.begun else ""
        return f"image {self.runs or 'unknown'} -> {self.wanted}{more}"


def images(ctx: Context, names: Iterable[str]) -> list[Image]:
    """What servers run, and what the images are that were built last.

    Raises:
        UsageError: scs-rack does not install a server, or did not.
        ImageMissing: the image is not built.
    """
    found = []
    for name in names:
        options = ctx.design.rack.model(name).provision
        if options is None:
            raise UsageError(
                f"{name} was not installed by scs-rack: its model states no `provision`",
                "renew it as it was installed, between `scs-rack node drain` and `scs-rack node rejoin`",
            )
        begun = bool(kept.read(ctx.state_dir, name).get(MARK))
        known = records.read(ctx.state_dir, name)
        if not begun and (known is None or known.state != "installed"):
            raise UsageError(f"{name} is not installed yet", "`scs-rack up` does that")
        wanted = artifact.built(ctx.design.rack.image, options.image).digest
        found.append(Image(name, known.image if known and known.state == "installed" else "", wanted, begun))
    return found


@dataclass(frozen=True)
class Write:
    """Its root disk is written anew, from the network; disks of OSDs are left alone."""

    node: str
    name: str = "swap"
    summary: str = "the new image is on its root disk, and runs"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """What would only be found out when the server is off and forgotten."""
        if kept.read(tools.ctx.state_dir, self.node).get(GONE):
            return
        try:
            images(tools.ctx, [self.node])
        except ScsRackError as error:
            yield Refusal(error.message, error.hint or "mend that first")

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The image, until it is there."""
        if not kept.read(tools.ctx.state_dir, self.node).get(GONE):
            (one,) = images(tools.ctx, [self.node])
            yield Doing(self.node, f"write its root disk: {one.words}")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Install it; what died in the middle is written once more."""
        folder = tools.ctx.state_dir
        if kept.read(folder, self.node).get(GONE):
            return
        wish = installing.Wish(reinstall=frozenset({self.node}))
        for result in stream(lambda: installing.install(tools.ctx, [self.node], wish, tools.say)):
            if result.error is None:
                settled.drop(folder, self.node)
                kept.note(folder, self.node, **{GONE: True, "worked": None})
            yield result


def renew(order: Order, node: str, make: Make = real.of) -> Order:
    """All stages for one server: it leaves all clusters, is written, and joins as a new one that brings its OSDs.

    Raises:
        UsageError: there is no such server, or it is not in service.
    """
    return operations.replaced(order, Wish(node), make, Write(node), MARK)
