"""Evaluation without recording."""

import functools
import math
import threading
import weakref

import pytest

from autograd import Value, functions, no_grad


def test_no_grad_evaluates_without_recording():
    x = Value(3.0)
    with no_grad():
        y = x * x + 2 * x - x.exp() / 5
        z = functions.maximum(x, x * 2)
        made = Value(1.0, (x,), "mine")
        made._backward = lambda: pytest.fail("called")
    assert y.data == 3.0 * 3.0 + 2 * 3.0 - math.exp(3.0) / 5
    for node in (y, z, made):
        assert node._prev == set()
        node.backward()
        node.data = 1.0
    assert x.grad == 0.0
    (x * x).backward()
    assert x.grad == 6.0


def test_no_grad_holds_no_graph():
    x = Value(3.0)
    with no_grad():
        y = x * 2
    reference = weakref.ref(x)
    del x
    assert reference() is None and y.data == 6.0


def test_no_grad_raises_like_recording():
    with no_grad(), pytest.raises(ZeroDivisionError):
        Value(1.0) / 0


def test_what_was_made_without_recording_is_a_leaf():
    x = Value(3.0)
    with no_grad():
        y = x * 2
        y.label = "y"
    (y * x).backward()
    assert (x.grad, y.grad) == (6.0, 3.0)


def test_no_grad_nests():
    x = Value(3.0)
    with no_grad():
        with no_grad():
            assert not (x * 2)._prev
        assert not (x * 2)._prev
    assert (x * 2)._prev
    switch = no_grad()
    with switch, switch:
        assert not (x * 2)._prev
    assert (x * 2)._prev


def test_no_grad_as_a_decorator():
    x = Value(3.0)

    @no_grad()
    def evaluate(v, depth=0):
        """Evaluate."""
        return evaluate(v, depth - 1) if depth else v * 2

    assert not evaluate(x)._prev
    assert not evaluate(x, 3)._prev
    assert evaluate.__name__ == "evaluate" and evaluate.__doc__ == "Evaluate."
    assert (x * 2)._prev
    # Without a call too, as in PyTorch.
    assert not no_grad(evaluate.__wrapped__)(x)._prev


def test_no_grad_ends_with_an_exception():
    x = Value(3.0)
    with pytest.raises(ValueError, match="mine"), no_grad():
        raise ValueError("mine")
    assert (x * 2)._prev


def test_leaving_no_grad_more_often_than_entering():
    with pytest.raises(RuntimeError, match="no no_grad block"):
        no_grad().__exit__(None, None, None)
    x = Value(3.0)
    assert (x * 2)._prev
    with no_grad():
        assert not (x * 2)._prev


def test_no_grad_is_the_threads_own():
    x = Value(3.0)
    entered, done = threading.Event(), threading.Event()
    seen = []

    def other():
        with no_grad():
            entered.set()
            done.wait(100)
            seen.append((x * 2)._prev)
        seen.append((x * 2)._prev)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(100)
    recorded = x * 2
    with no_grad():
        assert not (x * 2)._prev
    assert (x * 2)._prev
    done.set()
    thread.join()
    assert recorded._prev
    assert seen[0] == set() and x in seen[1]


def test_backward_works_inside_no_grad():
    x = Value(3.0)
    y = x * x
    with no_grad():
        y.backward()
        x.data -= 0.5 * x.grad
    assert (x.data, x.grad) == (0.0, 6.0)


def test_entering_gives_the_block():
    block = no_grad()
    with block as entered:
        assert entered is block
    assert isinstance(functools.partial(no_grad)(), no_grad)
