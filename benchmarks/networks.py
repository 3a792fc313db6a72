"""Shared by the cases of networks: the data, and the parameters of a model as plain numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any


def moons(count: int) -> tuple[list[list[float]], list[int]]:
    """Make two interleaved half circles with noise 0.1, labelled -1 and 1."""
    generator = random.Random(1337)
    points, labels = [], []
    for i in range(count):
        angle = math.pi * (i // 2) / (count // 2 - 1)
        x, y = (1 - math.cos(angle), 0.5 - math.sin(angle)) if i % 2 else (math.cos(angle), math.sin(angle))
        points.append([x + generator.gauss(0.0, 0.1), y + generator.gauss(0.0, 0.1)])
        labels.append(2 * (i % 2) - 1)
    return points, labels


def digits(count: int) -> tuple[list[list[float]], list[int]]:
    """Make images of 8 times 8 pixels in 17 shades: a pattern for each of ten classes, and noise."""
    generator = random.Random(1337)
    patterns = [[generator.randrange(13) for _ in range(64)] for _ in range(10)]
    labels = [i % 10 for i in range(count)]
    return [[(shade + generator.randrange(5)) / 16 for shade in patterns[label]] for label in labels], labels


def plain(numbers: Iterable[Any]) -> list[float]:
    """Return floats, arrays and tensors as floats in rising order: engines group their parameters differently."""
    flat = (number.flatten().tolist() if hasattr(number, "flatten") else [number] for number in numbers)
    return sorted(value for values in flat for value in values)
