"""A backward pass that runs one operation at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from autograd._core import Block, Value, push_node_of, start_backward
from autograd._drawing.graph import Picture, clean, number
from autograd._drawing.svg import Moment

# At most so many pushes are told in a caption.
_MOST_TOLD = 3


class Push(NamedTuple):
    """What an operation adds to the gradient of one of its operands.

    Attributes
    ----------
    parent : Value
        The operand.
    gradient : float
        What is added, for all its occurrences together.
    total : float
        The gradient of `parent` after it.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.draw import BackwardSteps
    >>> x = Value(3.0, label="x")
    >>> push = next(BackwardSteps(x * x)).pushes[0]
    >>> push.parent is x, push.gradient, push.total
    (True, 6.0, 6.0)
    """

    parent: Value
    gradient: float
    total: float

    def __str__(self) -> str:
        return f"{number(self.gradient)} to {_name(self.parent)}"


class BackwardStep(NamedTuple):
    """A step of a backward pass: an operation passes the gradient of its result on to its operands.

    Attributes
    ----------
    node : Value
        The result; of a Block with several outputs one of these.
    operation : str
    grad : float
        The gradient of `node`, which is complete.
    pushes : tuple of Push
        For each operand that is a Value, once.

    Examples
    --------
    >>> from autograd import Value
    >>> from autograd.draw import BackwardSteps
    >>> step = next(BackwardSteps(Value(3.0, label="x") * 2))
    >>> step.operation, step.grad, [push.gradient for push in step.pushes]
    ('*', 1.0, [2.0])
    >>> print(step)
    *, grad 1.0000: pushes 2.0000 to x
    """

    node: Value
    operation: str
    grad: float
    pushes: tuple[Push, ...]

    def __str__(self) -> str:
        told = [str(push) for push in self.pushes[:_MOST_TOLD]]
        if len(self.pushes) > _MOST_TOLD:
            told.append(f"and to {len(self.pushes) - _MOST_TOLD} more")
        result = f" of {clean(self.node.label)}" if self.node.label else ""
        return f"{clean(self.operation)}{result}, grad {number(self.grad)}: pushes {', '.join(told) or 'nothing'}"


def _name(value: Value) -> str:
    return clean(value.label) or f"the value {number(value.data)}"


def steps(root: Value, gradient: float) -> Iterator[BackwardStep]:
    """Begin a backward pass at once, and return an iterator that runs it."""
    order = start_backward(root, gradient)

    def run() -> Iterator[BackwardStep]:
        # A Block comes before its outputs, and goes after them: its step tells of one that received a gradient.
        outputs: dict[Block, Value] = {}
        for node in reversed(order):
            block = node._block if isinstance(node, Value) else node
            if isinstance(node, Value) and block is not None:
                if push_node_of(node):
                    outputs[block] = node
                continue
            value = node if isinstance(node, Value) else outputs.get(node)
            if value is None:
                continue
            parents = dict.fromkeys(value._children)
            before = [parent.grad for parent in parents]
            if push_node_of(node):
                pushes = tuple(
                    Push(parent, parent.grad - was if was else parent.grad, parent.grad)
                    for parent, was in zip(parents, before, strict=True)
                )
                yield BackwardStep(value, value._op or "a node made by hand", value.grad, pushes)

    return run()


def frame(picture: Picture, step: BackwardStep | None, caption: str) -> Moment:
    """Return what a picture shows in a step, None for the moment before the first one."""
    grads = {i: f"grad {number(value.grad)}" for value, i in picture.places.items() if isinstance(value, Value)}
    if step is None:
        return Moment(grads, [], {}, caption)
    maker = step.node if step.node._block is None else step.node._block
    active = [picture.makers[maker]] if maker in picture.makers else []
    active += [picture.places[step.node]] if step.node in picture.places else []
    received = {
        picture.places[push.parent]: f"{'' if push.gradient < 0 else '+'}{number(push.gradient)}"
        for push in step.pushes if push.parent in picture.places
    }
    return Moment(grads, active, received, caption)
