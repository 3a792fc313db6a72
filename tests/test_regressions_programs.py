"""Defects of programs and transforms that were found once, a test for each."""

import hashlib
import json
import math
import pickle
import random
import struct
import threading
import tracemalloc

import numpy as np
import pytest
from bits import assert_same_bits

from autograd import (
    MLP,
    Program,
    Value,
    compile,
    custom_vjp,
    functions,
    grad,
    hessian,
    jacobian,
    sin,
    tanh,
    trace,
    vmap,
)


def logarithm():
    """Return log as a function with a derivative by hand; it raises where it is not defined."""
    log = custom_vjp(math.log, pure_callback=True)
    log.defvjp(lambda x: (math.log(x), x), lambda x, g: (g / x,))
    return log


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


def test_a_call_of_python_for_all_lanes_waits_for_the_guards_of_the_lanes():
    """It ran before the body, and raised where no lane goes this way."""
    log = logarithm()
    f = compile(vmap(lambda x, c: log(c) * x if x > 0 else x, in_axes=(0, None)))
    assert_same_bits(f([1.0, -2.0], 3.0), [math.log(3.0), -2.0])
    assert_same_bits(f([-1.0, -2.0], -3.0), [-1.0, -2.0])


def test_a_call_of_python_stays_behind_its_guard_when_instructions_are_reordered():
    log = logarithm()

    def f(x):
        factor = log(x) if x > 0 else x
        return factor * sum(sin(x * i) * x for i in range(1, 30))

    def expected(x):
        terms = sum(np.sin(x * i) * x for i in range(1, 30))
        return (math.log(x) if x > 0 else x) * terms

    replayed = compile(f)
    for x in (2.0, -2.0, 3.0, -3.0):
        np.testing.assert_allclose(replayed(x), expected(x), rtol=1e-12)
    xs = np.array([2.0, -2.0, 3.0, -3.0])
    np.testing.assert_allclose(vmap(f)(xs), [expected(x) for x in xs.tolist()], rtol=1e-12)


def test_a_result_of_a_call_of_python_that_nobody_uses():
    """In a batch it was written to the slot of a constant."""
    f = custom_vjp(lambda xs, scale: (sum(x * scale for x in xs), 2.0 * scale), pure_callback=True)
    f.defvjp(
        lambda xs, scale: ((sum(x * scale for x in xs), 2.0 * scale), (xs, scale)),
        lambda kept, g: ([kept[1] * g[0] for _ in kept[0]], sum(kept[0]) * g[0] + 2.0 * g[1]),
    )

    def g(x):
        # The derivative by the number 3.0 is not used.
        total, double = f([tanh(x), tanh(x), 3.0], tanh(x))
        return tanh(0.25 * (total + double)) + tanh(0.25 * (x * x + 0.1) ** 0.5)

    def slope(x):
        value = Value(x)
        g(value).backward()
        return value.grad

    xs = np.linspace(-2.0, 2.0, 9)
    np.testing.assert_allclose(vmap(grad(g))(xs), [slope(x) for x in xs.tolist()], rtol=1e-12)
    np.testing.assert_allclose(vmap(lambda x: f([x, 1.0], x)[0])(xs), xs * xs + xs, rtol=1e-15)


# -- Values of traces that are over, or of another thread's


def kept(f, *arguments):
    """Return the Values that a function keeps while it is traced."""
    values = []
    compile(lambda *xs: f(values, *xs))(*arguments)
    return values


@pytest.mark.parametrize(
    "use",
    [
        lambda v: v.data,
        lambda v: (v * 2.0 + Value(1.0)).item(),
        lambda v: v.detach().data,
        lambda v: v > 0,
        lambda v: v == 0.0,
        lambda v: bool(v),
        lambda v: f"{v:.3f}",
        lambda v: v.backward(),
        lambda v: sum([v, Value(1.0)]).backward(),
        lambda v: functions.sum([v, Value(1.0)]).data,
        lambda v: MLP(1, [2])([v])[0].data,
        lambda v: compile(lambda x: x * v)(2.0),
        lambda v: grad(lambda x: x * (v + 1.0))(2.0),
        lambda v: vmap(lambda x: x if v > x else -x)([1.0, 5.0]),
    ],
)
def test_a_value_whose_trace_is_over_cannot_be_used(use):
    """Its number was that of the point where the function was traced, whatever it was called with since."""
    for value in kept(lambda values, x: values.extend([x, x * 3.0, functions.sum([x, x])]), 3.0):
        with pytest.raises(RuntimeError, match="used outside of the trace"):
            use(value)
        assert repr(value) == f"{value}" == "<Value of a trace that is over>"


def test_a_compiled_function_that_captured_a_value_of_a_trace_that_is_over():
    factor = []
    inner = compile(lambda x: factor[-1] * x)

    def outer(a):
        factor.append(a)
        return inner(2.0)

    assert grad(outer)(3.0) == 2.0
    # Its factor would be that of the first call.
    with pytest.raises(RuntimeError, match="used outside of the trace"):
        grad(outer)(4.0)


@pytest.mark.parametrize("work", [lambda x: x * x, lambda x: x.data, lambda x: x if x > 0 else -x])
def test_work_on_traced_values_in_another_thread(work):
    """No trace saw it, so that it was a constant of the program."""

    def f(x):
        results = []

        def run():
            try:
                results.append(work(x))
            except RuntimeError as error:
                results.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if isinstance(results[0], Exception):
            raise results[0]
        return results[0] + x

    for transformed in (compile(f), grad(f)):
        with pytest.raises(RuntimeError, match="used outside of the trace"):
            transformed(2.0)


def test_traces_within_traces_may_use_each_others_values():
    def f(x, y):
        inner = compile(lambda u: grad(lambda v: v * u * x * x)(y))
        return inner(y) if x < y else grad(lambda u: inner(u) * u)(x)

    # x**2 * y, and the derivative of u**2 * x**2 by u at x.
    assert [f(2.0, 3.0), f(3.0, 2.0)] == [12.0, 54.0]
    assert [compile(f)(2.0, 3.0), compile(f)(3.0, 2.0)] == [12.0, 54.0]
    assert grad(f, argnums=(0, 1))(2.0, 3.0) == (12.0, 4.0)
    assert_same_bits(vmap(grad(f))([2.0, 3.0], [3.0, 2.0]), [12.0, 54.0])


# -- Programs that no trace made


def test_a_program_made_without_a_trace_computes_nothing():
    """It crashed."""
    program = Program.__new__(Program)
    assert (program.inputs, program.outputs, program.captured, program()) == (0, 0, (), [])
    assert str(pickle.loads(pickle.dumps(program))) == str(program)
    with pytest.raises(TypeError, match="made by tracing"):
        Program()


PREFIX = struct.Struct("<8sIIQ")


def forged(program, entries=None, captured=(), **changes):
    """Return a program from a pickle whose instructions or header were changed, and its checksum with them."""
    restore, (content, values, functions) = program.__reduce__()
    magic, version, length, _ = PREFIX.unpack(content[:24])
    header = json.loads(content[56 : 56 + length])
    code, arrays = header["objects"][-1], content[56 + length :]
    size = 20 * code["size"]
    code.update(changes)
    text = json.dumps(header).encode()
    rest = text + (arrays[:size] if entries is None else entries) + arrays[size:]
    prefix = PREFIX.pack(magic, version, len(text), len(rest))
    return restore(prefix + hashlib.sha256(prefix + rest).digest() + rest, captured or values, functions)


def test_a_forged_pickle_points_nowhere_outside():
    """A captured None, an operand without a number and an input loaded twice crashed."""
    log, w = logarithm(), Value(3.0)
    program = trace(lambda x: log(x) * w if x > 0 else x, 2.0)
    content = program.__reduce__()[1][0]
    length = PREFIX.unpack(content[:24])[2]
    code = json.loads(content[56 : 56 + length])["objects"][-1]
    names, arrays, size = code["names"], content[56 + length :], 20 * code["size"]
    entries = np.frombuffer(arrays[:size], "<u4").reshape(-1, 5)
    numbers = len(arrays) - size - 4 * code["arguments"]

    def at(name):
        return int(np.argmax(entries[:, 0] == names.index(name)))

    def changed(row, column, number):
        altered = entries.copy()
        altered[row, column] = number
        return altered.tobytes()

    assert (code["arguments"], numbers) == (1, 8)
    assert forged(program)(2.0) == program(2.0)
    loads = np.flatnonzero(entries[:, 0] == names.index("load"))
    for changes in (
        {"captured": [None]},
        {"inputs": -1},
        {"outputs": [at("guard")]},
        {"outputs": [at("call")]},
        {"outputs": [len(entries)]},
        {"arguments": 2},
        {"entries": changed(loads[1], 1, entries[loads[0], 1])},
        {"entries": changed(loads[1], 1, 7)},
        {"entries": changed(at("mul"), 1, at("guard"))},
        {"entries": changed(at("mul"), 2, len(entries))},
        {"entries": changed(at("call"), 2, 2**32 - 1)},
        {"entries": changed(at("call"), 4, 2)},
        {"entries": changed(at("call"), 1, 1)},
        {"entries": changed(at("result"), 1, 0)},
        {"entries": changed(at("result"), 1, 2**32 - 1)},
        {"entries": changed(at("result"), 2, 1)},
        {"places": []},
    ):
        with pytest.raises(ValueError, match="this Program"):
            forged(program, **changes)


# -- Memory


def test_derivatives_of_many_subsets_of_the_outputs_are_not_all_kept():
    """Each subset that backward came from kept a program for ever."""

    def run(count):
        for _ in range(count):
            outputs = f(*[Value(0.3) if random.random() < 0.5 else 0.2 for _ in range(12)], Value(0.1))
            sum(random.sample(outputs, random.randint(1, 12))).backward()

    f = compile(lambda *xs: [sin(x) * xs[-1] for x in xs[:-1]])
    random.seed(3)
    run(300)
    tracemalloc.start()
    try:
        run(100)
        before = tracemalloc.get_traced_memory()[0]
        run(300)
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()


# -- Derivatives


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, -1.0])
@pytest.mark.parametrize("base", [1.0, 2.0, 0.25])
def test_second_derivatives_of_a_power_whose_exponent_varies(base, exponent):
    """They were zero where the derivative has a case of its own, for the exponents 0 and 2."""
    x, y = base, exponent
    mixed = x ** (y - 1) * (1.0 + y * math.log(x))
    expected = ((y * (y - 1.0) * x ** (y - 2), mixed), (mixed, x**y * math.log(x) ** 2))
    for f in (hessian, lambda f, argnums: jacobian(grad(f, argnums), argnums)):
        np.testing.assert_allclose(f(lambda x, y: x**y, (0, 1))(x, y), expected, rtol=1e-13, atol=1e-15)
