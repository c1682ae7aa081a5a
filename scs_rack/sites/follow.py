"""One rack of a site from its first link to its last: what is heard becomes its outcome; lost links are tried again."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from scs_rack import __version__, vault
from scs_rack.engine.stage import Stop
from scs_rack.errors import Interrupted, ScsRackError, Unreachable, UsageError
from scs_rack.model.site_file import Member
from scs_rack.sites.link import Link
from scs_rack.sites.outcome import Outcome, of_code
from scs_rack.sites.ticket import Action, Ticket, digests, whole

AGAIN = 2.0
"""Seconds between two tries of a lost link."""
NOTHING = "nothing was begun there by this command"
COMMAND_NOT_FOUND = 127
"""Exit code of a shell, passed on by SSH."""


class Told(Protocol):
    """Hears of each rack's changes; called from the threads of the racks."""

    def changed(self, outcome: Outcome, words: str) -> None:
        """Something is known of a rack that was not known before; `words` say it in a line, if it is worth one."""
        ...


def ticket(member: Member, identity: str, action: Action, words: tuple[str, ...]) -> Ticket:
    """The order for a rack.

    Raises:
        UsageError: its folder holds too much.
    """
    sent = member.manager is not None
    return Ticket(
        rack=member.name,
        id=identity,
        action=action,
        words=words,
        folder=member.there,
        sent=sent,
        digest=whole(digests(member.folder)),
        vault=sent and (member.folder / vault.FILE).is_file(),
        version=__version__,
    )


class Follow:
    """Works on one rack.

    Args:
        member: the rack.
        folder: of the site file.
        patience: seconds in which a lost link is tried again.
        told: hears of what changes.
        stop: the operator's wish.
    """

    def __init__(self, member: Member, folder: Path, patience: float, told: Told, stop: Stop) -> None:
        self.outcome = Outcome(member.name)
        self._member = member
        self._folder = folder
        self._patience = patience
        self._told = told
        self._stop = stop
        self._follows = ""
        """The order that began the run which we follow, when it is not ours."""
        self._running: set[str] = set()
        self._last = 0
        self._began = time.monotonic()

    def run(self, identity: str, action: Action, words: tuple[str, ...]) -> Outcome:
        """Carry an order out; never raises what is the rack's own trouble."""
        if self._stop.requested.is_set():
            return self._over("interrupted", Interrupted.exit_code, "not begun")
        try:
            self._carry(ticket(self._member, identity, action, words))
        except ScsRackError as error:
            self._over(of_code(error.exit_code), error.exit_code, error.message, error.hint)
        except OSError as error:
            self._over("unreachable", Unreachable.exit_code, str(error))
        self.outcome.seconds = self.outcome.seconds or round(time.monotonic() - self._began, 1)
        return self.outcome

    def ask(self, identity: str) -> bool:
        """Ask the run of an order to stop, over a link of its own; False when there was none to ask."""
        heard: list[dict[str, Any]] = []
        try:
            Link(self._member, self._folder, heard.append).carry(
                ticket(self._member, self._follows or identity, "stop", ())
            )
        except (ScsRackError, OSError) as error:
            self._say(f"could not be asked to stop: {error}")
        return any(line["kind"] == "end" and line.get("code") == 0 for line in heard)

    def _carry(self, order: Ticket) -> None:
        lost: float | None = None
        known = False
        self._become("connecting", "")
        while True:
            link = Link(self._member, self._folder, self._hear)
            done = self._cutting(link, self._stop.now if order.action == "run" else self._stop.requested)
            try:
                link.carry(order)
            finally:
                done.set()
            if link.ended:
                return
            known = known or link.answered
            if order.action != "run" and self._stop.requested.is_set():
                self._over("interrupted", Interrupted.exit_code, "stopped by the operator")
                return
            if not known or order.action != "run":
                self._never_answered(link)
                return
            now = time.monotonic()
            lost = now if lost is None or link.answered else lost
            if self._stop.now.is_set() or now - lost >= self._patience:
                self._unknown(link)
                return
            self._become("lost", f"the link was lost ({link.why or 'no word why'}); it is tried again")
            self._stop.now.wait(AGAIN)
            order = replace(order, id=self._follows or order.id, run=self.outcome.run, after=self._last)

    def _cutting(self, link: Link, asked: threading.Event) -> threading.Event:
        """Cut a link when the operator asks for it; the event that is returned ends the watch."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.2):
                if asked.is_set():
                    link.cut()
                    return

        threading.Thread(target=watch, daemon=True).start()
        return done

    def _never_answered(self, link: Link) -> None:
        if link.code == COMMAND_NOT_FOUND:
            hint = "install scs-rack there, or state `command` in the site file"
            self._over("refused", UsageError.exit_code, link.why, hint)
        else:
            why = link.why or f"the link ended with code {link.code}"
            hint = "it was lost while the manager worked; nothing is changed by that" if link.answered else NOTHING
            self._over("unreachable", Unreachable.exit_code, why, hint)

    def _unknown(self, link: Link) -> None:
        why = f"the link was lost ({link.why or 'no word why'})"
        if self._stop.now.is_set():
            why = "left alone"
        if self.outcome.stage:
            why += f" in stage {self.outcome.stage}"
        self._over(
            "unknown",
            Unreachable.exit_code,
            f"{why}; its run goes on on its manager",
            "the same command follows it again, or begins where it ended",
        )

    def _hear(self, line: dict[str, Any]) -> None:
        kind = line["kind"]
        if kind == "hello" and self.outcome.state != "running":
            self._become("running", "its manager answers")
        elif kind == "note":
            self._follows = str(line.get("ticket", ""))
            self._say(str(line.get("text", "")))
        elif kind == "event":
            self._event(line)
        elif kind == "end":
            self._end(line)

    def _event(self, line: dict[str, Any]) -> None:
        found, what, stage = self.outcome, line.get("what"), str(line.get("stage", ""))
        number = int(line.get("number", 0))
        if str(line.get("run", "")) == found.run and number <= self._last:
            return  # told twice, by two links
        self._last, found.run = number, str(line.get("run", ""))
        words = ""
        if what == "run-started":
            found.stages = tuple(line.get("stages", ()))
            words = f"run {found.run} began"
        elif what == "stage-started":
            self._running.add(stage)
            words = f"{stage}: started"
        elif what == "gate-started":
            words = f"{stage}: gate: asking the devices"
        elif what == "result":
            found.steps += 1
            found.changed += bool(line.get("changed"))
            if line.get("error"):
                words = f"{stage}: {line.get('device')}: {line.get('step')}: FAILED: {line['error']}"
                found.faults.append(words)
        elif what == "stage-ended":
            words = self._stage_ended(stage, line)
        elif what == "note":
            words = str(line.get("text", ""))
        found.stage = ", ".join(name for name in found.stages if name in self._running)
        self._told.changed(found, words)

    def _stage_ended(self, stage: str, line: dict[str, Any]) -> str:
        self._running.discard(stage)
        self.outcome.done += 1
        for one in line.get("gate", ()):
            hint = f" → {one['hint']}" if one.get("hint") else ""
            seen = f"expected {one['expected']}, saw {one['seen']}{hint}"
            self.outcome.faults.append(f"{stage}: {one['severity']}: {one['type']} at {one['where']}: {seen}")
        why = f" ({line['reason']})" if line.get("reason") else ""
        return f"{stage}: {line.get('state')}{why}"

    def _end(self, line: dict[str, Any]) -> None:
        found, code = self.outcome, int(line.get("code", 1))
        found.out = str(line.get("out", ""))
        found.seconds = float(line.get("seconds", 0.0))
        found.changed = int(line.get("changed", found.changed))
        found.run, found.report = str(line.get("run", found.run)), str(line.get("report", ""))
        why, hint = str(line.get("error", "")), str(line.get("hint", ""))
        if code and not why:
            why = str(line.get("err", "")).strip() or next((one for one in found.faults), "")
        self._over("died" if line.get("state") == "died" else of_code(code), code, why, hint)

    def _over(self, state: Any, code: int, why: str, hint: str = "") -> Outcome:
        found = self.outcome
        found.state, found.code, found.why, found.hint = state, code, why, hint
        self._told.changed(found, f"{state}{f': {why}' if why else ''}")
        return found

    def _become(self, state: Any, words: str) -> None:
        self.outcome.state = state
        self._told.changed(self.outcome, words)

    def _say(self, words: str) -> None:
        self._told.changed(self.outcome, words)
