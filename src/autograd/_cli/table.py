"""Tables from CSV files as training data: reading, checking, the kind of target, standardisation."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

REGRESSION, CLASSIFICATION = "regression", "classification"
TASKS = (CLASSIFICATION, REGRESSION)
MAX_INFERRED_CLASSES = 10


class Table(NamedTuple):
    """The cells of a CSV file: text, stripped, each row with the line it ended on; columns by name, with positions."""

    path: str
    columns: dict[str, int]
    rows: list[list[str]]
    lines: list[int]

    def cells(self, column: str) -> list[str]:
        """Return the text of one column; an unknown column or an empty cell is a ValueError."""
        if column not in self.columns:
            raise ValueError(f"{self.path}: no column {column!r} (columns: {', '.join(self.columns)})")
        position = self.columns[column]
        texts = [row[position] for row in self.rows]
        if "" in texts:
            raise ValueError(f"{self._where(texts.index(''), column)}: the cell is empty")
        return texts

    def numbers(self, columns: Sequence[str]) -> NDArray[np.float64]:
        """Return columns as floats, shape (rows, columns); text, nan and inf are a ValueError."""
        values = np.empty((len(self.rows), len(columns)))
        for position, column in enumerate(columns):
            values[:, position] = self._finite(column, self.cells(column), "features must be")
        return values

    def target(self, column: str, task: str | None = None, classes: Sequence[str] | None = None) -> Target:
        """Return a column as the target of a task, which is inferred unless given.

        Text is a classification. Numbers are one if all are whole, at most ten are distinct, and every one occurs
        twice on average; otherwise they are a regression. The classes are the texts of the cells, to the letter. With
        `classes` given, a class that is not among them is a ValueError.
        """
        texts = self.cells(column)
        distinct = {text: number(text) for text in texts}
        values = [value for value in distinct.values() if value is not None]
        numeric = len(values) == len(distinct) and any(map(math.isfinite, values))
        if task is None:
            few = len(distinct) <= MAX_INFERRED_CLASSES and 2 * len(distinct) <= len(texts)
            labels = not numeric or few and all(map(float.is_integer, values))
            task = CLASSIFICATION if labels else REGRESSION
        if task == REGRESSION:
            reason = f"a regression needs; --task {CLASSIFICATION} takes it as a class"
            return Target(REGRESSION, np.array(self._finite(column, texts, reason)), [])
        if classes is not None:
            for row, label in enumerate(texts):
                if label not in classes:
                    raise ValueError(
                        f"{self._where(row, column)}: unknown class {label!r} (classes: {', '.join(classes)})"
                    )
            kinds = list(classes)
        else:
            ordered = numeric and all(map(math.isfinite, values))
            kinds = sorted(distinct, key=lambda text: (distinct[text] if ordered else 0, text))
        if len(kinds) < 2:
            raise ValueError(f"{self.path}: column {column!r} has one class only ({kinds[0]!r})")
        index = {label: position for position, label in enumerate(kinds)}
        return Target(CLASSIFICATION, np.array([index[label] for label in texts], dtype=np.intp), kinds)

    def _finite(self, column: str, texts: list[str], reason: str) -> list[float]:
        """Return cells as floats; text, nan and inf are a ValueError that gives the reason."""
        values = []
        for row, text in enumerate(texts):
            value = number(text)
            if value is None or not math.isfinite(value):
                what = "a number" if value is None else "finite"
                raise ValueError(f"{self._where(row, column)}: {text!r} is not {what}, as {reason}")
            values.append(value)
        return values

    def _where(self, row: int, column: str) -> str:
        return f"{self.path}: line {self.lines[row]}, column {column!r}"


class Target(NamedTuple):
    """The column to predict: numbers (regression) or indices into `classes`."""

    task: str
    values: NDArray[Any]
    classes: list[str]


class Standardisation(NamedTuple):
    """The affine map that gave its training data mean 0 and standard deviation 1, column by column."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, values: NDArray[np.float64]) -> Standardisation:
        """Take mean and standard deviation of the rows; a constant column is only shifted."""
        with np.errstate(over="ignore", invalid="ignore"):
            mean, scale = values.mean(axis=0), values.std(axis=0)
        if not np.all(np.isfinite(mean) & np.isfinite(scale)):
            raise ValueError("values are too large to standardise: their spread exceeds the range of a float")
        # The deviation of a constant column is rounding noise, not always 0.
        constant = scale <= 1e-12 * np.abs(mean)
        return cls(mean, np.where(constant, 1.0, scale))

    @classmethod
    def identity(cls, width: int) -> Standardisation:
        """Return the map that changes nothing."""
        return cls(np.zeros(width), np.ones(width))

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map values in their own units to standard ones."""
        with np.errstate(over="ignore"):
            return (values - self.mean) / self.scale

    def invert(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map standard values back to their own units."""
        return values * self.scale + self.mean


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file with a header; blank lines are skipped, blanks around a cell are stripped.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not a table: empty, no rows, rows of unequal length, columns without a name or named twice,
        not UTF-8 text. The text names file and line.
    """
    name = os.fspath(path)
    lines, records = [], []
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True, skipinitialspace=True)
        try:
            for record in reader:
                cells = [cell.strip() for cell in record]
                if any(cells):
                    lines.append(reader.line_num)
                    records.append(cells)
        except UnicodeDecodeError as error:
            raise ValueError(f"{name}: not UTF-8 text ({error.reason} at byte {error.start})") from error
        except csv.Error as error:
            raise ValueError(f"{name}: line {reader.line_num}: {error}") from error
    if not records:
        raise ValueError(f"{name}: the file is empty")
    columns = records.pop(0)
    header_line = lines.pop(0)
    positions: dict[str, int] = {}
    for position, column in enumerate(columns):
        if not column:
            raise ValueError(f"{name}: line {header_line}: column {position + 1} has no name")
        if positions.setdefault(column, position) != position:
            raise ValueError(f"{name}: line {header_line}: two columns are named {column!r}")
    if not records:
        raise ValueError(f"{name}: no rows below the header")
    for line, cells in zip(lines, records, strict=True):
        if len(cells) != len(columns):
            raise ValueError(f"{name}: line {line} has {len(cells)} cells, the header has {len(columns)}")
    return Table(name, positions, records, lines)


def number(text: str) -> float | None:
    """Return text as a float, None if it is no number; the underscores of Python's literals make none."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None
