"""Texts that are shown."""

from __future__ import annotations


class Text(str):
    """A text of several lines, which a prompt and a notebook show as ``print`` does."""

    def __repr__(self) -> str:
        return str(self)


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> count(1, "epoch"), count(1200, "node")
    ('1 epoch', '1,200 nodes')
    """
    return f"{number:,} {noun}" + "s" * (number != 1)
