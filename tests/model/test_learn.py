"""Cables are put into the text of a rack file, and nothing else of it changes."""

import pytest
import yaml

from scs_rack.errors import UsageError
from scs_rack.model.learn import learn

HEAD = "name: r   # a comment\nservers:\n    a: {unit: 1}\n"
NEW = [("a:up0", "leaf1:Ethernet0"), ("a:up1", "leaf2:Ethernet0")]
LINES = "  - [a:up0, leaf1:Ethernet0]\n  - [a:up1, leaf2:Ethernet0]\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEAD, f"{HEAD}\ncables:\n{LINES}"),
        (HEAD[:-1], f"{HEAD}\ncables:\n{LINES}"),
        (f"{HEAD}cables:\n# end\nheight: 4\n", f"{HEAD}cables:\n{LINES}# end\nheight: 4\n"),
        (f"{HEAD}cables: []   # none yet\nheight: 4\n", f"{HEAD}cables:   # none yet\n{LINES}height: 4\n"),
        (f"{HEAD}cables:   # none yet\n", f"{HEAD}cables:   # none yet\n{LINES}"),
        (f"{HEAD}cables: ~\nheight: 4\n", f"{HEAD}cables:\n{LINES}height: 4\n"),
        (f"cables:\n{HEAD}", f"cables:\n{LINES}{HEAD}"),
    ],
)
def test_a_file_without_cables(before, after):
    change = learn(before, NEW)
    assert change.text == after
    assert change.added == tuple(NEW)
    assert yaml.safe_load(after)["cables"] == [list(pair) for pair in NEW]
    again = learn(after, NEW)
    assert (again.text, again.added) == (after, ())


def test_what_is_missing_is_added_below_in_the_same_layout():
    before = f"{HEAD}cables:\n- [ leaf1:Ethernet0, a:up0 ]  # the first one\n\n# what follows\nheight: 4\n"
    change = learn(before, NEW)
    assert change.text == before.replace("one\n", "one\n- [a:up1, leaf2:Ethernet0]\n")
    assert change.added == (NEW[1],)


def test_contradictions_are_refused_and_told():
    before = f"{HEAD}cables:\n  - [a:up0, leaf1:Ethernet9]\n"
    with pytest.raises(UsageError, match=r"planned \[a:up0, leaf1:Ethernet9\], seen \[a:up0, leaf1:Ethernet0\]"):
        learn(before, NEW)


def test_contradictions_are_replaced_when_asked():
    before = f"{HEAD}cables:\n  - [a:up0, leaf1:Ethernet9]   # to the left\n  - [b:up0, leaf1:Ethernet0]\nheight: 4\n"
    change = learn(before, NEW, replace=True)
    assert change.text == (
        f"{HEAD}cables:\n  - [a:up0, leaf1:Ethernet0]   # to the left\n  - [a:up1, leaf2:Ethernet0]\nheight: 4\n"
    )
    assert change.replaced == ((("a:up0", "leaf1:Ethernet9"), NEW[0]),)
    assert change.removed == (("b:up0", "leaf1:Ethernet0"),)


def test_swapped_cables_change_places():
    before = f"{HEAD}cables:\n{LINES}"
    seen = [("a:up0", "leaf2:Ethernet0"), ("a:up1", "leaf1:Ethernet0")]
    change = learn(before, seen, replace=True)
    assert yaml.safe_load(change.text)["cables"] == [list(pair) for pair in seen]
    assert change.removed == change.added == ()


@pytest.mark.parametrize("cables", ["cables: [[a:up0, leaf1:Ethernet0]]", "cables: 3", "cables:\n  - a:up0"])
def test_what_can_not_be_edited_is_refused(cables):
    with pytest.raises(UsageError, match=r"edited|one line for each"):
        learn(f"{HEAD}{cables}\n", NEW)
