"""The figure that a run is judged by, and schedules that follow it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from autograd.schedules import LRScheduler, ReduceLROnPlateau

__all__ = ["advance", "follow", "monitored"]


def monitored(record: Mapping[str, float]) -> str:
    """Return the name of the figure that tells progress: the loss of the validation data if the epoch has one."""
    # A series of an earlier run with validation data is continued with nan.
    return "loss" if math.isnan(record.get("validation_loss", math.nan)) else "validation_loss"


def advance(scheduler: LRScheduler, record: Mapping[str, float]) -> None:
    """Make the step of a schedule after an epoch with these figures."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(record[monitored(record)])
    else:
        scheduler.step()


def follow(scheduler: LRScheduler, history: Mapping[str, Sequence[float]]) -> LRScheduler:
    """Make the steps of a new schedule after the epochs of a history, and return the schedule."""
    for figures in zip(*history.values(), strict=True):
        advance(scheduler, dict(zip(history, figures, strict=True)))
    return scheduler
