"""Clients of the API are led to other controllers before one goes, and back when it serves again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.days import kept
from scs_rack.days.fence import dead
from scs_rack.days.members import is_controller, started
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.results import Result

UNIT = "scs-rack-vip"


@dataclass(frozen=True)
class Withdraw:
    """The API's address is not announced from here."""

    node: str
    name: str = "address"
    summary: str = "clients reach the API on other controllers"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """Another controller must announce it."""
        if not is_controller(tools, self.node) or not started(tools) or not list(self.plan(tools)):
            return
        others = [name for name in tools.ctx.design.groups["controller"] if name != self.node]
        if not any(self._active(tools, name) for name in others):
            reason = f"only {self.node} announces the API's address"
            yield Refusal(reason, f"`systemctl status {UNIT}` on {', '.join(others)} says why they don't")

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The unit, where it runs."""
        if is_controller(tools, self.node) and not dead(tools, self.node) and self._active(tools, self.node):
            yield Doing(self.node, "withdraw the API's address; other controllers serve")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Stop it and see it stopped."""
        if not list(self.plan(tools)):
            return
        kept.note(tools.ctx.state_dir, self.node, withdrawn=True)
        tools.told([self.node], ["systemctl", "stop", UNIT], 60)
        error = f"{UNIT} runs still" if self._active(tools, self.node) else None
        yield Result(self.node, "withdraw the API's address; other controllers serve", changed=True, error=error)

    def _active(self, tools: Tools, name: str) -> bool:
        return tools.runner.run(name, ["systemctl", "is-active", "--quiet", UNIT], 15).ok


@dataclass(frozen=True)
class Announce:
    """The API's address is announced from here again."""

    node: str
    name: str = "address-back"
    summary: str = "clients may reach the API here again"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The unit, if we stopped it."""
        if kept.read(tools.ctx.state_dir, self.node).get("withdrawn"):
            yield Doing(self.node, "announce the API's address again, when it can serve")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Start it and see it run; its own check decides when the address is announced."""
        for doing in self.plan(tools):
            tools.told([self.node], ["systemctl", "start", UNIT], 90)
            kept.note(tools.ctx.state_dir, self.node, withdrawn=None)
            yield Result(doing.device, doing.words, changed=True)
