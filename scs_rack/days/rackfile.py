"""The word in the rack file that says whether a server is in service; every other byte of the file stays as it is."""

import difflib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from scs_rack.days.part import Doing, Refusal
from scs_rack.days.tools import Tools
from scs_rack.design import Design, make_design
from scs_rack.engine import settled
from scs_rack.engine.stage import Context, Stage
from scs_rack.errors import UsageError
from scs_rack.files import write_file
from scs_rack.model.load import check_rack, rack_file
from scs_rack.results import Change, Finding, Result


def with_state(text: str, node: str, state: str) -> str:
    """The rack file with another state of a server.

    Raises:
        UsageError: the server is written in a way that can't be edited.
    """
    top = yaml.compose(text, yaml.SafeLoader)
    servers = _value(top, "servers")
    server = _value(servers, node)
    if not isinstance(server, yaml.MappingNode) or not server.value:
        raise UsageError(f"the rack file states no server {node} that could be edited", f"write `state: {state}` there")
    known = _value(server, "state")
    if known is not None:
        return text[: known.start_mark.index] + state + text[known.end_mark.index :]
    first = server.value[0][0].start_mark
    if server.flow_style:
        return text[: first.index] + f"state: {state}, " + text[first.index :]
    return text[: first.index] + f"state: {state}\n{' ' * first.column}" + text[first.index :]


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def judged(rack_dir: Path, text: str) -> tuple[Design | None, list[str]]:
    """The design of a changed rack file, or its faults; nothing is written where the file lies."""
    with tempfile.TemporaryDirectory(prefix="scs-rack-") as scratch:
        for beside in rack_dir.iterdir():
            if beside.name != "rack.yml":
                (Path(scratch) / beside.name).symlink_to(beside.resolve())
        path = Path(scratch) / "rack.yml"
        path.write_text(text, encoding="utf-8")
        rack, faults = check_rack(path)
    if rack is None or faults:
        return None, [f"{fault.message} ({fault.hint})" if fault.hint else fault.message for fault in faults]
    return make_design(rack), []


@dataclass(frozen=True)
class State:
    """The rack file says whether the server is in service."""

    node: str
    state: str
    name: str = "rack-file"

    @property
    def summary(self) -> str:
        """What it says then."""
        return f"the rack file says that {self.node} is {self.state}"

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """The rack file must have no faults then."""
        before, after = self._texts(tools.ctx)
        if before == after:
            return
        _, faults = judged(tools.ctx.rack_dir, after)
        for fault in faults:
            reason = f"the rack file would be wrong with {self.node} {self.state}: {fault}"
            yield Refusal(reason, f"`scs-rack node replace {self.node}` keeps its place; or change the rack file first")

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """The change, as a diff."""
        before, after = self._texts(tools.ctx)
        if before != after:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), "rack.yml", "rack.yml", n=1, lineterm=""
            )
            yield Doing("manager", f"write `state: {self.state}` of {self.node} into the rack file", "\n".join(lines))

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Write it, whole or not at all, and read it."""
        for doing in self.plan(tools):
            path = rack_file(tools.ctx.rack_dir)
            write_file(path, self._texts(tools.ctx)[1], path.stat().st_mode & 0o777)
            settled.drop(tools.ctx.state_dir, self.node)
            error = "it says otherwise" if list(self.plan(tools)) else None
            yield Result(doing.device, doing.words, changed=True, diff=doing.diff, error=error)

    def _texts(self, ctx: Context) -> tuple[str, str]:
        before = rack_file(ctx.rack_dir).read_text(encoding="utf-8")
        return before, with_state(before, self.node, self.state)


@dataclass
class After:
    """A stage of `up` as it is with the changed rack file, which is written by a part before it."""

    stage: Stage
    design: Design
    needs: tuple[str, ...]
    foreseen: str = ""
    """What is said of it beforehand, where it can't be asked."""

    @property
    def name(self) -> str:
        """The stage's."""
        return self.stage.name

    @property
    def summary(self) -> str:
        """The stage's."""
        return self.stage.summary

    def plan(self, ctx: Context) -> Iterable[Change]:
        """What the stage says, where it can say it; Ansible reads the file that is not written yet."""
        if self.foreseen:
            return [Change(self.name, "rack", self.foreseen)]
        return self.stage.plan(replace(ctx, design=self.design))

    def apply(self, ctx: Context) -> Iterable[Result]:
        """The stage's."""
        return self.stage.apply(replace(ctx, design=self.design))

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """The stage's."""
        return self.stage.gate(replace(ctx, design=self.design))
