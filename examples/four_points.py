"""The four-point classifier of Andrej Karpathy's lecture on micrograd, trained by hand-written gradient descent.

Run ``python examples/four_points.py``. The exit status is 1 unless the loss ends below 0.05 and every prediction within
0.2 of its target.
"""

import sys

from autograd import MLP
from autograd.datasets import four_points

STEPS, RATE = 20, 0.05


def main():
    xs, ys = four_points()
    model = MLP(3, [4, 4, 1], activation="tanh", seed=1337)
    print(f"{model}: {len(model.parameters())} parameters")

    for step in range(STEPS):
        predictions = [model(x) for x in xs]
        loss = sum((prediction - y) ** 2 for prediction, y in zip(predictions, ys, strict=True))

        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= RATE * p.grad
        print(f"step {step:2}  loss {loss.data:.6f}")

    print("\ntarget  prediction")
    worst = 0.0
    for x, y in zip(xs, ys, strict=True):
        prediction = model(x).data
        worst = max(worst, abs(prediction - y))
        print(f"{y:6}  {prediction:10.4f}")
    return 0 if loss.data < 0.05 and worst < 0.2 else 1


if __name__ == "__main__":
    sys.exit(main())
