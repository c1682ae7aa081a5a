"""On a manager node: do what an order of the site's machine asks, and tell it line by line (JSON).

ansible-runner's worker calls this and turns each line into an event. Whoever listens may be gone at any moment: the run
is a process of its own (`scs_rack.sites.begun`).
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scs_rack import __version__
from scs_rack.engine import journal, runs
from scs_rack.engine.lock import hold, holder
from scs_rack.errors import RackLocked, ScsRackError, UsageError
from scs_rack.model.load import load_rack
from scs_rack.paths import state_dir
from scs_rack.sites import begun, wares
from scs_rack.sites.ticket import RACK, Ticket

Say = Callable[[dict[str, Any]], None]
PAUSE = 0.3
"""Seconds between two looks into the journal."""
GONE = 1
"""Exit code of a run that was killed."""


def serve(received: Path, say: Say) -> int:
    """Do what the order in a folder asks; the last line that is said has the exit code, which is returned too."""
    try:
        code = _serve(Ticket.read(received), received, say)
    except ScsRackError as error:
        code = error.exit_code
        say({"kind": "end", "code": code, "error": error.message, "hint": error.hint})
    return code


def _serve(ticket: Ticket, received: Path, say: Say) -> int:
    say({"kind": "hello", "version": __version__})
    if ticket.version != __version__:
        raise UsageError(
            f"the manager of {ticket.rack} has scs-rack {__version__}, the site's machine {ticket.version}",
            "install the same version on both",
        )
    if ticket.action == "read":
        return _read(ticket, received, say)
    state = state_dir(ticket.rack)
    if ticket.action == "stop":
        say({"kind": "end", "code": 0 if begun.stop(state, ticket.id) else 1})
        return 0
    with begun.alone(state):
        run = _run(ticket, received, state, say)
    return _follow(ticket, run, state, say)


def _read(ticket: Ticket, received: Path, say: Say) -> int:
    with wares.looked_at(ticket, received) as folder:
        command = [sys.executable, "-m", "scs_rack", *ticket.words, "-r", str(folder)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    say({"kind": "end", "code": done.returncode, "out": done.stdout, "err": done.stderr})
    return done.returncode


def _run(ticket: Ticket, received: Path, state: Path, say: Say) -> begun.Begun:
    """The run that this order began before, or one that does the same, or a new one.

    Raises:
        RackLocked: another run holds the rack.
        UsageError: the rack's files can't be taken over.
    """
    last = begun.read(state)
    if last and last.ticket == ticket.id:
        return last
    if last and last.alive:
        if (last.words, last.digest) == (ticket.words, ticket.digest):
            say({"kind": "note", "text": "a run that was begun before goes on; following it", "ticket": last.ticket})
            return last
        raise RackLocked(
            f"a run that was begun before goes on: scs-rack {' '.join(last.words)}",
            "wait for it: the same command follows it; another one, or a changed rack file, can't",
        )
    wares.judge(ticket, received)
    name = load_rack(received / RACK if ticket.sent else ticket.folder).name
    if name != ticket.rack:
        raise UsageError(f"the rack file for {ticket.rack} is that of {name}")
    with hold(state):
        wares.take(ticket, received)
    return begun.begin(state, ticket)


def _follow(ticket: Ticket, run: begun.Begun, state: Path, say: Say) -> int:
    """Tell what the journal of a run says until it is over."""
    folder, after = None, 0
    while True:
        now = begun.read(state)
        alive = now is not None and now.ticket == run.ticket and now.alive
        if now is not None and now.ticket == run.ticket:
            run = now
        folder = folder or begun.folder_of(state, run)
        if folder:
            if folder.name == ticket.run and not after:
                after = ticket.after
            after = _tell(folder, after, say)
        time.sleep(PAUSE)
        if not alive:
            break
    last = begun.read(state)  # once more: it may have been written down between two looks
    return _end(last if last and last.ticket == run.ticket else run, folder, state, say)


def _tell(folder: Path, after: int, say: Say) -> int:
    for number, entry in journal.since(folder, after):
        say({"kind": "event", "run": folder.name, "number": number, "time": entry.time, **_short(entry)})
        after = number
    return after


def _short(entry: journal.Entry) -> dict[str, Any]:
    """An event without what only the rack's own report needs."""
    body = entry.body
    kept = ("stages", "device", "step", "changed", "error", "state", "reason", "text")
    found = {"what": entry.kind, "stage": entry.stage, **{key: body[key] for key in kept if key in body}}
    gate = [one for one in body.get("gate", ()) if one["severity"] != "info"]
    return found | ({"gate": gate} if gate else {})


def _end(run: begun.Begun, folder: Path | None, state: Path, say: Say) -> int:
    code = GONE if run.code is None else run.code
    record = runs.record(folder) if folder else None
    end: dict[str, Any] = {"kind": "end", "code": code, "seconds": round(time.time() - run.since, 1)}
    if record is not None:
        ended = record.state if record.ended is not None else "died"
        end |= {"state": ended, "run": record.name, "seconds": round(record.duration, 1)}
        end["changed"] = sum(stage.outcome.changed for stage in record.stages.values())
        page = record.folder / "report.html"
        end["report"] = str(page) if page.is_file() else ""
    if run.code is None:
        held = holder(state)
        end |= {"state": "died", "error": "the run was killed on its manager"}
        end["hint"] = "`up` again goes on where it was"
        if held and held.alive:
            end["error"] = f"nobody waits for the run's end any more, but it goes on: {held}"
    elif record is None:
        end |= _refusal(begun.said(state))
    say(end)
    return code


def _refusal(said: str) -> dict[str, Any]:
    """What a run said that ended before it had a journal."""
    _, found, rest = said.rpartition("error: ")
    message, _, hint = (rest if found else said).partition("\n  hint: ")
    return {"error": message.strip() or "it ended without a word", "hint": hint.strip()}


def print_line(line: dict[str, Any]) -> None:
    """Say it to ansible-runner, which reads our standard output."""
    print(json.dumps(line), flush=True)
