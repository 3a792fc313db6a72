"""What a node costs, what is freed and how, and what happens when memory runs out."""

import gc
import os
import sys
import threading
import tracemalloc
import weakref

import pytest
from sanitizer import SANITIZED

from autograd import Value, no_grad

#: Run a function in a thread whose stack is too small for any recursion over a graph.
SMALL_STACK = """
import sys, threading
from autograd import Value, functions, no_grad

def in_a_small_stack(function, kilobytes=256):
    failures = []
    def run():
        try:
            function()
        except BaseException as error:
            failures.append(error)
    threading.stack_size(kilobytes * 1024)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
"""


class Parameter(Value):
    pass


# -- what a node costs


def test_a_node_is_at_most_96_bytes():
    x = Value(1.0)
    for node in (x, x + x, x * 2.0, x.exp()):
        assert sys.getsizeof(node) <= 96
    x.label = "x"
    x.m = 1.0
    assert sys.getsizeof(x) <= 96
    assert Value.__basicsize__ <= 96


def test_an_operation_allocates_at_most_96_bytes(run_python):
    """In a fresh process, where no dead node waits for reuse."""
    program = """
import tracemalloc
from autograd import Value
x = y = Value(1.0)
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
for _ in range(100_000):
    y = y * 1.0 + x
print((tracemalloc.get_traced_memory()[0] - before) / 200_000)
"""
    assert 64 <= float(run_python(program)) <= 96


def test_reuse_allocates_nothing():
    def graph():
        x = y = Value(1.0)
        for _ in range(1000):
            y = y * 1.0 + x
        y.backward()

    graph()
    graph()
    if SANITIZED:
        pytest.skip("nodes are not reused")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10):
            graph()
        # Reused blocks are traced as if new; what counts is that nothing is left.
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()


COPIES = """
import copy, pickle, sys, tracemalloc
from autograd import Value

x = Value(1.0)
makers = {
    "copy": lambda: [copy.copy(x) for _ in range(1000)],
    "deepcopy": lambda: copy.deepcopy([Value(1.0) for _ in range(1000)]),
    "pickle": lambda: [pickle.loads(pickle.dumps(x)) for _ in range(1000)],
    "new": lambda: [Value.__new__(Value) for _ in range(1000)],
    "local gradients": lambda: [Value(1.0, (x,), (1.0,)) for _ in range(1000)],
}
make = makers[sys.argv[1]]
for _ in range(3):
    kept = [Value(1.0) for _ in range(5000)]
    del kept
    before = {id(value) for value in make()}
    del before
seen = set()
for _ in range(10):
    seen |= {id(value) for value in make()}
print(len(seen))
"""


@pytest.mark.skipif(SANITIZED, reason="nodes are not reused")
@pytest.mark.parametrize("what", ["copy", "deepcopy", "pickle", "new", "local gradients"])
def test_copies_take_from_the_free_list(what, run_python):
    assert int(run_python(COPIES, what)) < 6000


FREE_LIST = """
import sys, tracemalloc
import autograd
from autograd import Value

def graph(length):
    x = y = Value(1.0)
    for _ in range(length):
        y = y * 1.0
    y.backward()

tracemalloc.start()
graph(100_000)
sizes = [tracemalloc.get_traced_memory()[0]]
for _ in range(int(sys.argv[1])):
    graph(int(sys.argv[2]))
sizes.append(tracemalloc.get_traced_memory()[0])
autograd.free_memory()
autograd.free_memory()
sizes.append(tracemalloc.get_traced_memory()[0])
graph(100)
print(*sizes)
"""


@pytest.mark.skipif(SANITIZED, reason="nodes are not reused")
@pytest.mark.parametrize(
    "passes, length, is_kept",
    [(200, 5_000, False), (200, 1, False), (200, 20_000, True), (10, 10, True), (0, 0, True)],
)
def test_the_free_list_shrinks_with_the_graphs(passes, length, is_kept, run_python):
    big, later, freed = map(int, run_python(FREE_LIST, str(passes), str(length)).split())
    assert big > 8_000_000
    assert later > 7_000_000 if is_kept else later < 1_000_000
    assert freed < 300_000


def test_the_collector_tracks_hand_made_nodes_only():
    x = Value(1.0)
    with no_grad():
        unrecorded = x * 2
    for node in (x, x + x, x * 2.0, x.exp(), unrecorded, Value(1.0, (), "leaf"), Value(1.0, label="x")):
        assert not gc.is_tracked(node)
    made = Value(1.0, (x,), "mine")
    assert gc.is_tracked(made)
    assert gc.is_tracked(Parameter(1.0))


def test_a_graph_makes_no_container():
    x = Value(1.0)
    gc.collect()
    before = len(gc.get_objects())
    nodes = x
    for _ in range(5000):
        nodes = nodes * x + 1.0
    nodes.backward()
    assert len(gc.get_objects()) - before < 50


# -- freeing


def test_dropping_the_root_frees_the_graph():
    x = Value(1.0)
    y = x * 2
    z = y + x
    references = [weakref.ref(node) for node in (x, y, z)]
    z.backward()
    del z
    assert [reference() is None for reference in references] == [False, False, True]
    del x
    assert [reference() is None for reference in references] == [False, False, True]
    del y
    assert all(reference() is None for reference in references)


def test_a_node_keeps_what_it_was_computed_from():
    y = Value(2.0) * Value(3.0)
    for parent in y._prev:
        assert parent.data in (2.0, 3.0)
    y.backward()
    assert {parent.grad for parent in y._prev} == {2.0, 3.0}


def test_three_million_nodes(run_python):
    """Built, differentiated and freed; the main thread has the stack that it has, the freeing thread 256 kB."""
    program = (
        SMALL_STACK
        + """
def check():
    x = y = Value(1.0)
    for _ in range(1_500_000):
        y = y * 1.0 + x
    y.backward()
    assert (y.data, x.grad) == (1_500_001.0, 1_500_001.0)
    y.backward()
    assert x.grad == 3_000_002.0
    del y
    (x * 2).backward()
    assert x.grad == 3_000_004.0

in_a_small_stack(check)
"""
    )
    run_python(program)


@pytest.mark.parametrize(
    "step",
    [
        "x + y",
        "(y + y) * 0.5",
        "Value(1.0, (y,), 'made')",
        "Value(1.0, (x, y, x), 'made') * 0.5",
        "with_closure(y)",
        "with_attribute(y)",
        "Parameter(1.0, (y,), 'made')",
        "held_by_a_list(y)",
        "functions.maximum(y.detach(), y)",
        "functions.sum([y, x, y])",
    ],
)
def test_deep_chains_of_every_kind_are_freed_without_recursion(step, run_python):
    """The stack is small in C only: a node of Python needs some for its own sake, but not for its depth."""
    program = (
        SMALL_STACK
        + """
import gc

class Parameter(Value):
    pass

def with_closure(y):
    node = Value(1.0, (y,), "made")
    def closure():
        y.grad += node.grad
    node._backward = closure
    return node

def with_attribute(y):
    node = Value(1.0)
    node.former = y
    return node

def held_by_a_list(y):
    node = Value(1.0, (y,), "made")
    node.former = [{"y": (y,)}]
    return node

def check():
    x = y = Value(1.0)
    step = eval("lambda x, y: " + sys.argv[1], globals())
    for _ in range(100_000):
        y = step(x, y)
    y.backward()
    del y
    gc.collect()

in_a_small_stack(check, 512)
"""
    )
    run_python(program, step)


def test_freeing_within_a_finalizer():
    """A graph that dies while another one is being freed is freed as well."""
    freed = []

    class Noisy(Value):
        def __del__(self):
            x = y = Value(1.0)
            for _ in range(100):
                y = y * x
            weakref.finalize(x, freed.append, self.label)

    inner = Noisy(1.0, label="inner")
    outer = Noisy(1.0, (inner * 2,), "made", label="outer")
    y = outer * 3 + inner
    del inner, outer
    assert freed == []
    del y
    assert sorted(freed) == ["inner", "outer"]


def test_a_finalizer_that_waits_does_not_stop_freeing_in_other_threads():
    waiting, done = threading.Event(), threading.Event()

    class Patient(Value):
        def __del__(self):
            waiting.set()
            assert done.wait(100)

    def watched():
        x = y = Value(1.0)
        for _ in range(100):
            y = y * x
        y.former = [x * 2]
        return y, weakref.ref(x), weakref.ref(y)

    graphs = {}

    def drop():
        root = Patient(1.0) * 2.0 + watched()[0]
        graphs["other"] = weakref.ref(root)
        del root

    thread = threading.Thread(target=drop)
    thread.start()
    try:
        assert waiting.wait(100)
        y, *references = watched()
        del y
        assert all(reference() is None for reference in references)
    finally:
        done.set()
        thread.join(30)
    assert graphs["other"]() is None


def test_a_callback_that_waits_does_not_stop_freeing_in_other_threads():
    waiting, done = threading.Event(), threading.Event()

    def wait(_):
        waiting.set()
        assert done.wait(100)

    def drop():
        x = Value(1.0)
        reference = weakref.ref(x, wait)
        y = x * 2.0 + 1.0
        del x, y
        assert reference() is None

    thread = threading.Thread(target=drop)
    thread.start()
    try:
        assert waiting.wait(100)
        x = Value(1.0)
        reference = weakref.ref(x)
        y = x * 2.0 + 1.0
        del x, y
        assert reference() is None
    finally:
        done.set()
        thread.join(30)


def test_a_finalizer_may_keep_its_node_alive():
    kept = []

    class Phoenix(Value):
        def __del__(self):
            kept.append(self)

    y = Phoenix(2.0) * 3
    del y
    assert kept[0].data == 2.0
    (kept[0] * 2).backward()
    assert kept[0].grad == 2.0


# -- leaks


def leaks(make, rounds=200):
    """Return whether objects of the collector's or of weak references' sight pile up."""
    made = []
    gc.collect()
    for _ in range(rounds):
        made += [weakref.ref(node) for node in make()]
    gc.collect()
    return any(reference() is not None for reference in made)


def closure_that_refers_to_its_node():
    x = Value(1.0)
    out = Value(1.0, (x,), "made")

    def _backward():
        x.grad += out.grad

    out._backward = _backward
    y = out * 2
    y.backward()
    return x, out, y


def chain_of_closures():
    x = y = Value(1.0)
    nodes = [x]
    for _ in range(5):
        out = Value(y.data, (y, x), "made")

        def _backward(out=out, y=y):
            y.grad += out.grad
            x.grad += out.grad

        out._backward = _backward
        y = out
        nodes.append(out)
    y.backward()
    return nodes


def by_hand(x):
    out = Value(x.data, (x,), "made")

    def _backward():
        x.grad += out.grad

    out._backward = _backward
    return out


def hand_made_nodes_between_operations():
    """A computed node must not hide from the collector what it refers to."""
    w = Value(0.5)
    y, nodes = Value(1.0), [w]
    for _ in range(5):
        z = y * w + 0.1
        y = by_hand(z)
        nodes += [z, y]
    (y * y).backward()
    return nodes


def closure_that_refers_to_what_follows():
    x = Value(1.0)
    node = Value(1.0, (x,), "made")
    y = (node * 2).exp() + x
    node._backward = lambda: y
    return x, node, y


def subclass_that_refers_to_itself():
    p = Parameter(1.0)
    p.me = p
    p.and_in_a_list = [p]
    y = p * 2
    y.backward()
    return p, y


def subclasses_that_refer_to_each_other():
    p, q = Parameter(1.0), Parameter(2.0)
    p.other, q.other = q, p
    node = Parameter(3.0, (p, q), "made")
    p.child = node
    return p, q, node


def raising_closure():
    x = Value(1.0)
    node = Value(1.0, (x * 2,), "made")

    def closure():
        raise ZeroDivisionError(node)

    node._backward = closure
    try:
        (node + x).backward()
    except ZeroDivisionError as error:
        error.__traceback__ = None
    return x, node


def assigned_twice():
    x = Value(1.0)
    node = Value(1.0, (x,), "made")
    node._backward = lambda: node
    node._backward = lambda: (node, x)
    node.label = "node"
    node.__dict__ = {"new": node}
    return x, node


def looked_at():
    x = Value(1.0)
    y = x * 2.0
    y._prev, y._backward, y._op, repr(y), x.__dict__, y.label  # noqa: B018
    push = y._backward
    push()
    return x, y


def failed_operations():
    x = Value(0.0)
    y = x * 2
    for act in (
        lambda: 1 / y,
        lambda: y.log(),
        lambda: y + "x",
        lambda: Value(1.0, (y, 1)),
        lambda: Value(1.0, (y,), 3),
    ):
        try:
            act()
        except (ArithmeticError, ValueError, TypeError) as error:
            error.__traceback__ = None
    return x, y


def initialised_again():
    p = Parameter(1.0)
    p.__init__(2.0, (Value(1.0),), "made")
    return (p,)


@pytest.mark.parametrize(
    "make",
    [
        closure_that_refers_to_its_node,
        chain_of_closures,
        hand_made_nodes_between_operations,
        closure_that_refers_to_what_follows,
        subclass_that_refers_to_itself,
        subclasses_that_refer_to_each_other,
        raising_closure,
        assigned_twice,
        looked_at,
        failed_operations,
        initialised_again,
    ],
)
def test_no_node_outlives_its_use(make):
    assert not leaks(make)


LEAKS = """
import gc, sys
from autograd import Value, functions, no_grad

class Parameter(Value):
    pass

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

def plain():
    x, y = Value(2.0), Value(3.0)
    z = (x * y + x / 3.0 - functions.exp(x)).tanh() ** 2
    z.backward()

def closure():
    x = Value(2.0)
    out = Value(4.0, (x,), "made")
    def _backward():
        x.grad += 2 * x.data * out.grad
    out._backward = _backward
    (out * 3).backward()

def chain():
    w, y = Value(0.5), Value(1.0)
    for _ in range(20):
        y = by_hand(y * w)
    y.backward()

def by_hand(x):
    out = Value(x.data, (x,), "made")
    def _backward():
        x.grad += out.grad
    out._backward = _backward
    return out

def subclass():
    p = Parameter(2.0)
    p.me = p
    (p * 3).backward()

def attributes():
    x = Value(2.0, label="x")
    x.m = x.v = 0.0
    y = x * 2
    y.label = "y"
    repr(y), y._prev, y._op

def errors():
    x = Value(0.0)
    try:
        1 / x
    except ZeroDivisionError:
        pass
    try:
        Value("no")
    except TypeError:
        pass
    with no_grad():
        x * 2 + functions.maximum(x, 1.0)

make, count = globals()[sys.argv[1]], int(sys.argv[2])
for _ in range(count // 10):
    make()
gc.collect()
objects, memory = len(gc.get_objects()), resident()
for _ in range(count):
    make()
gc.collect()
print(len(gc.get_objects()) - objects, resident() - memory)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="there is no /proc")
@pytest.mark.skipif(SANITIZED, reason="the sanitizer keeps what is freed")
@pytest.mark.parametrize(
    "make, count",
    [
        ("plain", 1_000_000),
        ("closure", 1_000_000),
        ("chain", 10_000),
        ("subclass", 200_000),
        ("attributes", 200_000),
        ("errors", 100_000),
    ],
)
def test_no_leak_over_many_graphs(make, count, run_python):
    """One lost object a graph would be 3 MB and more."""
    objects, memory = map(int, run_python(LEAKS, make, str(count)).split())
    assert objects < 50
    assert memory < 1_500_000


# -- when memory runs out


def test_memory_errors_leave_everything_usable(run_python):
    """Let every allocation fail in turn: the failure is a MemoryError, and afterwards all is as before."""
    pytest.importorskip("_testcapi")
    program = """
import gc
from autograd import Value, functions
from out_of_memory import call_without_memory

x = Value(0.5)
hidden = []

def calculate():
    hidden.clear()
    y = x
    for i in range(400):
        y = y * 0.5 + x
    made = Value(y.data, (y, x), "made", label="label")
    def closure():
        y.grad += made.grad
    made._backward = closure
    z = functions.hypot(made.tanh(), y) + functions.maximum(x, 2) ** 2 + functions.log(Value(3.0))
    z.backward()
    z._prev, z._op, repr(z)
    return z.data

gc.disable()
expected = calculate()
derivative, x.grad = x.grad, 0.0
failures = 0
for start in [*range(60), *range(60, 3000, 37)]:
    keep = [Value(1.0) for _ in range(start * 20 % 5000)]
    failed, result = call_without_memory(calculate, start, 3)
    failures += failed
    assert failed or result == expected
    x.grad = 0.0
    assert calculate() == expected
    assert x.grad == derivative
    x.grad = 0.0
assert failures > 20, failures
"""
    run_python(program)


def test_gradients_are_never_lost_for_want_of_memory(run_python):
    """The gradients of layers wait in arrays until somebody looks: then they are there, or a MemoryError is."""
    pytest.importorskip("_testcapi")
    program = """
from _testcapi import remove_mem_hooks, set_nomemory
from autograd import MLP

models = [MLP(2, [2, 1], seed=1, activation="tanh") for _ in range(16)]
weights = [model.layers[0].neurons[0].w[0] for model in models]
outputs = [model([1.0, 2.0]) for model in models]
outputs[0].backward()
expected = weights[0].grad
assert expected
for start in range(8):
    for count in range(1, 17):
        for model in models:
            model.zero_grad()
        for output in outputs[:count]:
            output.backward()
        for weight in weights[:count]:
            set_nomemory(start, start + 1)
            try:
                grad = weight.grad
            except MemoryError:
                grad = expected
            remove_mem_hooks()
            assert grad == expected, (start, count, grad)
            assert weight.grad == expected
"""
    run_python(program)


def test_a_backward_pass_without_memory_can_be_repeated(run_python):
    """The order of the nodes needs memory; running out of it must leave no mark on the graph."""
    pytest.importorskip("_testcapi")
    program = """
from autograd import Value
from out_of_memory import call_without_memory

x = y = Value(1.0)
for _ in range(100_000):
    y = y * 1.0 + x
failed = 0
for start in range(40):
    x.grad = 0.0
    failed += call_without_memory(y.backward, start, 0)[0]
    x.grad = 0.0
    y.backward()
    assert x.grad == 100_001.0, x.grad
assert failed >= 3, failed
"""
    run_python(program)
