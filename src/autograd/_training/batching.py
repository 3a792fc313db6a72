"""Models called with all rows of a batch at once."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd._blocks.dense import DenseLayer, DenseNetwork
from autograd._blocks.parameters import is_unchanged, modules, snapshot
from autograd.nn import Dropout
from autograd.transforms import compile, trace, vmap

__all__ = ["outputs_of", "recheck"]

Outputs = Callable[[NDArray[np.float64]], list[Any]]

#: At most this many programs of a model are kept: one for training, one for evaluation, and some more.
_MOST_PROGRAMS = 8

_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState)


def outputs_of(model: Any, compiled: bool, executor: Any = None, chunk: int | None = None) -> Outputs:
    """Return the function from rows of inputs to a list of outputs, one for each row.

    Parameters
    ----------
    model : callable
        Called with one row of inputs, a list.
    compiled : bool
        Whether the model may be traced. Dense layers need not be: they take all rows as they are.
    executor, chunk : see `autograd.vmap`
    """
    if executor is not None:
        return _Compiled(model, executor, chunk)
    if type(model).__call__ in (DenseNetwork.__call__, DenseLayer.__call__):
        return model  # type: ignore[no-any-return]
    if compiled:
        return _Compiled(model)
    return lambda rows: [model(row) for row in rows.tolist()]


def recheck(outputs: Outputs) -> None:
    """Let a compiled model find out in its next calls whether its programs still are what it computes."""
    if isinstance(outputs, _Compiled):
        outputs.epoch += 1


@dataclass(slots=True)
class _Traced:
    """A program of a model; None if the model cannot be traced."""

    snapshot: list[Any]
    program: Any
    epoch: int


class _Compiled:
    """Run a model as a program over the rows.

    A program serves while the modules of the model are as they were, and at most until `recheck`. Then the model is
    traced again at one row, and what it does there must be what the program does, instruction by instruction: so a
    change of anything else, such as a global, a class attribute or the content of a list, is seen too. A model that
    draws random numbers, or does one thing in one call and another in the next, is called for every row.
    """

    def __init__(self, model: Any, executor: Any = None, chunk: int | None = None) -> None:
        self.epoch = 0
        self._model = model
        self._vmap = partial(vmap, executor=executor, chunk=chunk)
        self._traced: list[_Traced] = []
        self._varies = False

    def __call__(self, rows: NDArray[np.float64]) -> list[Any]:
        program = None if self._varies else self._program(rows)
        # Tracing tells whether the model varies.
        if program is None or self._varies:
            return [self._model(row) for row in rows.tolist()]
        results = program(*rows.T)
        if isinstance(results, np.ndarray):
            return list(results)
        return [list(row) for row in zip(*results, strict=True)]

    def _program(self, rows: NDArray[np.float64]) -> Any:
        """Return the program for the model as it is now."""
        for traced in self._traced[::-1]:
            if is_unchanged(traced.snapshot):
                if traced.program is None or traced.epoch == self.epoch or self._is_current(traced.program, rows):
                    traced.epoch = self.epoch
                    return traced.program
                self._traced.remove(traced)
        drops = any(dropout.training and dropout.p for dropout in modules(self._model, Dropout))
        traced = _Traced(snapshot(self._model), None if drops else compile(self._vmap(self._row)), self.epoch)
        if traced.program is not None:
            # Traced twice, a model that varies is found out.
            traced.program.program_at(*rows.T)
            self._varies |= not self._is_current(traced.program, rows)
        self._traced.append(traced)
        del self._traced[:-_MOST_PROGRAMS]
        return traced.program

    def _is_current(self, program: Any, rows: NDArray[np.float64]) -> bool:
        """Return whether the model still does what a program does.

        Of several ways through the branches only one is compared, so that the answer is no.
        """
        return len(program.programs) == 1 and program.programs[0]._is_same(trace(self._row, *rows[0].tolist()))

    def _row(self, *row: Any) -> Any:
        generators = _generators(self._model)
        before = [get() for get, _ in generators]
        outputs = self._model(list(row))
        for (get, restore), state in zip(generators, before, strict=True):
            if not _same_state(get(), state):
                # The model is called again, for every row, with the state of the generators from before the trace.
                restore(state)
                self._varies = True
        return outputs


def _generators(model: Any) -> list[tuple[Callable[[], Any], Callable[[Any], Any]]]:
    """Return functions that get and set the states of the generators that a model may draw from.

    They are the modules `random` and `numpy.random` and those that it holds.
    """
    found: list[Any] = [random, np.random]
    found += [held for held in modules(model, object) if isinstance(held, _GENERATORS)]
    return [
        (partial(getattr, generator.bit_generator, "state"), partial(setattr, generator.bit_generator, "state"))
        if isinstance(generator, np.random.Generator)
        else (generator.getstate, generator.setstate)
        if hasattr(generator, "getstate")
        else (generator.get_state, generator.set_state)
        for generator in found
    ]


def _same_state(now: Any, before: Any) -> bool:
    if isinstance(now, dict):
        return all(_same_state(now[key], before[key]) for key in now)
    if isinstance(now, tuple) and len(now) == 5:
        # Of NumPy, with an array.
        return all(map(np.array_equal, now, before))
    return np.array_equal(now, before) if isinstance(now, np.ndarray) else bool(now == before)
