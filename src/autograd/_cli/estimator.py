"""A network with the columns of a table that it reads, their scales, and its classes."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd import checkpoint, losses
from autograd._cli.table import CLASSIFICATION, REGRESSION, Standardisation, Table
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

    Targets are class indices, or numbers in their own units; features are in their own units.
    """

    architecture: Architecture
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
            raise ValueError(f"no finite prediction for row {row + 1}: its features are too large, {X[row].tolist()}")
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

    def label(self, target: float) -> str:
        """Return a target as text: the name of the class, or the number."""
        return repr(float(target)) if self.architecture.task == REGRESSION else self.architecture.classes[int(target)]

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics by name, recorded beside the loss."""
        return {"accuracy": losses.accuracy} if self.architecture.task == CLASSIFICATION else {}

    def evaluate(self, X: NDArray[np.float64], y: NDArray[Any]) -> dict[str, float]:
        """Return loss and accuracy, or loss, root mean square error and R squared in the target's units."""
        figures = evaluate(
            self.model,
            self.input_scale.apply(X),
            self.encode(y),
            loss=self.architecture.loss,
            metrics=self.metrics,
        )
        if self.architecture.task == REGRESSION:
            errors = self.decide(self.scores(X)) - y
            figures["rmse"] = float(np.sqrt(np.mean(errors**2)))
            variance = float(np.var(y))
            figures["r2"] = 1 - float(np.mean(errors**2)) / variance if variance else float("nan")
        return figures

    def predictions(self, table: Table) -> tuple[list[str], list[list[str]]]:
        """Return header and rows of the predictions for a table: the target, then probability or score."""
        scores = self.scores(table.numbers(self.architecture.features))
        header, columns = ["prediction"], [list(map(self.label, self.decide(scores)))]
        if self.architecture.task == CLASSIFICATION:
            probabilities = self.probabilities(scores)
            if probabilities is None:
                header += ["score"]
                columns += [list(map(repr, scores.tolist()))]
            else:
                header += [f"probability_{name}" for name in self.architecture.classes]
                columns += [list(map(repr, column)) for column in probabilities.T.tolist()]
        return header, [list(row) for row in zip(*columns, strict=True)]

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
        own = {"kind": _KIND, "architecture": asdict(self.architecture), "seed": self.seed}
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
        ValueError
            If it is another kind of file, or its parts do not fit each other.
        """
        state, metadata = checkpoint.load(path)
        if metadata.get("kind") != _KIND:
            raise ValueError(f"{os.fspath(path)}: not a model that '{_KIND}' saved")
        try:
            architecture = Architecture(**metadata["architecture"])
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
            estimator = cls(architecture, input_scale, target_scale, seed=metadata["seed"])
            estimator.model.load_state_dict(state["model"])
            return estimator, {name: state[name] for name in ("optimizer", "early_stopping")}, metadata
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{os.fspath(path)}: a damaged model ({error})") from error
