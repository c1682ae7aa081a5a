"""Parts of an operation: each says what it would do and why it would not, does it, and reads it back.

An operation that died is gone on with by giving the same command again: a part that finds its work done has nothing to
do. What can't be observed afterwards (was this service disabled before we came?) stands in a file (`kept`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from scs_rack.days import tools as real
from scs_rack.days.tools import Make, Tools, words_of
from scs_rack.engine.stage import Context, Stage
from scs_rack.errors import ScsRackError, StageFailed
from scs_rack.results import Change, Finding, Result


@dataclass(frozen=True)
class Refusal:
    """Why something is not done, and what would help."""

    reason: str
    way_out: str


class Refused(StageFailed):
    """It would lose data, a quorum, or guests; nothing was changed."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(
            "; ".join(f"{one.reason} ({one.way_out})" for one in refusals), "nothing was changed by this step"
        )
        self.refusals = tuple(refusals)


@dataclass(frozen=True)
class Doing:
    """One thing that a part would do."""

    device: str
    words: str
    diff: str = ""


class Part(Protocol):
    """One part of an operation."""

    @property
    def name(self) -> str:
        """Short lower-case word."""
        ...

    @property
    def summary(self) -> str:
        """One line for people."""
        ...

    def refusals(self, tools: Tools) -> Iterable[Refusal]:
        """Why it must not be done now; changes nothing. Nothing where there is nothing left to do."""
        ...

    def plan(self, tools: Tools) -> Iterable[Doing]:
        """What is left to do; changes nothing."""
        ...

    def apply(self, tools: Tools) -> Iterator[Result]:
        """Do it and read it back."""
        ...


@dataclass
class PartStage:
    """A part as a stage of a run."""

    part: Part
    needs: tuple[str, ...]
    make: Make = real.of

    @property
    def name(self) -> str:
        """The part's."""
        return self.part.name

    @property
    def summary(self) -> str:
        """The part's."""
        return self.part.summary

    def plan(self, ctx: Context) -> Iterable[Change]:
        """What is left to do.

        Raises:
            Refused: it must not be done.
        """
        tools = self.make(ctx)
        refuse(self.part.refusals(tools))
        return [Change(self.name, one.device, one.words, one.diff) for one in self.part.plan(tools)]

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Judge once more, then do it.

        Raises:
            Refused: it must not be done.
        """
        tools = self.make(ctx)
        refuse(self.part.refusals(tools))
        yield from self.part.apply(tools)

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """What is still left to do is not done."""
        for one in self.part.plan(self.make(ctx)):
            yield Finding("not-done", "error", one.device, "nothing left to do", one.words, "give the command again")


@dataclass
class Judge:
    """Asks all parts of an operation before the first of them changes anything."""

    parts: tuple[Part, ...]
    make: Make = real.of
    name: str = "judge"
    needs: tuple[str, ...] = ()
    summary: str = "nothing forbids it: data, quorums and guests"

    def plan(self, ctx: Context) -> Iterable[Change]:
        """Nothing; each part tells its own refusals."""
        del ctx
        return ()

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Collect the refusals of all.

        Raises:
            Refused: there are some.
        """
        tools = self.make(ctx)
        found: list[Refusal] = []
        for part in self.parts:
            try:
                found += part.refusals(tools)
            except ScsRackError as error:
                found.append(Refusal(f"{part.name} can't be judged: {error.message}", error.hint or "mend that first"))
            except Exception as error:  # noqa: BLE001 (whatever an SDK raises, nothing may be changed then)
                found.append(Refusal(f"{part.name} can't be judged: {words_of(error)}", "does the cloud answer?"))
        refuse(found)
        yield Result("manager", "nothing forbids it")

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """Nothing to ask."""
        del ctx
        return ()


@dataclass
class Only:
    """The gate of a stage of `up`, and nothing else of it: what was brought back is observed."""

    stage: Stage
    needs: tuple[str, ...]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.stage.name

    @property
    def summary(self) -> str:
        """The stage's."""
        return f"{self.stage.summary}: observed"

    def plan(self, ctx: Context) -> Iterable[Change]:
        """Nothing."""
        del ctx
        return ()

    def apply(self, ctx: Context) -> Iterable[Result]:
        """Nothing."""
        del ctx
        return ()

    def gate(self, ctx: Context) -> Iterable[Finding]:
        """The stage's."""
        return self.stage.gate(ctx)


def refuse(refusals: Iterable[Refusal]) -> None:
    """Stop where there are refusals.

    Raises:
        Refused: there are some.
    """
    found = list(dict.fromkeys(refusals))
    if found:
        raise Refused(found)


def chain(parts: Sequence[Part], make: Make = real.of, last: str = "") -> list[Stage]:
    """The parts as stages, one after the other.

    Args:
        parts: in their order.
        make: makes what they act by.
        last: stage that the first of them waits for.
    """
    found: list[Stage] = []
    for part in parts:
        needs = found[-1].name if found else last
        found.append(PartStage(part, (needs,) if needs else (), make))
    return found
