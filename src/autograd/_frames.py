"""Data frames of pandas as arrays; pandas itself is not imported."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_array"]


def as_array(data: Any) -> Any:
    """Return a data frame or a series as an array, anything else that is no array as NumPy takes it.

    A column of categories of a data frame becomes a column of 0 and 1 for each category, in their order. A series of
    categories becomes their numbers. A missing category is nan.
    """
    if _is_categorical(getattr(data, "dtype", None)):
        codes = np.asarray(getattr(data, "cat", data).codes)
        return np.where(codes < 0, np.nan, codes) if (codes < 0).any() else codes
    dtypes = list(data.dtypes) if hasattr(data, "dtypes") and hasattr(data, "columns") else []
    if not any(map(_is_categorical, dtypes)):
        return np.asarray(data)
    parts = []
    for position, dtype in enumerate(dtypes):
        column = data.iloc[:, position]
        part = np.asarray(as_array(column))[:, None]
        if _is_categorical(dtype):
            part = np.where(np.isnan(part), np.nan, part == np.arange(len(dtype.categories)))
        parts.append(part)
    return np.hstack(parts)


def _is_categorical(dtype: Any) -> bool:
    return getattr(dtype, "name", None) == "category"
