"""What is done on a server that was drained: packages, and a restart where what runs is not what is installed."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.bmc.boot import boot_limit
from scs_rack.days import kept
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.errors import Interrupted, StageFailed
from scs_rack.results import Result
from scs_rack.upgrade.look import MARK, Reboot, Server, look

UNIT = "scs-rack-upgrade"
LONG = 3600.0
PAUSE = 3.0
INSTALL = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
dpkg --configure --pending
apt-get --quiet --yes -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300 install --only-upgrade "$@"
"""
"""Settings files stay ours (`--force-confold`, dpkg(1)); what a dead run left half configured is finished first."""
RUN = r"""
set -eu
while systemctl is-active --quiet UNIT.service; do sleep 2; done
systemctl reset-failed UNIT.service 2>/dev/null || :
exec systemd-run --quiet --wait --pipe --collect --unit UNIT "$@"
""".replace("UNIT", UNIT)
"""A unit of its own: a lost connection does not end dpkg in the middle, and who comes again waits for it."""


@dataclass(frozen=True)
class Mark:
    """It is kept that this server is being upgraded, before anything of it is touched."""

    node: str
    name: str = "mark"
    summary: str = "remembered, so that an upgrade that dies goes on with this server"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Nothing that is worth a line."""
        del tools
        return ()

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Write it."""
        kept.note(tools.ctx.state_dir, self.node, **{MARK: True})
        yield Result(self.node, "upgrade begun")


@dataclass(frozen=True)
class Packages:
    """Packages are updated."""

    node: str
    security: bool
    name: str = "packages"
    summary: str = "packages updated; settings files stay as they are"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Each package."""
        for one in look(tools, self.node, security=self.security).updates:
            yield Doing(self.node, f"update {one}")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Have apt do it, and ask again."""
        before = look(tools, self.node, security=self.security)
        if not before.updates:
            return
        wanted = [f"{one.name}={one.new}" for one in before.updates]
        command = ["bash", "-c", RUN, "x", "bash", "-c", INSTALL, "x", *wanted]
        answer = tools.runner.run(self.node, command, LONG)
        if not answer.ok:
            hint = f"`journalctl -u {UNIT}` on {self.node}; mend it, and give the command again: it goes on here"
            raise StageFailed(f"{self.node}: apt-get: {answer.why}", hint)
        left = {one.name for one in look(tools, self.node, security=self.security).updates}
        for one in before.updates:
            error = "is not installed although apt said so" if one.name in left else None
            yield Result(self.node, f"update {one}", changed=True, error=error)


@dataclass(frozen=True)
class Restart:
    """The server is restarted, and seen to have been."""

    node: str
    reboot: Reboot
    name: str = "restart"
    summary: str = "restarted where something runs that is not what is installed"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Why."""
        if self.reboot == "never":
            return
        seen = look(tools, self.node, security=False)
        for why in self._reasons(tools, seen):
            yield Doing(self.node, f"restart: {why}")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Order it by its operating system, and wait for another start that answers."""
        if self.reboot == "never":
            return
        before = look(tools, self.node, security=False)
        why = self._reasons(tools, before)
        if not why:
            return
        begin = time.monotonic()
        tools.runner.run(
            self.node, ["systemctl", "reboot", "--no-wall"], 30
        )  # the connection may end before the answer
        limit = boot_limit(tools.ctx.design)
        while not self._started(tools, before):
            if time.monotonic() - begin > limit:
                hint = f"`scs-rack node console {self.node}`; then give the command again"
                raise StageFailed(f"{self.node} has not come back after {limit:.0f} s", hint)
            if tools.pause(PAUSE):
                raise Interrupted(f"stopped while {self.node} restarts")
        kept.note(tools.ctx.state_dir, self.node, restarted=True)
        yield Result(self.node, f"restart: {'; '.join(why)}", changed=True, duration=time.monotonic() - begin)

    def _reasons(self, tools: Tools, seen: Server) -> list[str]:
        done = kept.read(tools.ctx.state_dir, self.node).get("restarted")
        return [*seen.reboot, *(["it was asked for"] if self.reboot == "always" and not done else [])]

    def _started(self, tools: Tools, before: Server) -> bool:
        if not tools.answers(self.node):
            return False
        try:
            return look(tools, self.node, security=False).boot != before.boot
        except StageFailed:  # reached, but not yet ready
            return False
