"""What a person reads of a site."""

import io

import pytest
from rich.console import Console

from scs_rack.report.sites import Lines, Rows, print_summary
from scs_rack.sites.outcome import Outcome

LOST = Outcome(
    "west", "unknown", 3, "r-7", why="the link was lost", hint="the same command follows it again", seconds=4.0
)
GOOD = Outcome("east-of-the-river", "passed", 0, "r-8", changed=3)


def printed(show):
    file = io.StringIO()
    show(Console(file=file, width=100, highlight=False))
    return file.getvalue()


@pytest.mark.parametrize(("stopped", "word"), [(False, "the worst of all racks"), (True, "stopped by the operator")])
def test_the_summary_names_each_rack_and_why(stopped, word):
    said = printed(lambda console: print_summary(console, "trial", [GOOD, LOST], 3, stopped=stopped))
    assert "site trial: 1 of 2 racks passed" in said
    assert "  west: the link was lost\n  west: → the same command follows it again\n" in said
    assert "  east-of-the-river:" not in said
    assert said.endswith(f"exit code 3: {word}\n")


def test_faults_beyond_some_are_counted():
    many = Outcome("west", "failed", 1, why="fault 0", faults=[f"fault {number}" for number in range(20)])
    said = printed(lambda console: print_summary(console, "trial", [many], 1))
    assert said.count("fault 0\n") == 1
    assert "8 more stand in its own report" in said


def test_names_of_racks_stay_whole_beside_long_words():
    def show(console):
        rows = Rows(console, ["west", "east-of-the-river"])
        rows.changed(LOST, "unknown: " + "words " * 40)
        console.print(rows)

    assert "east-of-the-river" in printed(show)


def test_lines_begin_with_time_and_rack():
    said = printed(lambda console: Lines(console, ["west", "east-of-the-river"]).changed(LOST, "one\ntwo"))
    assert [line[9:] for line in said.splitlines()] == ["west              one", "west              two"]
