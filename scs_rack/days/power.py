"""The server's power, and its disks: off when it is gone, wiped on demand, on when it comes back."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from scs_rack.bmc.boot import boot_limit, wait_for_ssh
from scs_rack.days import kept
from scs_rack.days.fence import dead
from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.design.inventory import node_vars
from scs_rack.errors import ScsRackError, StageFailed
from scs_rack.results import Result

WIPE = r"""
set -eu
disk=$(readlink -f "$1")
if test -b "$disk"; then
  ! findmnt --source "$disk" >/dev/null || { echo "$disk is mounted" >&2; exit 1; }
  blkdiscard --force --secure "$disk" 2>/dev/null || blkdiscard --force --zeroout "$disk"
else
  fallocate --punch-hole --offset 0 --length "$(stat -c %s "$disk")" "$disk"
fi
sync "$disk"
size=$(blockdev --getsize64 "$disk" 2>/dev/null || stat -c %s "$disk")
for part in 0 1 2 3 4 5 6 7 8; do
  at=$(( (size / 1048576 - 1) * part / 8 ))
  dd if="$disk" bs=1M skip=$at count=1 status=none | cmp -s -n 1048576 - /dev/zero ||
    { echo "$disk is not empty at $at MiB" >&2; exit 1; }
done
"""
"""Overwrites a disk, or has it forget all, and reads nine places of it: its beginning and its end are among them."""
LONG = 6 * 3600.0


@dataclass(frozen=True)
class Wipe:
    """The disks that Ceph used hold nothing any more."""

    node: str
    wanted: bool
    name: str = "wipe"
    summary: str = "the server's data disks are wiped"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """A dead server can't wipe its disks."""
        if self._due(tools) and self._disks(tools) and dead(tools, self.node):
            way = "remove it without --wipe, and destroy its disks; or mend it first"
            yield Refusal(f"{self.node} does not answer: its disks can't be wiped", way)

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Disks, unless they were wiped already."""
        if self._due(tools) and not dead(tools, self.node):
            for name, path in self._disks(tools).items():
                yield Doing(self.node, f"wipe disk {name} ({path}): all that it holds is lost")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Wipe each and read places of it."""
        if not self._due(tools):
            return
        failed = False
        for name, path in self._disks(tools).items():
            answer = tools.runner.run(self.node, ["sh", "-c", WIPE, "sh", path], LONG)
            failed = failed or not answer.ok
            yield Result(self.node, f"wipe disk {name}", changed=True, error=None if answer.ok else answer.why)
        if not failed:
            kept.note(tools.ctx.state_dir, self.node, wiped=True)

    def _due(self, tools: Tools) -> bool:
        return self.wanted and not kept.read(tools.ctx.state_dir, self.node).get("wiped")

    def _disks(self, tools: Tools) -> dict[str, str]:
        if "storage" not in tools.ctx.design.nodes[self.node].roles:
            return {}
        disks = node_vars(tools.ctx.design, tools.ctx.design.nodes[self.node])["osd_disks"]
        return {str(disk["name"]): str(disk["path"]) for disk in disks}


@dataclass(frozen=True)
class Off:
    """The server is off."""

    node: str
    name: str = "off"
    summary: str = "the server is off"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Its power, where it is on."""
        if self._is_on(tools):
            yield Doing(self.node, "shut down, and power off")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Ask its operating system, and cut the power only when that does not help."""
        if not self._is_on(tools):
            return
        asked = tools.machines.switch(self.node, "soft")
        if asked.error or tools.machines.is_on(self.node):
            yield Result(asked.device, asked.step, findings=asked.findings)
            yield tools.machines.switch(self.node, "off")
        else:
            yield asked

    def _is_on(self, tools: Tools) -> bool:
        try:
            return tools.machines.is_on(self.node)
        except ScsRackError:
            if dead(tools, self.node):
                return False  # `Fence` has seen to it
            raise


@dataclass(frozen=True)
class On:
    """The server is on and answers."""

    node: str
    name: str = "on"
    summary: str = "the server is on, and answers"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """None."""
        del tools
        return ()

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """Its power, where it does not answer."""
        if not tools.answers(self.node):
            yield Doing(self.node, "power on, and wait for SSH")

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Switch it on and wait.

        Raises:
            StageFailed: it does not answer.
        """
        if tools.answers(self.node):
            return
        if not tools.machines.is_on(self.node):
            yield tools.machines.switch(self.node, "on")
        design = tools.ctx.design
        limit = boot_limit(design)
        address = str(design.nodes[self.node].mgmt.ip)
        why = asyncio.run(wait_for_ssh(address, limit, tools.ctx.stop.requested.is_set))
        for _ in range(15):  # the greeting comes before logins are allowed
            if why or tools.answers(self.node):
                break
            tools.pause(2.0)
        else:
            why = "its SSH server greets, but lets nobody in"
        if why:
            raise StageFailed(f"{self.node} does not answer after {limit:.0f} s: {why}", "`scs-rack node console`")
        yield Result(self.node, "answers over SSH", changed=True)
