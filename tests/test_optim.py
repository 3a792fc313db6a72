"""Optimizers against numbers from torch, their states and their errors."""

import math

import pytest

from autograd import Value
from autograd.optim import SGD, Adam, Optimizer


def descend(values, optimizer, steps):
    """Take steps down (x - 3)^2 + x y + y^2 + x sin(z)."""
    x, y, z = values
    for _ in range(steps):
        optimizer.zero_grad()
        ((x - 3) ** 2 + x * y + y**2 + x * z.sin()).backward()
        optimizer.step()
    return [value.data for value in values]


def start():
    return [Value(1.0), Value(-2.0), Value(0.5)]


# From torch 2.13, float64, after 20 steps of the same descent.
TORCH = [
    (SGD, {"lr": 0.05}, [3.659724051735991, -1.553825658251534, -1.3444103530299072]),
    (SGD, {"lr": 0.05, "momentum": 0.9}, [4.980552190163996, -2.6895593997541094, -1.6470288272083726]),
    (
        SGD,
        {"lr": 0.05, "momentum": 0.9, "dampening": 0.3},
        [4.738212585273571, -3.3696323306743348, -0.9688470170083257],
    ),
    (
        SGD,
        {"lr": 0.05, "momentum": 0.9, "nesterov": True},
        [4.940448441774972, -2.5845739820900757, -1.6271813112044957],
    ),
    (SGD, {"lr": 0.05, "weight_decay": 0.1}, [3.496702703262324, -1.4471879362788296, -1.299366922580173]),
    (
        SGD,
        {"lr": 0.05, "momentum": 0.5, "dampening": 0.2, "weight_decay": 0.1},
        [3.956657350536378, -1.6976725659753007, -1.5461548953788309],
    ),
    (
        SGD,
        {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1, "nesterov": True},
        [4.095343848461312, -1.8363148402427094, -1.5347832247393236],
    ),
    (SGD, {}, [1.1079385411207974, -1.9421480685703847, 0.481453237359497]),
    (Adam, {"lr": 0.1}, [2.8747120820332226, -0.7895585092791598, -1.5124105115619986]),
    (
        Adam,
        {"lr": 0.1, "betas": (0.5, 0.7), "eps": 0.001},
        [2.918683632816607, -1.392843118963833, -1.456470004889039],
    ),
    (Adam, {"lr": 0.1, "weight_decay": 0.1}, [2.8598982929239396, -0.7443013645117507, -1.4989425306480488]),
    (
        Adam,
        {"lr": 0.3, "betas": (0.5, 0.6), "amsgrad": True},
        [4.223363892802757, -2.0175829414087834, -1.5735216662244305],
    ),
    (
        Adam,
        {"lr": 0.3, "betas": (0.5, 0.6), "weight_decay": 0.1, "amsgrad": True},
        [4.0084397271114955, -1.8363957579317787, -1.534522699975779],
    ),
    (Adam, {}, [1.0199908716246429, -1.9800239753645057, 0.47996401860868715]),
]


@pytest.mark.parametrize(("kind", "options", "expected"), TORCH)
def test_twenty_steps_as_in_torch(kind, options, expected):
    values = start()
    assert descend(values, kind(values, **options), 20) == pytest.approx(expected, rel=1e-12)


def test_plain_sgd_is_the_hand_written_loop_to_the_bit():
    values, others = start(), start()
    optimizer = SGD(values, lr=0.1)
    for _ in range(5):
        descend(values, optimizer, 1)
        for other, value in zip(others, values, strict=True):
            other.data -= 0.1 * value.grad
        assert [v.data for v in values] == [o.data for o in others]


def test_step_leaves_gradients_and_zero_grad_clears_them():
    x = Value(2.0)
    optimizer = SGD([x], lr=0.5)
    (x * x).backward()
    optimizer.step()
    assert (x.data, x.grad) == (0.0, 4.0)
    optimizer.step()
    assert x.data == -2.0
    optimizer.zero_grad()
    assert x.grad == 0.0


def test_first_adam_step_is_the_learning_rate_for_any_gradient():
    values = [Value(0.0), Value(0.0), Value(0.0)]
    for value, grad in zip(values, (1e3, -1e-3, 0.0), strict=True):
        value.grad = grad
    Adam(values, lr=0.25).step()
    assert [v.data for v in values] == pytest.approx([-0.25, 0.25, 0.0], rel=1e-4)


def test_learning_rate_can_be_set_between_steps():
    x = Value(1.0)
    optimizer = SGD([x], lr=0.1)
    x.grad = 1.0
    optimizer.lr = 0.5
    assert optimizer.lr == 0.5
    optimizer.step()
    assert x.data == 0.5
    optimizer.param_groups[0]["lr"] = 0.25
    optimizer.step()
    assert x.data == 0.25


@pytest.mark.parametrize(("lr", "error"), [(-1.0, ValueError), (math.nan, ValueError), ("1", TypeError)])
def test_a_bad_learning_rate_is_not_set(lr, error):
    optimizer = SGD([Value(1.0)], lr=0.1)
    with pytest.raises(error, match="^lr must be"):
        optimizer.lr = lr
    assert optimizer.lr == 0.1


def test_defaults_are_torchs():
    sgd, adam = (kind([Value(1.0)]).state_dict()["param_groups"][0] for kind in (SGD, Adam))
    expected = {"lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False, "params": 1}
    assert sgd == expected
    expected = {
        "lr": 1e-3,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "weight_decay": 0,
        "amsgrad": False,
        "params": 1,
    }
    assert adam == expected


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (SGD, {"lr": -0.1}, ValueError, "lr must be at least 0 and finite, got -0.1"),
        (SGD, {"lr": math.inf}, ValueError, "lr must be at least 0 and finite, got inf"),
        (SGD, {"lr": None}, TypeError, "lr must be a number, got NoneType"),
        (SGD, {"momentum": -1}, ValueError, "momentum must be at least 0 and finite, got -1"),
        (SGD, {"weight_decay": -1e-4}, ValueError, "weight_decay must be at least 0 and finite, got -0.0001"),
        (SGD, {"dampening": "x"}, TypeError, "dampening must be a number, got str"),
        (SGD, {"nesterov": True}, ValueError, "nesterov needs a momentum and no dampening, got momentum=0"),
        (SGD, {"momentum": 0.9, "dampening": 0.1, "nesterov": True}, ValueError, "dampening=0.1"),
        (Adam, {"lr": math.nan}, ValueError, "lr must be at least 0 and finite, got nan"),
        (Adam, {"eps": -1e-8}, ValueError, "eps must be at least 0 and finite, got -1e-08"),
        (Adam, {"weight_decay": -1}, ValueError, "weight_decay must be at least 0 and finite, got -1"),
        (Adam, {"betas": (1.0, 0.9)}, ValueError, r"betas\[0\] must be at least 0 and below 1, got 1.0"),
        (Adam, {"betas": (0.9, -0.1)}, ValueError, r"betas\[1\] must be at least 0 and below 1, got -0.1"),
        (Adam, {"betas": 0.9}, TypeError, "betas must be a pair of numbers, got 0.9"),
        (Adam, {"betas": (0.9,)}, TypeError, r"betas must be a pair of numbers, got \(0.9,\)"),
    ],
)
def test_option_errors(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind([Value(1.0)], **options)


SHARED = Value(1.0)


@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ([], ValueError, "the optimizer got an empty parameter list"),
        (Value(1.0), TypeError, "params must be an iterable of Values in a fixed order, got Value"),
        ({Value(1.0)}, TypeError, "params must be an iterable of Values in a fixed order, got set"),
        (None, TypeError, "params must be an iterable of Values in a fixed order, got NoneType"),
        ([Value(1.0), 2.0], TypeError, "params must hold Values, got float at index 1"),
        ([Value(1.0) * 2.0], ValueError, r"params must hold leaves, got a result of '\*' at index 0"),
        (
            [SHARED, Value(1.0), SHARED],
            ValueError,
            "params must hold each Value once, got one at index 0 and 2",
        ),
    ],
)
def test_parameter_errors(kind, params, error, message):
    with pytest.raises(error, match=message):
        kind(params)


def test_params_may_be_an_iterator():
    values = start()
    assert descend(values, SGD(iter(values), lr=0.05), 1) != [1.0, -2.0, 0.5]


def test_the_base_class_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Optimizer([Value(1.0)], {"lr": 0.1})


def test_a_diverged_step_gives_infinities_without_a_warning():
    x = Value(1e308)
    optimizer = Adam([x], lr=1.0)
    x.grad = 1e200
    optimizer.step()
    assert x.data == 1e308
    x.grad = math.nan
    optimizer.step()
    assert math.isnan(x.data)


CONTINUED = [
    (SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    (SGD, {"lr": 0.05}),
    (Adam, {"lr": 0.1, "betas": (0.5, 0.7)}),
    (Adam, {"lr": 0.1, "amsgrad": True}),
]


@pytest.mark.parametrize(("kind", "options"), CONTINUED)
@pytest.mark.parametrize("steps", [0, 7])
def test_a_loaded_state_continues_as_if_uninterrupted(kind, options, steps):
    whole = start()
    expected = descend(whole, kind(whole, **options), steps + 9)
    values = start()
    optimizer = kind(values, **options)
    descend(values, optimizer, steps)
    state = optimizer.state_dict()
    copies = [Value(value.data) for value in values]
    descend(values, optimizer, 3)
    other = kind(copies)
    other.load_state_dict(state)
    descend(values, optimizer, 3)
    assert descend(copies, other, 9) == expected


def test_a_state_dict_is_a_copy():
    values, twins = start(), start()
    optimizer, twin = Adam(values, lr=0.1), Adam(twins, lr=0.1)
    descend(values, optimizer, 2)
    descend(twins, twin, 2)
    state = optimizer.state_dict()
    state["state"][0]["exp_avg"][:] = 9.0
    state["param_groups"][0]["lr"] = 9.0
    state = twin.state_dict()
    twin.load_state_dict(state)
    state["state"][0]["exp_avg"][:] = 9.0
    assert descend(values, optimizer, 2) == descend(twins, twin, 2)


def changed(part, **entries):
    def change(state):
        return {**state, part: [{**state[part][0], **entries}]}

    return change


def without(part, name):
    def change(state):
        return {**state, part: [{key: value for key, value in state[part][0].items() if key != name}]}

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda state: None, ValueError, "the state of Adam must be a dict of param_groups and state"),
        (lambda state: {}, ValueError, "the state of Adam must be a dict of param_groups and state"),
        (lambda state: {**state, "state": 3}, ValueError, "must be a dict of param_groups and state"),
        (lambda state: {**state, "state": []}, ValueError, "1 parameter groups, got 1 with 0 states"),
        (
            lambda state: SGD(start()).state_dict(),
            ValueError,
            "the options of Adam must be params, lr, betas.*got",
        ),
        (
            lambda state: Adam([Value(1.0)]).state_dict(),
            ValueError,
            "Adam has 3 parameters in a group, got 1",
        ),
        (changed("param_groups", lr=-1), ValueError, "lr must be at least 0 and finite, got -1"),
        (without("param_groups", "eps"), ValueError, "the options of Adam must be params, lr, betas, eps"),
        (without("state", "exp_avg_sq"), ValueError, "the state of Adam must be step, exp_avg, exp_avg_sq"),
        (changed("state", exp_avg=[1.0, 2.0]), ValueError, r"exp_avg must have 3 elements, got shape \(2,\)"),
        (changed("state", exp_avg=None), ValueError, r"exp_avg must have 3 elements, got shape \(\)"),
        (changed("state", step=[1]), TypeError, "step must be a number, got list"),
        (changed("state", exp_avg=["a", "b", "c"]), ValueError, "could not convert"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, error, message):
    values, twins = start(), start()
    optimizer, twin = Adam(values, lr=0.1), Adam(twins, lr=0.1)
    descend(values, optimizer, 4)
    descend(twins, twin, 4)
    with pytest.raises(error, match=message):
        optimizer.load_state_dict(change(optimizer.state_dict()))
    assert descend(values, optimizer, 4) == descend(twins, twin, 4)
