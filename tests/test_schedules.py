"""Schedules against numbers from torch, their states and their errors."""

import math

import pytest

from autograd import Value, schedules
from autograd.optim import SGD
from autograd.schedules import (
    SCHEDULES,
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    SequentialLR,
    StepLR,
    schedule,
)


def two_groups():
    return SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)], "lr": 0.25}], lr=0.1)


def rates(optimizer, scheduler, steps):
    """Return the rates in each of the steps, and check that the optimizer has them."""
    seen = []
    for _ in range(steps):
        seen.append(scheduler.get_last_lr())
        assert [group["lr"] for group in optimizer.param_groups] == seen[-1]
        scheduler.step()
    return seen


# From torch 2.13, the rates of two groups in the steps 0, 1, 3, 4, 8 and 12.
STEPS = [0, 1, 3, 4, 8, 12]
TORCH = {
    "constant": (
        lambda optimizer: ConstantLR(optimizer),
        [0.1 / 3, 0.1 / 3, 0.1 / 3, 0.1 / 3, 0.1, 0.1],
        [0.25 / 3, 0.25 / 3, 0.25 / 3, 0.25 / 3, 0.25, 0.25],
    ),
    "constant, factor and total_iters": (
        lambda optimizer: ConstantLR(optimizer, factor=0.5, total_iters=4),
        [0.05, 0.05, 0.05, 0.1, 0.1, 0.1],
        [0.125, 0.125, 0.125, 0.25, 0.25, 0.25],
    ),
    "linear": (
        lambda optimizer: LinearLR(optimizer),
        [0.03333333333333333, 0.04666666666666667, 0.07333333333333335, 0.08666666666666668, 0.1, 0.1],
        [0.08333333333333333, 0.11666666666666667, 0.18333333333333338, 0.21666666666666673, 0.25, 0.25],
    ),
    "linear, start_factor, end_factor and total_iters": (
        lambda optimizer: LinearLR(optimizer, start_factor=1.0, end_factor=0.1, total_iters=8),
        [0.1, 0.08875, 0.06624999999999999, 0.05499999999999999, 0.01, 0.01],
        [0.25, 0.221875, 0.165625, 0.1375, 0.025, 0.025],
    ),
    "step": (
        lambda optimizer: StepLR(optimizer, step_size=4),
        [0.1, 0.1, 0.1, 0.01, 0.001, 0.0001],
        [0.25, 0.25, 0.25, 0.025, 0.0025, 0.00025],
    ),
    "step, gamma": (
        lambda optimizer: StepLR(optimizer, step_size=3, gamma=0.5),
        [0.1, 0.1, 0.05, 0.05, 0.025, 0.00625],
        [0.25, 0.25, 0.125, 0.125, 0.0625, 0.015625],
    ),
    "exponential": (
        lambda optimizer: ExponentialLR(optimizer, gamma=0.9),
        [0.1, 0.09, 0.07290000000000002, 0.06561000000000002, 0.043046721000000024, 0.028242953648100012],
        [0.25, 0.225, 0.18225000000000002, 0.16402500000000003, 0.10761680250000004, 0.07060738412025004],
    ),
    "cosine": (
        lambda optimizer: CosineAnnealingLR(optimizer, T_max=8),
        [0.1, 0.09619397662556434, 0.0691341716182545, 0.05, 0.0, 0.05],
        [0.25, 0.24048494156391084, 0.17283542904563623, 0.125, 0.0, 0.125],
    ),
    "cosine, eta_min": (
        lambda optimizer: CosineAnnealingLR(optimizer, T_max=10, eta_min=0.01),
        [0.1, 0.09779754323328192, 0.08145033635316129, 0.06890576474687264, 0.01859423525312737, 0.0185942352531274],
        [0.25, 0.24412678195541843, 0.2005342302750968, 0.1670820393249937, 0.032917960675006325, 0.032917960675006394],
    ),
    "lambda": (
        lambda optimizer: LambdaLR(optimizer, [lambda epoch: 1 / (1 + epoch), lambda epoch: 0.5**epoch]),
        [0.1, 0.05, 0.025, 0.020000000000000004, 0.011111111111111112, 0.007692307692307693],
        [0.25, 0.125, 0.03125, 0.015625, 0.0009765625, 6.103515625e-05],
    ),
    "sequence of two": (
        lambda optimizer: SequentialLR(
            optimizer, [LinearLR(optimizer, 0.1, 1.0, 3), CosineAnnealingLR(optimizer, 8)], milestones=[3]
        ),
        [0.01, 0.04, 0.1, 0.09619397662556434, 0.030865828381745515, 0.0038060233744356634],
        [0.025, 0.1, 0.25, 0.24048494156391084, 0.07716457095436378, 0.009515058436089158],
    ),
    "sequence of three": (
        lambda optimizer: SequentialLR(
            optimizer,
            [ConstantLR(optimizer, 0.1, 20), ExponentialLR(optimizer, 0.9), StepLR(optimizer, 2)],
            milestones=[1, 4],
        ),
        [0.01, 0.1, 0.081, 0.1, 0.001, 1e-05],
        [0.025, 0.25, 0.2025, 0.25, 0.0025, 2.5e-05],
    ),
}


@pytest.mark.parametrize("case", TORCH)
def test_rates_as_in_torch(case):
    make, *expected = TORCH[case]
    optimizer = two_groups()
    seen = rates(optimizer, make(optimizer), 13)
    for group, numbers in enumerate(expected):
        assert [seen[k][group] for k in STEPS] == pytest.approx(numbers, rel=1e-12, abs=1e-15)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("steps", [1, 2, 7, 40])
def test_rates_as_in_the_torch_that_is_installed(steps):
    torch = pytest.importorskip("torch")
    others = torch.optim.lr_scheduler
    for name, options in (
        ("ConstantLR", {"factor": 0.3, "total_iters": steps}),
        ("LinearLR", {"start_factor": 0.2, "end_factor": 0.7, "total_iters": steps}),
        ("StepLR", {"step_size": steps, "gamma": 0.7}),
        ("ExponentialLR", {"gamma": 0.97}),
        ("CosineAnnealingLR", {"T_max": steps, "eta_min": 0.003}),
        ("LambdaLR", {"lr_lambda": lambda epoch: 1 / (1 + epoch)}),
    ):
        tensors = [torch.zeros(1, requires_grad=True) for _ in range(2)]
        other_optimizer = torch.optim.SGD([{"params": tensors[:1]}, {"params": tensors[1:], "lr": 0.25}], lr=0.1)
        other = getattr(others, name)(other_optimizer, **options)
        optimizer = two_groups()
        for rate in rates(optimizer, getattr(schedules, name)(optimizer, **options), 100):
            assert rate == pytest.approx(other.get_last_lr(), rel=1e-12, abs=1e-13)
            other.step()


@pytest.mark.parametrize("steps", [1, 7, 100])
def test_micrograds_rates_are_its_formula_to_the_bit(steps):
    optimizer = SGD([Value(1.0)], lr=1.0)
    expected = [[1.0 - 0.9 * k / steps] for k in range(steps)]
    assert rates(optimizer, schedule("micrograd", optimizer, steps), steps) == expected


def named(name, steps):
    optimizer = SGD([Value(1.0)], lr=2.0)
    return [rate for (rate,) in rates(optimizer, schedule(name, optimizer, steps), steps + 1)]


def test_schedules_by_name_span_their_steps():
    assert named("constant", 30) == [2.0] * 31
    assert named("step", 30) == pytest.approx([2.0] * 10 + [0.2] * 10 + [0.02] * 10 + [0.002])
    assert named("exponential", 30) == pytest.approx([2.0 * 0.01 ** (k / 30) for k in range(31)])
    assert named("cosine", 30) == pytest.approx([1.0 + math.cos(math.pi * k / 30) for k in range(31)])
    assert named("linear", 30) == pytest.approx([2.0 - 2.0 * k / 30 for k in range(31)])
    rise = [0.5, 1.0, 1.5]
    fall = [1.0 + math.cos(math.pi * k / 27) for k in range(28)]
    assert named("warmup", 30) == pytest.approx(rise + fall)


@pytest.mark.parametrize("name", SCHEDULES.keys() - {"plateau"})
@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_schedules_by_name_span_few_steps(name, steps):
    seen = named(name, steps)
    assert all(0 < rate <= 2.0 for rate in seen[:-1])


def test_a_training_along_a_schedule():
    x = Value(5.0)
    optimizer = SGD([x], lr=0.2)
    scheduler = schedule("warmup", optimizer, 50)
    for _ in range(50):
        optimizer.zero_grad()
        ((x - 1) ** 2).backward()
        optimizer.step()
        scheduler.step()
    assert x.data == pytest.approx(1.0, abs=0.01)
    assert optimizer.lr == pytest.approx(0.0, abs=1e-15)


def test_schedules_start_from_the_rate_before_the_first_of_them():
    optimizer = two_groups()
    scheduler = ExponentialLR(optimizer, 0.5)
    scheduler.step()
    assert StepLR(optimizer, 3).get_last_lr() == [0.1, 0.25]
    scheduler.step()
    optimizer.lr = 0.75
    assert StepLR(optimizer, 3).get_last_lr() == [0.75, 0.75]
    assert scheduler.base_lrs == [0.1, 0.25]


def test_rates_that_were_returned_can_be_changed():
    scheduler = StepLR(two_groups(), 3)
    scheduler.get_last_lr()[0] = 9.0
    scheduler.state_dict()["base_lrs"][0] = 9.0
    assert scheduler.get_last_lr() == scheduler.base_lrs == [0.1, 0.25]


@pytest.mark.parametrize("optimizer_first", [False, True])
@pytest.mark.parametrize("case", TORCH)
def test_a_loaded_state_continues_as_if_uninterrupted(case, optimizer_first):
    make = TORCH[case][0]
    optimizer = two_groups()
    scheduler = make(optimizer)
    rates(optimizer, scheduler, 3)
    states = scheduler.state_dict(), optimizer.state_dict()
    other_optimizer = SGD([{"params": [Value(1.0)]}, {"params": [Value(1.0)]}], lr=7.0)
    if optimizer_first:
        other_optimizer.load_state_dict(states[1])
    other = make(other_optimizer)
    other.load_state_dict(states[0])
    if not optimizer_first:
        other_optimizer.load_state_dict(states[1])
    assert other.last_epoch == 3
    assert rates(other_optimizer, other, 10) == rates(optimizer, scheduler, 10)


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (None, ValueError, "the state of StepLR must be a dict of last_epoch and base_lrs, got None"),
        ({"last_epoch": 1}, ValueError, "the state of StepLR must be a dict of last_epoch and base_lrs"),
        ({"last_epoch": -1, "base_lrs": [1, 1]}, ValueError, "last_epoch must be at least 0, got -1"),
        ({"last_epoch": 1.5, "base_lrs": [1, 1]}, TypeError, "last_epoch must be an integer, got float 1.5"),
        ({"last_epoch": 1, "base_lrs": [1]}, ValueError, "StepLR has 2 groups, got base_lrs of 1"),
        ({"last_epoch": 1, "base_lrs": [1, -1]}, ValueError, "base_lrs must be at least 0 and finite, got -1"),
        ({"last_epoch": 1, "base_lrs": [1, "1"]}, TypeError, "base_lrs must be a real number, got str '1'"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, error, message):
    optimizer = two_groups()
    scheduler = StepLR(optimizer, 2)
    scheduler.step()
    with pytest.raises(error, match=message):
        scheduler.load_state_dict(state)
    assert scheduler.state_dict() == {"last_epoch": 1, "base_lrs": [0.1, 0.25]}
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.25]


def test_a_function_that_fails_leaves_the_step_as_it_was():
    optimizer = two_groups()
    scheduler = LambdaLR(optimizer, lambda epoch: 1 - epoch)
    scheduler.step()
    for _ in range(2):
        with pytest.raises(ValueError, match="lr must be at least 0 and finite, got -0.1"):
            scheduler.step()
        assert scheduler.last_epoch == 1
        assert optimizer.lr == scheduler.get_last_lr()[0] == 0.0


OTHERS = two_groups()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: StepLR(None, 3), TypeError, "optimizer must be an Optimizer, got NoneType"),
        (lambda o: StepLR(o, 0), ValueError, "step_size must be at least 1, got 0"),
        (lambda o: StepLR(o, 1.5), TypeError, "step_size must be an integer, got float 1.5"),
        (lambda o: StepLR(o, 3, -1), ValueError, "gamma must be at least 0 and finite, got -1"),
        (lambda o: ExponentialLR(o, "0.9"), TypeError, "gamma must be a real number, got str '0.9'"),
        (lambda o: CosineAnnealingLR(o, 0), ValueError, "T_max must be at least 1, got 0"),
        (lambda o: CosineAnnealingLR(o, 3, math.nan), ValueError, "eta_min must be at least 0 and finite, got nan"),
        (lambda o: LinearLR(o, -1), ValueError, "start_factor must be at least 0 and finite, got -1"),
        (lambda o: LinearLR(o, end_factor=math.inf), ValueError, "end_factor must be at least 0 and finite, got inf"),
        (lambda o: LinearLR(o, total_iters=0), ValueError, "total_iters must be at least 1, got 0"),
        (lambda o: ConstantLR(o, -1), ValueError, "factor must be at least 0 and finite, got -1"),
        (lambda o: ConstantLR(o, total_iters=-1), ValueError, "total_iters must be at least 0, got -1"),
        (lambda o: LambdaLR(o, [abs]), ValueError, "lr_lambda must be one function for each of 2 groups, got 1"),
        (lambda o: SequentialLR(o, [], []), ValueError, r"one fewer than schedulers, got \[\] for 0 schedulers"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [1]), ValueError, r"got \[1\] for 1 schedulers"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)] * 3, [2, 1]), ValueError, r"rising order .*, got \[2, 1\]"),
        (lambda o: SequentialLR(o, [None], []), TypeError, "must hold LRSchedulers, got NoneType at index 0"),
        (
            lambda o: SequentialLR(o, [StepLR(OTHERS, 1)], []),
            ValueError,
            "same optimizer, that at index 0 is of another",
        ),
        (lambda o: schedule("cosinus", o, 10), ValueError, "schedule must be one of constant, .*, got 'cosinus'"),
        (lambda o: schedule("cosine", o, 0), ValueError, "total_steps must be at least 1, got 0"),
        (lambda o: schedule("cosine", o, None), TypeError, "total_steps must be an integer, got NoneType None"),
        (lambda o: LRScheduler(o), TypeError, "abstract"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(two_groups())
