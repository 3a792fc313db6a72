"""Defects of programs and transforms that were found once, a test for each."""

import pytest
from bits import assert_same_bits

from autograd import compile, vmap


def test_an_inner_compiled_function_keeps_its_guards_on_a_way_it_has_just_met():
    """The program of a new way went into the outer program without its guards."""
    inner = compile(lambda x: x if x > 0 else -3.0 * x)
    assert inner(1.0) == 1.0
    outer = compile(lambda x: inner(x) * 2.0)
    assert [outer(-1.0), outer(1.0), outer(-2.0)] == [6.0, 2.0, 12.0]


@pytest.mark.filterwarnings("ignore:.*takes more than 1 ways:RuntimeWarning")
def test_an_inner_compiled_function_keeps_its_guards_beyond_its_ways():
    inner = compile(lambda x: x if x > 0 else -3.0 * x, max_ways=1)
    assert inner(1.0) == 1.0
    assert_same_bits(vmap(lambda x: inner(x) * 2.0)([-1.0, 1.0, -2.0]), [6.0, 2.0, 12.0])
    lanes = vmap(lambda x: x if x > 0 else -3.0 * x, max_ways=1)
    outer = compile(lambda x: lanes(x).sum())
    assert [outer([1.0, -1.0]), outer([1.0, 2.0]), outer([-1.0, -2.0])] == [4.0, 3.0, 9.0]
