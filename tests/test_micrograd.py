"""micrograd's inside, which people learn on: `_op`, `_prev`, `_backward`, nodes made by hand."""

import copy
import math
import operator

import pytest

from autograd import Value, functions

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


def test_operation_names():
    a, b = Value(2.0), Value(3.0)
    nodes = [
        a + b,
        a - b,
        a * b,
        a / b,
        a**b,
        a**3,
        a**2.0,
        a**-1,
        a**0.5,
        2**a,
        2 - a,
        1 / a,
        a.relu(),
        a.tanh(),
        -a,
        a,
    ]
    symbols = ["+", "-", "*", "/", "**", "**3", "**2", "**-1", "**0.5", "**", "-", "/", "ReLU", "tanh", "neg", ""]
    assert [node._op for node in nodes] == symbols


def test_parents():
    a, b = Value(2.0), Value(3.0)
    for node, parents in [(a + b, {a, b}), (a * a, {a}), (a.exp(), {a}), (a, set()), (functions.hypot(b, a), {a, b})]:
        assert type(node._prev) is set
        assert node._prev == parents
    operands = sorted((5 - a)._prev)
    assert operands[0] is a and operands[1].data == 5.0 and operands[1]._op == ""


def test_backward_of_one_node_pushes_its_grad_once():
    a, b = Value(2.0), Value(3.0)
    y = a * b
    y.grad = 10.0
    assert y._backward() is None
    assert (a.grad, b.grad) == (30.0, 20.0)
    y._backward()
    assert (a.grad, b.grad) == (60.0, 40.0)
    a._backward()
    assert (a.grad, y.grad) == (60.0, 10.0)
    assert callable(a._backward)


def walk_backward(root):
    """Go backward as micrograd does, with its names alone."""
    order, visited = [], set()

    def visit(node):
        if node not in visited:
            visited.add(node)
            for parent in node._prev:
                visit(parent)
            order.append(node)

    visit(root)
    root.grad = 1.0
    for node in reversed(order):
        node._backward()


def expression(a, b):
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    return g


def test_micrograds_published_values():
    x = Value(-4.0)
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    h = (z * z).relu()
    y = h + q + q * x
    y.backward()
    assert (y.data, x.grad) == (-20.0, 46.0)

    a, b = Value(-4.0), Value(2.0)
    g = expression(a, b)
    g.backward()
    assert g.data == pytest.approx(24.70408163265306, rel=1e-15)
    assert a.grad == pytest.approx(138.83381924198252, rel=1e-15)
    assert b.grad == pytest.approx(645.5772594752186, rel=1e-15)


def test_a_backward_pass_by_hand_is_the_same():
    a, b, c, d = Value(-4.0), Value(2.0), Value(-4.0), Value(2.0)
    expression(a, b).backward()
    walk_backward(expression(c, d))
    assert c.grad == pytest.approx(a.grad, rel=1e-14)
    assert d.grad == pytest.approx(b.grad, rel=1e-14)


def tanh_by_hand(x):
    t = (math.exp(2 * x.data) - 1) / (math.exp(2 * x.data) + 1)
    out = Value(t, (x,), "tanh")

    def _backward():
        x.grad += (1 - t**2) * out.grad

    out._backward = _backward
    return out


@pytest.mark.parametrize(
    "activation",
    [tanh_by_hand, Value.tanh, functions.tanh, lambda n: ((2 * n).exp() - 1) / ((2 * n).exp() + 1)],
)
@pytest.mark.parametrize("go_backward", [Value.backward, walk_backward])
def test_the_neuron_of_the_lecture(activation, go_backward):
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    o = activation(n)
    go_backward(o)
    assert o.data == pytest.approx(math.sqrt(0.5), rel=1e-14)
    assert [v.grad for v in (x1, x2, w1, w2, b)] == pytest.approx([-1.5, 0.5, 1.0, 0.0, 0.5], rel=1e-13)
    assert n.grad == pytest.approx(0.5, rel=1e-13)


def test_step_by_step_as_in_the_lecture():
    x1, w1, b = Value(2.0), Value(-3.0), Value(6.7)
    x1w1 = x1 * w1
    n = x1w1 + b
    o = tanh_by_hand(n)
    o.grad = 1.0
    o._backward()
    n._backward()
    x1w1._backward()
    slope = 1 - math.tanh(0.7) ** 2
    assert [v.grad for v in (n, b, x1w1, x1, w1)] == pytest.approx(
        [slope, slope, slope, -3 * slope, 2 * slope], rel=1e-13
    )


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_hand_made_node_of_any_number_of_parents(count):
    parents = [Value(float(i + 1)) for i in range(count)]
    node = Value(sum(p.data**2 for p in parents), parents, "squares")

    def _backward():
        for parent in parents:
            parent.grad += 2 * parent.data * node.grad

    node._backward = _backward
    (node * 0.5).backward()
    assert [p.grad for p in parents] == [p.data for p in parents]
    assert node._prev == set(parents) and node._op == "squares"
    assert node._backward is _backward
    (node * 0.5).backward()
    assert [p.grad for p in parents] == [2 * p.data for p in parents]


def test_hand_made_node_without_parents_is_a_leaf():
    v = Value(1.0, (), "input")
    assert (type(v), v._op, v._prev) == (Value, "input", set())
    v.data = 2.0
    (v * 3).backward()
    assert v.grad == 3.0
    assert copy.copy(v)._op == "input"


def test_hand_made_node_with_one_parent_twice():
    x = Value(3.0)
    node = Value(9.0, (x, x), "mine")
    node._backward = lambda: setattr(x, "grad", x.grad + 6 * node.grad)
    node.backward()
    assert x.grad == 6.0 and node._prev == {x}


def test_hand_made_node_without_a_closure_passes_nothing():
    x = Value(3.0)
    node = Value(9.0, (x * 2,), "mine")
    (node * 2).backward()
    assert (node.grad, x.grad) == (2.0, 0.0)
    node._backward()


def test_hand_made_node_is_an_operand_like_any():
    x = Value(3.0)
    node = Value(9.0, (x,), "square")
    node._backward = lambda: setattr(x, "grad", x.grad + 6 * node.grad)
    for operate in BINARY:
        assert operate(node, 2).data == operate(9.0, 2.0)
        assert operate(2, node).data == operate(2.0, 9.0)
        assert operate(node, node).data == operate(9.0, 9.0)
        assert operate(x, node)._prev == operate(node, x)._prev == {x, node}
    assert node == 9 and node > x and hash(node) != hash(x) and bool(node) and -node == -9
    assert functions.sqrt(node).data == node.sqrt().data == 3.0
    (node.sqrt() + node).backward()
    assert x.grad == 7.0


def test_assigned_closure_can_be_replaced_and_deleted():
    x = Value(1.0)
    node = Value(1.0, (x,), "mine")
    node._backward = lambda: setattr(x, "grad", 1.0)
    node._backward = lambda: setattr(x, "grad", 2.0)
    node.backward()
    assert x.grad == 2.0
    del node._backward
    x.grad = 0.0
    node.backward()
    assert x.grad == 0.0


def test_closure_cannot_be_assigned_where_it_would_not_be_called():
    x = Value(1.0)
    with pytest.raises(AttributeError, match=r"hand.*computed by '\*'"):
        (x * x)._backward = lambda: None
    with pytest.raises(AttributeError, match=r"hand.*is a leaf"):
        x._backward = lambda: None
    with pytest.raises(TypeError, match="_backward must be callable, got int 3"):
        Value(1.0, (x,))._backward = 3
