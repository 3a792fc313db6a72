"""A network with the columns of a table that it reads, their preparation and scales, and its classes."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd import checkpoint, losses
from autograd._cli.preparation import Column, Preparation
from autograd._cli.table import CLASSIFICATION, REGRESSION, FileError, Table
from autograd._training.standardisation import Standardisation
from autograd.nn import MLP
from autograd.optim import Optimizer
from autograd.training import EarlyStopping, evaluate, predict

_KIND = "autograd train"


@dataclass(frozen=True)
class Architecture:
    """The inputs, outputs, loss and layers of a network."""

    features: list[str]
    target: str
    task: str
    classes: list[str]
    loss: str
    hidden: list[int]
    activation: str
    init: str = "uniform"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Raise a ValueError if the loss does not suit the task."""
        allowed = losses_for(self.task, len(self.classes))
        if self.loss not in allowed:
            what = self.task if self.task == REGRESSION else f"{len(self.classes)} classes"
            raise ValueError(f"the loss {self.loss} does not suit {what} (choose from {', '.join(allowed)})")

    @property
    def outputs(self) -> int:
        """Number of outputs of the network."""
        return len(self.classes) if self.loss == "cross_entropy" else 1


def losses_for(task: str, classes: int) -> list[str]:
    """Return the names of the losses that suit a task, the default first."""
    if task == REGRESSION:
        return ["mse"]
    return ["binary_cross_entropy", "hinge", "mse", "cross_entropy"] if classes == 2 else ["cross_entropy"]


@dataclass
class Estimator:
    """A network with its columns, scales and classes.

    Targets are class indices, or numbers in their own units; inputs are what the preparation makes of a table.
    """

    architecture: Architecture
    preparation: Preparation
    input_scale: Standardisation
    target_scale: Standardisation
    seed: int = 0
    model: MLP = field(init=False)

    def __post_init__(self) -> None:
        """Build the network with weights drawn from the seed."""
        shape = self.architecture
        self.model = MLP(
            len(shape.features),
            [*shape.hidden, shape.outputs],
            activation=shape.activation,
            seed=self.seed,
            init=shape.init,
            dropout=shape.dropout,
        )

    def encode(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return targets as the loss expects them."""
        if self.architecture.task == REGRESSION:
            return self.target_scale.apply(y)
        return y if self.architecture.loss.endswith("cross_entropy") else 2 * y - 1

    def scores(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the outputs of the network; if one is not finite, that is a ValueError."""
        scores = predict(self.model, self.input_scale.apply(X))
        finite = np.isfinite(scores).reshape(len(scores), -1).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            raise FileError(f"no finite prediction for row {row + 1}: its features are too large, {X[row].tolist()}")
        return scores

    def decide(self, scores: NDArray[np.float64]) -> NDArray[Any]:
        """Return the targets that outputs stand for."""
        if self.architecture.task == REGRESSION:
            return self.target_scale.invert(scores)
        return scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(np.intp)

    def probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the probability of every class, or None where the loss does not make any."""
        if not self.architecture.loss.endswith("cross_entropy"):
            return None
        if scores.ndim == 1:
            scores = np.column_stack([np.zeros_like(scores), scores])
        powers: NDArray[np.float64] = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics by name, recorded beside the loss."""
        return {"accuracy": losses.accuracy} if self.architecture.task == CLASSIFICATION else {}

    def evaluate(self, X: NDArray[np.float64], y: NDArray[Any]) -> dict[str, float]:
        """Return loss and accuracy, or loss and in the target's units rmse, mae and R2."""
        figures = evaluate(
            self.model,
            self.input_scale.apply(X),
            self.encode(y),
            loss=self.architecture.loss,
            metrics=self.metrics,
        )
        if self.architecture.task == REGRESSION:
            figures |= errors(self.decide(self.scores(X)), y)
        return figures

    def predictions(self, table: Table, probabilities: bool) -> dict[str, list[Any]]:
        """Return the predictions for a table by column: the target, then probabilities or scores of classes."""
        scores = self.scores(self.preparation.apply(table))
        decisions = self.decide(scores).tolist()
        if self.architecture.task == REGRESSION:
            return {"prediction": decisions}
        columns = {"prediction": [self.architecture.classes[k] for k in decisions]}
        if probabilities:
            shares = self.probabilities(scores)
            if shares is None:
                return columns | {"score": scores.tolist()}
            names = [f"probability_{name}" for name in self.architecture.classes]
            columns |= dict(zip(names, shares.T.tolist(), strict=True))
        return columns

    def save(
        self,
        path: str | os.PathLike[str],
        optimizer: Optimizer,
        stopping: EarlyStopping | None,
        metadata: Mapping[str, Any],
    ) -> None:
        """Write the estimator, with the optimizer, the early stopping and further metadata, to a checkpoint."""
        state = {
            "model": self.model,
            "optimizer": optimizer,
            "early_stopping": stopping,
            "input_scale": self.input_scale._asdict(),
            "target_scale": self.target_scale._asdict(),
        }
        own = {"kind": _KIND, "architecture": vars(self.architecture), "seed": self.seed}
        own["preparation"] = self.preparation.state()
        checkpoint.save(path, state, metadata={**metadata, **own})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> tuple[Estimator, dict[str, Any], dict[str, Any]]:
        """Read a checkpoint that `save` wrote.

        Returns
        -------
        estimator : Estimator
        state : dict
            The states of the optimizer and of the early stopping, None where there is none.
        metadata : dict
            The metadata that `save` was given.

        Raises
        ------
        OSError
            If the file cannot be read.
        FileError
            If it is another kind of file, or its parts do not fit each other.
        """
        try:
            state, metadata = checkpoint.load(path)
        except ValueError as error:
            raise FileError(str(error)) from error
        if metadata.get("kind") != _KIND:
            raise FileError(f"{os.fspath(path)}: not a model that '{_KIND}' saved")
        try:
            architecture = Architecture(**metadata["architecture"])
            # Release 0.1.0 knew numbers only.
            saved = metadata.get("preparation", {"columns": [{"name": name} for name in architecture.features]})
            preparation = Preparation(**{**saved, "columns": [Column(**column) for column in saved["columns"]]})
            if preparation.inputs != architecture.features:
                raise ValueError(f"columns for {len(preparation.inputs)} inputs, not {len(architecture.features)}")
            input_scale, target_scale = (Standardisation(**state[name]) for name in ("input_scale", "target_scale"))
            for scale, width in ((input_scale, len(architecture.features)), (target_scale, 1)):
                if not np.shape(scale.mean) == np.shape(scale.scale) == (width,):
                    raise ValueError(f"{width} columns, but {np.shape(scale.mean)} scales")
            # Before a network of that size is made.
            widths = [len(architecture.features), *architecture.hidden, architecture.outputs]
            parameters = sum((nin + 1) * nout for nin, nout in itertools.pairwise(widths))
            if parameters != len(state["model"]):
                raise ValueError(f"layers of {parameters} parameters, but {len(state['model'])} numbers")
            history = metadata["history"]
            if not (
                isinstance(metadata["settings"], dict)
                and isinstance(metadata["epochs"], int)
                and isinstance(history, dict)
                and all(isinstance(series, list) for series in history.values())
            ):
                raise ValueError("its settings, epochs or history are of another kind")
            estimator = cls(architecture, preparation, input_scale, target_scale, seed=metadata["seed"])
            estimator.model.load_state_dict(state["model"])
            return estimator, {name: state[name] for name in ("optimizer", "early_stopping")}, metadata
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FileError(f"{os.fspath(path)}: a damaged model ({error})") from error


def errors(predictions: NDArray[np.float64], y: NDArray[np.float64]) -> dict[str, float]:
    """Return root mean square error, mean absolute error and R squared of predictions."""
    square, variance = float(np.mean((predictions - y) ** 2)), float(np.var(y))
    return {
        "rmse": math.sqrt(square),
        "mae": float(np.mean(np.abs(predictions - y))),
        "R2": 1 - square / variance if variance else math.nan,
    }
