"""Programs of many operations: what is found again, and the memory that compiling takes."""

import sys
from pathlib import Path

import pytest
from sanitizer import SANITIZED

from autograd import Value, compile, sin, trace, value_and_grad

MANY = 3000


@pytest.mark.parametrize(
    "operation",
    [
        lambda xs, i: xs[-1] * xs[i],
        lambda xs, i: xs[0] * (i + 0.5),
        lambda xs, i: sin(xs[i % 7] - (i + 0.5)),
        lambda xs, i: (xs[i] + xs[i + 1]) * (xs[i + 2] + i),
        lambda xs, i: Value(i + 0.5) / xs[0],
    ],
    ids=["one latest operand", "one operand and constants", "few operands", "neighbours", "constants and one operand"],
)
def test_what_was_computed_long_ago_is_found_again(operation):
    def times(count):
        def f(*xs):
            total = 0.0
            for _ in range(count):
                terms = [operation(xs, i) for i in range(MANY)]
            for term in terms:
                total = total + term
            return total

        return trace(f, *[0.5 + k / MANY for k in range(MANY + 2)])

    once, twice = times(1), times(2)
    assert (str(twice), twice.instructions) == (str(once), once.instructions)
    assert str(once).count("\n") > MANY


def test_a_derivative_finds_what_the_function_computed():
    def f(*xs):
        return sum([sin(x) * (k + 1.0) for k, x in enumerate(xs)], 0.0)

    point = [k / MANY for k in range(MANY)]
    program = trace(f, *point)
    both = program.reverse(range(MANY), [0], [0], ones=True)
    text = str(both)
    assert text.count("sin(") == text.count("cos(") == MANY
    # What was copied has its place: the derivative of the copy is the derivative.
    assert str(program.reverse(range(MANY), [0], [0], ones=True)) == text
    assert both(*point)[1] == 1.0


def test_a_derivative_of_what_was_captured_with_seeds():
    """Captured Values follow the inputs, of which a derivative has more."""
    a, b = Value(2.0), Value(5.0)
    program = trace(lambda x, y: a * sin(x) * b + y * a, 0.5, 3.0)
    assert program.captured == (a, b)
    gradient = program.reverse([0, 1], [0], [0])
    value, by_x, by_y = gradient(0.5, 3.0, 10.0)
    sine = Value(0.5).sin().data
    cosine = Value(0.5).cos().data
    assert value == pytest.approx(10.0 * sine + 6.0, rel=1e-15)
    assert (by_x, by_y) == (pytest.approx(100.0 * cosine, rel=1e-15), 20.0)
    a.data = 3.0
    assert gradient(0.5, 3.0, 10.0)[2] == 30.0


PEAK = """
import re
from pathlib import Path
from autograd import compile, exp, sin, value_and_grad

def rosenbrock(xs):
    total = 0.0
    for x, y in zip(xs, xs[1:]):
        total = total + 100.0 * (y - x**2) ** 2 + (1.0 - x) ** 2 + sin(x) * exp(-y)
    return total

def kilobytes(name):
    return int(re.search(rf"^{name}:\\s*(\\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)[1])

compile(value_and_grad(rosenbrock))([0.5] * 100)
before = kilobytes("VmHWM")
compile(value_and_grad(rosenbrock))([0.5] * 15_385)
print(1024 * (kilobytes("VmHWM") - before) / (13 * 15_384))
"""


@pytest.mark.skipif(SANITIZED or not sys.platform.startswith("linux"), reason="peak memory is read from Linux's /proc")
def test_compiling_takes_few_bytes_for_an_operation(run_python, monkeypatch):
    """200,000 operations of a function, with its derivatives; with Python's own allocator, which adds nothing."""
    monkeypatch.delenv("PYTHONMALLOC", raising=False)
    if not Path("/proc/self/status").exists() or "VmHWM" not in Path("/proc/self/status").read_text():
        pytest.skip("there is no peak of memory in /proc")
    assert float(run_python(PEAK)) < 300


NODES = """
import tracemalloc
from autograd import Value, trace

def chain(x):
    for _ in range(100_000):
        x = x * 1.5
    return x

tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
program = trace(chain, 1.0)
print((tracemalloc.get_traced_memory()[0] - before) / 100_000)
"""


def test_a_trace_keeps_no_nodes(run_python):
    """A Value has 80 bytes; an instruction has 20."""
    assert float(run_python(NODES)) < 40


def test_compiled_gradients_of_many_inputs_are_right():
    point = [0.1 + k / MANY for k in range(MANY)]
    value, gradient = compile(value_and_grad(lambda xs: sum([sin(x) * xs[-1] for x in xs], 0.0)))(point)
    expected = [Value(x) for x in point]
    total = sum([sin(x) * expected[-1] for x in expected], 0.0)
    total.backward()
    assert value == pytest.approx(total.data, rel=1e-13)
    assert gradient == pytest.approx([x.grad for x in expected], rel=1e-13)
