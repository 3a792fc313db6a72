"""What is printed.

A function is a list with the instructions of a code by position, tuples of a kind and what belongs to it:

- ``("input", number)``, ``("constant", float)``;
- ``("op", name, operands)``, a primitive of the table; ``("where", symbol, operands)``, of two comparands and two arms;
- ``("guard", operand, outcome, place)`` and ``("same", operand, operand, place)``;
- ``("loop", loop, operands)``, and ``("result", position, number)`` for every result of the loop at a position.

An instruction that nothing needs is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

#: The number of the scalar and of the track that are zero.
ZERO = -1


@dataclass(frozen=True)
class Matrix:
    """An argument or a result of a function: a vector, or a sparse matrix of which it has the entries by columns.

    Parameters
    ----------
    name : str
    first : int
        The number of its first input or output; None if the function does not read it.
    rows, columns : int
    ends, indices : sequence of int, optional
        The pattern in the CSC format; None for a dense vector.
    """

    name: str
    first: int | None
    rows: int
    columns: int = 1
    ends: Sequence[int] | None = None
    indices: Sequence[int] | None = None

    @property
    def count(self) -> int:
        return self.rows * self.columns if self.indices is None else len(self.indices)

    def sparsity(self) -> list[int]:
        """Return the pattern in the format of CasADi, in which a dense one has a 1 after the sizes."""
        if self.ends is None or self.indices is None:
            return [self.rows, self.columns, 1]
        return [self.rows, self.columns, *self.ends, *self.indices]


@dataclass(frozen=True)
class Function:
    """A function to print: its instructions, and the positions of its outputs."""

    name: str
    instructions: list[tuple[Any, ...] | None]
    outputs: list[int]
    arguments: tuple[Matrix, ...] = ()
    results: tuple[Matrix, ...] = ()


#: A kind, ``"carry"``, ``"scalar"``, ``"track"`` or ``"total"``, and a number of this kind.
Variable = tuple[str, int]


@dataclass(frozen=True, eq=False)
class PrintedSweep:
    """A sweep of a loop, as `autograd._program.loop.Sweep`.

    Parameters
    ----------
    ways : list of Function
        The body, for every way through its branches.
    segment : int
        After so many steps partial sums, one for the steps of each remainder modulo 8, are added to a total.
    """

    ways: list[Function]
    descending: bool
    sources: list[Variable]
    targets: list[Variable]
    init: list[int]
    finals: list[int]
    before: list[int | None]
    segment: int


@dataclass(frozen=True, eq=False)
class PrintedLoop:
    """A loop, as `autograd._program.loop.Loop`. Its operations are sweeps, and sums as triples of scalars."""

    name: str
    steps: int
    max_steps: int
    condition: list[Function]
    condition_sources: list[Variable]
    operands: list[Variable]
    results: list[Variable]
    operations: list[PrintedSweep | tuple[int, int, int]]
    constants: dict[int, list[float]]

    @property
    def sweeps(self) -> list[PrintedSweep]:
        return [operation for operation in self.operations if isinstance(operation, PrintedSweep)]

    @property
    def result_count(self) -> int:
        return sum(self.steps if kind == "track" else 1 for kind, _ in self.results)

    def end_message(self) -> str:
        """Return the message where the condition still holds after the most steps."""
        return f"{self.name}: the condition still holds after max_steps = {self.max_steps} steps"


def operands_of(instruction: tuple[Any, ...]) -> tuple[int, ...]:
    match instruction:
        case ("op" | "where" | "loop", _, operands):
            return tuple(operands)
        case ("guard", operand, _, _):
            return (operand,)
        case ("same", a, b, _):
            return (a, b)
        case ("result", position, _):
            return (position,)
    return ()


def all_instructions(functions: Iterable[Function]) -> Iterator[tuple[Any, ...]]:
    """Yield the instructions of functions, and of the loops in them."""
    for function in functions:
        for instruction in function.instructions:
            if instruction is None:
                continue
            yield instruction
            if instruction[0] == "loop":
                loop = instruction[1]
                for ways in (loop.condition, *(sweep.ways for sweep in loop.sweeps)):
                    yield from all_instructions(ways)
