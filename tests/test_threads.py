"""Threads: graphs of one's own and shared leaves; nodes are freed wherever the last reference goes."""

import queue
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from autograd import Value, no_grad

THREADS = 4


@pytest.fixture(autouse=True)
def switch_often():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(function):
    """Run a function of the thread's number in all threads at once, and return the results."""
    barrier = threading.Barrier(THREADS)

    def run(number):
        barrier.wait()
        return function(number)

    with ThreadPoolExecutor(THREADS) as executor:
        return list(executor.map(run, range(THREADS)))


def chain(x, length):
    y = x
    for _ in range(length):
        y = y * 1.0 + x
    return y


def test_graphs_of_one_s_own():
    def work(number):
        x = Value(float(number + 1))
        for _ in range(30):
            y = chain(x, 300).tanh() + x * x
            y.backward()
        return x.grad

    expected = []
    for number in range(THREADS):
        x = Value(float(number + 1))
        for _ in range(30):
            (chain(x, 300).tanh() + x * x).backward()
        expected.append(x.grad)
    assert in_threads(work) == expected


def test_gradients_of_shared_leaves_add_up():
    shared = Value(2.0)

    def work(number):
        for _ in range(200):
            chain(shared, 20).backward()

    in_threads(work)
    assert shared.grad == THREADS * 200 * 21.0


def test_the_same_graph_from_several_threads():
    x = Value(2.0)
    y = chain(x, 500)
    in_threads(lambda number: [y.backward() for _ in range(50)])
    assert x.grad == THREADS * 50 * 501.0
    assert y.grad == 1.0


def test_closures_that_let_other_threads_run():
    weight = Value(3.0)

    def work(number):
        x = Value(1.0)
        inner = x * 2
        node = Value(inner.data, (inner, weight), "slow")

        def closure():
            time.sleep(1e-4)
            inner.grad += node.grad
            time.sleep(1e-4)

        node._backward = closure
        y = node * inner + chain(inner, 50)
        for _ in range(10):
            y.backward()
        return x.grad

    assert in_threads(work) == [10 * (2 * 2 * 2 + 51 * 2.0)] * THREADS
    assert weight.grad == 0.0


def test_graphs_are_freed_in_another_thread():
    handed = queue.Queue()
    references = []

    def work(number):
        if number % 2:
            for _ in range(50):
                x = Value(1.0)
                references.append(weakref.ref(x))
                handed.put(chain(x, 2000))
                del x
        else:
            for _ in range(50):
                handed.get(timeout=100).backward()

    in_threads(work)
    assert all(reference() is None for reference in references)


def test_finalizers_that_let_other_threads_run():
    freed = []

    class Slow(Value):
        def __del__(self):
            time.sleep(1e-5)
            freed.append(self.data)

    def work(number):
        for _ in range(20):
            y = Slow(float(number))
            for _ in range(20):
                y = y * 1.0 + Slow(float(number))

    in_threads(work)
    assert sorted(freed) == sorted(float(n) for n in range(THREADS) for _ in range(20 * 21))


def test_no_grad_of_one_thread_is_nothing_to_another():
    x = Value(2.0)

    def work(number):
        recorded = 0
        for _ in range(300):
            if number % 2:
                with no_grad():
                    recorded += bool((x * 2)._prev)
            else:
                recorded += bool((x * 2)._prev)
        return recorded

    assert in_threads(work) == [300, 0] * (THREADS // 2)
    assert (x * 2)._prev


def test_no_grad_cannot_be_left_in_another_thread():
    block, entered, tried = no_grad(), threading.Event(), threading.Event()

    def other():
        with block:
            entered.set()
            tried.wait(100)

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(100)
    with pytest.raises(RuntimeError):
        block.__exit__(None, None, None)
    x = Value(2.0)
    assert (x * 2)._prev
    tried.set()
    thread.join()
    assert (x * 2)._prev
