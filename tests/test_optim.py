"""Optimizers against numbers from torch, their states and their errors; clipping and penalties."""

import copy
import doctest
import gc
import itertools
import math
import pickle
import random
import sys
import tracemalloc

import numpy as np
import pytest

from autograd import MLP, Value, functions, optim
from autograd._blocks import rules
from autograd.optim import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Optimizer,
    RMSprop,
    add_penalty,
    clip_grad_norm,
    clip_grad_value,
)

KINDS = [SGD, Adam, AdamW, RMSprop, Adagrad]


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
    (
        SGD,
        {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1, "maximize": True},
        [-105.03249121988436, -94.54089794185613, -1.4275830900695383],
    ),
    (Adam, {"lr": 0.1, "maximize": True}, [-1.071227994916779, -4.096864435035805, 1.7492381687115586]),
    (
        Adam,
        {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True},
        [2.537037542329297, -0.636501052460618, -1.422267053952665],
    ),
    (AdamW, {}, [1.0197890109851002, -1.9796261531347954, 0.47986610083216485]),
    (AdamW, {"lr": 0.1}, [2.838590075834857, -0.7725376816452377, -1.503260580728812]),
    (
        AdamW,
        {"lr": 0.1, "weight_decay": 0.5, "betas": (0.5, 0.6), "amsgrad": True},
        [1.5498007052075056, -0.5148100991372009, -0.9929088716570946],
    ),
    (RMSprop, {}, [1.7348559108649106, -1.3739853311570918, -0.36568039778223727]),
    (
        RMSprop,
        {"lr": 0.05, "alpha": 0.7, "eps": 0.01, "weight_decay": 0.1},
        [2.0503903724804773, -1.1128031160300407, -0.6351378770420544],
    ),
    (RMSprop, {"lr": 0.05, "momentum": 0.9}, [5.154687918284843, -1.9565318856105303, -2.1772437361745083]),
    (
        RMSprop,
        {"lr": 0.05, "alpha": 0.9, "centered": True},
        [2.991316970178808, -1.2761621692654712, -1.488620988408628],
    ),
    (
        RMSprop,
        {
            "lr": 0.02,
            "alpha": 0.9,
            "eps": 0.001,
            "weight_decay": 0.1,
            "momentum": 0.5,
            "centered": True,
            "maximize": True,
        },
        [-0.9664325041120743, -4.029876867606538, 0.6873627138686745],
    ),
    (Adagrad, {}, [1.07552981304846, -1.9251902577028868, 0.4224067262641637]),
    (Adagrad, {"lr": 0.5, "lr_decay": 0.1}, [3.0974551434765374, -1.3910634551540457, -1.5402332938292784]),
    (
        Adagrad,
        {"lr": 0.5, "weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 0.01},
        [3.653149789426667, -1.642292472757423, -1.5278672682262733],
    ),
    (Adagrad, {"lr": 0.1, "maximize": True}, [0.19358640237833888, -2.848107595484884, 1.0120726996724367]),
]

# The same, where z is in a group of its own with the second options.
TORCH_GROUPS = [
    (
        SGD,
        {"lr": 0.05},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        [3.8212174676525827, -1.635365500592054, -1.5821812521625014],
    ),
    (
        Adam,
        {"lr": 0.1},
        {"betas": (0.5, 0.6), "amsgrad": True, "weight_decay": 0.1},
        [2.873593383893461, -0.7895267868740204, -1.3230417793827636],
    ),
    (
        AdamW,
        {"lr": 0.1},
        {"lr": 0.3, "weight_decay": 0.5},
        [2.846878925192606, -0.7767351011764133, -1.3831595249914592],
    ),
    (
        RMSprop,
        {"lr": 0.05},
        {"alpha": 0.5, "momentum": 0.5, "centered": True},
        [3.8326291908589942, -1.8072655931421364, -1.556859533388849],
    ),
    (
        Adagrad,
        {"lr": 0.5},
        {"lr_decay": 0.2, "maximize": True},
        [3.025276865421812, -1.4556319219759462, 1.5706289277666747],
    ),
]


@pytest.mark.parametrize(("kind", "options", "expected"), TORCH)
def test_twentyrules_as_in_torch(kind, options, expected):
    values = start()
    assert descend(values, kind(values, **options), 20) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("kind", "options", "second", "expected"), TORCH_GROUPS)
def test_groups_as_in_torch(kind, options, second, expected):
    values = start()
    together = kind([{"params": values[:2]}, {"params": values[2:], **second}], **options)
    assert descend(values, together, 20) == pytest.approx(expected, rel=1e-12)
    values = start()
    added = kind(values[:2], **options)
    added.add_param_group({"params": iter(values[2:]), **second})
    assert descend(values, added, 20) == pytest.approx(expected, rel=1e-12)


# Every option at its default and elsewhere, in every combination that is allowed.
CHOICES = {
    "SGD": {"momentum": [0, 0.9], "dampening": [0, 0.3], "weight_decay": [0, 0.1], "nesterov": [False, True]},
    "Adam": {
        "betas": [(0.9, 0.999), (0.5, 0.6)],
        "eps": [1e-8, 0.01],
        "weight_decay": [0, 0.1],
        "amsgrad": [False, True],
    },
    "RMSprop": {
        "alpha": [0.99, 0.5],
        "eps": [1e-4],
        "weight_decay": [0, 0.1],
        "momentum": [0, 0.9],
        "centered": [False, True],
    },
    "Adagrad": {
        "lr_decay": [0, 0.1],
        "weight_decay": [0, 0.1],
        "initial_accumulator_value": [0, 0.5],
        "eps": [1e-10, 0.01],
    },
}
CHOICES["AdamW"] = CHOICES["Adam"]


@pytest.mark.parametrize("name", CHOICES)
def test_every_combination_of_options_as_in_the_torch_that_is_installed(name):
    torch = pytest.importorskip("torch")
    for chosen in itertools.product(*CHOICES[name].values(), [False, True]):
        options = dict(zip([*CHOICES[name], "maximize"], chosen, strict=True), lr=0.02)
        if options.get("nesterov") and (options["momentum"] == 0 or options["dampening"] != 0):
            continue
        data = [random.Random(name).uniform(-2, 2) for _ in range(5)]
        values, tensor = [Value(number) for number in data], torch.tensor(data, dtype=torch.float64, requires_grad=True)
        own, other = getattr(optim, name)(values, **options), getattr(torch.optim, name)([tensor], **options)
        for _ in range(40):
            tensor.grad = torch.sin(3 * tensor.detach()) + tensor.detach() / 3
            for value, grad in zip(values, tensor.grad.tolist(), strict=True):
                value.grad = grad
            own.step()
            other.step()
        # The centred variance is a difference that cancels.
        rel = 1e-10 if options.get("centered") else 1e-12
        assert [value.data for value in values] == pytest.approx(tensor.tolist(), rel=rel), options


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


def test_learning_rate_can_be_set_betweenrules():
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
    expected = {
        SGD: {"lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False},
        Adam: {
            "lr": 1e-3,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
            "weight_decay": 0,
            "amsgrad": False,
            "decoupled_weight_decay": False,
        },
        AdamW: {
            "lr": 1e-3,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
            "weight_decay": 1e-2,
            "amsgrad": False,
            "decoupled_weight_decay": True,
        },
        RMSprop: {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0, "centered": False},
        Adagrad: {"lr": 1e-2, "lr_decay": 0, "weight_decay": 0, "initial_accumulator_value": 0, "eps": 1e-10},
    }
    for kind, options in expected.items():
        x = Value(1.0)
        assert kind([x]).param_groups == [{"params": [x], **options, "maximize": False}]


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (SGD, {"lr": -0.1}, ValueError, "lr must be at least 0 and finite, got -0.1"),
        (SGD, {"lr": math.inf}, ValueError, "lr must be at least 0 and finite, got inf"),
        (SGD, {"lr": None}, TypeError, "lr must be a real number, got NoneType None"),
        (SGD, {"lr": Value(1.0)}, TypeError, "lr must be a real number, got Value"),
        (SGD, {"momentum": -1}, ValueError, "momentum must be at least 0 and finite, got -1"),
        (SGD, {"weight_decay": -1e-4}, ValueError, "weight_decay must be at least 0 and finite, got -0.0001"),
        (SGD, {"dampening": "x"}, TypeError, "dampening must be a real number, got str 'x'"),
        (SGD, {"nesterov": True}, ValueError, "nesterov needs a momentum and no dampening, got momentum=0"),
        (SGD, {"momentum": 0.9, "dampening": 0.1, "nesterov": True}, ValueError, "dampening=0.1"),
        (SGD, {"momentum": 0.9, "nesterov": 1}, TypeError, "nesterov must be True or False, got int 1"),
        (Adam, {"lr": math.nan}, ValueError, "lr must be at least 0 and finite, got nan"),
        (Adam, {"eps": -1e-8}, ValueError, "eps must be at least 0 and finite, got -1e-08"),
        (Adam, {"weight_decay": -1}, ValueError, "weight_decay must be at least 0 and finite, got -1"),
        (Adam, {"betas": (1.0, 0.9)}, ValueError, r"betas\[0\] must be at least 0 and below 1, got 1.0"),
        (Adam, {"betas": (0.9, -0.1)}, ValueError, r"betas\[1\] must be at least 0 and below 1, got -0.1"),
        (Adam, {"betas": 0.9}, TypeError, "betas must be a pair of numbers, got 0.9"),
        (Adam, {"betas": (0.9,)}, TypeError, r"betas must be a pair of numbers, got \(0.9,\)"),
        (Adam, {"betas": (0.9, None)}, TypeError, r"betas\[1\] must be a real number, got NoneType None"),
        (RMSprop, {"alpha": -0.1}, ValueError, "alpha must be at least 0 and finite, got -0.1"),
        (RMSprop, {"centered": None}, TypeError, "centered must be True or False, got NoneType None"),
        (Adagrad, {"lr_decay": -1}, ValueError, "lr_decay must be at least 0 and finite, got -1"),
        (Adagrad, {"initial_accumulator_value": -1}, ValueError, "initial_accumulator_value must be at least 0"),
    ],
)
def test_option_errors(kind, options, error, message):
    with pytest.raises(error, match=message):
        kind([Value(1.0)], **options)


SHARED = Value(1.0)


@pytest.mark.parametrize("kind", KINDS)
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
            "params must hold each Value once, in one group; got one again at index 2",
        ),
        ([{"params": []}], ValueError, "the optimizer got an empty parameter list"),
        ([{"params": [SHARED]}, SHARED], TypeError, "param_group must be a dict, got Value"),
        ([{"params": {SHARED}}], TypeError, "params must be an iterable of Values in a fixed order, got set"),
        ([{"lr": 0.1}], ValueError, "a group of .* has params and may have lr, .*, got lr$"),
        ([{"params": [SHARED], "rate": 0.1}], ValueError, "may have lr, .*, got params, rate$"),
        ([{"params": [SHARED], "lr": -0.1}], ValueError, "lr must be at least 0 and finite, got -0.1"),
        ([{"params": [SHARED]}, {"params": [SHARED]}], ValueError, "once, in one group; got one again at index 0"),
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


def test_a_group_that_is_refused_changes_nothing():
    values = start()
    optimizer = SGD(values[:2], lr=0.05)
    for group in ({"params": values[1:]}, {"params": values[2:], "lr": -1}, {"params": values[2:], "betas": (0, 0)}):
        with pytest.raises(ValueError):
            optimizer.add_param_group(group)
    assert len(optimizer.param_groups) == 1
    optimizer.add_param_group({"params": values[2:], "lr": 0.1})
    assert [group["lr"] for group in optimizer.param_groups] == [0.05, 0.1]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_into_a_group_is_checked_before_anything_changes(kind):
    values = start()
    optimizer = kind(values, lr=0.1)
    twins = start()
    twin = kind(twins, lr=0.1)
    descend(values, optimizer, 2)
    descend(twins, twin, 2)
    group = optimizer.param_groups[0]
    for params, error, message in (
        ([values[0], values[1]], ValueError, "params must hold 3 Values as it did, got 2; add_param_group"),
        ([*values, Value(1.0)], ValueError, "params must hold 3 Values as it did, got 4; add_param_group"),
        ([values[0], values[1], 0.5], TypeError, "params must hold Values, got float at index 2"),
        ([values[0], values[1], None], TypeError, "params must hold Values, got NoneType at index 2"),
        ([values[0], values[1] * 2, values[2]], ValueError, r"leaves, got a result of '\*' at index 1"),
        (tuple(values), TypeError, "params must be a list of Values, got tuple"),
        (None, TypeError, "params must be a list of Values, got NoneType"),
    ):
        group["params"] = params
        with pytest.raises(error, match=message):
            optimizer.step()
    group["params"] = values
    for lr in ("0.1", None, [0.1]):
        group["lr"] = lr
        with pytest.raises(TypeError, match="^lr must be a real number"):
            optimizer.step()
    group["lr"] = 0.1
    assert descend(values, optimizer, 5) == descend(twins, twin, 5)


def test_parameters_can_be_replaced_by_as_many():
    values, others = start(), start()
    optimizer = SGD(values, lr=0.05, momentum=0.9)
    optimizer.param_groups[0]["params"] = others
    assert descend(others, optimizer, 5) != [1.0, -2.0, 0.5]
    assert [value.data for value in values] == [1.0, -2.0, 0.5]


def test_momentum_that_is_switched_on_late_starts_with_the_gradient_it_meets():
    x = Value(1.0)
    optimizer = SGD([x], lr=1.0, dampening=0.5)
    x.grad = 1.0
    optimizer.step()
    assert x.data == 0.0
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    assert x.data == -1.0
    optimizer.step()
    assert x.data == -2.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_networkrules_as_its_weights_do_one_by_one(kind):
    model, other = MLP(2, [4, 1], seed=1), MLP(2, [4, 1], seed=1)
    together, single = kind(model.parameters()), [kind([parameter]) for parameter in other.parameters()]
    for _ in range(4):
        together.zero_grad()
        other.zero_grad()
        outputs = model([0.5, -1.0]), other([0.5, -1.0])
        assert outputs[0].data == outputs[1].data
        for output in outputs:
            (output * output).backward()
        together.step()
        for optimizer in single:
            optimizer.step()
    assert model.state_dict() == other.state_dict()


@pytest.mark.parametrize("make", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_with_its_parameters_continues_alike(kind, make):
    values = start()
    optimizer = kind(values, lr=0.1)
    descend(values, optimizer, 3)
    others, other = make((values, optimizer))
    assert descend(others, other, 3) == descend(values, optimizer, 3)


def testrules_take_no_memory_and_no_references():
    values = [Value(0.1 * i) for i in range(50)]
    optimizers = [kind(values) for kind in KINDS]
    broken = SGD(values)
    broken.param_groups[0]["params"] = [*values[:-1], None]

    def work(rounds):
        for _ in range(rounds):
            for optimizer in optimizers:
                optimizer.zero_grad()
                add_penalty(values, 0.1, 0.1)
                clip_grad_norm(values, 1.0)
                clip_grad_value(values, 0.5)
                optimizer.step()
            with pytest.raises(TypeError):
                broken.step()

    work(50)
    references = [sys.getrefcount(value) for value in values]
    tracemalloc.start()
    try:
        work(50)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        work(300)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2000
    assert [sys.getrefcount(value) for value in values] == references


CONTINUED = [
    (SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    (SGD, {"lr": 0.05}),
    (Adam, {"lr": 0.1, "betas": (0.5, 0.7)}),
    (Adam, {"lr": 0.1, "amsgrad": True}),
    (AdamW, {"lr": 0.1}),
    (RMSprop, {"lr": 0.05, "momentum": 0.9, "centered": True}),
    (Adagrad, {"lr": 0.5, "lr_decay": 0.1, "initial_accumulator_value": 0.3}),
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
        (changed("state", step=[1]), ValueError, r"step must be an integer of at least 0, got list \[1\]"),
        (changed("state", step=-1), ValueError, "step must be an integer of at least 0, got int -1"),
        (changed("param_groups", initial_lr=-1), ValueError, "initial_lr must be at least 0 and finite, got -1"),
        (changed("param_groups", rate=1), ValueError, "the options of Adam must be params, lr.*, rate"),
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


def test_the_state_of_adam_is_not_for_adamw():
    with pytest.raises(ValueError, match="decoupled_weight_decay of AdamW must be True, got False"):
        AdamW(start()).load_state_dict(Adam(start()).state_dict())


def with_grads(grads):
    values = [Value(1.0) for _ in grads]
    for value, grad in zip(values, grads, strict=True):
        value.grad = grad
    return values


# From torch 2.13: max_norm, norm_type, gradients, the norm, the gradients after it.
CLIPPED = [
    (5.0, 2.0, [3.0, -4.0], 5.0, [2.99999940000012, -3.99999920000016]),
    (6.0, 2.0, [3.0, -4.0], 5.0, [3.0, -4.0]),
    (0.5, 1.0, [3.0, -4.0], 7.0, [0.21428568367347373, -0.285714244897965]),
    (0.5, math.inf, [3.0, -4.0], 4.0, [0.37499990625002344, -0.49999987500003124]),
    (0.5, 3.0, [3.0, -4.0], 4.497941445275415, [0.33348581451405235, -0.44464775268540313]),
    (0.5, 0.5, [3.0, -4.0], 13.928203230275509, [0.1076951468545726, -0.14359352913943013]),
    (0.0, 2.0, [3.0, -4.0], 5.0, [0.0, -0.0]),
    (math.inf, 2.0, [3.0, -4.0], 5.0, [3.0, -4.0]),
    (1.0, 2.0, [math.inf, 1.0], math.inf, [math.nan, 0.0]),
    (1.0, 2.0, [math.nan, 1.0], math.nan, [math.nan, math.nan]),
    (1.0, math.inf, [1.0, math.nan, 2.0], math.nan, [math.nan, math.nan, math.nan]),
    (1.0, 2.0, [], 0.0, []),
]


@pytest.mark.parametrize(("max_norm", "norm_type", "grads", "norm", "clipped"), CLIPPED)
def test_clipping_by_norm_as_in_torch(max_norm, norm_type, grads, norm, clipped):
    values = with_grads(grads)
    assert clip_grad_norm(values, max_norm, norm_type) == pytest.approx(norm, rel=1e-12, nan_ok=True)
    assert [value.grad for value in values] == pytest.approx(clipped, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("grad", [math.inf, math.nan])
def test_a_norm_that_is_not_finite_can_be_an_error(grad):
    values = with_grads([1.0, grad])
    with pytest.raises(FloatingPointError, match=f"the norm of the gradients is {grad}; a lower learning rate"):
        clip_grad_norm(values, 1.0, error_if_nonfinite=True)
    assert values[0].grad == 1.0


def test_clipping_by_value():
    values = with_grads([3.0, -4.0, 0.5, -0.5, math.inf, -math.inf, math.nan])
    clip_grad_value(values, 1)
    expected = [1.0, -1.0, 0.5, -0.5, 1.0, -1.0, math.nan]
    assert [value.grad for value in values] == pytest.approx(expected, rel=0, nan_ok=True)


@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.2), (0.3, 0.2), (1, np.float64(2))])
def test_a_penalty_is_that_of_the_graph(l1, l2):
    data = [1.5, -0.25, 0.0, 3.0, -7.0]
    values, others = [Value(number) for number in data], [Value(number) for number in data]
    for parameters in (values, others):
        functions.sum([parameter.sin() for parameter in parameters]).backward()
    penalty = l1 * functions.sum([abs(other) for other in others]) + l2 * functions.dot(others, others)
    penalty.backward()
    assert add_penalty(values, l1, l2) == pytest.approx(penalty.data, rel=1e-14)
    assert [value.grad for value in values] == pytest.approx([other.grad for other in others], rel=1e-14)
    assert [value.data for value in values] == data


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda values: clip_grad_norm(values, -1.0), ValueError, "max_norm must be at least 0, got -1.0"),
        (lambda values: clip_grad_norm(values, math.nan), ValueError, "max_norm must be at least 0, got nan"),
        (lambda values: clip_grad_norm(values, "1"), TypeError, "max_norm must be a real number, got str '1'"),
        (lambda values: clip_grad_norm(values, 1.0, 0), ValueError, "norm_type must be above 0, got 0"),
        (lambda values: clip_grad_norm(values[0], 1.0), TypeError, "params must be an iterable of Values.*got Value"),
        (
            lambda values: clip_grad_norm([*values, 1.0], 1.0),
            TypeError,
            "params must hold Values, got float at index 2",
        ),
        (lambda values: clip_grad_norm([values[0] + 1], 1.0), ValueError, r"leaves, got a result of '\+' at index 0"),
        (lambda values: clip_grad_value(values, -1), ValueError, "clip_value must be at least 0, got -1"),
        (lambda values: clip_grad_value(set(values), 1), TypeError, "in a fixed order, got set"),
        (lambda values: add_penalty(values, -1), ValueError, "l1 must be at least 0 and finite, got -1"),
        (lambda values: add_penalty(values, 0, math.inf), ValueError, "l2 must be at least 0 and finite, got inf"),
        (lambda values: add_penalty(values, None), TypeError, "l1 must be a real number, got NoneType None"),
        (lambda values: add_penalty([*values, None], 1, 1), TypeError, "Values, got NoneType at index 2"),
    ],
)
def test_errors_of_clipping_and_penalties_change_no_gradient(call, error, message):
    values = with_grads([3.0, -4.0])
    with pytest.raises(error, match=message):
        call(values)
    assert [value.grad for value in values] == [3.0, -4.0]


@pytest.mark.parametrize("rule", [rules.Rule, rules.SGDRule, rules.AdamRule, rules.RMSpropRule, rules.AdagradRule])
def test_none_and_what_was_never_initialised_are_errors(rule):
    for call in (
        lambda: rule(None),
        lambda: rule(1, None),
        lambda: rule(-1),
        lambda: rule(1).step(None),
        lambda: rule(1).step({"params": None}),
        lambda: rule(1).step({"params": [None]}),
        lambda: rule(1).load_state_dict(None),
        lambda: rule.__new__(rule).state_dict(),
        lambda: rule.__new__(rule).step({"params": [Value(1.0)]}),
        lambda: rules.zero_grad(None),
        lambda: rules.zero_grad([None]),
        lambda: rules.leaves(None),
        lambda: rules.check_number(None, 1.0),
        lambda: rules.check_number("lr", None),
        lambda: clip_grad_norm(None, None),
        lambda: clip_grad_norm([Value(1.0)], None),
        lambda: clip_grad_norm([Value(1.0)], 1.0, None),
        lambda: clip_grad_value(None, 1.0),
        lambda: clip_grad_value([Value(1.0)], None),
        lambda: add_penalty(None, None, None),
    ):
        with pytest.raises((TypeError, ValueError, NotImplementedError, AttributeError)):
            call()


def test_the_examples_of_the_compiled_functions():
    results = doctest.testmod(rules)
    assert results.attempted >= 10
    assert results.failed == 0
