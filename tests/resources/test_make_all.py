import threading

import pytest

from scs_rack.resources.ensure import make_all


def test_things_are_made_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)  # breaks unless two are made at the same time
    made: list[str] = []
    make_all([("one", both.wait), ("two", both.wait)], made)
    assert sorted(made) == ["one", "two"]


def test_a_failure_keeps_nothing_from_being_made_and_is_raised() -> None:
    def fail() -> None:
        raise ConnectionError("gone")

    made: list[str] = []
    with pytest.raises(ConnectionError, match="gone"):
        make_all([("bad", fail), ("good", lambda: None)], made)
    assert made == ["good"]


def test_all_is_asked_before_anything_is_made() -> None:
    asked: list[str] = []

    def steps():
        for name in ("one", "two"):
            asked.append(name)
            yield name, lambda: seen.append(len(asked))

    seen: list[int] = []
    make_all(steps(), [])
    assert seen == [2, 2]
