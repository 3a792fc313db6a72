"""The perceptrons of `autograd.sklearn` against those of scikit-learn, each with its defaults, on five of its tables.

    python benchmarks/perceptrons.py                            # ten seeds, five folds each: some 40 minutes
    python benchmarks/perceptrons.py iris wine --seeds 2

A seed shuffles the folds and draws the weights. The score is the accuracy, or R2 for diabetes: mean and standard
deviation over folds and seeds; the time is that of a fold. In each fold the estimators take turns. "scaled" is
scikit-learn's behind its `StandardScaler`: its own takes the inputs as they are, the one of this package scales them.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
import sklearn.datasets
import sklearn.neural_network
from machine import core_compiler, describe
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import autograd.sklearn

TABLES = {"iris": True, "wine": True, "breast_cancer": True, "digits": True, "diabetes": False}
FOLDS = 5


def main() -> None:
    """Print a row for each table and estimator."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)} (default: all)")
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(*(f"{name}: {value}" for name, value in describe(core_compiler()).items()), sep="\n")
    print(f"scikit-learn: {sklearn.__version__}\n")
    print("| table | estimator | score | seconds |\n|---|---|---|---|", flush=True)
    for table in arguments.tables or TABLES:
        measured = measure(table, arguments.seeds)
        for name, (scores, seconds) in measured.items():
            print(
                f"| {table} | {name} | {np.mean(scores):.3f} ± {np.std(scores):.3f} | {np.mean(seconds):.2f} |",
                flush=True,
            )


def measure(table: str, seeds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return the scores and the seconds of each estimator by fold."""
    X, y = getattr(sklearn.datasets, f"load_{table}")(return_X_y=True)
    kind = "MLPClassifier" if TABLES[table] else "MLPRegressor"
    ours, theirs = getattr(autograd.sklearn, kind), getattr(sklearn.neural_network, kind)
    result: dict[str, tuple[list[float], list[float]]] = {}
    for seed in range(seeds):
        folds = (StratifiedKFold if TABLES[table] else KFold)(FOLDS, shuffle=True, random_state=seed)
        for training, test in folds.split(X, y):
            for name, estimator in (
                ("autograd", ours(random_state=seed)),
                ("scikit-learn", theirs(random_state=seed)),
                ("scikit-learn, scaled", make_pipeline(StandardScaler(), theirs(random_state=seed))),
            ):
                scores, seconds = result.setdefault(name, ([], []))
                start = time.perf_counter()
                estimator.fit(X[training], y[training])
                seconds.append(time.perf_counter() - start)
                scores.append(estimator.score(X[test], y[test]))
    return result


if __name__ == "__main__":
    main()
