"""The estimators: scikit-learn's own checks, and what they share with its multi-layer perceptrons."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.6")

from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from autograd.sklearn import MLPClassifier, MLPRegressor


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([MLPClassifier(max_iter=60), MLPRegressor(max_iter=60)])
def test_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_iris_in_five_folds():
    X, y = load_iris(return_X_y=True)
    model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    assert cross_val_score(model, X, y).mean() > 0.94


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_texts_probabilities_and_pickles():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = MLPClassifier((8,), random_state=1, max_iter=40, tol=0.0).fit(X, names)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-12)
    assert set(model.predict(X)) == set(names)
    same = MLPClassifier((8,), random_state=1, max_iter=40, tol=0.0).fit(X, names)
    assert np.array_equal(same.predict_proba(X), model.predict_proba(X))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_weights_of_rows():
    X, y = load_iris(return_X_y=True)
    ones = MLPClassifier((8,), random_state=0, max_iter=10).fit(X, y, np.ones(len(y)))
    plain = MLPClassifier((8,), random_state=0, max_iter=10).fit(X, y)
    np.testing.assert_allclose(ones.predict_proba(X), plain.predict_proba(X), rtol=1e-10)
    only = MLPClassifier((8,), random_state=0, max_iter=30).fit(X, y, (y == 1).astype(float))
    assert (only.predict(X) == 1).all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"batch_size": None}])
def test_a_weight_of_two_is_a_row_given_twice(options):
    X, Y = load_diabetes(return_X_y=True)
    counts = np.random.default_rng(0).integers(0, 4, size=len(X))
    order = np.random.default_rng(1).permutation(counts.sum())
    for estimator, y in ((MLPRegressor, Y), (MLPRegressor, np.column_stack([Y, -Y])), (MLPClassifier, Y > 150)):
        model = estimator((8,), random_state=0, max_iter=4, **options)
        weighted = model.fit(X, y, sample_weight=counts).predict(X)
        repeated = model.fit(X.repeat(counts, axis=0)[order], y.repeat(counts, axis=0)[order]).predict(X)
        assert np.array_equal(weighted, repeated)
        assert not np.array_equal(weighted, model.fit(X, y).predict(X))


def test_a_search_in_two_processes():
    X, y = load_diabetes(return_X_y=True)
    search = GridSearchCV(MLPRegressor((8,), max_iter=15, random_state=0), {"alpha": [0.0, 0.1]}, n_jobs=2, cv=2)
    assert search.fit(X, y).best_params_["alpha"] in (0.0, 0.1)


def test_partial_fit_and_several_outputs():
    X = np.linspace(-2, 2, 100)[:, None]
    Y = np.hstack([X, X**2])
    model = MLPRegressor((16,), random_state=0)
    for _ in range(150):
        model.partial_fit(X, Y)
    assert model.predict(X).shape == (100, 2)
    assert model.score(X, Y) > 0.98
    with pytest.raises(ValueError, match="classes must be given in the first call"):
        MLPClassifier().partial_fit(X, np.zeros(100))


def test_a_training_that_did_not_converge_says_so():
    X, y = load_diabetes(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        MLPRegressor((8,), max_iter=2, random_state=0).fit(X, y)
