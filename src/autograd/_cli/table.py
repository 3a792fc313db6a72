"""Tables from CSV files: reading them, numbers and texts in their cells, the column to predict."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import math
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

REGRESSION, CLASSIFICATION = "regression", "classification"
TASKS = (CLASSIFICATION, REGRESSION)
MAX_INFERRED_CLASSES = 10
STDIN = "-"

_GZIP = b"\x1f\x8b"
_ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
#: By their first bytes, files that pandas reads.
_OTHERS = {
    b"PK\x03\x04": ("a spreadsheet or another archive", "read_excel"),
    b"\xd0\xcf\x11\xe0": ("an old spreadsheet", "read_excel"),
    b"PAR1": ("Parquet", "read_parquet"),
    b"ARROW1": ("Feather", "read_feather"),
}
#: Semicolons and tabs leave the comma to decimal numbers.
_DELIMITERS = ",;\t"
_SAMPLE = 100  # lines that tell the delimiter
_POINT, _COMMA = (re.compile(rf"\s*[+-]?(\d*\{mark}\d+|\d+\{mark})(e[+-]?\d+)?\s*", re.I).fullmatch for mark in ".,")


class FileError(ValueError):
    """A file is not what a command needs."""


class Table(NamedTuple):
    """The cells of a CSV file, by column: text, stripped; and the line that each row ended on.

    `decimal` is the mark in its numbers, a point or a comma.
    """

    path: str
    columns: dict[str, tuple[str, ...]]
    lines: list[int]
    decimal: str = "."

    def cells(self, column: str) -> tuple[str, ...]:
        """Return the text of one column; an unknown column is an error."""
        if column not in self.columns:
            raise FileError(f"{self.path}: no column {column!r} ({self.hint(column)})")
        return self.columns[column]

    def hint(self, column: str) -> str:
        """Return what may have been meant by the name of a column that is not there."""
        near = get_close_matches(column, self.columns, n=1) if len(self.columns) < 1000 else []
        return f"did you mean {near[0]!r}?" if near else f"columns: {listed(self.columns)}"

    def number(self, text: str) -> float | None:
        """Return a cell as a float, None if it is no number; the underscores of Python's literals make none."""
        if self.decimal == "," and _COMMA(text):
            text = text.replace(",", ".")
        try:
            return None if "_" in text else float(text)
        except ValueError:
            return None

    def floats(self, column: str) -> NDArray[np.float64] | None:
        """Return a column of finite numbers as floats, None if a cell is anything else."""
        texts: Iterable[str] = self.cells(column)
        if self.decimal == ",":
            texts = [text.replace(",", ".") for text in texts]
        try:
            values = np.array(list(map(float, texts)))
        except ValueError:
            return None
        return values if np.isfinite(values).all() and "_" not in "".join(texts) else None

    def finite(self, column: str, texts: Iterable[str], reason: str) -> list[float]:
        """Return the cells of a column as floats; text, nan and inf are an error that gives the reason."""
        values = []
        for row, text in enumerate(texts):
            value = self.number(text)
            if value is None or not math.isfinite(value):
                what = "a number" if value is None else "finite"
                raise FileError(f"{self.where(row, column)}: {text!r} is not {what}, as {reason}")
            values.append(value)
        return values

    def target(self, column: str, task: str | None = None, classes: Sequence[str] | None = None) -> Target:
        """Return a column as the target of a task, which is inferred unless given.

        Text is a classification. Numbers are one if all are whole, at most ten are distinct, and every one occurs
        twice on average; otherwise they are a regression. The classes are the texts of the cells, to the letter. With
        `classes` given, a class that is not among them is an error.
        """
        texts = self.cells(column)
        if "" in texts:
            raise FileError(f"{self.where(texts.index(''), column)}: the cell is empty; leave out rows without target")
        distinct = {text: self.number(text) for text in texts}
        values = [value for value in distinct.values() if value is not None]
        numeric = len(values) == len(distinct) and any(map(math.isfinite, values))
        reason = f"{column} is text"
        if numeric and all(map(float.is_integer, values)):
            few = len(distinct) <= MAX_INFERRED_CLASSES and 2 * len(distinct) <= len(texts)
            reason = f"{column} has {len(distinct)} different whole numbers in {len(texts)} rows"
        elif numeric:
            few, reason = False, f"{column} has fractions"
        else:
            few = True
        if task is None:
            task = CLASSIFICATION if few else REGRESSION
            other = {CLASSIFICATION: REGRESSION, REGRESSION: CLASSIFICATION}[task]
            reason += f" (--task {other} takes it otherwise)" if numeric else ""
        else:
            reason = "--task says so"
        if task == REGRESSION:
            need = f"a {REGRESSION} needs; --task {CLASSIFICATION} takes it as a class"
            return Target(REGRESSION, np.array(self.finite(column, texts, need)), [], reason)
        if classes is None:
            ordered = numeric and all(map(math.isfinite, values))
            classes = sorted(distinct, key=lambda text: (distinct[text] if ordered else 0, text))
            if len(classes) < 2:
                raise FileError(f"{self.path}: column {column!r} has one class only ({classes[0]!r})")
        index = {label: position for position, label in enumerate(classes)}
        for row, label in enumerate(texts):
            if label not in index:
                raise FileError(f"{self.where(row, column)}: unknown class {label!r} (classes: {listed(classes)})")
        return Target(CLASSIFICATION, np.array([index[label] for label in texts], dtype=np.intp), list(classes), reason)

    def where(self, row: int, column: str) -> str:
        """Return the place of a cell in words."""
        return f"{self.path}: line {self.lines[row]}, column {column!r}"


class Target(NamedTuple):
    """The column to predict: numbers (regression) or indices into `classes`; and the reason for that choice."""

    task: str
    values: NDArray[Any]
    classes: list[str]
    reason: str


def listed(names: Iterable[str], most: int = 12) -> str:
    """Return names in a line, and how many more there are."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a CSV file with a header, plain or compressed by gzip; ``-`` is standard input.

    Commas, semicolons or tabs separate the cells, whichever gives a table. Blank lines are skipped, blanks around a
    cell are stripped.

    Raises
    ------
    OSError
        If the file cannot be read.
    FileError
        If it is not a table: empty, no rows, rows of unequal length, columns without a name or named twice, not text
        in UTF-8 or UTF-16, numbers with a decimal point beside others with a decimal comma. The text names file and
        line.
    """
    if os.fspath(path) == STDIN:
        return _parse("standard input", sys.stdin.buffer)
    with open(path, "rb") as file:
        return _parse(os.fspath(path), file)


def _parse(name: str, raw: Any) -> Table:
    file: Any = raw if hasattr(raw, "peek") else io.BufferedReader(raw)
    if file.peek(2)[:2] == _GZIP:
        file = gzip.GzipFile(fileobj=file)
    try:
        start = file.peek(8)[:8]
        for magic, (what, reader) in _OTHERS.items():
            if start.startswith(magic):
                raise FileError(f"{name}: this is {what}, not CSV; pandas.{reader}(...).to_csv(...) makes a CSV file")
        encoding = next((code for mark, code in _ENCODINGS.items() if start.startswith(mark)), "utf-8")
        text = io.TextIOWrapper(file, encoding, newline="")
        try:
            return _table(name, text)
        finally:
            text.detach()
    except UnicodeDecodeError as error:
        raise FileError(
            f"{name}: not UTF-8 text ({error.reason} at byte {error.start}); "
            "iconv -f cp1252 -t utf-8 converts the files of older spreadsheets"
        ) from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise FileError(f"{name}: damaged by compression or transport ({error})") from error


def _table(name: str, text: Iterable[str]) -> Table:
    """Read the lines of a table."""
    lines = iter(text)
    head = list(islice(lines, _SAMPLE))
    delimiter = _delimiter(head)
    reader = csv.reader(chain(head, lines), delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t")
    numbers: list[int] = []
    records: list[list[str]] = []
    try:
        for record in reader:
            cells = list(map(str.strip, record))
            if any(cells):
                if records and len(cells) != len(records[0]):
                    # An unquoted newline or a mark of quotation out of place shows itself here first.
                    raise FileError(
                        f"{name}: line {reader.line_num} has {len(cells)} cells, the header has {len(records[0])}"
                    )
                numbers.append(reader.line_num)
                records.append(cells)
    except csv.Error as error:
        raise FileError(f"{name}: line {reader.line_num}: {error}") from error
    if not records:
        raise FileError(f"{name}: the file is empty")
    header, header_line = records.pop(0), numbers.pop(0)
    positions: dict[str, int] = {}
    for position, column in enumerate(header):
        if not column:
            raise FileError(f"{name}: line {header_line}: column {position + 1} has no name")
        if positions.setdefault(column, position) != position:
            raise FileError(f"{name}: line {header_line}: two columns are named {column!r}")
    if not records:
        raise FileError(f"{name}: no rows below the header")
    table = Table(name, dict(zip(header, zip(*records, strict=True), strict=True)), numbers)
    return table if delimiter == "," else table._replace(decimal=_decimal(table))


def _delimiter(head: list[str]) -> str:
    """Return the delimiter of a table's first lines: the one that makes most columns, of those that make a table."""

    def quality(delimiter: str) -> tuple[bool, int]:
        lengths: list[int] = []
        try:
            for record in csv.reader(head, delimiter=delimiter, skipinitialspace=delimiter != "\t"):
                if any(map(str.strip, record)):
                    lengths.append(len(record))
        except csv.Error:
            return False, 0
        # The last record of the sample may end in a later line.
        return len({*lengths[:-1]}) == 1 and lengths[0] > 1, lengths[0] if lengths else 0

    return max(_DELIMITERS, key=quality)


def _decimal(table: Table) -> str:
    """Return the decimal mark of a table whose delimiter is no comma."""
    found: dict[str, tuple[str, str]] = {}
    tests: dict[str, Callable[[str], Any]] = {".": _POINT, ",": _COMMA}
    for column, texts in table.columns.items():
        for mark, test in tests.items():
            row = next((i for i, text in enumerate(texts) if mark in text and test(text)), None)
            if mark not in found and row is not None:
                found[mark] = table.where(row, column), texts[row]
    if len(found) == 2:
        (place, point), (other, comma) = found["."], found[","]
        raise FileError(f"{place}: {point!r} has a decimal point, but {other}: {comma!r} a decimal comma; take one")
    return "," if "," in found else "."
