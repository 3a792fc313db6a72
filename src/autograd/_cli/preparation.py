"""What makes the columns of a table the inputs of a network: kinds, categories, missing values."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd._cli.table import FileError, Table

ERROR, MEAN, CATEGORY = POLICIES = ("error", "mean", "category")
NUMBER, _BOOLEAN, _TEXT = _KINDS = ("number", "boolean", "text")
_BOOLEANS = ({"false": 0.0, "true": 1.0}, {"no": 0.0, "yes": 1.0})
#: What stands for a missing number, in lower case. In a column of texts only an empty cell is missing.
_MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
_DATE = re.compile(r"(\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]\d{2,4})([T ].*)?").fullmatch
#: So many texts of a column have an input each: the most frequent ones of those that occur twice.
_MOST_TEXTS = 100


@dataclass(frozen=True)
class Column:
    """A column of a table and the inputs that it makes.

    A number or a boolean is one input, and another one says where it is missing if `indicator` is set. A text is an
    input for each of `texts`, one of which is 1; and if `other` is set, one for all the others.
    """

    name: str
    kind: str = NUMBER
    mean: float = 0.0
    fill: str = ""
    texts: list[str] = field(default_factory=list)
    other: bool = False
    indicator: bool = False

    def __post_init__(self) -> None:
        """Raise a ValueError for what `Preparation.fit` does not make."""
        if self.kind not in _KINDS or not isinstance(self.name, str) or not math.isfinite(self.mean):
            raise ValueError(f"the column {self.name!r} is of no known kind")

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs."""
        if self.kind != _TEXT:
            return [self.name] + [f"{self.name} missing"] * self.indicator
        return [f"{self.name}={text or 'missing'}" for text in self.texts] + [f"{self.name}=other"] * self.other

    def apply(self, table: Table, missing: str) -> NDArray[np.float64]:
        """Return the inputs for the rows of a table, shape (rows, inputs)."""
        texts = table.cells(self.name)
        if self.kind == _TEXT:
            if missing == ERROR:
                _check_present(table, self.name, texts, {""})
            index = {text: position for position, text in enumerate(self.texts)}
            rest = len(self.texts) if self.other else -1
            positions = np.array([index.get(text or self.fill, rest) for text in texts])
            result = np.zeros((len(texts), len(self.inputs)))
            known = positions >= 0
            result[known, positions[known]] = 1.0
            return result
        floats = table.floats(self.name) if self.kind == NUMBER else None
        numbers = _numbers(table, self.name, self.kind, missing) if floats is None else floats
        absent = np.isnan(numbers)
        if not self.indicator and not absent.any():
            return numbers[:, None]
        return np.column_stack([np.where(absent, self.mean, numbers)] + [absent] * self.indicator)


@dataclass(frozen=True)
class Preparation:
    """The columns that are inputs of a network, and the policy for missing values."""

    columns: list[Column]
    missing: str = ERROR

    @classmethod
    def fit(
        cls,
        table: Table,
        names: Sequence[str],
        training: NDArray[np.intp],
        missing: str = ERROR,
        categorical: Container[str] = (),
    ) -> tuple[Preparation, dict[str, str]]:
        """Learn from the training rows of a table what its columns are.

        Parameters
        ----------
        table : Table
        names : sequence of str
            The columns to take.
        training : ndarray of int
            Rows that tell means, categories and which columns are constant.
        missing : {"error", "mean", "category"}
            Whether a missing value is an error, the mean or the most frequent text, or a category of its own.
        categorical : container of str
            Columns that are texts even if they hold numbers.

        Returns
        -------
        preparation : Preparation
        left_out : dict of str to str
            By the name of a column that tells nothing, the reason.

        Raises
        ------
        FileError
            If a column of numbers has another text, or a value is missing against the policy.
        """
        columns, left_out = [], {}
        for name in names:
            column = _learn(table, name, training, missing, name in categorical)
            if isinstance(column, str):
                left_out[name] = column
            else:
                columns.append(column)
        return cls(columns, missing), left_out

    def state(self) -> dict[str, Any]:
        """Return what a file holds: of each column what is not as by default."""
        usual = vars(Column(""))
        columns = [
            {key: value for key, value in vars(column).items() if value != usual[key]} for column in self.columns
        ]
        return {"columns": columns, "missing": self.missing}

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs of a network."""
        return [name for column in self.columns for name in column.inputs]

    @property
    def scaled(self) -> NDArray[np.bool_]:
        """Which of the inputs are numbers, to be standardised."""
        return np.array([i == 0 and column.kind != _TEXT for column in self.columns for i in range(len(column.inputs))])

    def apply(self, table: Table) -> NDArray[np.float64]:
        """Return the inputs for the rows of a table, shape (rows, inputs), the numbers in their own units."""
        inputs = np.empty((len(table.lines), len(self.inputs)))
        start = 0
        for column in self.columns:
            stop = start + len(column.inputs)
            inputs[:, start:stop] = column.apply(table, self.missing)
            start = stop
        return inputs


def _learn(table: Table, name: str, training: NDArray[np.intp], missing: str, categorical: bool) -> Column | str:
    """Return what a column is, or why it tells nothing."""
    numbers = None if categorical else table.floats(name)
    texts = table.cells(name)
    kind = _TEXT if categorical else _kind(table, name, texts) if numbers is None else NUMBER
    if kind == _TEXT:
        if missing == ERROR:
            _check_present(table, name, texts, {""})
        present = [text for text in texts if text]
        if not categorical and present and all(map(_DATE, present)):
            return "its texts are dates, of which pandas.to_datetime makes numbers; --categorical takes them as texts"
        if not categorical and len(set(present)) == len(present) > 1:
            return "its texts are all different"
        counts = Counter(texts[row] for row in training)
        absent = counts[""]
        fill = ""
        if missing == MEAN:
            del counts[""]
            fill = counts.most_common(1)[0][0] if counts else ""
            counts[fill] += absent
        if len(counts) <= 1:
            return f"it is always {next(iter(counts))!r}" if any(counts) else "it is empty"
        frequent = [text for text, count in counts.most_common(_MOST_TEXTS) if count > 1 or not text]
        if not frequent:
            return "its texts are all different"
        return Column(name, kind, fill=fill, texts=sorted(frequent), other=len(frequent) < len(counts))
    numbers = (_numbers(table, name, kind, missing) if numbers is None else numbers)[training]
    absent_rows = np.isnan(numbers)
    known = numbers[~absent_rows]
    if not len(known):
        return "it is empty"
    indicator = missing == CATEGORY and bool(absent_rows.any())
    if not indicator and (known == known[0]).all():
        return f"it is always {texts[training[int(np.argmin(absent_rows))]]}"
    with np.errstate(over="ignore"):
        mean = float(known.mean())
    if not math.isfinite(mean):
        raise FileError(f"{table.path}: the numbers of column {name!r} are too large to standardise")
    return Column(name, kind, mean=mean, indicator=indicator)


def _kind(table: Table, name: str, texts: Sequence[str]) -> str:
    """Return whether a column holds numbers, booleans or texts."""
    distinct = {*texts}
    if all(table.number(text) is not None or text.lower() in _MISSING for text in distinct):
        return NUMBER
    if any({text.lower() for text in distinct} - _MISSING <= known.keys() for known in _BOOLEANS):
        return _BOOLEAN
    others = [row for row, text in enumerate(texts) if text and table.number(text) is None]
    present = sum(map(bool, texts))
    if 2 * len(others) <= present:
        raise FileError(
            f"{table.where(others[0], name)}: {texts[others[0]]!r} is not a number, as {present - len(others)} of "
            f"{present} cells are; --categorical takes all of the column as texts, --drop leaves it out"
        )
    return _TEXT


def _numbers(table: Table, name: str, kind: str, missing: str) -> NDArray[np.float64]:
    """Return the cells of a column of numbers or booleans, nan where one is missing."""
    texts = table.cells(name)
    if missing == ERROR:
        _check_present(table, name, texts, _MISSING)
    known = {text: math.nan for text in {*texts} if text.lower() in _MISSING}
    if kind == _BOOLEAN:
        for text in {*texts} - known.keys():
            value = next((values[text.lower()] for values in _BOOLEANS if text.lower() in values), None)
            if value is None:
                raise FileError(f"{table.where(texts.index(text), name)}: {text!r} is neither true nor false")
            known[text] = value
        return np.array([known[text] for text in texts])
    values = table.finite(name, ("0" if text in known else text for text in texts), "features must be")
    return np.where([text in known for text in texts], math.nan, values)


def _check_present(table: Table, name: str, texts: Sequence[str], marks: Container[str]) -> None:
    """Raise a FileError for the first cell of a column that is missing."""
    for row, text in enumerate(texts):
        if text.lower() in marks:
            what = f"{text!r} stands for a missing value" if text else "the cell is empty"
            raise FileError(
                f"{table.where(row, name)}: {what}; a model trained with --missing mean or --missing category takes it"
            )
