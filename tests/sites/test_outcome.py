"""One exit code for all racks: the worst."""

import pytest

from scs_rack.sites.outcome import Outcome, exit_code, of_code


def codes(*numbers):
    return [Outcome("a", code=number) for number in numbers]


@pytest.mark.parametrize(
    ("each", "whole"),
    [
        ((0, 0, 0), 0),
        ((0, 3, 0), 3),
        ((0, 1, 3), 1),
        ((2, 3, 4), 3),
        ((4, 2), 2),
        ((5, 4), 4),
        ((0, 5), 5),
        ((0, 130), 130),
        ((5, 130), 5),
        ((0, 77), 1),
        ((0, 137), 1),
        ((0, None), 1),
    ],
)
def test_the_worst_of_all_racks(each, whole):
    assert exit_code(codes(*each)) == whole


def test_a_site_that_was_stopped_says_so_unless_all_racks_were_done():
    assert exit_code(codes(0, 130, 1), stopped=True) == 130
    assert exit_code(codes(0, 0), stopped=True) == 0


def test_each_code_has_its_word():
    found = [of_code(code) for code in (0, 1, 2, 4, 5, 130)]
    assert found == ["passed", "failed", "refused", "held", "failed", "interrupted"]
