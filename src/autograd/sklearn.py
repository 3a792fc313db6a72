"""Multi-layer perceptrons as estimators of scikit-learn (extra ``sklearn``).

`MLPClassifier` and `MLPRegressor` have the names and arguments of those in ``sklearn.neural_network``, and go wherever
an estimator goes: pipelines, `GridSearchCV`, `cross_val_score`. They standardise their inputs themselves, and train in
batches of 32 by default. Equal rows are one row that has the sum of their weights: a weight of 2 is the same as a row
given twice, to the bit, and the order of the rows does not matter.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "autograd.sklearn needs scikit-learn 1.6 or later: python -m pip install 'autograd-engine[sklearn]'"
    ) from error

from autograd import training
from autograd._training.data import as_weights
from autograd._training.standardisation import Standardisation
from autograd.nn import MLP, Activation
from autograd.optim import parameter_groups

__all__ = ["MLPClassifier", "MLPRegressor"]

_PARAMETERS = """
    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default (100,)
        Neurons of each hidden layer; an empty sequence makes a linear model.
    activation : str or callable, default "relu"
        As of `autograd.MLP`, that of the hidden layers.
    solver : str, default "adam"
        A name in `autograd.training.OPTIMIZERS`.
    alpha : float, default 1.0
        Factor of half of the sum of the squared weights, divided by the number of rows, in the loss; biases are not in
        it.
    batch_size : int or None, default 32
        Distinct rows in a step; None is all of them.
    learning_rate_init : float or None, default None
        The learning rate, by default that in `autograd.training.LEARNING_RATES` (0.01 for Adam).
    schedule : str or None, default None
        The rates by epoch: a name in `autograd.schedules.SCHEDULES`.
    max_iter : int, default 200
        The most epochs.
    dropout : float, default 0.0
        The probability with which training drops an output of a hidden layer.
    standardize : bool, default True
        Whether inputs are shifted and scaled to mean 0 and standard deviation 1 of those of the first call.
    random_state : int, RandomState or None, default None
        For the weights, the batches, the rows held out, and dropout.
    tol : float, default 1e-4
        A loss that is lower by less is no improvement.
    n_iter_no_change : int, default 10
        Epochs without improvement that end a training; the parameters are then those of the best epoch.
    early_stopping : bool, default False
        Whether the loss is that of rows that are held out, not of the training.
    validation_fraction : float, default 0.1
        The share of rows that are held out, if any are.
    verbose : bool, default False
        Whether to show a progress bar on stderr.

    Attributes
    ----------
    network_ : MLP
        The network: it takes standardised inputs.
    history_ : History
        The loss by epoch; see `autograd.training.History.plot`.
    n_iter_ : int
        Number of epochs.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str
        Names of the features, if the rows are a data frame with names.
"""


class _Perceptron(BaseEstimator):
    """What the estimators share: a network, its training, the scale of its inputs."""

    _loss: str
    network_: MLP
    history_: training.History

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: Activation = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1.0,
        batch_size: int | None = 32,
        learning_rate_init: float | None = None,
        schedule: str | None = None,
        max_iter: int = 200,
        dropout: float = 0.0,
        standardize: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.schedule = schedule
        self.max_iter = max_iter
        self.dropout = dropout
        self.standardize = standardize
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.verbose = verbose

    def _begin(self, X: NDArray[np.float64], weights: NDArray[np.float64], outputs: int) -> None:
        """Make the network, its optimizer and the scale of its inputs."""
        if self.solver not in training.OPTIMIZERS:
            raise ValueError(f"solver must be one of {', '.join(training.OPTIMIZERS)}, got {self.solver!r}")
        sizes = self.hidden_layer_sizes
        hidden = [sizes] if isinstance(sizes, Integral) else [*sizes]
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        width = X.shape[1]
        self._scale = Standardisation.fit(X, weights=weights) if self.standardize else Standardisation.identity(width)
        self.network_ = MLP(
            width,
            [*hidden, outputs],
            activation=self.activation,
            seed=self._seed,
            init="he",
            dropout=self.dropout,
        )
        groups = parameter_groups(self.network_, {"*.b": {"weight_decay": 0.0}})
        self._optimizer = training.OPTIMIZERS[self.solver](groups, weight_decay=self.alpha / weights.sum())
        rate = self.learning_rate_init
        self._optimizer.lr = training.LEARNING_RATES[self.solver] if rate is None else rate
        self.history_ = training.History()

    def _train(
        self, X: NDArray[np.float64], y: NDArray[Any], weights: NDArray[np.float64], epochs: int | None = None
    ) -> None:
        """Train the network on targets as its loss takes them, to the end or for so many epochs more."""
        stopping = training.EarlyStopping(self.n_iter_no_change, min_delta=self.tol) if epochs is None else None
        held_out = self.validation_fraction if stopping and self.early_stopping else None
        self.history_ = training.fit(
            self.network_,
            self._scale.apply(X),
            y,
            loss=self._loss,
            optimizer=self._optimizer,
            epochs=self.max_iter if epochs is None else epochs,
            batch_size=self.batch_size,
            schedule=self.schedule if stopping else None,
            validation=held_out,
            sample_weight=None if (weights == weights[0]).all() else weights,
            callbacks=[stopping] if stopping else [],
            metrics=[],
            progress=bool(self.verbose),
            seed=self._seed,
            history=self.history_,
        )
        self.n_iter_ = self.history_.epochs
        if self.history_.interrupted:
            warnings.warn("Training interrupted by user.", stacklevel=3)
        elif stopping and not stopping.stopped and not self.history_.converged:
            warnings.warn(
                f"the loss was still falling after max_iter={self.max_iter} epochs", ConvergenceWarning, stacklevel=3
            )

    def _outputs(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the outputs of the network, shape (rows,) for one."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        return training.predict(self.network_, self._scale.apply(rows))


class MLPClassifier(ClassifierMixin, _Perceptron):
    __doc__ = f"""A classifier that minimises the cross-entropy of a softmax by gradient descent.
{_PARAMETERS}    classes_ : ndarray
        The classes, in rising order.

    Examples
    --------
    >>> from autograd.datasets import make_moons
    >>> from autograd.sklearn import MLPClassifier
    >>> X, y = make_moons(100, noise=0.1, random_state=0)
    >>> model = MLPClassifier(random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    >>> model.predict([[0.0, 1.0], [1.0, -0.5]]).tolist(), model.predict_proba([[0.0, 1.0]]).shape
    ([0, 1], (1, 2))
    """

    _loss = "cross_entropy"
    classes_: NDArray[Any]

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> MLPClassifier:
        """Train a new network.

        Parameters
        ----------
        X : array_like, shape (rows, features)
        y : array_like, shape (rows,)
            Classes: numbers or texts.
        sample_weight : array_like, shape (rows,), optional
            Weights of the rows in the loss.

        Returns
        -------
        MLPClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If the data are not finite, there is one class only, or an argument is out of range.
        """
        rows, labels = self._checked(X, y, reset=True)
        classes = np.unique(labels)
        rows, targets, weights = _distinct(rows, np.searchsorted(classes, labels), sample_weight)
        self._begin_classes(rows, weights, classes)
        self._train(rows, targets, weights)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> MLPClassifier:
        """Train for an epoch more, on these rows.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`. The first rows tell the scale of the inputs.
        classes : array_like, shape (classes,), optional
            All classes; needed in the first call.

        Returns
        -------
        MLPClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            As for `fit`; or if a class is not among the classes.
        """
        first = not hasattr(self, "network_")
        if first and classes is None:
            raise ValueError("classes must be given in the first call of partial_fit")
        rows, labels = self._checked(X, y, reset=first)
        known = np.unique(np.asarray(classes)) if classes is not None else self.classes_
        if not first and not np.array_equal(known, self.classes_):
            raise ValueError(f"classes must be those of the first call, {self.classes_}, got {known}")
        unknown = np.setdiff1d(labels, known)
        if len(unknown):
            raise ValueError(f"y has classes that are not among {known}: {unknown}")
        rows, targets, weights = _distinct(rows, np.searchsorted(known, labels), sample_weight)
        if first:
            self._begin_classes(rows, weights, known)
        self._train(rows, targets, weights, epochs=1)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row, shape (rows,)."""
        scores = self._outputs(X)
        return np.asarray(self.classes_[scores.argmax(axis=1)])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class, shape (rows, classes)."""
        return np.asarray(np.exp(self.predict_log_proba(X)))

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithm of the probability of each class, shape (rows, classes)."""
        scores = self._outputs(X)
        scores = scores - scores.max(axis=1, keepdims=True)
        return np.asarray(scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)))

    def _checked(self, X: ArrayLike, y: ArrayLike, reset: bool) -> tuple[NDArray[np.float64], NDArray[Any]]:
        rows, labels = validate_data(self, X, y, dtype=np.float64, reset=reset)
        check_classification_targets(labels)
        return rows, column_or_1d(labels, warn=True)

    def _begin_classes(self, rows: NDArray[np.float64], weights: NDArray[np.float64], classes: NDArray[Any]) -> None:
        if len(classes) < 2:
            raise ValueError(f"a classifier needs at least two classes, got one class: {classes.tolist()}")
        self.classes_ = classes
        self._begin(rows, weights, len(classes))


class MLPRegressor(RegressorMixin, _Perceptron):
    __doc__ = f"""A regressor that minimises the mean square error by gradient descent.

    It standardises the targets, of which there may be several.
{_PARAMETERS}
    Examples
    --------
    >>> import numpy as np
    >>> from autograd.sklearn import MLPRegressor
    >>> X = np.linspace(-3.0, 3.0, 200)[:, None]
    >>> model = MLPRegressor(random_state=0).fit(X, np.sin(X[:, 0]))
    >>> model.score(X, np.sin(X[:, 0])) > 0.99
    True
    """

    _loss = "mse"

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> MLPRegressor:
        """Train a new network.

        Parameters
        ----------
        X : array_like, shape (rows, features)
        y : array_like, shape (rows,) or (rows, outputs)
        sample_weight : array_like, shape (rows,), optional
            Weights of the rows in the loss.

        Returns
        -------
        MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            If the data are not finite, or an argument is out of range.
        """
        rows, targets, weights = _distinct(*self._checked(X, y, reset=True), sample_weight)
        self._begin_targets(rows, targets, weights)
        self._train(rows, self._target_scale.apply(targets), weights)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> MLPRegressor:
        """Train for an epoch more, on these rows.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`. The first rows tell the scales of inputs and targets.

        Returns
        -------
        MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            As for `fit`.
        """
        first = not hasattr(self, "network_")
        rows, targets, weights = _distinct(*self._checked(X, y, reset=first), sample_weight)
        if first:
            self._begin_targets(rows, targets, weights)
        self._train(rows, self._target_scale.apply(targets), weights, epochs=1)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the predictions, shape (rows,) or (rows, outputs)."""
        outputs = self._outputs(X)
        return self._target_scale.invert(outputs)

    def __sklearn_tags__(self) -> Any:
        """Return what the estimator can do, in scikit-learn's terms."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _checked(self, X: ArrayLike, y: ArrayLike, reset: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rows, targets = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, reset=reset)
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets = column_or_1d(targets, warn=True)
        return rows, targets.astype(np.float64)

    def _begin_targets(
        self, rows: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> None:
        self._target_scale = Standardisation.fit(targets, weights=weights)
        self._begin(rows, weights, 1 if targets.ndim == 1 else targets.shape[1])


def _distinct(
    X: NDArray[np.float64], y: NDArray[Any], sample_weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64]]:
    """Return the distinct rows that weigh something, in an order of their own, and the weights of equal ones summed."""
    weights = np.ones(len(X)) if sample_weight is None else as_weights(sample_weight, len(X))
    rows = np.flatnonzero(weights)
    # In bytes two zeros would differ by their signs.
    table = np.column_stack([X, y])[rows] + 0.0
    _, first, inverse = np.unique(table.view(f"V{table.strides[0]}"), return_index=True, return_inverse=True)
    return X[rows[first]], y[rows[first]], np.bincount(inverse.ravel(), weights[rows]).astype(np.float64)
