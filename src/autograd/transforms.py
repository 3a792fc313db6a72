"""Function transformations: derivatives, batches and compiled functions, with the interface of JAX and ``torch.func``.

A transform of a function runs *programs*: it calls the function once with Values, which records the operations, and
runs them, or their derivative, on the numbers of the arguments, for one point or for the lanes of a batch.

- A transform of a plain function traces it in every call, so any Python control flow will do. A transform of a compiled
  function is compiled: it traces once for every structure of its arguments, and again where a comparison in the
  function has an outcome that no program is specialized to.
- Arguments are numbers, sequences, arrays, and nested lists, tuples, dicts and other containers of these: dataclasses,
  `autograd.nn` modules with their parameters, and classes known to `register_pytree_node`. The function gets a Value
  for a number, a list for a list, an array of Values of the same shape for an array. A dict keeps the order of its
  keys.
- A transform decorates a function, also with options: ``@compile(max_ways=4)``.
- Programs follow IEEE, as NumPy does: ``1 / 0`` is infinite and ``log(-1)`` is nan; nothing is
  raised but in a ``try`` of the function, which sees the exceptions of plain Python.
- A sparse Jacobian or Hessian is an array of ``scipy.sparse``; `Sparsity` and `Coloring` say how it is computed.
- With a Value among the arguments the results are Values, and `Value.backward` passes through the call.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

import numpy as np

from autograd._core import no_grad
from autograd._program.program import Program
from autograd._transforms.kinds import Compiled, Gradient, Hessian, Hvp, Jacobian, Jvp, Mapped, ValueAndGradient, Vjp
from autograd._transforms.nodes import register
from autograd._transforms.pytree import Raveled
from autograd._transforms.structure import Coloring, Sparsity
from autograd._transforms.transform import Transform

__all__ = [
    "Coloring",
    "Sparsity",
    "check_grad",
    "compile",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "register_pytree_node",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]

Function = Callable[..., Any]
P = ParamSpec("P")
T = TypeVar("T")

#: The function that a transform used as a decorator with options does not have yet.
_LATER: Any = inspect.Parameter.empty


def _checked(caller: str, f: Any) -> Any:
    if not callable(f):
        raise TypeError(f"{caller} expects a function, got {type(f).__name__} {f!r}")
    return f


def _integer(caller: str, name: str, number: Any, least: int | None = None) -> int:
    try:
        result = operator.index(number)
    except TypeError:
        raise TypeError(f"{caller}: {name} must be an int, got {type(number).__name__} {number!r}") from None
    if least is not None and result < least:
        raise ValueError(f"{caller}: {name} must be at least {least}, got {result}")
    return result


def _argument_numbers(caller: str, name: str, numbers: Any) -> Any:
    """Return an int or a tuple of int."""
    if isinstance(numbers, (tuple, list)):
        return tuple(_integer(caller, name, number) for number in numbers)
    return _integer(caller, name, numbers)


@overload
def grad(
    *, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...
@overload
def grad(f: Callable[P, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[P, Any]: ...
def grad(f: Any = _LATER, argnums: Any = 0, has_aux: bool = False) -> Any:
    """Return a function that computes the gradient of `f`.

    Parameters
    ----------
    f : callable
        A function with one scalar output.
    argnums : int or tuple of int, default 0
        The positional arguments to differentiate by; negative numbers count from the end. All others are passed on as
        they are, except by a compiled function.
    has_aux : bool, default False
        Whether `f` returns a pair, of the output and of more that is not differentiated.

    Returns
    -------
    callable
        Has the arguments of `f`. Returns the gradient in the structure of the argument, floats for numbers and float64
        arrays for arrays; a tuple of these if `argnums` is a tuple. With `has_aux`, a pair of this and the rest.

    Raises
    ------
    TypeError
        If `f` is not callable; in a call, if the output is no scalar, or there is nothing to differentiate by.

    Notes
    -----
    The gradient of an argument that the output does not depend on is zero. An int is a number to differentiate by like
    any other. Where `f` uses a Value that is not among its arguments, that is a constant, and the gradient is still a
    number; only inside another transform it is a Value.

    Examples
    --------
    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(grad(lambda x: x**3)))(2.0)
    6.0
    >>> grad(lambda p, x: p["w"] * x + p["b"])({"w": 2.0, "b": 1.0}, 5.0)
    {'w': 5.0, 'b': 1.0}
    """
    if f is _LATER:
        return functools.partial(grad, argnums=argnums, has_aux=has_aux)
    return _gradient(Gradient, "grad", f, argnums, has_aux)


@overload
def value_and_grad(
    *, argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[[Callable[P, Any]], Callable[P, tuple[Any, Any]]]: ...
@overload
def value_and_grad(
    f: Callable[P, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[P, tuple[Any, Any]]: ...
def value_and_grad(f: Any = _LATER, argnums: Any = 0, has_aux: bool = False) -> Any:
    """Return a function that computes the value and the gradient of `f`.

    Parameters
    ----------
    f : callable
        A function with one scalar output.
    argnums : int or tuple of int, default 0
        The positional arguments to differentiate by.
    has_aux : bool, default False
        Whether `f` returns a pair, of the output and of more that is not differentiated.

    Returns
    -------
    callable
        Returns the pair ``(value, gradient)``; with `has_aux` ``((value, aux), gradient)``. See `grad`.

    Raises
    ------
    TypeError
        As `grad`.

    Examples
    --------
    >>> value_and_grad(lambda x, y: x * y, argnums=(0, 1))(2.0, 3.0)
    (6.0, (3.0, 2.0))
    """
    if f is _LATER:
        return functools.partial(value_and_grad, argnums=argnums, has_aux=has_aux)
    return _gradient(ValueAndGradient, "value_and_grad", f, argnums, has_aux)


def _gradient(kind: Any, caller: str, f: Function, argnums: int | Sequence[int], has_aux: bool) -> Function:
    numbers = _argument_numbers(caller, "argnums", argnums)
    return kind(_checked(caller, f), caller, argnums=numbers, has_aux=bool(has_aux))  # type: ignore[no-any-return]


def _sparse_options(caller: str, sparse: bool, format: str, sparsity: Any) -> dict[str, Any]:
    """Return the options of a Jacobian, checked."""
    if format not in ("csr", "csc", "coo"):
        raise ValueError(f"{caller}: format must be 'csr', 'csc' or 'coo', got {format!r}")
    if sparse:
        try:
            importlib.import_module("scipy.sparse")
        except ImportError:
            raise ImportError(
                f"{caller} with sparse=True returns arrays of scipy.sparse, and SciPy is not installed: "
                'pip install "autograd-engine[sparse]"'
            ) from None
    options: dict[str, Any] = {"form": format} if sparse else {}
    return options if sparsity is None else options | {"sparsity": Sparsity(sparsity)}


@overload
def jacobian(
    *, argnums: int | Sequence[int] = 0, sparse: bool = False, format: str = "csr", sparsity: Any = None
) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...
@overload
def jacobian(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    *,
    sparse: bool = False,
    format: str = "csr",
    sparsity: Any = None,
) -> Callable[P, Any]: ...
def jacobian(
    f: Any = _LATER, argnums: Any = 0, *, sparse: bool = False, format: str = "csr", sparsity: Any = None
) -> Any:
    """Return a function that computes the derivatives of all outputs of `f`.

    Parameters
    ----------
    f : callable
    argnums : int or tuple of int, default 0
        The positional arguments to differentiate by.
    sparse : bool, default False
        Whether to return a sparse matrix: a row for each number of the output, a column for each of the arguments.
    format : {"csr", "csc", "coo"}
        The format of the sparse matrix.
    sparsity : Sparsity, array_like or scipy.sparse array, optional
        The pattern that a sparse result is to have. It has to include that of the derivative.

    Returns
    -------
    callable
        Returns the output of `f` with, in the place of every number and array, its derivatives in the structure of the
        argument. The derivative of an array by an array has the shape of the first followed by that of the second. With
        `sparse`, an array of `scipy.sparse`. Its methods ``sparsity(*args)`` and ``coloring(*args)`` return the
        `Sparsity` and the `Coloring` that it uses.

    Raises
    ------
    TypeError
        As `grad`; in a call, if `sparse` is set and there is a Value among the arguments.
    ValueError
        If there is no such format; in a call, if the derivative has entries that `sparsity` lacks.
    ImportError
        If `sparse` is set and SciPy is not installed.

    Notes
    -----
    The pattern, those entries that are not zero everywhere, is read off the program of `f`. Columns without an entry in
    a common row, or rows without one in a common column, have one color, and their sum takes one pass of forward or
    reverse mode. The passes are one program whose outputs are the entries or, where that is longer, the lanes of a
    batch. A dense matrix takes a lane for each column or row, whichever are fewer.

    A sparse result has the same structure in every call, zeros included. Where `f` takes another way through its
    branches for the first time, the pattern becomes the union, unless `sparsity` includes both.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    >>> jacobian(lambda x, y: (x + y, x * y), argnums=(0, 1))(2.0, 3.0)
    ((1.0, 1.0), (3.0, 2.0))
    >>> differences = jacobian(lambda x: x[1:] - x[:-1], sparse=True)
    >>> differences(np.array([1.0, 2.0, 4.0])).toarray()
    array([[-1.,  1.,  0.],
           [ 0., -1.,  1.]])
    >>> differences.coloring(np.array([1.0, 2.0, 4.0]))
    Coloring: 2 colors by columns, for 2 x 3, 4 nonzeros
    """
    return _jacobian("jacobian", f, argnums, **_sparse_options("jacobian", sparse, format, sparsity))


@overload
def jacfwd(*, argnums: int | Sequence[int] = 0) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...
@overload
def jacfwd(f: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]: ...
def jacfwd(f: Any = _LATER, argnums: Any = 0) -> Any:
    """Return the same as `jacobian`, by forward mode: with a lane for each number to differentiate by.

    Examples
    --------
    >>> jacfwd(lambda x: [x, x**2, x**3])(2.0)
    [1.0, 4.0, 12.0]
    """
    return _jacobian("jacfwd", f, argnums, mode="forward")


@overload
def jacrev(*, argnums: int | Sequence[int] = 0) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...
@overload
def jacrev(f: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]: ...
def jacrev(f: Any = _LATER, argnums: Any = 0) -> Any:
    """Return the same as `jacobian`, by reverse mode: with a lane for each number that `f` returns.

    Examples
    --------
    >>> jacrev(lambda x: x[0] * x[1])([2.0, 3.0])
    [3.0, 2.0]
    """
    return _jacobian("jacrev", f, argnums, mode="reverse")


def _jacobian(caller: str, f: Any, argnums: Any, **options: Any) -> Any:
    if f is _LATER:
        return functools.partial(_jacobian, caller, argnums=argnums, **options)
    return Jacobian(_checked(caller, f), caller, argnums=_argument_numbers(caller, "argnums", argnums), **options)


@overload
def hessian(
    *, argnums: int | Sequence[int] = 0, sparse: bool = False, format: str = "csr", sparsity: Any = None
) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...
@overload
def hessian(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    *,
    sparse: bool = False,
    format: str = "csr",
    sparsity: Any = None,
) -> Callable[P, Any]: ...
def hessian(
    f: Any = _LATER, argnums: Any = 0, *, sparse: bool = False, format: str = "csr", sparsity: Any = None
) -> Any:
    """Return a function that computes the second derivatives of `f`.

    Parameters
    ----------
    f : callable
        A function with one scalar output.
    argnums : int or tuple of int, default 0
        The positional arguments to differentiate by.
    sparse, format, sparsity
        As in `jacobian`. A sparse result has a row and a column for each number of the arguments.

    Returns
    -------
    callable
        Returns the argument with, in the place of every number and array, its part of the second derivatives in the
        structure of the argument: for an array of shape s an array of shape s + s. With `sparse`, an array of
        `scipy.sparse`; see `jacobian` for its methods.

    Raises
    ------
    TypeError, ValueError, ImportError
        As `jacobian`.

    Notes
    -----
    The `jacobian` of the gradient, by forward mode over reverse mode. Of two entries that are equal by symmetry one is
    enough, so that a star coloring does.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    >>> hessian(lambda x: (x[1:] * x[:-1]).sum(), sparse=True).sparsity(np.ones(4))
    Sparsity: 4 x 4, 6 nonzeros
    """
    if f is _LATER:
        return functools.partial(hessian, argnums=argnums, sparse=sparse, format=format, sparsity=sparsity)
    numbers = _argument_numbers("hessian", "argnums", argnums)
    options = _sparse_options("hessian", sparse, format, sparsity)
    return Hessian(_checked("hessian", f), "hessian", argnums=numbers, **options)


def _at_a_point(kind: Any, caller: str, f: Function) -> Any:
    if isinstance(f, Transform) and f.compiled:
        return f.derivative(kind, caller)
    return kind(_checked(caller, f), caller)


def jvp(f: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """Compute the output of a function and its derivative in a direction, in forward mode.

    Parameters
    ----------
    f : callable
    primals : tuple
        The positional arguments.
    tangents : tuple
        The direction, in the structure of the primals.

    Returns
    -------
    out
        The output of `f`.
    tangent_out
        Its derivative, in the same structure.

    Raises
    ------
    TypeError
        If the primals or tangents are no tuples, or differ in their structure.

    Examples
    --------
    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    return _at_a_point(Jvp, "jvp", f).at(primals, tangents)  # type: ignore[no-any-return]


def vjp(f: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Compute the output of a function, and prepare its derivatives in reverse mode.

    Parameters
    ----------
    f : callable
    *primals
        The positional arguments.

    Returns
    -------
    out
        The output of `f`.
    pullback : callable
        Takes the derivatives of some final result with respect to the output, in the structure of the output, and
        returns those with respect to the primals, a tuple with one for each.

    Raises
    ------
    TypeError
        If `f` is not callable; in a call of the pullback, if its argument has another structure than the output.
    RuntimeError
        In a call of the pullback, if the data of a Value that `f` used without being given it are no longer those of
        the output.

    Examples
    --------
    >>> out, pullback = vjp(lambda x, y: (x * y, x + y), 2.0, 3.0)
    >>> out, pullback((1.0, 0.0)), pullback((0.0, 1.0))
    ((6.0, 5.0), (3.0, 2.0), (1.0, 1.0))
    """
    return _at_a_point(Vjp, "vjp", f).at(primals)  # type: ignore[no-any-return]


def hvp(f: Function, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    """Compute the product of the Hessian of a function with a vector.

    Parameters
    ----------
    f : callable
        A function with one scalar output.
    primals : tuple
        The positional arguments.
    tangents : tuple
        The vector, in the structure of the primals.

    Returns
    -------
    tuple
        The derivative of the gradient in the direction `tangents`, in the structure of the primals.

    Raises
    ------
    TypeError
        If the output is no scalar, the primals or tangents are no tuples, or differ in their structure.

    Examples
    --------
    >>> hvp(lambda x, y: x**2 * y, (1.0, 2.0), (1.0, 0.0))
    (4.0, 2.0)
    """
    return _at_a_point(Hvp, "hvp", f).at(primals, tangents)  # type: ignore[no-any-return]


@overload
def vmap(
    *,
    in_axes: Any = 0,
    out_axes: Any = 0,
    threads: int | None = None,
    max_ways: int | None = None,
    executor: Any = None,
    chunk: int | None = None,
) -> Callable[[Function], Function]: ...
@overload
def vmap(
    f: Function,
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    threads: int | None = None,
    max_ways: int | None = None,
    executor: Any = None,
    chunk: int | None = None,
) -> Function: ...
def vmap(
    f: Any = _LATER,
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    threads: int | None = None,
    max_ways: int | None = None,
    executor: Any = None,
    chunk: int | None = None,
) -> Any:
    """Return a function that applies `f` to many arguments at once, in SIMD lanes and threads.

    Parameters
    ----------
    f : callable
        A function of one point.
    in_axes : int, None, tuple or dict, default 0
        The axis of the arguments along which the points lie, None for what all points share; or a tuple with an entry
        for each positional argument; or a dict by the names of parameters, in which those that it does not name are
        shared, and arguments given by keyword have their axes too. In the place of an argument that is a list, tuple or
        dict there may be a list, tuple or dict of entries, for a dataclass a dict by its fields.
    out_axes : int, tuple, list or dict, default 0
        The axis of the results along which the points lie, or a container of axes for the container that `f` returns.
    threads : int, optional
        The most threads to use, by default the number of processors or the environment variable
        ``AUTOGRAD_NUM_THREADS``; as many run as pay for the size of the work. The result does not depend on it.
    max_ways : int, optional
        The most specializations to keep, each a program for one way through the comparisons of `f`; 64 if it is given
        neither here nor by a `compile` of `f`. Beyond them `f` is traced in every call for each way that is not kept,
        once for all points that take it, with a RuntimeWarning the first time.
    executor : executor or callable, optional
        Where the points run, in chunks: anything with ``submit(function, *arguments)`` that returns something with
        ``result()``, such as the pools of `concurrent.futures`, or a Dask client; or a function without arguments that
        returns one, and is called again if that breaks. Only programs and numbers are sent, so `f` need not be
        importable. The result does not depend on the executor; a worker uses one thread unless `threads` says more.
    chunk : int, optional
        How many points a chunk has; by default, as many as take about 20 ms.

    Returns
    -------
    callable
        Returns what `f` returns with a float64 array, one axis longer, in the place of every number and array; arrays
        of Values if a Value was among the arguments or `f` uses one. All points share what is given by keyword, unless
        `in_axes` is a dict that names it.

    Raises
    ------
    TypeError
        If `f` is not callable, an axis is no int, or `executor` is none; in a call, if it would have to send a function
        of Python (``pure_callback=True``).
    ValueError
        If no axis is mapped; in a call, if an argument does not have its axis, or the axes differ in length.

    Notes
    -----
    A list or tuple of numbers is a sequence with one axis, any other list, tuple or dict a container of what is mapped.
    What has no axis is passed on as it is, except by a compiled function.

    Comparisons in `f` have for every point the outcome that they would have for it alone.

    Examples
    --------
    >>> import numpy as np
    >>> vmap(lambda x, y: x * y)(np.arange(3.0), [1.0, 2.0, 3.0])
    array([0., 2., 6.])
    >>> vmap(grad(lambda x: x**2 if x > 0 else -x))([-1.0, 1.0, 3.0])
    array([-1.,  2.,  6.])
    >>> vmap(value_and_grad(lambda x, scale: scale * x**2), in_axes=(0, None))(np.arange(3.0), 10.0)
    (array([ 0., 10., 40.]), array([ 0., 20., 40.]))
    >>> vmap(lambda x, scale: x * scale, in_axes={"x": 0})(np.arange(3.0), scale=10.0)
    array([ 0., 10., 20.])
    """
    if f is _LATER:
        return functools.partial(
            vmap, in_axes=in_axes, out_axes=out_axes, threads=threads, max_ways=max_ways, executor=executor, chunk=chunk
        )
    _checked("vmap", f)
    if not (executor is None or callable(executor) or callable(getattr(executor, "submit", None))):
        raise TypeError(
            "vmap: executor must have submit(), as the pools of concurrent.futures have, or be a function that returns "
            f"one, got {type(executor).__name__} {executor!r}"
        )
    in_axes = _axes("in_axes", in_axes)
    if not _is_mapped(in_axes):
        raise ValueError(f"vmap: in_axes must name at least one axis, got {in_axes!r}")
    return Mapped(
        f,
        "vmap",
        in_axes=in_axes,
        out_axes=_axes("out_axes", out_axes),
        threads=0 if threads is None else _integer("vmap", "threads", threads, 1),
        executor=executor,
        chunk=0 if chunk is None else _integer("vmap", "chunk", chunk, 1),
        **_bound("vmap", max_ways),
    )


def _bound(caller: str, max_ways: int | None) -> dict[str, int]:
    return {} if max_ways is None else {"max_ways": _integer(caller, "max_ways", max_ways, 1)}


def _axes(name: str, axes: Any) -> Any:
    """Return axes as an int, None if they are `in_axes`, or tuples and dicts of these."""
    if isinstance(axes, dict):
        return {key: _axes(name, item) for key, item in axes.items()}
    if isinstance(axes, (tuple, list)):
        return tuple(_axes(name, item) for item in axes)
    return None if axes is None and name == "in_axes" else _integer("vmap", name, axes)


def _is_mapped(axes: Any) -> bool:
    if isinstance(axes, (tuple, dict)):
        return any(map(_is_mapped, axes.values() if isinstance(axes, dict) else axes))
    return axes is not None


@overload
def compile(
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Iterable[str] = (),
    max_ways: int | None = None,
) -> Callable[[Callable[P, Any]], Callable[P, Any]]: ...
@overload
def compile(
    f: Callable[P, Any],
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Iterable[str] = (),
    max_ways: int | None = None,
) -> Callable[P, Any]: ...
def compile(
    f: Any = _LATER,
    *,
    static_argnums: Any = (),
    static_argnames: Any = (),
    max_ways: int | None = None,
) -> Any:
    """Return a function that traces `f` once and then replays its operations.

    Parameters
    ----------
    f : callable
        A function, or a transform: ``compile(grad(f))`` and ``grad(compile(f))`` are the same.
    static_argnums : int or tuple of int, default ()
        The positional arguments that are passed on as they are, so that `f` may use them as sizes, indices or flags.
        It is traced once for each of them; they must be hashable. Equal is not the same: ``1``, ``1.0`` and ``True``
        have a program each, as have ``0.0`` and ``-0.0``. Text, numbers, dates, and tuples, frozen sets and frozen
        dataclasses of these are told apart by type and content, other objects by identity.
    static_argnames : str or iterable of str, default ()
        The names of further arguments of this kind, given by position or by keyword.
    max_ways : int, optional
        The most specializations to keep, each a program for one way through the comparisons of `f`; 64 if it is given
        neither here nor by a `vmap` that `f` is. A call that needs another one traces `f`, with a RuntimeWarning the
        first time; the new one takes the place of one chosen at random.

    Returns
    -------
    callable
        Returns what `f` returns, with floats for numbers and float64 arrays for arrays; Values if a Value was among the
        arguments or `f` uses one. Its `programs` are the programs so far, which print readably. It can be pickled if
        `f` can.

    Raises
    ------
    TypeError
        If `f` is not callable; in a call, if an argument that is no number is not hashable, or a result is something
        else than numbers, arrays, None, text, and lists, tuples and dicts of these.
    RuntimeError
        In a call, if the result depends on random numbers that `f` draws from `random` or `numpy.random`.

    Notes
    -----
    All numbers in all arguments may change from call to call, those given by keyword included. Arguments of other
    types count as static, and so do the keys of dicts. A Value that `f` uses without being given it is read at every
    call, and its gradient accumulates in `Value.backward`. Programs are kept for the 128 structures of arguments that
    were used last.

    What `f` does besides computing its result, printing for example, happens when it is traced and not in a replay. All
    else that it reads, a global or an attribute that is no Value, is a constant; so is a draw from a generator that it
    holds.

    Examples
    --------
    >>> @compile
    ... def f(x, y):
    ...     return x * y if x < y else x - y
    >>> f(2.0, 3.0), f(3.0, 2.0), grad(f)(2.0, 3.0)
    (6.0, 1.0, 3.0)
    >>> from autograd import Value
    >>> f(Value(2.0), 3.0).data
    6.0
    """
    if f is _LATER:
        return functools.partial(
            compile, static_argnums=static_argnums, static_argnames=static_argnames, max_ways=max_ways
        )
    numbers = _argument_numbers("compile", "static_argnums", static_argnums)
    options = {
        "compiled": True,
        "static_argnums": numbers if isinstance(numbers, tuple) else (numbers,),
        "static_argnames": _argument_names(_checked("compile", f), static_argnames),
        **_bound("compile", max_ways),
    }
    if isinstance(f, Transform):
        return f.with_options(**options)
    return Compiled(f, "compile", **options)


def _argument_names(f: Function, names: Any) -> tuple[str, ...]:
    """Check names of parameters."""
    checked: tuple[str, ...] = (names,) if isinstance(names, str) else tuple(names)
    for name in checked:
        if not isinstance(name, str):
            raise TypeError(f"compile: static_argnames must be str, got {type(name).__name__} {name!r}")
    try:
        parameters = inspect.signature(f).parameters if checked else {}
    except (TypeError, ValueError):
        # Some built-in functions have no signature.
        return checked
    for name in checked:
        if name not in parameters and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            raise ValueError(
                f"compile: static_argnames names {name!r}, but the parameters are {', '.join(parameters) or 'none'}"
            )
    return checked


def register_pytree_node(
    nodetype: type[T],
    flatten_func: Callable[[T], tuple[Iterable[Any], Any]],
    unflatten_func: Callable[[Any, list[Any]], T],
) -> None:
    """Let the objects of a class be arguments and results of functions that are transformed.

    Parameters
    ----------
    nodetype : type
        The class; subclasses are not registered with it.
    flatten_func : callable
        Takes an object and returns a pair: its children (numbers, arrays and containers of these), and what else it
        consists of, which must be hashable for `compile`.
    unflatten_func : callable
        Takes the latter and a list of children, which are Values in a trace, and makes an object.

    Raises
    ------
    TypeError
        If `nodetype` is no class, or a function is not callable.

    Examples
    --------
    >>> class Interval:
    ...     def __init__(self, low, high):
    ...         self.low, self.high = low, high
    >>> register_pytree_node(
    ...     Interval, lambda x: ((x.low, x.high), None), lambda rest, children: Interval(*children)
    ... )
    >>> gradient = grad(lambda x: (x.high - x.low) ** 2)(Interval(1.0, 4.0))
    >>> gradient.low, gradient.high
    (-6.0, 6.0)
    """
    if not isinstance(nodetype, type):
        raise TypeError(f"register_pytree_node expects a class, got {type(nodetype).__name__} {nodetype!r}")
    register(nodetype, _checked("register_pytree_node", flatten_func), _checked("register_pytree_node", unflatten_func))


def trace(f: Function, *args: Any) -> Program:
    """Return the program of a function at a point.

    Parameters
    ----------
    f : callable
    *args
        The arguments. Their numbers, from left to right, are the inputs of the program, and those that `f` returns the
        outputs.

    Returns
    -------
    Program
        Takes the branches that `f` takes at this point.

    Raises
    ------
    TypeError
        As calling a function that `compile` returned.

    Examples
    --------
    >>> program = trace(lambda x: x[0] * x[1], [2.0, 3.0])
    >>> program(3.0, 4.0), program.reverse([0, 1], [0], ones=True)(3.0, 4.0)
    ([12.0], [4.0, 3.0])
    """
    return Compiled(_checked("trace", f), "trace").program_at(*args)


#: The points of a central difference of fourth order, in steps, and their weights.
_STEPS = np.array([1.0, -1.0, 2.0, -2.0])
_WEIGHTS = np.array([8.0, -8.0, -1.0, 1.0]) / 12.0


def check_grad(
    f: Function, *args: Any, order: int = 2, eps: float = 1e-3, rtol: float = 1e-6, atol: float = 1e-8
) -> None:
    """Compare the derivatives of a function with central differences of fourth order.

    Parameters
    ----------
    f : callable
    *args
        Where to compare; by every number in the arguments.
    order : {2, 1}
        Whether to compare second derivatives with differences of the first too.
    eps : float, default 1e-3
        The step, relative to numbers greater than 1.
    rtol, atol : float, default 1e-6 and 1e-8
        A derivative d may differ by ``atol + rtol * abs(d)``.

    Raises
    ------
    AssertionError
        If a derivative differs by more; the message has the entry, both numbers and the difference.
    ValueError
        If `order` is something else, or there is no number in the arguments.

    Examples
    --------
    >>> check_grad(lambda x, y: x.sin() * y**2, 1.0, 2.0)
    """
    if order not in (1, 2):
        raise ValueError(f"check_grad: order must be 1 or 2, got {order!r}")
    arguments = Raveled("check_grad", args, function=f)
    x = arguments.numbers
    if not x.size:
        raise ValueError("check_grad: there is no number in the arguments")

    def result(numbers: Any) -> Any:
        return Raveled("check_grad", f(*arguments.unravel(numbers)), "result")

    def value(numbers: Any) -> Any:
        with no_grad():
            return result(numbers).numbers

    derivative = jacobian(lambda numbers: result(numbers).objects)
    names = result(x).name, arguments.name, arguments.name
    steps = eps * np.maximum(1.0, np.abs(x))
    weights = _WEIGHTS[:, None] / steps
    # For every step and number the point with this number moved.
    points = (x + _STEPS[:, None, None] * np.diag(steps)).reshape(-1, x.size)

    values = np.apply_along_axis(value, 1, points)
    differences = np.einsum("si,sio->oi", weights, values.reshape(*weights.shape, -1))
    _compare(derivative(x), differences, names, rtol, atol)
    if order == 2:
        values = vmap(derivative)(points)
        differences = np.einsum("si,sioj->oji", weights, values.reshape(*weights.shape, *values.shape[1:]))
        _compare(jacobian(derivative)(x), differences, names, rtol, atol)


def _compare(derivatives: Any, differences: Any, names: Any, rtol: float, atol: float) -> None:
    errors = np.abs(derivatives - differences)
    # A nan is wrong.
    wrong = ~(errors <= atol + rtol * np.abs(derivatives))
    if wrong.any():
        index = np.unravel_index(np.argmax(np.where(wrong, errors, -1.0)), errors.shape)
        output, *inputs = (name(i) for name, i in zip(names, index, strict=False))
        derivative, difference = float(derivatives[index]), float(differences[index])
        raise AssertionError(
            f"the derivative of {output} by {' and '.join(inputs)} is {derivative!r}, but central differences give "
            f"{difference!r}, which is {abs(derivative - difference):.3g} away"
        )
