"""What a type checker must conclude; mypy reads this file, nothing runs it."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import autograd
from autograd import Value, functions, no_grad

x = Value(1.0)
y = Value(2, (x,), "made", label="y")
numbers = np.ones(3)

assert_type(x.data, float)
assert_type(x.grad, float)
assert_type(x.label, str)
assert_type(x._op, str)
assert_type(x._prev, set[Value])
assert_type(x._children, tuple[Value, ...])
assert_type(x._local_grads, tuple[float, ...])
assert_type(Value(1.0, (x,), (2.0,), "label"), Value)
assert_type(Value(1.0, children=[x], local_grads=[2]), Value)
x.data = 3
x.grad = np.float64(0.5)

assert_type(x + y, Value)
assert_type(x - 1, Value)
assert_type(2.0 * x, Value)
assert_type(x / True, Value)
assert_type(x**2, Value)
assert_type(2**x, Value)
assert_type(1 - x, Value)
assert_type(-x, Value)
assert_type(+x, Value)
assert_type(abs(x), Value)
assert_type(x * np.int64(3), Value)
assert_type(x * numbers, NDArray[Any])

assert_type(x < y, bool)
assert_type(x >= 2, bool)
assert_type(x == y, bool)
assert_type(x == "anything", bool)
assert_type(bool(x), bool)
assert_type(hash(x), int)
assert_type(f"{x:.3f}", str)
assert_type({x: 1}, dict[Value, int])

assert_type(x.exp(), Value)
assert_type(x.relu().tanh(), Value)
assert_type(x.hypot(2.0), Value)
assert_type(x.clip(0, 1), Value)
assert_type(x.leaky_relu(negative_slope=0.1), Value)
assert_type(x.item(), float)
assert_type(x.detach(), Value)
x.backward()
x.backward(gradient=0.5)


def push() -> None:
    x.grad += y.grad


y._backward = push

assert_type(functions.exp(x), Value)
assert_type(functions.exp(1.0), float)
assert_type(functions.exp(numbers), NDArray[Any])
assert_type(functions.hypot(1, x), Value)
assert_type(functions.hypot(x, 1), Value)
assert_type(functions.hypot(3, 4), float)
assert_type(functions.clip(2.0, 0, 1), float)
assert_type(functions.clip(x, 0, 1), Value)
assert_type(autograd.sigmoid(x), Value)
assert_type(autograd.asinh(0.5), float)


@no_grad()
def evaluate(v: Value) -> float:
    return (v * 2).data


assert_type(evaluate(x), float)
with no_grad():
    x.data -= 0.1 * x.grad


class Parameter(Value):
    frozen: bool = False


assert_type(Parameter(1.0) * 2, Value)

# Left out of `__all__`, and still exported.
assert_type(autograd.sum([x, 1.0]), Any)
assert_type(autograd.compile(lambda x: autograd.exp(x))(1.0), Any)
