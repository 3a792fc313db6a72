"""The attack of ``attack.py`` on 200 functions."""

import pytest
from attack import attack


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_random_functions_against_nested_dual_numbers(first):
    compared = 0
    for i in range(first, first + 20):
        points, report = attack(0, i)
        assert report is None, report
        compared += points
    # Few points are too near to a branch.
    assert compared > 40
