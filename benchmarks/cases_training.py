"""Training: the full-batch step on the two moons, written out and by `fit`, and batches of digits by `fit`."""

from __future__ import annotations

import ctypes
import importlib
import math
import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise
from time import perf_counter
from typing import Any

from engines import Engine
from networks import digits, moons, plain
from registry import Workload, benchmark, section, target

# So small that the network hardly changes, however many steps a candidate makes.
TIMED_RATE = 1e-9

Step = Callable[[float], float]
Train = Callable[[float, int], float]


def _timed(train: Train) -> Callable[[int], dict[str, float]]:
    return lambda repetitions: {"step": train(TIMED_RATE, repetitions)}


def _repeated(step: Step) -> Train:
    """Return a function that makes steps at a learning rate and returns the seconds they took."""

    def train(rate: float, steps: int) -> float:
        begin = perf_counter()
        for _ in range(steps):
            step(rate)
        return perf_counter() - begin

    return train


POINTS = 100
MOONS_WIDTHS = (2, 16, 16, 1)
ALPHA = 1e-4

MOONS = section(
    "moons",
    "A training step",
    f"micrograd's two-moons loop, unchanged: {POINTS} points, `MLP(2, [16, 16, 1])` with its 337 parameters called "
    "point by point, hinge loss, `sum(p*p)`, accuracy, `zero_grad`, `backward`, an update in a loop over the "
    "parameters. Milliseconds for one step. The points and labels are in lists in the first table, and in NumPy "
    "arrays, as in micrograd's notebook, in the second, where labels are NumPy integers that multiply Values. PyTorch "
    "does the same mathematics the way its users write it, eagerly: float64, one thread, one call of an "
    "`nn.Sequential` for all points, and `torch.optim.SGD`. C is `moons_step.c`, one call for a step: the limit.",
)


def _moons_model(engine: Engine) -> Any:
    assert engine.MLP is not None
    random.seed(1337)
    return engine.MLP(MOONS_WIDTHS[0], list(MOONS_WIDTHS[1:]))


def _moons_loop(engine: Engine, points: Sequence[Any], labels: Sequence[Any]) -> Workload:
    model = _moons_model(engine)
    value = engine.Value

    def step(learning_rate: float) -> float:
        inputs = [list(map(value, point)) for point in points]
        scores = list(map(model, inputs))
        losses = [(1 + -label * score).relu() for label, score in zip(labels, scores)]  # noqa: B905
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = ALPHA * sum(p * p for p in model.parameters())
        total_loss = data_loss + reg_loss
        accuracy = [(label > 0) == (score.data > 0) for label, score in zip(labels, scores)]  # noqa: B905
        sum(accuracy) / len(accuracy)
        model.zero_grad()
        total_loss.backward()
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        return float(total_loss.data)

    return _moons_workload(step)


def _moons_workload(step: Step) -> Workload:
    return Workload(_timed(_repeated(step)), lambda: [step(1.0 - 0.9 * k / 100) for k in range(2)], depth=600)


def _torch_moons_step(engine: Engine) -> tuple[Step, Any, Callable[[], Any]]:
    """Return a step, the model, and a function that evaluates the loss and the accuracy."""
    torch = engine.module
    points, labels = moons(POINTS)
    x = torch.tensor(points, dtype=torch.float64)
    y = torch.tensor(labels, dtype=torch.float64)
    model = _moons_model(engine)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def data_loss() -> Any:
        scores = model(x).squeeze(1)
        ((y > 0) == (scores > 0)).double().mean().item()
        return torch.relu(1 - y * scores).mean()

    def step(learning_rate: float) -> float:
        optimizer.param_groups[0]["lr"] = learning_rate
        reg_loss = ALPHA * sum(p.pow(2).sum() for p in model.parameters())
        total_loss = data_loss() + reg_loss
        optimizer.zero_grad()
        total_loss.backward()
        optimizer.step()
        return float(total_loss.item())

    def evaluate() -> float:
        with torch.no_grad():
            return float(data_loss().item())

    return step, model, evaluate


def _moons_layers() -> list[list[list[float]]]:
    """Return micrograd's initial parameters, neuron by neuron: random weights, then a bias of zero."""
    random.seed(1337)
    return [
        [[*(random.uniform(-1, 1) for _ in range(nin)), 0.0] for _ in range(nout)]
        for nin, nout in pairwise(MOONS_WIDTHS)
    ]


def _jax_moons(engine: Engine) -> tuple[dict[str, Any], Callable[..., Any], Callable[[], Any]]:
    """Return the parameters, a step to compile, and a function that evaluates the loss and the accuracy."""
    jax = engine.module
    jnp = jax.numpy
    x, y = map(jnp.asarray, moons(POINTS))
    layers = [jnp.asarray(layer).T for layer in _moons_layers()]
    state = {"parameters": [(layer[:-1], layer[-1]) for layer in layers]}

    def figures(parameters: Any) -> Any:
        *hidden, (weights, biases) = parameters
        outputs = x
        for w, b in hidden:
            outputs = jax.nn.relu(outputs @ w + b)
        scores = (outputs @ weights + biases)[:, 0]
        return jax.nn.relu(1 - y * scores).mean(), ((y > 0) == (scores > 0)).mean()

    def objective(parameters: Any) -> Any:
        loss, accuracy = figures(parameters)
        return loss + ALPHA * sum(jnp.sum(p * p) for p in jax.tree.leaves(parameters)), accuracy

    def step(parameters: Any, learning_rate: Any) -> Any:
        (loss, accuracy), gradients = jax.value_and_grad(objective, has_aux=True)(parameters)
        return jax.tree.map(lambda p, g: p - learning_rate * g, parameters, gradients), loss, accuracy

    compiled = jax.jit(figures)
    return state, step, lambda: list(map(float, compiled(state["parameters"])))


def _c_moons_step(engine: Engine) -> tuple[Step, Any, Callable[[], Any]]:
    """Return a step, the parameters, and a function that evaluates the loss and the accuracy."""
    points, labels = moons(POINTS)
    parameters = [number for layer in _moons_layers() for neuron in layer for number in neuron]
    network = (ctypes.c_double * len(parameters))(*parameters)
    x = (ctypes.c_double * (2 * POINTS))(*(coordinate for point in points for coordinate in point))
    y = (ctypes.c_double * POINTS)(*labels)
    pointers = *map(ctypes.byref, (network, x, y)), POINTS
    accuracy = ctypes.byref(ctypes.c_double())
    library = engine.module("moons_step.c", "-O2", "-march=native")
    step, loss = library.moons_step, library.moons_loss
    step.restype = loss.restype = ctypes.c_double
    data = [*[ctypes.c_void_p] * 3, ctypes.c_int]
    step.argtypes = [*data, ctypes.c_double, ctypes.c_void_p]
    loss.argtypes = [*data, ctypes.c_void_p]
    return (
        lambda learning_rate: step(*pointers, learning_rate, accuracy),
        network,
        lambda: loss(*pointers, accuracy),
    )


def _register_moons(name: str, title: str, convert: Callable[[Any], Any], left_out_by_quick: tuple[str, ...]) -> None:
    engines = ("autograd", "torch", "pure_python", "micrograd", "c")
    case = benchmark(name, MOONS, title, engines, unit="ms", left_out_by_quick=left_out_by_quick)(
        lambda engine: _moons_loop(engine, *map(convert, moons(POINTS)))
    )
    case.on("torch", "batched nn.Sequential")(lambda engine: _moons_workload(_torch_moons_step(engine)[0]))
    case.on("c", "cc -O2 -march=native, one call for a step")(lambda engine: _moons_workload(_c_moons_step(engine)[0]))


def _array(data: Any) -> Any:
    return importlib.import_module("numpy").array(data)


_register_moons("moons", "A step on the two moons", list, ("micrograd",))
_register_moons("moons_numpy", "A step on the two moons, data in arrays", _array, ("micrograd", "pure_python"))

for _name, _data in (("moons", "lists"), ("moons_numpy", "arrays")):
    target(f"Moons loop, data in {_data}: over PyTorch's batched step", _name, "autograd", "torch", at_most=0.5)
    for _key, _state, _bound in (("pure_python:off", "off", 400), ("pure_python", "on", 3000)):
        target(
            f"Moons loop, data in {_data}: pure Python with the collector {_state}, over autograd",
            _name,
            _key,
            "autograd",
            at_least=_bound,
        )

IMAGES = 1437
BATCH = 32

FIT = section(
    "fit",
    "Training by fit",
    "One step of `autograd.training.fit`, in microseconds: a call for many epochs, with all it does for them, divided "
    f"by their steps. Moons: the work of the section before, `fit` with all points in a step, `hinge`, `SGD` and `l2`. "
    f"Digits: {IMAGES:,} made-up images of 64 pixels in shuffled batches of {BATCH}, `MLP(64, [32, 10])`, "
    "`cross_entropy`, `Adam`. PyTorch runs the loops its users write: eagerly, float64, one thread, `nn.Sequential`, "
    "`torch.optim`, for digits `torch.randperm` and `nn.functional.cross_entropy`. Like `fit`, it adds up the loss and "
    "the accuracy as it goes. JAX has the same step as one function, compiled by `jit` with the parameters donated, "
    "called for every step and asked for its loss and accuracy; or all the steps in one call, as a loop inside the "
    "compiled function. The column of the value is the loss and the accuracy of all points without a step: `evaluate` "
    "here, a compiled function in JAX, under `no_grad` in PyTorch, `moons_loss` in C.",
)


def _fit(engine: Engine, model: Any, data: tuple[Any, Any], optimizer: str, **options: Any) -> Train:
    fit = importlib.import_module("autograd.training").fit
    optimizer_class = getattr(importlib.import_module("autograd.optim"), optimizer)
    x, y = map(_array, data)

    def train(rate: float, epochs: int) -> float:
        rule = optimizer_class(model.parameters(), lr=rate)
        begin = perf_counter()
        fit(model, x, y, optimizer=rule, epochs=epochs, progress=False, **options)
        return perf_counter() - begin

    return train


def _fit_workload(
    timed: Train,
    checked: Train,
    parameters: Callable[[], Iterable[Any]],
    evaluate: Callable[[], Any] | None = None,
) -> Workload:
    """Time epochs of one function; compare the parameters after a few epochs of the other.

    A function that evaluates the loss, if given, is timed as a part of the step.
    """

    def check() -> list[float]:
        checked(0.1, 3)
        return plain(parameters())

    def run(repetitions: int) -> dict[str, float]:
        assert evaluate is not None
        begin = perf_counter()
        for _ in range(repetitions):
            evaluate()
        value = perf_counter() - begin
        return {"value": value, "rest": timed(TIMED_RATE, repetitions) - value}

    return Workload(_timed(timed) if evaluate is None else run, check)


def _data_of(model: Any) -> Callable[[], Iterable[Any]]:
    return lambda: (parameter.data for parameter in model.parameters())


@benchmark(
    "fit_moons",
    FIT,
    "A step of fit on the two moons",
    ("autograd", "torch", "jax", "jax/loop", "c"),
    unit="us",
    base="value",
)
def fit_moons(engine: Engine) -> Workload:
    model = _moons_model(engine)
    data = moons(POINTS)
    train = _fit(engine, model, data, "SGD", loss="hinge", l2=ALPHA, batch_size=None)
    evaluate = partial(importlib.import_module("autograd.training").evaluate, model, *map(_array, data), loss="hinge")
    return _fit_workload(train, train, _data_of(model), evaluate)


@fit_moons.on("torch", "eager loop")
def fit_moons_torch(engine: Engine) -> Workload:
    step, model, evaluate = _torch_moons_step(engine)
    return _fit_workload(_repeated(step), _repeated(step), _data_of(model), evaluate)


@fit_moons.on("jax", "jit of the whole step")
def fit_moons_jax(engine: Engine) -> Workload:
    state, step, evaluate = _jax_moons(engine)
    compiled = engine.module.jit(step, donate_argnums=0)

    def make_step(learning_rate: float) -> float:
        state["parameters"], loss, accuracy = compiled(state["parameters"], learning_rate)
        float(accuracy)
        return float(loss)

    train = _repeated(make_step)
    return _fit_workload(train, train, lambda: engine.module.tree.leaves(state), evaluate)


@fit_moons.on("jax/loop", "jit of all the steps")
def fit_moons_jax_loop(engine: Engine) -> Workload:
    jax = engine.module
    state, step, _ = _jax_moons(engine)

    def make_steps(parameters: Any, learning_rate: Any, steps: Any) -> Any:
        def body(_: Any, carry: Any) -> Any:
            parameters, total_loss, right = carry
            parameters, loss, accuracy = step(parameters, learning_rate)
            return parameters, total_loss + loss, right + accuracy

        return jax.lax.fori_loop(0, steps, body, (parameters, 0.0, 0.0))

    compiled = jax.jit(make_steps, donate_argnums=0)

    def train(rate: float, steps: int) -> float:
        begin = perf_counter()
        state["parameters"], *_ = jax.block_until_ready(compiled(state["parameters"], rate, steps))
        return perf_counter() - begin

    return _fit_workload(train, train, lambda: jax.tree.leaves(state))


@fit_moons.on("c", "cc -O2 -march=native, one call for a step")
def fit_moons_c(engine: Engine) -> Workload:
    step, network, evaluate = _c_moons_step(engine)
    return _fit_workload(_repeated(step), _repeated(step), lambda: network, evaluate)


def _digits_model(engine: Engine) -> Any:
    assert engine.MLP is not None
    random.seed(1337)
    return engine.MLP(64, [32, 10])


@benchmark(
    "fit_digits",
    FIT,
    "A step of fit on digits",
    ("autograd", "torch"),
    unit="us",
    per=math.ceil(IMAGES / BATCH),
    of="step",
)
def fit_digits(engine: Engine) -> Workload:
    model = _digits_model(engine)
    # The check uses all images in one step, so that the engines' shuffling makes no difference.
    batches, whole = (
        _fit(engine, model, digits(IMAGES), "Adam", loss="cross_entropy", batch_size=size) for size in (BATCH, IMAGES)
    )
    return _fit_workload(batches, whole, _data_of(model))


@fit_digits.on("torch", "eager loop")
def fit_digits_torch(engine: Engine) -> Workload:
    torch = engine.module
    images, labels = digits(IMAGES)
    x = torch.tensor(images, dtype=torch.float64)
    y = torch.tensor(labels)
    model = _digits_model(engine)

    def training(size: int) -> Train:
        def train(rate: float, epochs: int) -> float:
            optimizer = torch.optim.Adam(model.parameters(), lr=rate)
            begin = perf_counter()
            for _ in range(epochs):
                total_loss = right = 0.0
                for batch in torch.randperm(IMAGES).split(size):
                    scores = model(x[batch])
                    loss = torch.nn.functional.cross_entropy(scores, y[batch])
                    total_loss += loss.item() * len(batch)
                    right += (scores.argmax(1) == y[batch]).sum().item()
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
            return perf_counter() - begin

        return train

    return _fit_workload(training(BATCH), training(IMAGES), _data_of(model))


target("fit on the two moons: a step, over PyTorch's eager step", "fit_moons", "autograd", "torch", at_most=0.1)
target("fit on the two moons: a step, over JAX's jit of the whole step", "fit_moons", "autograd", "jax", at_most=0.6)
target("fit on digits: a step, over PyTorch's eager step", "fit_digits", "autograd", "torch", at_most=0.3)
