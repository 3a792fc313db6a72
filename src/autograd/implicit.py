"""Implicit functions: solutions of equations, with derivatives of every order by what the equations depend on.

A root x of f(x) = 0 depends on every Value that `f` uses. How it was found does not matter: the root is held constant,
and steps of Newton's method are recorded from there, x - f(x) / f'(x), which do not move it. One step has the first
derivative of the root, m steps have the derivatives up to order ``2**m - 1``, exactly. So there is no rule for a root,
and nothing of the search is differentiated.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import linalg
from autograd._core import Value, no_grad
from autograd._transforms.loops import is_tracing
from autograd.functions import custom_vjp, maximum, where
from autograd.loops import fori_loop, while_loop
from autograd.transforms import jacobian, jvp, trace

__all__ = ["ConvergenceError", "custom_root", "fixed_point", "root"]

Function = Callable[[Any], Any]

#: A step of Newton's method below this, relative to x, is followed by one that is below the precision of a float.
_CLOSE = 1e-8
#: Where no step decreases f, for rounding errors: the largest step of Newton's method that may remain, relative to x,
#: or f itself, relative to what it was in the beginning.
_NOISE, _NOTHING = 1e-4, 1e-13
_EPSILON = float(np.finfo(float).eps)
#: The steps that all lanes of a batch take together, which is faster than finding out after each of them who is done.
_TOGETHER = 3


class ConvergenceError(RuntimeError):
    """A search found no root.

    Attributes
    ----------
    lane : int or None
        The lane of the batch.

    Examples
    --------
    >>> from autograd import vmap
    >>> try:
    ...     vmap(lambda a: root(lambda x: x * x + a, 1.0))([-1.0, 1.0])
    ... except ConvergenceError as error:
    ...     error.lane
    1
    """

    lane: int | None = None

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.lane is None else f"in lane {self.lane}: {text}"


def _number(x: Any) -> Any:
    """Return a number, in a trace a Value, without its dependence on others."""
    if not isinstance(x, Value):
        return float(x)
    return x.detach() if is_tracing() else x.data


def _array(x: Any) -> Any:
    """Return a vector of such numbers as an array."""
    items = [_number(item) for item in np.asarray(x).tolist()]
    return np.array(items, dtype=object if any(isinstance(item, Value) for item in items) else float)


def _data(x: Any) -> Any:
    """Return a number or a vector for a message."""
    return np.array([_data(item) for item in x]) if isinstance(x, np.ndarray) else x.data if isinstance(x, Value) else x


def _is_vector(caller: str, x: Any) -> bool:
    shape = np.shape(x)
    if len(shape) > 1:
        raise ValueError(f"{caller} expects a number or a vector as x0, got an array of shape {shape}")
    return len(shape) == 1


def _over(x: Any, y: Any) -> Any:
    """Divide numbers as a program does."""
    return where(y == 0.0, np.inf, x / where(y == 0.0, 1.0, y))


def _largest(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return abs(x)
    result: Any = 0.0
    for item in x:
        result = maximum(result, abs(item))
    return result


def _search(remains: Function, step: Function, state: Any) -> Any:
    """Take steps while some remain."""
    if is_tracing():
        state = fori_loop(0, _TOGETHER, lambda _, state: step(state), state)
    return while_loop(remains, step, state)


def _newton(f: Function, x: Any) -> tuple[Any, Any]:
    """Return the step of Newton's method at x, to be subtracted, and the size of f there."""
    if not isinstance(x, np.ndarray):
        value, slope = jvp(f, (x,), (1.0,))
        return _over(value, slope), abs(value)
    value = np.array(jvp(f, (x,), (np.zeros(len(x)),))[0])
    size = (value * value).sum()
    try:
        return linalg.solve(np.array(jacobian(f)(x)), value), size
    except np.linalg.LinAlgError:
        return np.full(len(x), np.inf), size


def _descend(f: Function, x: Any, max_steps: int) -> tuple[Any, Any]:
    """Return a root by steps of Newton's method, each halved until it decreases f, and whether it is one."""

    def remains(state: Any) -> Any:
        x, q, size, fraction, count = state
        most, scale = _largest(q), _largest(x)
        # The step is small, or smaller ones are lost in the rounding errors of f.
        is_small = where(most <= _NOISE * scale, 1.0, where(size <= nothing, 1.0, 0.0))
        is_lost = where(fraction < 1e-5, is_small, 0.0)
        is_close = where(most <= _CLOSE * scale, 1.0, is_lost)
        return where(size == 0.0, 0.0, where(count >= max_steps, 0.0, 1.0 - is_close))

    def step(state: Any) -> Any:
        x, q, size, fraction, count = state
        trial = x - fraction * q
        new_q, new_size = _newton(f, trial)
        is_better = new_size < size
        return (
            where(is_better, trial, x),
            where(is_better, new_q, q),
            where(is_better, new_size, size),
            where(is_better, 1.0, 0.5 * fraction),
            count + 1.0,
        )

    q, size = _newton(f, x)
    nothing = size * (_NOTHING**2 if isinstance(x, np.ndarray) else _NOTHING)
    x, q, size, _, count = _search(remains, step, (x, q, size, 1.0, 0.0))
    # The last step only where it is one of those that are below the precision of the next.
    is_close = where(size == 0.0, 0.0, where(_largest(q) <= _CLOSE * _largest(x), 1.0, 0.0))
    return where(is_close, x - q, x), count < max_steps


def _bisect(f: Function, x: Any, bracket: tuple[Any, Any], max_steps: int) -> tuple[Any, Any]:
    """Return a root in a bracket by steps of Newton's method, or halves where these leave it or are slow."""
    low, high = map(_number, bracket)
    low, high = where(low < high, low, high), where(low < high, high, low)
    at_low, at_high = (jvp(f, (end,), (0.0,))[0] for end in (low, high))
    # The sign by which f is below zero at the lower end.
    sign = where(at_low < 0.0, 1.0, where(at_low > 0.0, -1.0, where(at_high > 0.0, 1.0, -1.0)))
    is_bracket = where(sign * at_low <= 0.0, where(sign * at_high >= 0.0, 1.0, 0.0), 0.0)

    def remains(state: Any) -> Any:
        x, low, high, _, _, is_close, count = state
        return where(count >= max_steps, 0.0, where(high - low <= 4.0 * _EPSILON * abs(x), 0.0, 1.0 - is_close))

    def step(state: Any) -> Any:
        x, low, high, length, length_before, _, count = state
        value, slope = jvp(f, (x,), (1.0,))
        value, slope = sign * value, sign * slope
        low, high = where(value < 0.0, x, low), where(value > 0.0, x, high)
        newton = x - _over(value, slope)
        newton_length = abs(newton - x)
        is_inside = where(newton >= low, where(newton <= high, 1.0, 0.0), 0.0)
        is_close = where(value == 0.0, 1.0, where(newton_length <= _CLOSE * abs(x), is_inside, 0.0))
        is_fast = where(newton_length <= 0.5 * length_before, is_inside, is_close)
        new = where(value == 0.0, x, where(is_fast, newton, 0.5 * low + 0.5 * high))
        return new, low, high, abs(new - x), length, is_close, count + 1.0

    x = where(x > low, where(x < high, x, high), low)
    x, *_, count = _search(remains, step, (x, low, high, high - low, high - low, 0.0, 0.0))
    return x, where(count < max_steps, is_bracket, 0.0)


def root(
    f: Function,
    x0: Any,
    bracket: tuple[Any, Any] | None = None,
    *,
    order: int = 3,
    max_steps: int = 100,
) -> Any:
    """Find a root of a function by Newton's method, with its derivatives by what the function depends on.

    Parameters
    ----------
    f : callable
        A function of a number; or of a vector, an array of Values, which returns as many numbers. It may use Values.
    x0 : number or vector
        Where to begin.
    bracket : pair of numbers, optional
        Between which f changes its sign. Then a step is a bisection where Newton's would leave the bracket or is slow,
        so that the root is found wherever the search begins; without a bracket a step is halved until it decreases f.
    order : int, default 3
        The highest order of derivatives that are exact; outside of a trace there are those of order 1.
    max_steps : int, default 100

    Returns
    -------
    Value, float or ndarray
        Derivatives by `x0` and `bracket` are zero.

    Raises
    ------
    ConvergenceError
        If no root is found; in a batch it names the lane.
    ValueError
        If `x0` is a matrix, or a vector with a bracket.

    Notes
    -----
    In a batch every lane takes as many steps as it needs, and a function that is compiled is a loop in the program.

    Examples
    --------
    Kepler's equation:

    >>> from autograd import grad, sin
    >>> def anomaly(mean, eccentricity):
    ...     return root(lambda e: e - eccentricity * sin(e) - mean, mean)
    >>> round(anomaly(1.0, 0.6), 12), round(grad(anomaly)(1.0, 0.6), 12), round(grad(grad(anomaly))(1.0, 0.6), 12)
    (1.599748548228, 0.982927622427, -0.569552581943)
    """
    is_vector = _is_vector("root", x0)
    if is_vector and bracket is not None:
        raise ValueError("root: a bracket is for a number, and x0 is a vector")
    with no_grad():
        x = _array(x0) if is_vector else _number(x0)
        x, is_root = _descend(f, x, max_steps) if bracket is None else _bisect(f, x, bracket, max_steps)
    if not is_root:
        what = f"no change of sign between {bracket[0]!r} and {bracket[1]!r}, or " if bracket is not None else ""
        raise ConvergenceError(f"root: {what}no root within {max_steps} steps, which led to {_data(x)!r}")
    return _with_derivatives(f, x, order)


def fixed_point(f: Function, x0: Any, *, order: int = 3, max_steps: int = 100) -> Any:
    """Find a point that a function maps to itself, with its derivatives by what the function depends on.

    Parameters
    ----------
    f : callable
        A function of a number, or of a vector, which returns the same. It may use Values.
    x0 : number or vector
        Where to begin.
    order : int, default 3
        As in `root`.
    max_steps : int, default 100

    Returns
    -------
    Value, float or ndarray

    Raises
    ------
    ConvergenceError
        As `root`.

    Notes
    -----
    It is a root of ``x - f(x)``, found by Newton's method; so it need not attract the iteration of `f`.

    Examples
    --------
    >>> from autograd import cos, grad
    >>> round(fixed_point(cos, 1.0), 12)
    0.739085133215
    >>> round(grad(lambda a: fixed_point(lambda x: (x + a / x) / 2, a))(2.0), 12)
    0.353553390593
    """
    if not _is_vector("fixed_point", x0):
        return root(lambda x: x - f(x), x0, order=order, max_steps=max_steps)
    return root(lambda x: x - np.asarray(f(x)), x0, order=order, max_steps=max_steps)


def custom_root(f: Function, x0: Any, solve: Callable[[Function, Any], Any], *, order: int = 3) -> Any:
    """Let a solver find a root of a function, and give it its derivatives by what the function depends on.

    Parameters
    ----------
    f : callable
        A function of a number; or of a vector, an array of Values, which returns as many numbers. It may use Values.
    x0 : number or vector
        What the solver gets.
    solve : callable
        ``solve(g, x0)`` returns a root of `g`, which is `f` as a function of floats or arrays of these. A program calls
        it in every lane, at the speed of Python.
    order : int, default 3
        As in `root`.

    Returns
    -------
    Value, float or ndarray

    Raises
    ------
    ConvergenceError
        If two steps of Newton's method lead away from what the solver returned; in a batch it names the lane.
    ValueError
        If `x0` is a matrix.

    Examples
    --------
    >>> from autograd import grad
    >>> def bisection(g, x):
    ...     low, high = 0.0, 2.0 * x
    ...     while high - low > 1e-12:
    ...         x = (low + high) / 2
    ...         low, high = (x, high) if g(x) < 0 else (low, x)
    ...     return x
    >>> cube_root = lambda a: custom_root(lambda x: x**3 - a, a, bisection)
    >>> round(cube_root(8.0), 9), round(grad(cube_root)(8.0), 9), round(grad(grad(cube_root))(8.0), 9)
    (2.0, 0.083333333, -0.006944444)
    """
    is_vector = _is_vector("custom_root", x0)
    with no_grad():
        start = _array(x0) if is_vector else _number(x0)
        found = _solve_in_trace(f, start, solve) if is_tracing() else solve(_plain(f, is_vector), start)
        found = _array(found) if is_vector else _number(found)
        x, q = found, found
        for _ in range(2):
            q, size = _newton(f, x)
            x = x - q
        is_root = where(size == 0.0, 1.0, _largest(q) <= _NOISE * maximum(_largest(x), _largest(found)))
    if not is_root:
        raise ConvergenceError(
            f"custom_root: {getattr(solve, '__name__', solve)} returned {_data(found)!r}, "
            "which is no root"
        )
    return _with_derivatives(f, x, order)


def _plain(f: Function, is_vector: bool) -> Function:
    """Return a function of floats outside of a trace."""

    def plain(x: Any) -> Any:
        with no_grad():
            return _array(f(x)) if is_vector else _number(f(x))

    return plain


def _solve_in_trace(f: Function, x0: Any, solve: Callable[[Function, Any], Any]) -> Any:
    """Record a call of a solver, whose operands are `x0` and the Values that the function uses."""
    is_vector = isinstance(x0, np.ndarray)
    program = trace(f, x0)
    captured = [value.detach() for value in program.captured]
    closed = program._closed()

    def solution(start: Any, constants: list[float]) -> Any:
        def plain(x: Any) -> Any:
            values = closed(*(np.asarray(x).tolist() if is_vector else [x]), *constants)
            return np.array(values) if is_vector else values[0]

        result = solve(plain, np.array(start) if is_vector else start)
        return np.asarray(result).tolist() if is_vector else float(result)

    call = custom_vjp(solution, pure_callback=True)
    # It is not differentiated.
    call.defvjp(solution, solution)
    return call(list(x0) if is_vector else x0, captured)


def _with_derivatives(f: Function, x: Any, order: int) -> Any:
    """Record the steps of Newton's method from a root that give it its derivatives."""
    is_vector = isinstance(x, np.ndarray)
    if is_tracing():
        for _ in range(int(order).bit_length()):
            if is_vector:
                x = x - linalg.solve(np.array(jacobian(f)(x)), np.array(f(x)))
            else:
                value, slope = jvp(f, (x,), (1.0,))
                x = x - value / slope
        return x
    value = np.array(f(x)) if is_vector else f(x)
    if not any(isinstance(item, Value) for item in np.ravel(value)):
        return x
    if is_vector:
        return x - linalg.solve(np.array(jacobian(f)(x)), value)
    return x - value / jvp(f, (x,), (1.0,))[1]
