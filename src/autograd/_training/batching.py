"""Models called with all rows of a batch at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd._blocks.dense import DenseLayer, DenseNetwork
from autograd._blocks.parameters import is_unchanged, modules, snapshot
from autograd.nn import Dropout
from autograd.transforms import compile, vmap

__all__ = ["outputs_of"]

Outputs = Callable[[NDArray[np.float64]], list[Any]]

#: At most this many programs of a model are kept: one for training, one for evaluation, and some more.
_MOST_PROGRAMS = 8


def outputs_of(model: Any, compiled: bool) -> Outputs:
    """Return the function from rows of inputs to a list of outputs, one for each row.

    Parameters
    ----------
    model : callable
        Called with one row of inputs, a list.
    compiled : bool
        Whether the model may be traced. Dense layers need not be: they take all rows as they are.
    """
    if type(model).__call__ in (DenseNetwork.__call__, DenseLayer.__call__):
        return model  # type: ignore[no-any-return]
    if compiled:
        return _Compiled(model)
    return lambda rows: [model(row) for row in rows.tolist()]


class _Compiled:
    """Run a model as a program over the rows, traced again when one of its modules has changed.

    A model that draws random numbers is called for every row, since a program would not draw.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        # Each with a snapshot of the model that it was traced from; None where the model cannot be traced.
        self._programs: list[tuple[Any, Callable[..., Any] | None]] = []
        self._draws = False

    def __call__(self, rows: NDArray[np.float64]) -> list[Any]:
        program = None if self._draws else self._program()
        if program is not None:
            results = program(*rows.T)
        # Tracing tells whether the model draws.
        if program is None or self._draws:
            return [self._model(row) for row in rows.tolist()]
        if isinstance(results, np.ndarray):
            return list(results)
        return [list(row) for row in zip(*results, strict=True)]

    def _program(self) -> Callable[..., Any] | None:
        """Return the program for the model as it is now."""
        for taken, program in self._programs[::-1]:
            if is_unchanged(taken):
                return program
        drops = any(dropout.training and dropout.p for dropout in modules(self._model, Dropout))
        made: Callable[..., Any] | None = None if drops else compile(vmap(self._row))
        self._programs.append((snapshot(self._model), made))
        del self._programs[:-_MOST_PROGRAMS]
        return made

    def _row(self, *row: Any) -> Any:
        before, numpy_before = random.getstate(), np.random.get_state()
        outputs = self._model(list(row))
        if random.getstate() != before or repr(np.random.get_state()) != repr(numpy_before):
            # The model is called again, for every row, with the state of the generators from before the trace.
            random.setstate(before)
            np.random.set_state(numpy_before)
            self._draws = True
        return outputs
