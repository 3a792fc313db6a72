"""The functions over sequences, and what functions say to foreign types."""

import functools
import operator
from decimal import Decimal

import numpy as np
import pytest

from autograd import Value, functions

FOREIGN = [None, "1", b"1", [1.0], (1.0,), {}, object(), 1j, Decimal(1), lambda: 1.0, float, np.complex128(1)]


def test_sum_dot_mean():
    xs = [Value(float(i)) for i in range(1, 5)]
    for result, data, derivatives in [
        (functions.sum(xs), 10.0, [1, 1, 1, 1]),
        (functions.sum(iter(xs)), 10.0, [1, 1, 1, 1]),
        (functions.sum([1, *xs, 2.5]), 13.5, [1, 1, 1, 1]),
        (functions.mean(xs), 2.5, [0.25] * 4),
        (functions.dot(xs, [1, 0.5, True, -1]), 1.0, [1, 0.5, 1, -1]),
        (functions.dot([1, 0.5, True, -1], xs), 1.0, [1, 0.5, 1, -1]),
        (functions.dot(xs, xs), 30.0, [2, 4, 6, 8]),
        (functions.sum(np.array(xs)), 10.0, [1, 1, 1, 1]),
    ]:
        for x in xs:
            x.grad = 0.0
        result.backward()
        assert result.data == data
        assert [x.grad for x in xs] == derivatives


def test_sum_dot_mean_of_numbers_are_floats():
    for result, expected in [
        (functions.sum([1, 2, 3]), 6.0),
        (functions.sum([]), 0.0),
        (functions.sum(x for x in (1.5, True)), 2.5),
        (functions.dot([1, 2], [3, 4]), 11.0),
        (functions.dot([], []), 0.0),
        (functions.mean([1, 2]), 1.5),
        (functions.mean(np.array([1.0, 2.0])), 1.5),
    ]:
        assert type(result) is float and result == expected


def test_sum_goes_from_left_to_right_as_in_python():
    numbers = [0.1] * 10 + [1e16, 1.0, -1e16]
    assert (
        functions.sum([Value(x) for x in numbers]).data
        == functions.sum(numbers)
        == functools.reduce(operator.add, numbers, 0.0)
    )


def test_sum_dot_mean_complain():
    with pytest.raises(ValueError, match="got 1 and 2"):
        functions.dot([Value(1.0)], [1.0, 2.0])
    with pytest.raises(ValueError, match="at least one"):
        functions.mean([])
    for thing in ([None], ["1"], [1j], [Value(1.0), None]):
        with pytest.raises(TypeError):
            functions.sum(thing)
        with pytest.raises(TypeError):
            functions.mean(thing)
        with pytest.raises(TypeError):
            functions.dot(thing, thing)


def test_functions_complain_of_foreign_types_by_name():
    for thing in FOREIGN:
        with pytest.raises(TypeError, match=f"^exp: .*{type(thing).__name__}"):
            functions.exp(thing)
        for arguments in ((thing, 1.0), (1.0, thing), (Value(1.0), thing), (thing, Value(1.0))):
            with pytest.raises(TypeError, match=f"^hypot: .*{type(thing).__name__}"):
                functions.hypot(*arguments)
