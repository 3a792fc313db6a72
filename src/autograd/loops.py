"""Loops: recurrences as one operation, with the interface of ``jax.lax``.

In a traced function, a compiled one for example, a loop is one instruction: its body is traced once, whatever the
number of steps, and runs step after step. The size of the program and the time to compile it do not depend on how
often it runs. With Values outside of a trace, a loop makes one node. With numbers it computes.

A branch in a body is taken for every step, and in a batch for every lane. Derivatives of any order are loops again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd._core import Value
from autograd._transforms.kinds import Compiled
from autograd._transforms.loops import is_tracing, record

__all__ = ["fori_loop", "scan", "while_loop"]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    *,
    reverse: bool = False,
    checkpoint: int | str = "auto",
) -> tuple[Any, Any]:
    """Pass a carry through a function, step after step, and collect its outputs.

    Parameters
    ----------
    f : callable
        ``f(carry, x)`` returns a pair: the next carry, of the structure of `init`, and an output ``y``.
    init : pytree
        The carry of the first step: a number, a Value, an array, or nested lists, tuples and dicts of these.
    xs : pytree, optional
        What the steps get: arrays whose first axis is that of the steps, or lists with a number for each. None: ``x``
        is None in every step.
    length : int, optional
        The number of steps, needed only without `xs`.
    reverse : bool, default False
        Whether to begin with the last of `xs`. The outputs are in the order of `xs` all the same.
    checkpoint : {"auto", "all"} or int, default "auto"
        How many carries a derivative in reverse mode keeps. "all" keeps that of every step; an int that many, from
        which the others are computed again, in as few steps as it takes (Griewank and Walther, "Revolve", 2000);
        "auto" keeps all while they fit into the cache, then as many as do.

    Returns
    -------
    carry : pytree
        The carry after the last step.
    ys : pytree
        The outputs, in their structure with an axis for the steps in front of every number and array.

    Raises
    ------
    TypeError
        If `f` is not callable or returns no pair, or the carry changes its structure.
    ValueError
        If `length` and the lengths of `xs` are not one number, or none is given.

    Examples
    --------
    >>> from autograd import grad
    >>> from autograd.loops import scan
    >>> def balance(rate):
    ...     return scan(lambda money, deposit: (money * (1 + rate) + deposit, None), 0.0, [100.0, 100.0, 100.0])[0]
    >>> round(balance(0.05), 6), round(grad(balance)(0.05), 6)
    (315.25, 310.0)
    """
    _check_callable("scan", f=f)
    kept = _checkpoints("scan", checkpoint)
    columns, first, steps = _columns("scan", xs)
    if length is not None:
        length = _index("scan", "length", length)
        if length < 0 or steps not in (None, length):
            raise ValueError(
                f"scan: length is {length}, and xs have {steps} steps"
                if length >= 0
                else f"scan: length must not be negative, got {length}"
            )
        steps = length
    if steps is None:
        raise ValueError("scan needs xs or length")
    if is_tracing():
        return record("scan", f, None, init, first, columns, steps, reverse, -1, kept)

    def traced(init: Any, xs: Any) -> Any:
        return scan(f, init, xs, steps, reverse=reverse, checkpoint=checkpoint)

    if not steps or _has_values(init) or _has_values(xs):
        return Compiled(traced, "scan")(init, xs)  # type: ignore[no-any-return]
    carry: Any = init
    ys: list[Any] = []
    for k in range(steps - 1, -1, -1) if reverse else range(steps):
        carry, y = _pair("scan", f(carry, _take(xs, k)))
        if not ys and (_has_values(carry) or _has_values(y)):
            # The function uses Values of its own.
            return Compiled(traced, "scan")(init, xs)  # type: ignore[no-any-return]
        ys.append(y)
    return carry, _stack(ys[::-1] if reverse else ys)


def fori_loop(
    lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any, *, checkpoint: int | str = "auto"
) -> Any:
    """Pass a carry through a function for every integer of a range.

    Parameters
    ----------
    lower, upper : int
        The first integer, and the one after the last. Where one of them is a Value, its number counts, and nothing is
        differentiated by it.
    body : callable
        ``body(i, carry)`` returns the next carry. In a trace `i` is a Value.
    init : pytree
        The carry of the first step.
    checkpoint : {"auto", "all"} or int, default "auto"
        As in `scan`.

    Returns
    -------
    pytree
        The carry after the last step, `init` if there is none.

    Raises
    ------
    TypeError
        If `body` is not callable, or the carry changes its structure.

    Examples
    --------
    >>> from autograd.loops import fori_loop
    >>> fori_loop(1, 5, lambda i, product: product * i, 1.0)
    24.0
    """
    _check_callable("fori_loop", body=body)
    kept = _checkpoints("fori_loop", checkpoint)
    if isinstance(lower, Value) or isinstance(upper, Value):
        return while_loop(
            lambda state: state[0] < upper,
            lambda state: (state[0] + 1, body(*state)),
            (lower, init),
            checkpoint=checkpoint,
        )[1]
    lower, upper = _index("fori_loop", "lower", lower), _index("fori_loop", "upper", upper)
    steps = max(upper - lower, 0)
    if is_tracing():
        columns = [np.arange(lower, lower + steps, dtype=float)]
        return record(
            "fori_loop", lambda carry, i: (body(i, carry), None), None, init, 0.0, columns, steps, False, -1, kept
        )[0]

    def traced(init: Any) -> Any:
        return fori_loop(lower, upper, body, init, checkpoint=checkpoint)

    if _has_values(init):
        return Compiled(traced, "fori_loop")(init)
    carry = init
    for i in range(lower, upper):
        carry = body(i, carry)
        if i == lower and _has_values(carry):
            return Compiled(traced, "fori_loop")(init)
    return carry


def while_loop(
    cond: Callable[[Any], Any],
    body: Callable[[Any], Any],
    init: Any,
    *,
    max_steps: int | None = None,
    checkpoint: int | str = "auto",
) -> Any:
    """Pass a carry through a function while a condition holds.

    Parameters
    ----------
    cond : callable
        ``cond(carry)`` returns a truth value, a comparison for example.
    body : callable
        ``body(carry)`` returns the next carry.
    init : pytree
        The carry of the first step.
    max_steps : int, optional
        The most steps to take.
    checkpoint : {"auto", "all"} or int, default "auto"
        As in `scan`.

    Returns
    -------
    pytree
        The first carry for which the condition does not hold. In a batch every lane takes as many steps as it needs.

    Raises
    ------
    TypeError
        If `cond` or `body` is not callable, or the carry changes its structure.
    RuntimeError
        If the condition holds after `max_steps` steps; it names the lane and the carry.

    Examples
    --------
    >>> from autograd import grad
    >>> from autograd.loops import while_loop
    >>> def halved(x):
    ...     return while_loop(lambda x: x > 1, lambda x: x / 2, x)
    >>> halved(12.0), grad(halved)(12.0)
    (0.75, 0.0625)
    """
    _check_callable("while_loop", cond=cond, body=body)
    kept = _checkpoints("while_loop", checkpoint)
    most = -1 if max_steps is None else _index("while_loop", "max_steps", max_steps)
    if is_tracing():
        return record("while_loop", lambda carry, _: (body(carry), None), cond, init, None, [], -1, False, most, kept)[
            0
        ]

    def traced(init: Any) -> Any:
        return while_loop(cond, body, init, max_steps=max_steps, checkpoint=checkpoint)

    if _has_values(init):
        return Compiled(traced, "while_loop")(init)
    carry, steps = init, 0
    while True:
        holds = cond(carry)
        if _has_values(holds):
            return Compiled(traced, "while_loop")(init)
        if not holds:
            return carry
        if steps == most:
            raise RuntimeError(f"while_loop: the condition still holds after max_steps = {most} steps, with {carry!r}")
        carry = body(carry)
        if _has_values(carry):
            return Compiled(traced, "while_loop")(init)
        steps += 1


# ---------------------------------------------------------------------------------------------------------------------
# Arguments


def _check_callable(caller: str, **functions: Any) -> None:
    for name, function in functions.items():
        if not callable(function):
            raise TypeError(f"{caller} expects a function as {name}, got {type(function).__name__} {function!r}")


def _checkpoints(caller: str, checkpoint: int | str) -> int:
    """Return how many carries reverse mode keeps, 0 to choose, -1 for all."""
    if checkpoint == "auto":
        return 0
    if checkpoint == "all":
        return -1
    if isinstance(checkpoint, str) or _index(caller, "checkpoint", checkpoint) < 1:
        raise ValueError(f"{caller}: checkpoint must be 'auto', 'all' or at least 1, got {checkpoint!r}")
    return int(checkpoint)


def _index(caller: str, name: str, number: Any) -> int:
    try:
        return operator.index(number)
    except TypeError:
        raise TypeError(f"{caller}: {name} must be an int, got {type(number).__name__} {number!r}") from None


def _pair(caller: str, result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{caller}: the function must return a pair (carry, y), got {type(result).__name__}")
    return result


def _is_row(x: Any) -> bool:
    """Whether this is a list or tuple of nothing but numbers and Values."""
    return isinstance(x, (list, tuple)) and not any(
        isinstance(item, (list, tuple, dict, np.ndarray)) or item is None for item in x
    )


def _items(x: Any) -> list[Any]:
    """Return the items of a container, none for a leaf."""
    return list(x.values()) if isinstance(x, dict) else list(x) if isinstance(x, (list, tuple)) else []


def _map(function: Callable[[Any], Any], x: Any) -> Any:
    """Return a pytree with a function of every array and row of numbers in their places."""
    if x is None:
        return None
    if isinstance(x, np.ndarray) or _is_row(x):
        return function(x)
    if isinstance(x, dict):
        return {key: _map(function, item) for key, item in x.items()}
    if isinstance(x, (list, tuple)):
        items = [_map(function, item) for item in x]
        return type(x)._make(items) if hasattr(x, "_make") else type(x)(items)
    raise TypeError(f"scan expects arrays and lists of numbers in xs, got {type(x).__name__} {x!r}")


def _columns(caller: str, xs: Any) -> tuple[list[Any], Any, int | None]:
    """Return a column for every number that a step gets, what the first step gets, and the number of steps."""
    columns: list[Any] = []
    lengths = set()

    def first(leaf: Any) -> Any:
        if not isinstance(leaf, np.ndarray):
            lengths.add(len(leaf))
            columns.append(list(leaf) if _has_values(leaf) else np.array(leaf, dtype=float))
            return leaf[0] if leaf else 0.0
        if not leaf.ndim:
            raise ValueError(f"{caller}: xs need an axis for the steps, got an array of shape ()")
        lengths.add(len(leaf))
        for column in leaf.reshape(len(leaf), int(np.prod(leaf.shape[1:]))).T:
            columns.append(column.tolist() if column.dtype == object else np.array(column, dtype=float))
        return leaf[0] if len(leaf) else np.zeros(leaf.shape[1:]) if leaf.ndim > 1 else 0.0

    x = _map(first, xs)
    if len(lengths) > 1:
        raise ValueError(f"{caller}: xs differ in the number of steps: {', '.join(map(str, sorted(lengths)))}")
    return columns, x, lengths.pop() if lengths else None


def _take(xs: Any, k: int) -> Any:
    return _map(lambda leaf: leaf[k], xs)


def _stack(ys: list[Any]) -> Any:
    """Return outputs of all steps as one, with an axis for the steps in front."""
    y = ys[0]
    if y is None or isinstance(y, str):
        return y
    if isinstance(y, dict):
        return {key: _stack([step[key] for step in ys]) for key in y}
    if isinstance(y, (list, tuple)):
        items = [_stack(list(column)) for column in zip(*ys, strict=True)]
        return type(y)._make(items) if hasattr(y, "_make") else type(y)(items)
    return np.array(ys)


def _has_values(x: Any) -> bool:
    if isinstance(x, np.ndarray):
        return bool(x.dtype == object)
    return isinstance(x, Value) or any(map(_has_values, _items(x)))
