"""Training a network on the two moons: one full-batch step, forward, backward and update."""

from __future__ import annotations

import math
import random
from time import perf_counter
from typing import Any

from engines import Engine
from registry import Workload, benchmark, section

SECTION = section(
    "moons",
    "A training step",
    "micrograd's two-moons loop, unchanged: 100 points, `MLP(2, [16, 16, 1])` with its 337 parameters called "
    "point by point, hinge loss, `sum(p*p)`, `zero_grad`, `backward`, an update in a loop over the "
    "parameters. Milliseconds for one step. PyTorch does the same mathematics the way its users write it: "
    "float64, one thread, one call of an `nn.Sequential` for all 100 points, and `torch.optim.SGD`.",
)
POINTS = 100
WIDTHS = (2, 16, 16, 1)


def moons() -> tuple[list[list[float]], list[int]]:
    """Make two interleaved half circles with noise 0.1, labelled -1 and 1."""
    generator = random.Random(1337)
    points, labels = [], []
    for i in range(POINTS):
        angle = math.pi * (i // 2) / (POINTS // 2 - 1)
        x, y = (1 - math.cos(angle), 0.5 - math.sin(angle)) if i % 2 else (math.cos(angle), math.sin(angle))
        points.append([x + generator.gauss(0.0, 0.1), y + generator.gauss(0.0, 0.1)])
        labels.append(2 * (i % 2) - 1)
    return points, labels


@benchmark(
    "moons",
    SECTION,
    "A step on the two moons, 100 points",
    ("autograd", "torch", "pure_python", "micrograd"),
    unit="ms",
    left_out_by_quick=("micrograd",),
)
def moons_step(engine: Engine) -> Workload:
    points, labels = moons()
    random.seed(1337)
    assert engine.MLP is not None
    model = engine.MLP(WIDTHS[0], list(WIDTHS[1:]))
    value = engine.Value

    def step(learning_rate: float) -> float:
        inputs = [list(map(value, point)) for point in points]
        scores = list(map(model, inputs))
        losses = [(1 + -label * score).relu() for label, score in zip(labels, scores)]  # noqa: B905
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        total_loss = data_loss + reg_loss
        accuracy = [(label > 0) == (score.data > 0) for label, score in zip(labels, scores)]  # noqa: B905
        sum(accuracy) / len(accuracy)
        model.zero_grad()
        total_loss.backward()
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        return total_loss.data

    return _workload(step)


@moons_step.on("torch", "batched nn.Sequential")
def moons_step_torch(engine: Engine) -> Workload:
    torch: Any = engine.module
    points, labels = moons()
    x = torch.tensor(points, dtype=torch.float64)
    y = torch.tensor(labels, dtype=torch.float64)
    layers: list[Any] = []
    # The draws of micrograd's neurons, so that both train the same network.
    random.seed(1337)
    for nin, nout in zip(WIDTHS, WIDTHS[1:], strict=False):
        linear = torch.nn.Linear(nin, nout, dtype=torch.float64)
        weights = [[random.uniform(-1, 1) for _ in range(nin)] for _ in range(nout)]
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(weights, dtype=torch.float64))
            linear.bias.zero_()
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def step(learning_rate: float) -> float:
        optimizer.param_groups[0]["lr"] = learning_rate
        scores = model(x).squeeze(1)
        data_loss = torch.relu(1 - y * scores).mean()
        reg_loss = 1e-4 * sum(p.pow(2).sum() for p in model.parameters())
        total_loss = data_loss + reg_loss
        ((y > 0) == (scores > 0)).double().mean().item()
        optimizer.zero_grad()
        total_loss.backward()
        optimizer.step()
        return total_loss.item()

    return _workload(step)


def _workload(step: Any) -> Workload:
    def run(repetitions: int) -> dict[str, float]:
        begin = perf_counter()
        for _ in range(repetitions):
            step(1e-3)
        return {"step": perf_counter() - begin}

    def check() -> list[float]:
        return [step(1.0 - 0.9 * k / 100) for k in range(2)]

    return Workload(run, check, depth=600)
