"""The engine that the benchmarks measure against computes the right thing."""

import importlib.util
import random
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "benchmarks" / "pure_python.py"


@pytest.fixture(scope="module")
def baseline():
    specification = importlib.util.spec_from_file_location("pure_python", SOURCE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


EXPRESSIONS = {
    "a + b": lambda a, b: a + b,
    "a - b": lambda a, b: a - b,
    "a * b": lambda a, b: a * b,
    "a / b": lambda a, b: a / b,
    "a ** b": lambda a, b: a**b,
    "a ** 3": lambda a, b: a**3,
    "numbers on the right": lambda a, b: (a + 2.0) * 3.0 - (b - 1.0) / 4.0,
    "numbers on the left": lambda a, b: (2.0 + a) * (3.0 * b) + 4.0 / a - (1.0 - b) + 2.0**a,
    "-a": lambda a, b: -a * b,
    "abs": lambda a, b: abs(b - a) * a,
    "exp": lambda a, b: (a * b).exp(),
    "log": lambda a, b: (a + b * b).log(),
    "sqrt": lambda a, b: (a * b).sqrt(),
    "sin, cos": lambda a, b: a.sin() * b.cos(),
    "tanh": lambda a, b: (a - b).tanh(),
    "relu": lambda a, b: (a - b).relu() + 10.0 * (b - a).relu(),
    "shared": lambda a, b: (a * b + a) * (a * b - b) + a * a,
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_gradients_agree_with_central_differences(baseline, name):
    def value(a, b):
        return EXPRESSIONS[name](baseline.Value(a), baseline.Value(b)).data

    x, y, h = 1.3, 0.7, 1e-5
    a, b = baseline.Value(x), baseline.Value(y)
    EXPRESSIONS[name](a, b).backward()
    assert a.grad == pytest.approx((value(x + h, y) - value(x - h, y)) / (2 * h), rel=1e-8, abs=1e-9)
    assert b.grad == pytest.approx((value(x, y + h) - value(x, y - h)) / (2 * h), rel=1e-8, abs=1e-9)


def test_micrograds_first_published_value(baseline):
    x = baseline.Value(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    y.backward()
    assert (y.data, x.grad) == (-20.0, 46.0)


def test_micrograds_second_published_value(baseline):
    a, b = baseline.Value(-4.0), baseline.Value(2.0)
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + (b + a).relu()
    d = d + 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g = g + 10.0 / f
    g.backward()
    found = (g.data, a.grad, b.grad)
    assert found == pytest.approx((24.70408163265306, 138.83381924198252, 645.5772594752186), rel=1e-12)


def test_mlp_draws_and_differentiates_as_micrograd_does(baseline):
    random.seed(1337)
    assert [w.data for w in baseline.Neuron(2).w] == [0.23550571390294128, 0.06653114721000164]
    model = baseline.MLP(2, [16, 16, 1])
    assert len(model.parameters()) == 337
    model([0.5, -1.5]).backward()
    weight = model.layers[0].neurons[3].w[1]
    gradient, centre, h = weight.grad, weight.data, 1e-6
    assert gradient != 0.0
    around = []
    for weight.data in (centre - h, centre + h):
        around.append(model([0.5, -1.5]).data)
    assert gradient == pytest.approx((around[1] - around[0]) / (2 * h), rel=1e-6)
    model.zero_grad()
    assert all(parameter.grad == 0.0 for parameter in model.parameters())
