"""Columns of mean 0 and standard deviation 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Standardisation"]


class Standardisation(NamedTuple):
    """The affine map that gave its training data mean 0 and standard deviation 1, column by column."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        values: NDArray[np.float64],
        which: NDArray[np.bool_] | bool = True,
        weights: NDArray[np.float64] | None = None,
    ) -> Standardisation:
        """Take mean and standard deviation of the rows, which may have weights, for the columns `which`.

        A constant column is only shifted.

        Raises
        ------
        ValueError
            If the spread of the values exceeds the range of a float.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(values, axis=0, weights=weights)
            scale = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
        if not np.all(np.isfinite(mean) & np.isfinite(scale)):
            raise ValueError("values are too large to standardise: their spread exceeds the range of a float")
        # The deviation of a constant column is rounding noise, not always 0.
        constant = scale <= 1e-12 * np.abs(mean)
        return cls(np.where(which, mean, 0.0), np.where(which & ~constant, scale, 1.0))

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
