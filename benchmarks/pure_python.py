"""A scalar autograd engine in plain Python, the baseline of the benchmarks.

It is built like micrograd and has the same costs: every number is a Python object with a set of parents and
a closure that computes its derivative, a number operand becomes a node, subtraction and division are composed
of other operations, and `backward` sorts the graph by recursion. Nodes and their closures
refer to one another, so only the cyclic garbage collector frees them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any


class Value:
    """A number that records how it was computed."""

    def __init__(self, data: float, _children: Iterable[Value] = (), _op: str = "") -> None:
        self.data = data
        self.grad = 0.0
        self._prev = set(_children)
        self._op = _op
        self._backward: Callable[[], None] = lambda: None

    def __add__(self, other: Any) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        result = Value(self.data + other.data, (self, other), "+")

        def push() -> None:
            self.grad += result.grad
            other.grad += result.grad

        result._backward = push
        return result

    def __mul__(self, other: Any) -> Value:
        other = other if isinstance(other, Value) else Value(other)
        result = Value(self.data * other.data, (self, other), "*")

        def push() -> None:
            self.grad += other.data * result.grad
            other.grad += self.data * result.grad

        result._backward = push
        return result

    def __pow__(self, other: Any) -> Value:
        if isinstance(other, Value):
            return self._power(other)
        result = Value(self.data**other, (self,), f"**{other}")

        def push() -> None:
            self.grad += other * self.data ** (other - 1) * result.grad

        result._backward = push
        return result

    def _power(self, other: Value) -> Value:
        result = Value(self.data**other.data, (self, other), "**")

        def push() -> None:
            self.grad += other.data * self.data ** (other.data - 1) * result.grad
            other.grad += math.log(self.data) * result.data * result.grad

        result._backward = push
        return result

    def _unary(self, data: float, op: str, derivative: Callable[[float], float]) -> Value:
        """Make the node of a function, given its derivative as a function of its result."""
        result = Value(data, (self,), op)

        def push() -> None:
            self.grad += derivative(result.data) * result.grad

        result._backward = push
        return result

    def exp(self) -> Value:
        return self._unary(math.exp(self.data), "exp", lambda result: result)

    def log(self) -> Value:
        return self._unary(math.log(self.data), "log", lambda result: 1.0 / self.data)

    def sqrt(self) -> Value:
        return self._unary(math.sqrt(self.data), "sqrt", lambda result: 0.5 / result)

    def sin(self) -> Value:
        return self._unary(math.sin(self.data), "sin", lambda result: math.cos(self.data))

    def cos(self) -> Value:
        return self._unary(math.cos(self.data), "cos", lambda result: -math.sin(self.data))

    def tanh(self) -> Value:
        return self._unary(math.tanh(self.data), "tanh", lambda result: 1.0 - result * result)

    def relu(self) -> Value:
        return self._unary(self.data if self.data > 0 else 0.0, "ReLU", lambda result: float(result > 0))

    def __abs__(self) -> Value:
        return self._unary(abs(self.data), "abs", lambda result: float(self.data > 0) - float(self.data < 0))

    def __neg__(self) -> Value:
        return self * -1.0

    def __radd__(self, other: float) -> Value:
        return self + other

    def __sub__(self, other: Value | float) -> Value:
        return self + (-other)

    def __rsub__(self, other: float) -> Value:
        return (-self) + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __truediv__(self, other: Value | float) -> Value:
        return self * other**-1

    def __rtruediv__(self, other: float) -> Value:
        return self**-1 * other

    def __rpow__(self, other: float) -> Value:
        return Value(other) ** self

    def __repr__(self) -> str:
        return f"Value(data={self.data}, grad={self.grad})"

    def backward(self) -> None:
        """Add the derivative of this value to the gradient of everything it was computed from."""
        order: list[Value] = []
        visited: set[Value] = set()

        def visit(node: Value) -> None:
            if node not in visited:
                visited.add(node)
                for parent in node._prev:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()


class Module:
    """The base class of everything with parameters."""

    def parameters(self) -> list[Value]:
        return []

    def zero_grad(self) -> None:
        for parameter in self.parameters():
            parameter.grad = 0.0


class Neuron(Module):
    """A weighted sum of the inputs, through `relu` unless `nonlin` is false."""

    def __init__(self, nin: int, nonlin: bool = True) -> None:
        self.w = [Value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = Value(0.0)
        self.nonlin = nonlin

    def __call__(self, x: Sequence[Any]) -> Value:
        activation = sum((w * xi for w, xi in zip(self.w, x)), self.b)  # noqa: B905 (as micrograd does it)
        return activation.relu() if self.nonlin else activation

    def parameters(self) -> list[Value]:
        return [*self.w, self.b]


class Layer(Module):
    """Neurons with common inputs; a single one returns a bare Value."""

    def __init__(self, nin: int, nout: int, nonlin: bool = True) -> None:
        self.neurons = [Neuron(nin, nonlin) for _ in range(nout)]

    def __call__(self, x: Sequence[Any]) -> Any:
        outputs = [neuron(x) for neuron in self.neurons]
        return outputs[0] if len(outputs) == 1 else outputs

    def parameters(self) -> list[Value]:
        return [parameter for neuron in self.neurons for parameter in neuron.parameters()]


class MLP(Module):
    """Layers in sequence, the last of them linear."""

    def __init__(self, nin: int, nouts: Sequence[int]) -> None:
        widths = [nin, *nouts]
        self.layers = [Layer(widths[i], widths[i + 1], nonlin=i < len(nouts) - 1) for i in range(len(nouts))]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def parameters(self) -> list[Value]:
        return [parameter for layer in self.layers for parameter in layer.parameters()]
