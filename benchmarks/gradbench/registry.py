"""The table of problems, and what several of them share."""

import functools

import numpy as np

from autograd import Value, compile, sum, vmap

#: By module and function: what takes the input of an evaluate message and returns two callables, one that evaluates
#: the function, which is timed, and one that puts its result into the form of the answer.
PROBLEMS = {}


def problem(module, function, encode=float):
    """Register what takes an input and returns the callable to time; `encode` makes the answer of its result."""

    def register(prepare):
        PROBLEMS.setdefault(module, {})[function] = lambda given: (prepare(given), encode)
        return prepare

    return register


def warmed(function, *args):
    """Return a call of a function that was called once, so that its programs exist."""
    function(*args)
    return functools.partial(function, *args)


class SumOfRows:
    """The sum over rows of ``f(shared, *row)``, and its gradient by `shared`, a flat array.

    One program runs over the rows as lanes; what does not depend on the row is computed once. With Values as `shared`
    its call is one node, whose adjoints are summed over the lanes as the program runs.
    """

    def __init__(self, f, columns=1):
        self.mapped = compile(vmap(f, in_axes=(None,) + columns * (0,)))

    def value(self, shared, *data):
        return self.mapped(shared, *data).sum()

    def gradient(self, shared, *data):
        values = np.array([Value(number) for number in shared])
        sum(self.mapped(values, *data)).backward()
        return np.array([value.grad for value in values])
