"""Batches on executors: threads, processes, Dask and loky give the bits of one thread; branches, deaths, Ctrl-C."""

import os
import pickle
import signal
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from autograd import (
    MLP,
    Module,
    Neuron,
    Value,
    compile,
    custom_vjp,
    exp,
    functions,
    grad,
    jacobian,
    scan,
    sin,
    value_and_grad,
    vmap,
)
from autograd.training import evaluate, fit

X, Y = np.random.default_rng(0).normal(size=(2, 1000))

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Here:
    """An executor that runs what it is given at once, after a pickle took it to the worker."""

    def __init__(self):
        self.sizes = []

    def submit(self, function, *arguments):
        sent = pickle.dumps((function, arguments))
        self.sizes.append(len(sent))
        future = Future()
        function, arguments = pickle.loads(sent)
        future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        return future


@contextmanager
def dask_cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@contextmanager
def dask_executor():
    with dask_cluster() as client:
        yield client.get_executor()


@contextmanager
def loky_pool():
    yield pytest.importorskip("loky").get_reusable_executor(2)


processes = partial(ProcessPoolExecutor, 2, mp_context=get_context("spawn"))
EXECUTORS = {
    "here": lambda: nullcontext(Here()),
    "one thread": partial(ThreadPoolExecutor, 1),
    "four threads": partial(ThreadPoolExecutor, 4),
    "two processes": processes,
    "Dask": dask_cluster,
    "Dask executor": dask_executor,
    "loky": loky_pool,
}


@pytest.fixture(params=EXECUTORS, scope="module")
def executor(request):
    with EXECUTORS[request.param]() as executor:
        yield executor


def same(a, b):
    return np.array_equal(np.asarray(a).view(np.int64), np.asarray(b).view(np.int64))


def branches(x, y):
    if x > 0.3:
        return sin(x) * y + exp(x)
    return x - y if y > 0 else x * y * 2.0


def steps(x):
    return scan(lambda c, _: (c * 2.0 if c < 3.0 else sin(c), None), x, length=20)[0]


def test_the_bits_of_all_executors(executor):
    for f, arguments in (
        (value_and_grad(branches, (0, 1)), (X, Y)),
        (lambda x, y: {"sum": x + y, "both": [x * y, x / y]}, (X, Y)),
        (jacobian(lambda v: [v[0] * v[1], v[1].exp()]), (np.column_stack([X, Y]),)),
        (grad(steps), (X,)),
    ):
        expected, got = vmap(f)(*arguments), vmap(f, executor=executor, chunk=130)(*arguments)
        for a, b in zip(leaves(expected), leaves(got), strict=True):
            assert same(a, b)


def leaves(result):
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        return [leaf for item in result for leaf in leaves(item)]
    return [result]


def test_sums_over_the_lanes_are_the_same(executor):
    found = []
    w = Value(1.5)
    for one in (executor, Here()):
        f = compile(vmap(lambda x, y: branches(x, y) * w, executor=one, chunk=130))
        for w.data in (1.5, 2.5):
            w.grad = 0.0
            outputs = f(X, Y)
            functions.sum(list(outputs)).backward()
            found.append((w.grad, [v.data for v in outputs]))
        f = vmap(lambda x, y: branches(x, y) * w, in_axes=(0, None), executor=one, chunk=130)
        y = Value(0.5)
        functions.sum(list(f(X, y))).backward()
        found.append(y.grad)
    assert found[: len(found) // 2] == found[len(found) // 2 :]
    # Another order of the sums of 1000 numbers.
    functions.sum(list(vmap(lambda x, y: branches(x, y) * w, in_axes=(0, None))(X, (other := Value(0.5))))).backward()
    assert other.grad == pytest.approx(y.grad, rel=1e-13)


def test_training_is_the_same(executor):
    def losses_with(one):
        model = MLP(2, [6, 1], seed=3)
        history = fit(model, np.column_stack([X, Y]), X * Y, epochs=3, batch_size=400, executor=one, chunk=90)
        return history["loss"], [p.data for p in model.parameters()]

    assert losses_with(executor) == losses_with(Here())


def test_training_with_branches_and_validation():
    class Model(Module):
        def __init__(self):
            self.neuron, self.scale = Neuron(2, seed=0), Value(1.0)

        def __call__(self, row):
            return self.neuron(row) * (self.scale if row[0] > 0.0 else 2.0)

    histories = []
    for options in ({"executor": ThreadPoolExecutor(2), "chunk": 100}, {}):
        model = Model()
        history = fit(model, np.column_stack([X, Y]), X - Y, epochs=3, validation=0.2, **options)
        histories.append([*history["loss"], *history["validation_loss"], evaluate(model, [[1.0, 2.0]], [3.0])["loss"]])
    assert histories[0] == pytest.approx(histories[1], rel=1e-12)


def test_programs_are_sent_once():
    pool = Here()
    f = compile(vmap(lambda x: functions.sum([sin(x * k) for k in range(1000)]), executor=pool, chunk=10))
    assert same(f(X), vmap(lambda x: functions.sum([sin(x * k) for k in range(1000)]))(X))
    large = [size for size in pool.sizes if size > 20_000]
    assert len(pool.sizes) == 100 and len(large) == 16
    f(X)
    assert max(pool.sizes[100:]) < 1000


def test_a_worker_without_the_program_asks_for_it(monkeypatch):
    from autograd import _hooks

    forgetful = Here()
    submit = forgetful.submit

    def forget(function, name, token, keys, contents, *rest):
        # As on a worker that came late: it has seen nothing before.
        return submit(function, name, token + str(len(forgetful.sizes)), keys, contents, *rest)

    forgetful.submit = forget
    f = compile(vmap(lambda x: x * 3.0, executor=forgetful, chunk=10))
    assert same(f(X), X * 3.0)
    # Sixteen bring the program along; all others are sent twice.
    assert len(forgetful.sizes) == 16 + 2 * 84
    assert "run_chunk" in _hooks.FUNCTIONS


def test_functions_are_called_here_only():
    calls = []

    def f(x):
        calls.append(os.getpid())
        return sin(x) if x > 0.0 else x * 2.0

    with processes() as pool:
        result = compile(vmap(f, executor=pool, chunk=100))(X)
    assert same(result, np.where(X > 0.0, vmap(sin)(X), X * 2.0))
    # One for each way, and the first again to see that it draws no random numbers if those of another thread moved.
    assert set(calls) == {os.getpid()} and len(calls) <= 3


def test_more_ways_than_are_kept():
    def ways(x):
        result = x
        for k in range(20):
            if x > k / 10.0 - 1.0:
                result = result + sin(x * k)
        return result

    with pytest.warns(RuntimeWarning, match="more than 4 ways"):
        got = vmap(ways, executor=Here(), chunk=100, max_ways=4)(X)
    assert same(got, vmap(ways)(X))


def test_an_exception_of_the_function_names_the_lane():
    class Wrong(Exception):
        lane = None

    def f(x):
        if x == 7.0:
            raise Wrong
        return x * 2.0

    with pytest.raises(Wrong) as caught:
        vmap(f, executor=Here(), chunk=3)(np.arange(10.0))
    assert caught.value.lane == 7


@custom_vjp(pure_callback=True)
def callback(x):
    return x * x


callback.defvjp(lambda x: (x * x, x), lambda x, g: (2.0 * x * g,))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"executor": 3}, TypeError, r"executor must have submit\(\).*got int 3"),
        ({"executor": Here(), "chunk": 0}, ValueError, "chunk must be at least 1"),
        ({"executor": Here(), "chunk": 1.5}, TypeError, "chunk must be an int"),
    ],
)
def test_errors(options, error, message):
    with pytest.raises(error, match=message):
        vmap(sin, **options)


def test_what_cannot_travel():
    with pytest.raises(TypeError, match="calls callback, a function of Python, which cannot leave this process"):
        vmap(lambda x: callback(x), executor=Here())(X)
    with pytest.raises(ValueError, match="leave compiled=True"):
        fit(Neuron(1), [[1.0]], [1.0], executor=Here(), compiled=False)


def heavy(x):
    for _ in range(200):
        x = sin(x) + exp(-x * x)
    return x


def workers_of(pool):
    return list(pool._processes)


#: Less than a pipe holds: with more, pools of Python before 3.12 wait for ever for a worker that died (gh-94777).
SMALL = 500


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_a_worker_is_killed():
    pools = []

    def pool():
        pools.append(processes())
        return pools[-1]

    x = np.linspace(-1.0, 1.0, 60_000)
    f = compile(vmap(heavy, executor=pool, chunk=SMALL))
    f(x[:1000])
    (first,) = pools
    killer = threading.Timer(0.03, lambda: os.kill(workers_of(first)[0], signal.SIGKILL))
    killer.start()
    result = f(x)
    killer.join()
    # It was a pool in the middle of its work that broke, or the next call finds it broken.
    again = f(x)
    assert len(pools) == 2
    assert same(result, vmap(heavy)(x)) and same(again, result)
    for each in pools:
        each.shutdown()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_a_pool_that_cannot_be_replaced_says_what_to_do():
    pool = processes()
    f = compile(vmap(heavy, executor=pool, chunk=SMALL))
    f(X)
    os.kill(workers_of(pool)[0], signal.SIGKILL)
    with pytest.raises(BrokenProcessPool, match=r"give a function that makes it"):
        for _ in range(100):
            f(X)
            time.sleep(0.05)
    pool.shutdown()


def test_an_interruption_cancels_what_is_pending():
    started = []

    class Slow:
        """The third answer is interrupted; what follows would never come."""

        def submit(self, function, *arguments):
            future = Future()
            started.append(future)
            if len(started) < 3:
                future.set_result(function(*arguments))
            elif len(started) == 3:
                future.set_exception(KeyboardInterrupt())
            return future

    f = compile(vmap(lambda x: x * 2.0, executor=Slow(), chunk=100))
    with pytest.raises(KeyboardInterrupt):
        f(X)
    assert len(started) == 10 and all(future.cancelled() for future in started[3:])
    history = fit(Neuron(2, seed=0), np.column_stack([X, Y]), X, executor=Interrupted(), chunk=100)
    assert history.interrupted and history.epochs == 0


class Interrupted:
    def submit(self, function, *arguments):
        future = Future()
        future.set_exception(KeyboardInterrupt())
        return future


def test_several_calls_at_a_time():
    w = Value(2.0)
    with ThreadPoolExecutor(2) as pool, ThreadPoolExecutor(4) as callers:
        f = compile(vmap(lambda x: branches(x, x) * w, executor=pool, chunk=50))
        results = list(callers.map(lambda k: [v.data for v in f(X * k)], range(1, 9)))
    for k, result in zip(range(1, 9), results, strict=True):
        assert same(result, [v.data for v in vmap(lambda x: branches(x, x) * w)(X * k)])


def test_inside_a_trace_the_batch_runs_here():
    pool = Here()
    f = vmap(lambda x: x * x, executor=pool)
    assert same(grad(lambda x: functions.sum(list(f(x))))(X), 2.0 * X)
    assert not pool.sizes


def test_an_empty_batch_and_one_lane():
    f = vmap(lambda x: x * 2.0, executor=Here())
    assert f(np.empty(0)).shape == (0,) and same(f([3.0]), [6.0])
