"""detect_anomaly: the first infinity or nan names its operation, its operands, its line and its lane."""

import inspect
import math
import re
import threading

import numpy as np
import pytest

from autograd import (
    MLP,
    Value,
    compile,
    custom_vjp,
    detect_anomaly,
    dot,
    fori_loop,
    grad,
    hessian,
    jacobian,
    jvp,
    no_grad,
    scan,
    softmax,
    sum,
    trace,
    value_and_grad,
    vmap,
    where,
)

HERE = re.escape(__file__)


def line(offset=0):
    """The line of the caller."""
    return inspect.currentframe().f_back.f_lineno + offset


def raises(message):
    return pytest.raises(FloatingPointError, match=f"^{message}$")


# Eager


def test_an_operation():
    x = Value(1e200, label="x")
    with detect_anomaly(), raises(rf"\* gave inf at {HERE}:{line(1)}, from x = 1e\+200 and 1e\+200"):
        x * Value(1e200)
    with detect_anomaly(), raises(rf"- gave nan at {HERE}:{line(1)}, from inf and inf"):
        Value(math.inf) - math.inf
    with detect_anomaly(), raises(r"\+ gave inf at .*, from 1e\+308 and 1e\+308"):
        Value(1e308) + 1e308
    with detect_anomaly(), raises(r"\* gave -inf at .*, from x = 1e\+200 and -1e\+200"):
        np.array([1.0, -1e200]) * x


def test_the_exceptions_of_python_stay():
    with detect_anomaly():
        with pytest.raises(ZeroDivisionError):
            Value(1.0) / 0
        with pytest.raises(OverflowError):
            Value(1000.0).exp()


def test_what_is_finite_is_as_always():
    def run():
        a, b = Value(2.0), Value(-3.0)
        model = MLP(2, [3, 1], seed=1)
        y = (a * b + a.tanh()) * sum(softmax([a, b, 1.0])) + model([a, b]) + where(a > b, a, b)
        y.backward()
        return y.data, a.grad, b.grad, [parameter.grad for parameter in model.parameters()]

    expected = run()
    with detect_anomaly():
        assert run() == expected


def test_outside_nothing_is_examined():
    with detect_anomaly():
        pass
    y = Value(1e200) * 1e200
    assert y.data == math.inf and not hasattr(y, "_place")
    y.backward()


def test_a_hand_made_node():
    x = Value(1.0)
    with detect_anomaly():
        with raises(rf"mine gave nan at {HERE}:{line(1)}, from 1.0"):
            Value(math.nan, (x,), "mine")
        with raises(r"a node made by hand gave inf at .*, from 1.0"):
            Value(math.inf, (x,), (1.0,))
        y = Value(1.0, (x,), "mine")
        y._backward = lambda: setattr(x, "grad", math.nan)
        with raises(r"backward through mine at .* gave operand 0, 1.0, the gradient nan: its result is 1.0 .*"):
            y.backward()
        with raises(r"backward through a node made by hand at .* the gradient inf: .*"):
            Value(1.0, (Value(1.0),), (math.inf,)).backward()


def test_without_recording():
    x = Value(1e200, label="x")
    with detect_anomaly(), no_grad():
        assert not (x + 1.0)._prev and not sum([x, 1.0])._prev
        with raises(r"\* gave inf at .*, from x = 1e\+200 and 1e\+200"):
            x * 1e200
        with raises(r"dot gave inf at .*, from x = 1e\+200"):
            dot([x], [1e200])


def test_a_gradient():
    x = Value(0.0, label="x")
    with detect_anomaly():
        y = x.sqrt(); at = line()  # noqa: E702
        z = 3.0 * y
        with raises(
            rf"backward through sqrt at {HERE}:{at} gave x = 0.0 the gradient inf: its result is 0.0 with the gradient "
            r"3.0, from x = 0.0"
        ):
            z.backward()
    # The marks of the pass are gone.
    (x + 1.0).backward()
    z.backward()


def test_a_gradient_of_an_operation_from_outside():
    x = Value(0.0)
    y = x.sqrt()
    with detect_anomaly(), raises("backward through sqrt gave operand 0, 0.0, the gradient inf: its result is .*"):
        y.backward()


def test_the_gradient_of_an_earlier_pass_is_not_blamed_on_this_one():
    x, y = Value(2.0), Value(1.0)
    x.grad = math.inf
    with detect_anomaly():
        (x * y).backward()
    assert x.grad == math.inf and y.grad == 2.0


def test_operands_that_receive_nothing_are_no_anomaly():
    x = Value(0.0)
    with detect_anomaly():
        (x.sqrt().maximum(1.0) * 2.0).backward()
    assert x.grad == 0.0


def test_threads_do_not_share_it():
    results = []
    with detect_anomaly():
        thread = threading.Thread(target=lambda: results.append((Value(1e200) * 1e200).data))
        thread.start()
        thread.join()
    assert results == [math.inf]


def test_it_nests_and_decorates():
    @detect_anomaly
    def square(x):
        return x * x

    with detect_anomaly():
        with detect_anomaly():
            pass
        with raises(r"\* gave inf at .*"):
            Value(1e200) * 1e200
    with raises(r"\* gave inf at .*"):
        square(Value(1e200))
    assert (Value(1e200) * 1e200).data == math.inf


# Blocks


def test_reductions():
    x = Value(1e308, label="x")
    with detect_anomaly():
        with raises(rf"sum gave inf at {HERE}:{line(1)}, from x = 1e\+308 and x = 1e\+308"):
            sum([x, x])
        with raises(r"dot gave inf at .*, from 9 operands, all of them finite"):
            dot([x] + [Value(1.0)] * 8, [1e308] * 9)
        x.data = math.nan
        with raises(r"sum gave nan at .*, from 9 operands, among them x = nan"):
            sum([x, *(Value(1.0) for _ in range(8))])


def test_a_network():
    model = MLP(2, [3, 1], seed=1)
    with detect_anomaly():
        model.layers[0].neurons[1].w[0].data = math.inf
        with raises(rf"MLP gave -?(inf|nan) at {HERE}:{line(1)}, from .*among them inf"):
            model([1.0, 2.0])
        y = MLP(2, [1], seed=1)([1.0, 100.0])
        with raises(rf"backward through MLP at {HERE}:{line(-1)} gave operand 1, .*, the gradient inf: .*"):
            y.backward(1e308)


def test_a_custom_rule():
    @custom_vjp
    def reciprocal(x):
        return 1 / x if x else math.inf

    reciprocal.defvjp(lambda x: (reciprocal.__wrapped__(x), x), lambda x, g: (-g / x**2 if x > 1e-9 else math.nan,))
    x = Value(0.0, label="x")
    with detect_anomaly():
        with raises(rf"reciprocal gave inf at {HERE}:{line(1)}, from x = 0.0"):
            reciprocal(x)
        x.data = 1e-10
        with raises(r"backward through reciprocal at .* gave x = 1e-10 the gradient nan: .* from x = 1e-10"):
            reciprocal(x).backward()
        f = compile(lambda x: 2.0 * reciprocal(x))
        with raises(rf"a program in lane 2: output 0 is inf, from the constant inf at {HERE}:\d+"):
            vmap(f)(np.array([1.0, 2.0, 0.0]))
        with raises(r"a program: output 0 is nan, from the constant nan.*"):
            grad(f)(1e-10)


def test_a_function_that_a_program_calls():
    def inverse(x):
        return 1 / x if x else math.inf

    inverse_in_python = custom_vjp(inverse, pure_callback=True)
    inverse_in_python.defvjp(lambda x: (inverse(x), x), lambda x, g: (-g / x**2 if x > 1e-9 else math.nan,))
    f = compile(lambda x: 2.0 * inverse_in_python(x))
    with detect_anomaly():
        with raises(r"a program in lane 2: the instruction v\d+ = inverse\(v0\) at .* gave inf, where v0 = 0.0"):
            vmap(f)(np.array([1.0, 2.0, 0.0]))
        with raises(r"a program: the instruction v\d+ = inverse_vjp\(.*\) at .* gave nan, where v0 = 1e-10"):
            grad(f)(1e-10)


# Programs


def ratio(a, b):
    c = a - b
    return (a + b) / c * 3.0


RATIO = inspect.getsourcelines(ratio)[1] + 2


def test_a_program_at_a_point():
    with detect_anomaly(), raises(
        rf"a program: the instruction v4 = v3 / v2 at {HERE}:{RATIO} gave inf, where v3 = 2.0, v2 = 0.0"
    ):
        compile(ratio)(1.0, 1.0)


def test_a_function_compiled_before():
    f = compile(ratio)
    f(1.0, 2.0)
    with detect_anomaly():
        assert f(1.0, 2.0) == ratio(1.0, 2.0)
        with raises(r"a program: the instruction v4 = v3 / v2 gave inf, where v3 = 2.0, v2 = 0.0"):
            f(1.0, 1.0)
    assert f(1.0, 1.0) == math.inf


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("lanes", [3, 1000])
def test_the_lane(compiled, lanes):
    a, b = np.linspace(1.0, 2.0, lanes), np.linspace(3.0, 4.0, lanes)
    b[lanes // 2] = a[lanes // 2]
    f = vmap(compile(ratio) if compiled else ratio)
    with detect_anomaly(), raises(
        rf"a program in lane {lanes // 2}: the instruction v\d+ = v\d+ / v\d+ at {HERE}:{RATIO} gave inf, where .*"
    ):
        f(a, b)


def test_the_lane_of_a_branch():
    def f(x):
        return (x - 2.0).sqrt() if x > 1.0 else 1.0 / x

    with detect_anomaly():
        assert np.array_equal(vmap(f)(np.array([3.0, 0.5, 6.0])), [1.0, 2.0, 2.0])
        with raises(r"a program in lane 3: the instruction v\d+ = 1.0 / v0 at .* gave inf, where v0 = 0.0"):
            vmap(f)(np.array([3.0, 0.5, 6.0, 0.0]))
        with raises(r"a program in lane 1: the instruction v\d+ = sqrt\(v\d+\) at .* gave nan, where v\d+ = -0.5"):
            vmap(f)(np.array([0.5, 1.5]))


@pytest.mark.parametrize("make", [
    lambda: vmap(grad(lambda x: x.sqrt())), lambda: compile(vmap(grad(lambda x: x.sqrt()))),
    lambda: vmap(compile(grad(lambda x: x.sqrt()))), lambda: vmap(value_and_grad(lambda x: x.sqrt())),
    lambda: vmap(hessian(lambda x: x.sqrt())), lambda: vmap(lambda x: jvp(lambda x: x.sqrt(), (x,), (1.0,))),
    lambda: vmap(lambda x: 2.0 * grad(lambda y: y.sqrt())(x)),
])
@pytest.mark.parametrize("lane", [0, 1, 2])
def test_the_lane_of_a_derivative(make, lane):
    """Whether or not it is the lane at which the function is traced."""
    x = np.array([1.0, 4.0, 9.0])
    x[lane] = 0.0
    with detect_anomaly(), raises(rf"a program in lane {lane}: the instruction .* gave inf, where .*"):
        make()(x)


def test_a_derivative_within_a_trace_may_be_infinite_on_the_way():
    with detect_anomaly():
        assert compile(lambda x: grad(lambda y: y.sqrt())(x).tanh())(0.0) == 1.0


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian])
def test_a_derivative_names_the_line_of_its_operation(transform):
    def f(x):
        y = x + 1.0
        return y.sqrt() * 2.0

    at = inspect.getsourcelines(f)[1] + 2
    with detect_anomaly(), raises(rf"a program.*: the instruction v\d+ = .* at {HERE}:{at} gave inf, where .*"):
        transform(f)(-1.0)
    with detect_anomaly(), raises(rf"a program in lane 1: .* at {HERE}:{at} gave inf, where .*"):
        vmap(transform(f))(np.array([0.0, -1.0]))


def test_second_derivatives():
    with detect_anomaly(), raises(r"a program in lane 0: the instruction .* gave -?(inf|nan), where .*"):
        hessian(lambda x: x.sqrt())(0.0)


def test_the_arm_that_was_not_taken_is_no_anomaly():
    def f(x):
        return where(x > 0.0, 1.0 / x, x * 2.0)

    with detect_anomaly():
        assert vmap(f)(np.array([0.0, 2.0])).tolist() == [0.0, 0.5]
        assert vmap(grad(f))(np.array([0.0, 2.0])).tolist() == [2.0, -0.25]


def test_an_input_and_a_captured_value():
    w = Value(math.nan, label="w")
    with detect_anomaly():
        with raises("a program: input 1 is nan"):
            compile(lambda x, y: x * y)(1.0, math.nan)
        with raises(r"a program in lane 0: captured 0 \(w\) is nan"):
            vmap(lambda x: x * w)(np.array([1.0]))


def test_the_backward_pass_of_a_compiled_call():
    f = compile(lambda x: x.sqrt())
    x = Value(0.0)
    with detect_anomaly():
        y = f(x)
        with raises(r"a program: the instruction v\d+ = .* gave inf, where .*"):
            y.backward()


def test_a_sum_over_lanes():
    w = Value(1e-3)
    with detect_anomaly():
        y = vmap(lambda x: w * x)(np.array([1e308, 1e308]))
        with raises(r"a program: output 0, a sum over 2 lanes, is inf, of terms that are finite"):
            (y[0] + y[1]).backward()


def test_a_program_called_itself():
    program = trace(lambda x: 1.0 / x, 1.0)
    assert program(0.0) == [math.inf]
    with detect_anomaly(), raises(r"a program: the instruction v1 = 1.0 / v0 gave inf, where v0 = 0.0"):
        program(0.0)


def test_a_trace_that_passes_through_infinity_is_not_disturbed():
    with detect_anomaly():
        assert compile(lambda x: (1.0 / x).tanh())(0.0) == 1.0


# Loops and batches inside of programs


def test_a_loop():
    def f(x):
        return fori_loop(0, 10, lambda i, y: y * y, x)

    at = inspect.getsourcelines(f)[1] + 1
    with detect_anomaly():
        assert f(1.0) == 1.0
        with raises(rf"step 4 of fori_loop: a program: the instruction v\d+ = v\d+ \* v\d+ at {HERE}:{at} .*"):
            compile(f)(1e10)
        with raises(r"step 4 of fori_loop: a program in lane 1: the instruction v\d+ = v\d+ \* v\d+ at .*"):
            vmap(f)(np.array([1.0, 1e10, 0.5]))
        with raises(r"step \d of fori_loop.*: a program: the instruction .* gave inf, where .*"):
            grad(f)(1.5e19)
    g = compile(f)
    assert g(1e10) == math.inf
    with detect_anomaly(), raises(r"step 4 of fori_loop: a program: the instruction v\d+ = v\d+ \* v\d+ gave inf, .*"):
        g(1e10)


def test_a_loop_that_gives_a_finite_number():
    f = compile(lambda x: scan(lambda c, y: (c + y, c), 0.0, [x, x])[0] * 2.0)
    with detect_anomaly():
        assert f(3.0) == 12.0
        with raises(r"a program: the instruction v\d+ = .* gave inf, where .*"):
            compile(lambda x: 1.0 / (f(x) - 12.0))(3.0)


def test_a_batch_inside():
    def f(w):
        return sum(list(vmap(lambda x: 1.0 / (x - w))(np.array([1.0, 2.0, 3.0]))))

    with detect_anomaly(), raises(r"a program in lane 1: the instruction v\d+ = 1.0 / v\d+ at .* gave -?inf, where .*"):
        grad(f)(2.0)
