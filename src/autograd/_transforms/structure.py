"""The structure of a sparse derivative: its pattern, and the coloring by which it is computed."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd._ir.coloring import color_columns, color_symmetric, transposed

#: The picture of a larger pattern has a dot or square for a block of entries.
_MOST_DOTS = 64


class Sparsity:
    """The pattern of a sparse matrix: which of its entries may be other than zero.

    Parameters
    ----------
    pattern : array_like or scipy.sparse array
        A matrix; what is not zero, or in a sparse array is stored, is in the pattern.

    Attributes
    ----------
    shape : tuple of int
    indptr, indices : numpy.ndarray
        The pattern in the CSR format: the entries of row i are in the columns ``indices[indptr[i]:indptr[i + 1]]``,
        which rise.

    Raises
    ------
    ValueError
        If the pattern is no matrix.

    Notes
    -----
    ``print`` shows it as a picture, in which each dot of a character is an entry, or a block of entries if there are
    more than 64 rows or columns; a notebook shows an SVG.

    Examples
    --------
    >>> pattern = Sparsity([[1, 0, 0], [0, 2, 3]])
    >>> pattern
    Sparsity: 2 x 3, 3 nonzeros
    >>> pattern.rows, pattern.columns
    (array([0, 1, 1], dtype=int32), array([0, 1, 2], dtype=int32))
    """

    __module__ = "autograd.transforms"
    shape: tuple[int, int]
    indptr: Any
    indices: Any

    def __init__(self, pattern: Any) -> None:
        if isinstance(pattern, Sparsity):
            self.shape, self.indptr, self.indices = pattern.shape, pattern.indptr, pattern.indices
            return
        if hasattr(pattern, "tocoo"):
            stored = pattern.tocoo()
            shape, rows, columns = stored.shape, stored.row, stored.col
        else:
            array = np.asarray(pattern)
            shape = array.shape
            if len(shape) != 2:
                raise ValueError(f"Sparsity expects a matrix, got an array of shape {shape}")
            rows, columns = np.nonzero(array)
        self._set(shape, rows, columns)

    def _set(self, shape: tuple[int, ...], rows: Any, columns: Any) -> None:
        m, n = map(int, shape)
        keys = np.unique(np.asarray(rows, np.int64) * n + np.asarray(columns, np.int64))
        self._take((m, n), np.searchsorted(keys, np.arange(m + 1) * n), keys % max(n, 1))

    def _take(self, shape: tuple[int, int], indptr: Any, indices: Any) -> None:
        self.shape, self.indptr, self.indices = shape, indptr.astype(np.int32), indices.astype(np.int32)

    @classmethod
    def _of(cls, shape: tuple[int, int], indptr: Any, indices: Any) -> Sparsity:
        """Make a pattern of the arrays of the CSR format."""
        pattern = cls.__new__(cls)
        pattern._take(shape, indptr, indices)
        return pattern

    @property
    def nnz(self) -> int:
        """The number of entries."""
        return len(self.indices)

    @property
    def rows(self) -> Any:
        """The row of each entry."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(self.indptr))

    @property
    def columns(self) -> Any:
        """The column of each entry."""
        return self.indices

    @property
    def _keys(self) -> Any:
        return self.rows.astype(np.int64) * self.shape[1] + self.columns

    def __contains__(self, other: Sparsity) -> bool:
        return self.shape == other.shape and bool(np.isin(other._keys, self._keys, assume_unique=True).all())

    def __or__(self, other: Sparsity) -> Sparsity:
        if not isinstance(other, Sparsity):
            return NotImplemented
        if self.shape != other.shape:
            raise ValueError(f"patterns of the shapes {self.shape} and {other.shape} have no union")
        union = Sparsity.__new__(Sparsity)
        union._set(
            self.shape,
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.columns, other.columns]),
        )
        return union

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sparsity):
            return NotImplemented
        return self.shape == other.shape and np.array_equal(self._keys, other._keys)

    def __hash__(self) -> int:
        return hash((self.shape, self.indices.tobytes()))

    def toarray(self) -> Any:
        """Return an array of bool."""
        array = np.zeros(self.shape, bool)
        array[self.rows, self.columns] = True
        return array

    def transpose(self) -> Sparsity:
        """Return the pattern of the transpose."""
        return Sparsity._of(self.shape[::-1], *transposed(self.indptr, self.indices, self.shape[1]))

    def _blocks(self) -> Any:
        """Return a picture: for blocks of entries, whether there is one."""
        size = max(1, -(-max(self.shape) // _MOST_DOTS))
        blocks = np.zeros([-(-length // size) for length in self.shape], bool)
        blocks[self.rows // size, self.columns // size] = True
        return blocks

    def __repr__(self) -> str:
        return f"Sparsity: {self.shape[0]} x {self.shape[1]}, {self.nnz} nonzero" + "s" * (self.nnz != 1)

    def __str__(self) -> str:
        blocks = self._blocks()
        m, n = (-(-blocks.shape[0] // 4), -(-blocks.shape[1] // 2))
        dots = np.zeros((4 * m, 2 * n), int)
        dots[: blocks.shape[0], : blocks.shape[1]] = blocks
        # Braille: dot (row, column) of a character is this bit.
        bits = 1 << np.array([[0, 3], [1, 4], [2, 5], [6, 7]])
        codes = np.einsum("ipjq,pq->ij", dots.reshape(m, 4, n, 2), bits)
        return "\n".join([repr(self), *("".join(chr(0x2800 + code) for code in row).rstrip("\u2800") for row in codes)])

    def _repr_svg_(self) -> str:
        return _svg(self._blocks(), lambda i, j: "#1f77b4")


class Coloring:
    """Which rows or columns of a sparse matrix are computed as one sum.

    Attributes
    ----------
    sparsity : Sparsity
        The pattern of the matrix.
    by : {"columns", "rows", "symmetric"}
        What is colored. In a symmetric coloring, of columns, an entry is read from the sum with its column or from
        that with its row.
    colors : numpy.ndarray of int32
        The color of each column or row, from 0 on.

    Examples
    --------
    >>> from autograd import jacobian
    >>> import numpy as np
    >>> jacobian(lambda x: x[1:] - x[:-1], sparse=True).coloring(np.arange(5.0))
    Coloring: 2 colors by columns, for 4 x 5, 8 nonzeros
    """

    __module__ = "autograd.transforms"

    def __init__(self, sparsity: Sparsity, by: str, colors: Any) -> None:
        self.sparsity, self.by, self.colors = sparsity, by, colors

    @property
    def count(self) -> int:
        """The number of colors."""
        return int(self.colors.max(initial=-1)) + 1

    @property
    def groups(self) -> list[Any]:
        """For each color, the columns or rows that have it."""
        order = np.argsort(self.colors, kind="stable")
        return np.split(order, np.searchsorted(self.colors[order], np.arange(1, self.count)))[: self.count]

    def sources(self) -> tuple[Any, Any]:
        """Return where each entry is read: the line, a row or else, by rows, a column; and the color of the sum."""
        rows, columns = self.sparsity.rows, self.sparsity.columns
        if self.by == "rows":
            return columns, self.colors[rows]
        colors = self.colors[columns]
        if self.by == "columns":
            return rows, colors
        sums = rows.astype(np.int64) * self.count + colors
        _, place, times = np.unique(sums, return_inverse=True, return_counts=True)
        alone = times[place] == 1
        return np.where(alone, rows, columns), np.where(alone, colors, self.colors[rows])

    def __repr__(self) -> str:
        kind = {"columns": "by columns", "rows": "by rows", "symmetric": "of a symmetric matrix"}[self.by]
        return f"Coloring: {self.count} color{'s' * (self.count != 1)} {kind}, for {repr(self.sparsity)[10:]}"

    def __str__(self) -> str:
        return "\n".join([repr(self), *(f"  {color}: {_ranges(group)}" for color, group in enumerate(self.groups))])

    def _repr_svg_(self) -> str:
        blocks = self.sparsity._blocks()
        if blocks.shape != self.sparsity.shape:
            return self.sparsity._repr_svg_()
        hue = 360 / max(self.count, 1)
        return _svg(blocks, lambda i, j: f"hsl({hue * self.colors[i if self.by == 'rows' else j]:.0f}, 70%, 50%)")


def coloring(sparsity: Sparsity, symmetric: bool, by: tuple[str, ...] = ("columns", "rows")) -> Coloring:
    """Return a coloring of few colors, if the matrix is not symmetric of some of columns and rows."""
    if symmetric:
        return Coloring(sparsity, "symmetric", color_symmetric(sparsity.indptr, sparsity.indices))
    transpose = sparsity.transpose()
    least = {
        "columns": np.diff(sparsity.indptr).max(initial=0),
        "rows": np.diff(transpose.indptr).max(initial=0),
    }
    best = None
    for kind in sorted(by, key=lambda kind: (least[kind], kind)):
        if best is None or least[kind] < best.count:
            pattern = sparsity if kind == "columns" else transpose
            found = Coloring(sparsity, kind, color_columns(pattern.indptr, pattern.indices, pattern.shape[1]))
            if best is None or found.count < best.count:
                best = found
    assert best is not None
    return best


def _ranges(numbers: Any) -> str:
    """Return some numbers in words, runs of one step as a range."""
    numbers = numbers.tolist()
    steps = {b - a for a, b in zip(numbers, numbers[1:], strict=False)}
    if len(numbers) > 3 and len(steps) == 1:
        return f"{numbers[0]}, {numbers[1]}, ..., {numbers[-1]}"
    return ", ".join(map(str, numbers[:16])) + ", ..." * (len(numbers) > 16)


def _svg(blocks: Any, fill: Any) -> str:
    m, n = blocks.shape
    squares = "".join(
        f'<rect x="{j + 0.1}" y="{i + 0.1}" width="0.8" height="0.8" fill="{fill(i, j)}"/>'
        for i, j in np.argwhere(blocks).tolist()
    )
    size = 6 if max(m, n) > 32 else 12
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size * n}" height="{size * m}" viewBox="0 0 {n} {m}">'
        f'<rect width="{n}" height="{m}" fill="#f4f4f4"/>{squares}</svg>'
    )
