"""One rack over links that break: what is tried again, and what is said in the end."""

import pytest

from scs_rack.engine.stage import Stop
from scs_rack.model.site_file import load_site
from scs_rack.sites import follow
from scs_rack.sites.follow import Follow

from .test_site_file import top

__all__ = ["top"]
HELLO = {"kind": "hello"}
END = {"kind": "end", "code": 0, "run": "r-1", "changed": 2, "seconds": 3.0}


def event(number, what, stage="", **more):
    return {"kind": "event", "run": "r-1", "number": number, "what": what, "stage": stage, **more}


BEGAN = [HELLO, event(1, "run-started", stages=["bmc", "base"]), event(2, "stage-started", "bmc")]


class Told:
    def __init__(self):
        self.words = []

    def changed(self, outcome, words):
        self.words.append(words)


@pytest.fixture
def work(top, monkeypatch):
    """Makes the work on a rack whose links say certain lines, one list a link."""
    monkeypatch.setattr(follow, "AGAIN", 0.01)
    tickets = []

    def make(*links, patience=0.05, code=255, why="", again=False):
        left = list(links)

        class Fake:
            answered = ended = False

            def __init__(self, member, folder, listen):
                self.listen, self.code, self.why = listen, code, why

            def carry(self, ticket):
                tickets.append(ticket)
                for line in left.pop(0) if left else []:
                    self.answered, self.ended = True, line["kind"] == "end"
                    self.listen(line)

            def cut(self):
                pass

        monkeypatch.setattr(follow, "Link", Fake)
        told, stop = Told(), Stop()
        if again:
            stop.now.set()
        found = Follow(load_site(top).members[0], top, patience, told, stop)
        return found.run("id", "run", ("up",)), told.words, tickets

    return make


def test_a_link_that_holds(work):
    done = event(4, "stage-ended", "bmc", state="passed", gate=[])
    found, words, _ = work([*BEGAN, event(3, "result", "bmc", device="n", step="s", changed=True), done, END])
    assert (found.state, found.code, found.changed, found.done, found.stage) == ("passed", 0, 2, 1, "")
    assert "bmc: passed" in words


def test_a_lost_link_is_tried_again_and_goes_on_after_what_was_heard(work):
    found, words, tickets = work(
        BEGAN, [], [HELLO, event(2, "stage-started", "bmc"), event(3, "result", "bmc"), END], patience=5
    )
    assert (found.state, found.steps) == ("passed", 1)
    assert words.count("bmc: started") == 1
    assert [(one.id, one.run, one.after) for one in tickets] == [("id", "", 0), ("id", "r-1", 2), ("id", "r-1", 2)]


def test_a_link_that_stays_lost_leaves_the_run_to_its_manager(work):
    found, _, tickets = work(BEGAN, why="nothing was heard for 15 s")
    assert (found.state, found.code, found.run) == ("unknown", 3, "r-1")
    assert found.why == "the link was lost (nothing was heard for 15 s) in stage bmc; its run goes on on its manager"
    assert len(tickets) > 1


def test_a_manager_that_never_answers_began_nothing_and_is_asked_once(work):
    found, _, tickets = work([], why="Connection refused", patience=5)
    assert (found.state, found.code, found.why) == ("unreachable", 3, "Connection refused")
    assert len(tickets) == 1


def test_a_manager_without_scs_rack_is_no_lost_link(work):
    found, _, _ = work([], code=127, why="scs-rack: not found")
    assert (found.state, found.code) == ("refused", 2)


def test_what_failed_is_told_with_what_was_seen(work):
    gate = [{"type": "bgp", "severity": "error", "where": "leaf1", "expected": "up", "seen": "down", "hint": "plug it"}]
    ended = event(3, "stage-ended", "bmc", state="failed", gate=gate)
    found, _, _ = work([*BEGAN, ended, END | {"code": 1}])
    assert (found.state, found.code) == ("failed", 1)
    assert found.faults == ["bmc: error: bgp at leaf1: expected up, saw down → plug it"]


def test_a_rack_that_another_holds(work):
    found, _, _ = work([HELLO, {"kind": "end", "code": 4, "error": "rack east is held", "hint": "wait"}])
    assert (found.state, found.code, found.why, found.hint) == ("held", 4, "rack east is held", "wait")


def test_a_run_of_an_earlier_order_is_followed_under_its_name(work):
    found, _, tickets = work(
        [HELLO, {"kind": "note", "text": "following it", "ticket": "earlier"}], [HELLO, END], patience=5
    )
    assert found.state == "passed"
    assert [one.id for one in tickets] == ["id", "earlier"]


def test_a_second_ctrl_c_leaves_the_run_to_its_manager_at_once(work):
    found, _, tickets = work(BEGAN, patience=60, again=True)
    assert (found.state, found.code) == ("unknown", 3)
    assert found.why == "left alone in stage bmc; its run goes on on its manager"
    assert len(tickets) == 1
