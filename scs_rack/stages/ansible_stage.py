"""A stage whose work is a playbook; its gate is left to the stage itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from scs_rack.ansible.run import MANAGER, run_playbook
from scs_rack.engine.stage import Context
from scs_rack.results import Change, Finding, Result


@dataclass
class AnsibleStage(ABC):
    """Plans by Ansible's check mode and applies by the same playbook."""

    name: str
    needs: tuple[str, ...]
    summary: str
    playbook: str
    """File name in `playbooks`."""

    def plan(self, ctx: Context) -> Iterable[Change]:
        """What check mode says would change, with diffs; hosts that don't answer will be configured as a whole."""
        for result in run_playbook(ctx, self.playbook, check=True, diff=True):
            if result.error and result.error.startswith("unreachable"):
                yield Change(self.name, result.device, "will be configured (does not answer yet)", unseen=True)
            elif result.error:
                words = f"{result.step}: can't be foreseen: {result.error}"
                yield Change(self.name, result.device, words, unseen=True)
            elif result.changed and result.device != MANAGER:
                yield Change(self.name, result.device, result.step, result.diff)

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Run the playbook, and when nothing of it failed what comes afterwards."""
        failed = False
        for result in run_playbook(ctx, self.playbook):
            failed = failed or result.error is not None
            yield result
        if not failed:
            yield from self.afterwards(ctx)

    def afterwards(self, _ctx: Context) -> Iterable[Result]:
        """What a playbook can't do; a stage that has such work says here what."""
        return ()

    @abstractmethod
    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Observe the devices themselves."""
