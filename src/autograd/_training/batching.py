"""Models called with all rows of a batch at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd._blocks import dense as _layers
from autograd.nn import Dropout, Module
from autograd.transforms import compile, vmap

__all__ = ["outputs_of"]

Outputs = Callable[[NDArray[np.float64]], list[Any]]

#: Programs are kept for at most this many states of a model: training and evaluation, and some more.
_MOST_STATES = 8


def outputs_of(model: Any, modules: list[Module], compiled: bool) -> Outputs:
    """Return the function from rows of inputs to a list of outputs, one for each row.

    Parameters
    ----------
    model : callable
        Called with one row of inputs, a list.
    modules : list of Module
        Those that the model holds, itself included.
    compiled : bool
        Whether the model may be traced. Dense layers need not be: they take all rows as they are.
    """
    if type(model).__call__ in (_layers.DenseNetwork.__call__, _layers.DenseLayer.__call__):
        return model  # type: ignore[no-any-return]
    if compiled:
        return _Compiled(model, modules)
    return lambda rows: [model(row) for row in rows.tolist()]


class _Compiled:
    """A model as a program over the rows, traced for every state of the model.

    A model that draws random numbers is called for every row, because a replay would not draw them.
    """

    def __init__(self, model: Any, modules: list[Module]) -> None:
        self._model = model
        self._holders = [holder for holder in (modules or [model]) if hasattr(holder, "__dict__")]
        self._dropouts = [module for module in modules if isinstance(module, Dropout)]
        # By state, with the attributes, which keeps their identities in the state from being used again.
        self._programs: dict[Any, tuple[Callable[..., Any], list[Any]]] = {}
        self._draws = False

    def __call__(self, rows: NDArray[np.float64]) -> list[Any]:
        if self._draws or any(dropout.training and dropout.p for dropout in self._dropouts):
            return self._by_row(rows)
        state = self._state()
        if state not in self._programs:
            while len(self._programs) >= _MOST_STATES:
                del self._programs[next(iter(self._programs))]
            attributes = [list(vars(holder).values()) for holder in self._holders]
            self._programs[state] = compile(vmap(self._row)), attributes
        program, _ = self._programs[state]
        results = program(*rows.T)
        if self._draws:
            return self._by_row(rows)
        if isinstance(results, np.ndarray):
            return list(results)
        return [list(row) for row in zip(*results, strict=True)]

    def _by_row(self, rows: NDArray[np.float64]) -> list[Any]:
        return [self._model(row) for row in rows.tolist()]

    def _row(self, *row: Any) -> Any:
        before, numpy_before = random.getstate(), np.random.get_state()
        outputs = self._model(list(row))
        if random.getstate() != before or repr(np.random.get_state()) != repr(numpy_before):
            # The call will be repeated for every row, with the same random numbers.
            random.setstate(before)
            np.random.set_state(numpy_before)
            self._draws = True
        return outputs

    def _state(self) -> Any:
        """Return what a trace is specific to: the attributes, numbers and text by value, all else by identity."""
        return tuple(
            tuple((name, _mark(value)) for name, value in vars(holder).items()) for holder in self._holders
        )


def _mark(value: Any) -> Any:
    # With the type, because 1 == 1.0 == True.
    return (type(value), value) if isinstance(value, int | float | str | None) else id(value)
