"""The demo notebook of micrograd (Andrej Karpathy, MIT licence): two moons, hinge loss, L2 penalty, 100 steps.

Run ``python examples/moons.py``, with ``--plot moons.png`` (needs matplotlib) for a picture of the decision boundary.
The statements from the seeds to the end of the loop are those of the notebook, only the imports differ; the losses are
micrograd's, too. The exit status is 1 unless the last accuracy is 100 %.
"""

import argparse
import random
import sys

import numpy as np

from autograd import MLP, Value
from autograd.datasets import make_moons

parser = argparse.ArgumentParser(description="Train micrograd's moons demo.")
parser.add_argument("--plot", metavar="FILE", help="draw the decision boundary here (needs matplotlib)")
options = parser.parse_args()

# fmt: off
# ruff: noqa: B905, UP034
np.random.seed(1337)
random.seed(1337)

X, y = make_moons(n_samples=100, noise=0.1)

y = y*2 - 1 # make y be -1 or 1

model = MLP(2, [16, 16, 1]) # 2-layer neural network
print(model)
print("number of parameters", len(model.parameters()))


def loss(batch_size=None):

    # inline DataLoader :)
    if batch_size is None:
        Xb, yb = X, y
    else:
        ri = np.random.permutation(X.shape[0])[:batch_size]
        Xb, yb = X[ri], y[ri]
    inputs = [list(map(Value, xrow)) for xrow in Xb]

    # forward the model to get scores
    scores = list(map(model, inputs))

    # svm "max-margin" loss
    losses = [(1 + -yi*scorei).relu() for yi, scorei in zip(yb, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    # L2 regularization
    alpha = 1e-4
    reg_loss = alpha * sum((p*p for p in model.parameters()))
    total_loss = data_loss + reg_loss

    # also get accuracy
    accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(yb, scores)]
    return total_loss, sum(accuracy) / len(accuracy)


total_loss, acc = loss()
print(total_loss, acc)

# optimization
for k in range(100):

    # forward
    total_loss, acc = loss()

    # backward
    model.zero_grad()
    total_loss.backward()

    # update (sgd)
    learning_rate = 1.0 - 0.9*k/100
    for p in model.parameters():
        p.data -= learning_rate * p.grad

    if k % 1 == 0:
        print(f"step {k} loss {total_loss.data}, accuracy {acc*100}%")

# fmt: on
if options.plot:
    from matplotlib.figure import Figure

    across, up = np.meshgrid(*(np.arange(low - 1, high + 1, 0.1) for low, high in zip(X.min(0), X.max(0), strict=True)))
    scores = np.array([model(point).data for point in np.column_stack([across.ravel(), up.ravel()])])
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.contourf(across, up, (scores > 0).reshape(across.shape), cmap="Spectral", alpha=0.8)
    axes.scatter(X[:, 0], X[:, 1], c=y, s=40, cmap="Spectral", edgecolors="black")
    figure.savefig(options.plot, dpi=120)
    print(f"plot saved to {options.plot}")

sys.exit(0 if acc == 1.0 else 1)
