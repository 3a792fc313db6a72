"""What teachers show: the topological order, trees of text, backward step by step, opened Blocks, drawn programs."""

import math
import random
import re
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest

from autograd import MLP, Value, compile, custom_vjp, dot, losses, softmax, sum, trace, vmap, where
from autograd.draw import BackwardSteps, Push, draw, draw_dot, to_dot, to_svg, to_text, topological_order


def labelled(*numbers):
    return [Value(x, label=name) for x, name in zip(numbers, "abcdefgh", strict=False)]


def lecture():
    """The expression of the lecture on micrograd."""
    a, b, c, f = Value(2.0, label="a"), Value(-3.0, label="b"), Value(10.0, label="c"), Value(-2.0, label="f")
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    loss = d * f
    loss.label = "L"
    return loss


def random_graph(seed):
    """A graph of every kind of node."""
    rng = random.Random(seed)
    values = [Value(rng.uniform(0.5, 1.5)) for _ in range(4)]
    model = MLP(2, [2, 2], activation="tanh", seed=seed)

    @custom_vjp
    def product(x, y):
        return x * y

    product.defvjp(lambda x, y: (x * y, (x, y)), lambda residuals, g: (g * residuals[1], g * residuals[0]))

    def by_hand(x, y):
        return Value(x.data * y.data, (x, y), (y.data, x.data))

    def closure(x, y):
        out = Value(x.data + y.data, (x, y), "+")

        def backward():
            x.grad += out.grad
            y.grad += out.grad

        out._backward = backward
        return out

    choices = [
        lambda x, y: x + y, lambda x, y: x * y, lambda x, y: x - 0.5, lambda x, y: x.tanh(), lambda x, y: x.maximum(y),
        lambda x, y: sum([x, y, x]), lambda x, y: softmax([x, y])[0], lambda x, y: model([x, y])[1],
        lambda x, y: dot([x, y], [y, 2.0]), product, by_hand, closure, lambda x, y: x * x,
    ]
    for _ in range(25):
        values.append(rng.choice(choices)(*rng.sample(values[-6:], 2)).tanh())
    return values[0:4] + model.parameters(), sum(values[-6:])


# The order


def test_parents_come_before_what_was_computed_from_them():
    for seed in range(10):
        _, root = random_graph(seed)
        order = topological_order(root)
        place = {value: i for i, value in enumerate(order)}
        assert len(place) == len(order) and order[-1] is root
        assert all(place[child] < i for i, value in enumerate(order) for child in value._children)


def test_the_order_is_from_left_to_right():
    assert [value.label for value in topological_order(lecture())] == ["a", "b", "e", "c", "d", "f", "L"]


def test_backward_goes_the_order_from_its_end():
    passed = []

    def node(name, *parents):
        value = Value(1.0, parents, name, name)
        value._backward = lambda: passed.append(name)
        return value

    a, b = node("a", Value(0.0)), node("b", Value(0.0))
    c, d = node("c", b, a), node("d", a)
    root = node("root", c, d, node("e", c))
    root.backward()
    # A node by hand that received nothing is passed over: each adds here what the next one needs.
    assert passed == ["root", *[name for name in reversed([v.label for v in topological_order(root)[:-1]]) if name]]


def test_a_deep_graph_and_a_leaf():
    leaf = root = Value(1.0)
    for _ in range(200_000):
        root = root + 1.0
    order = topological_order(root)
    assert len(order) == 200_001 and order[0] is leaf
    assert topological_order(leaf) == [leaf]
    with pytest.raises(TypeError, match="^root must be a Value, got list"):
        topological_order([leaf])


# Steps


@pytest.mark.parametrize("seed", range(20))
def test_steps_give_the_gradients_of_backward_to_the_bit(seed):
    leaves, root = random_graph(seed)
    inner = [value for value in topological_order(root) if value._children]
    root.backward(2.0)
    expected = [leaf.grad for leaf in leaves], [value.grad for value in inner]
    for leaf in leaves:
        leaf.grad = 0.0
    for step in BackwardSteps(root, 2.0):
        assert step.node in inner
    assert ([leaf.grad for leaf in leaves], [value.grad for value in inner]) == expected


def test_the_order_of_the_steps():
    root = lecture()
    order = [value for value in topological_order(root) if value._children]
    assert [step.node for step in BackwardSteps(root)] == order[::-1]


def test_a_step_says_who_passes_what_to_whom():
    root = lecture()
    _, b, e, c, d, f, _ = topological_order(root)
    a = topological_order(root)[0]
    steps = BackwardSteps(root)
    assert (root.grad, f.grad) == (1.0, 0.0)
    first = next(steps)
    assert (first.node, first.operation, first.grad) == (root, "*", 1.0)
    assert first.pushes == (Push(d, -2.0, -2.0), Push(f, 4.0, 4.0))
    assert str(first) == "* of L, grad 1.0000: pushes -2.0000 to d, 4.0000 to f"
    assert (d.grad, f.grad, e.grad) == (-2.0, 4.0, 0.0)
    assert repr(steps) == "BackwardSteps(1: * of L, grad 1.0000: pushes -2.0000 to d, 4.0000 to f)"
    assert [str(step) for step in steps] == [
        "+ of d, grad -2.0000: pushes -2.0000 to e, -2.0000 to c",
        "* of e, grad -2.0000: pushes 6.0000 to a, -4.0000 to b",
    ]
    assert (a.grad, b.grad, c.grad) == (6.0, -4.0, -2.0)
    assert next(steps, None) is None


def test_a_value_used_twice_and_gradients_that_accumulate():
    (a,) = labelled(3.0)
    a.grad = 100.0
    (step,) = BackwardSteps(a * a)
    assert step.pushes == (Push(a, 6.0, 106.0),)


def test_a_block_is_one_step():
    a, b, c = labelled(1.0, 2.0, 3.0)
    outputs = softmax([a, b, c])
    steps = list(BackwardSteps(outputs[0] * 2.0 + outputs[2]))
    assert [step.operation for step in steps] == ["+", "*", "softmax"]
    assert [push.parent for push in steps[-1].pushes] == [a, b, c]
    model = MLP(3, [1])
    (step,) = BackwardSteps(model([a, b, c]))
    assert step.operation == "MLP" and [push.total for push in step.pushes[3:]] == [
        parameter.grad for parameter in model.parameters()
    ]
    assert str(step).endswith("and to 4 more")


def test_what_receives_nothing_has_no_step():
    a, b = labelled(1.0, 2.0)
    hidden = b.exp()
    assert [step.operation for step in BackwardSteps(a.tanh().minimum(hidden))] == ["minimum", "tanh"]


def test_a_leaf_has_no_steps():
    (a,) = labelled(1.0)
    assert list(BackwardSteps(a, 3.0)) == [] and a.grad == 3.0


def test_steps_refuse_what_backward_refuses():
    (a,) = labelled(1.0)
    root = a * 2.0
    a.data = 2.0
    with pytest.raises(RuntimeError, match="was set after this graph had read it"):
        BackwardSteps(root)
    with pytest.raises(TypeError, match="^root must be a Value, got float"):
        BackwardSteps(1.0)
    with pytest.raises(TypeError, match="^gradient must be a real number"):
        BackwardSteps(a * 2.0, "x")
    with pytest.raises(ValueError, match="^rankdir must be"):
        BackwardSteps(a * 2.0, rankdir="BT")
    with pytest.raises(ValueError, match="^seconds must be above 0, got 0"):
        BackwardSteps(a * 2.0).animate(0)


def shown_at(svg, moment, total):
    """The texts that an animated SVG shows at a moment, of `total` moments of the same length."""
    texts = []

    def walk(element, visible):
        animation = element.find("{*}animate")
        if animation is not None:
            times = list(map(float, animation.attrib["keyTimes"].split(";")))
            values = animation.attrib["values"].split(";")
            assert times[0] == 0 and times == sorted(times) and len(times) == len(values)
            assert animation.attrib["repeatCount"] == "indefinite" and animation.attrib["calcMode"] == "discrete"
            at = (moment + 0.5) / total
            visible = [value for time, value in zip(times, values, strict=True) if time <= at][-1] == "visible"
        if element.tag.endswith("}text") and visible:
            texts.append(element.text)
        for child in element:
            walk(child, visible)

    walk(ElementTree.fromstring(svg), True)
    return Counter(texts)


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
def test_the_animation_shows_every_step(rankdir):
    root = lecture()
    drawing = BackwardSteps(root, rankdir=rankdir).animate(0.5)
    still = ElementTree.fromstring(drawing.svg)
    assert {animation.attrib["dur"] for animation in still.iter("{http://www.w3.org/2000/svg}animate")} == {"2s"}
    assert "<script" not in drawing.svg and "<style" not in drawing.svg and "id=" not in drawing.svg
    again = lecture()
    for value in topological_order(again):
        value.grad = 0.0
    steps = BackwardSteps(again)
    for moment in range(4):
        texts = shown_at(drawing.svg, moment, 4)
        if moment:
            step = next(steps)
            assert texts[f"{moment}: {step}"] == 1
            for push in step.pushes:
                assert texts[f"{push.gradient:+.4f}"] >= 1
        else:
            assert texts["the result has grad 1.0000"] == 1
        grads = Counter(f"grad {value.grad:.4f}" for value in topological_order(again))
        assert Counter({text: n for text, n in texts.items() if text.startswith("grad")}) == grads


def test_the_animation_of_steps_taken_before():
    steps = BackwardSteps(lecture())
    next(steps)
    assert len(re.findall("pushes", steps.animate().svg)) == 3


def test_a_notebook_shows_the_latest_step():
    steps = BackwardSteps(lecture())
    before = steps._repr_html_()
    next(steps)
    after = steps._repr_html_()
    assert "the result has grad 1.0000" in before and "pushes" not in before
    assert "pushes -2.0000 to d, 4.0000 to f" in after and "+4.0000" in after and "<animate" not in after
    ElementTree.fromstring(after)


def test_steps_beyond_the_limit_of_the_drawing_are_told_in_words():
    root = Value(1.0)
    for _ in range(20):
        root = root * 1.5
    steps = BackwardSteps(root, max_nodes=3)
    for _ in steps:
        steps._repr_html_()
    assert "20: *, grad" in steps.animate().svg


# Trees of text


def test_a_tree_of_text():
    root = lecture()
    root.backward()
    assert to_text(root).splitlines() == [
        "L = *: data -8.0000, grad 1.0000",
        "├─ d = +: data 4.0000, grad -2.0000",
        "│  ├─ e = *: data -6.0000, grad -2.0000",
        "│  │  ├─ a: data 2.0000, grad 6.0000",
        "│  │  └─ b: data -3.0000, grad -4.0000",
        "│  └─ c: data 10.0000, grad -2.0000",
        "└─ f: data -2.0000, grad 4.0000",
    ]
    assert repr(to_text(root)) == str(to_text(root))


def test_a_shared_value_is_written_once():
    a, b = labelled(2.0, 3.0)
    product = a * b
    root = product.exp() + (product - 1.0) ** 2
    assert [line.split(":")[0] for line in to_text(root).splitlines()] == [
        "+", "├─ exp", "│  └─ #1 = *", "│     ├─ a", "│     └─ b", "└─ **2", "   └─ -", "      ├─ #1 (above)",
        "      └─ 1",
    ]
    shared = a * b
    for _ in range(50):
        shared = shared + shared
    lines = to_text(shared).splitlines()
    assert len(lines) == 2 * 50 + 3 and len([line for line in lines if line.endswith("(above)")]) == 50


def test_the_limits_of_a_tree():
    root = Value(1.0)
    for _ in range(100_000):
        root = root + 1.0
    lines = to_text(root, max_nodes=5).splitlines()
    assert len([line for line in lines if "data" in line]) == 5 and len([line for line in lines if "..." in line]) == 1
    model = MLP(2, [16, 1])
    assert to_text(model(labelled(1.0, 2.0))).splitlines()[-1] == "└─ ... 65 leaves"
    for wrong in ({"max_nodes": 0}, {"max_inputs": 0}):
        with pytest.raises(ValueError, match="must be at least 1"):
            to_text(root, **wrong)
    with pytest.raises(TypeError, match=r"^root must be a Value, got Program; print\(program\) lists a program"):
        to_text(trace(lambda x: x, 1.0))


# Blocks opened


def values_in(svg):
    """The data and gradients of all boxes."""
    root = ElementTree.fromstring(svg)
    boxes = [[text.text for text in group.findall("{*}text")] for group in root.findall("{*}g")]
    return Counter((box[-2], box[-1]) for box in boxes if len(box) > 1)


def operations_in(svg):
    root = ElementTree.fromstring(svg)
    boxes = [[text.text for text in group.findall("{*}text")] for group in root.findall("{*}g")]
    return Counter(box[0] for box in boxes if len(box) == 1)


def test_a_sum_opens_into_additions():
    a, b, c = labelled(1.0, 2.0, 3.0)
    root, same = sum([a, b, c]) * a, (a + b + c) * a
    root.backward()
    for value in (a, b, c):
        value.grad = 0.0
    same.backward()
    assert values_in(to_svg(root, expand=True)) == values_in(to_svg(same))
    assert operations_in(to_svg(root, expand=True)) == Counter({"+": 2, "*": 1})
    assert operations_in(to_svg(root)) == Counter({"sum": 1, "*": 1})
    assert to_dot(root, expand=True).count('"+"') == 2 and to_dot(root).count('"+"') == 0


def test_a_network_opens_into_its_neurons():
    a, b = labelled(0.5, -1.0)
    model = MLP(2, [2, 1], activation="tanh", seed=3)
    root = model([a, b]) * 3.0
    root.backward()
    grads = [parameter.grad for parameter in model.parameters()]

    hidden = [
        (neuron.b + neuron.w[0] * a + neuron.w[1] * b).tanh() for neuron in model.layers[0].neurons
    ]
    last = model.layers[1].neurons[0]
    same = (last.b + last.w[0] * hidden[0] + last.w[1] * hidden[1]) * 3.0
    for value in (a, b, *model.parameters()):
        value.grad = 0.0
    same.backward()
    assert [parameter.grad for parameter in model.parameters()] == pytest.approx(grads)
    opened = to_svg(root, expand=True)
    assert values_in(opened) == values_in(to_svg(same))
    assert operations_in(opened) == operations_in(to_svg(same))
    assert opened == to_svg(root, expand=True)


def test_opening_changes_nothing():
    model = MLP(2, [3, 1], seed=1)
    a, b = labelled(1.0, 2.0)
    root = losses.mse([model([a, b])], [1.0])
    root.backward()
    before = [(value.data, value.grad) for value in topological_order(root)]
    draw(root, expand=True)
    to_text(root, expand=True)
    assert [(value.data, value.grad) for value in topological_order(root)] == before
    root.backward()


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: softmax([a, b, a * b])[1],
        lambda a, b: losses.cross_entropy([[a, b]], [1]),
        lambda a, b: losses.mae([a, b], [b, a * b]),
        lambda a, b: losses.huber([a, b], [b * 5.0, b]),
        lambda a, b: compile(lambda x, y: (x * y).tanh() if x < y else x)(a, b),
        lambda a, b: vmap(lambda x: x * a)(np.array([1.0, 2.0]))[1],
        lambda a, b: compile(lambda x, y: where(x < y, x, y) * 2.0)(a, b),
        lambda a, b: dot([a, b], [b, a]),
    ],
)
def test_every_block_opens(make):
    a, b = labelled(1.5, 2.5)
    root = make(a, b)
    root.backward()
    opened = to_svg(root, expand=True)
    assert opened != to_svg(root)
    assert f"data {root.data:.4f}" in opened and len(values_in(opened)) >= 2
    text = to_text(root, expand=True)
    # What the scalar operations pass on to a leaf is its gradient.
    assert f"a: data 1.5000, grad {a.grad:.4f}" in text


def test_what_stays_closed():
    @custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, g: (2.0 * x * g,))
    (a,) = labelled(3.0)
    assert operations_in(to_svg(square(a), expand=True)) == Counter({"square": 1})
    # Of a number among the operands only the derivative is kept.
    root = losses.mse([a, a], [1.0, 2.0])
    assert to_svg(root, expand=True) == to_svg(root)
    model = MLP(1, [4, 1], dropout=0.5, seed=1)
    assert "ReLU" not in to_svg(model([a]), expand=True)
    assert "ReLU" in to_svg(model.eval()([a]), expand=True)


def test_an_opened_block_keeps_the_limits():
    a, b = labelled(1.0, 2.0)
    svg = to_svg(MLP(2, [16, 16, 1])([a, b]), max_nodes=40, expand=True)
    assert len(re.findall(">data ", svg)) == 40
    assert "more nodes" in svg
    assert len(to_text(MLP(2, [16, 16, 1])([a, b]), max_nodes=40, expand=True).splitlines()) < 200


# Programs drawn


def test_a_program_is_drawn():
    (w,) = labelled(2.0)
    program = trace(lambda x, y: (x * y + w if x < y else x).exp(), 2.0, 3.0)
    assert operations_in(draw(program).svg) == Counter(
        ["output 0", "exp", "+", "*", "captured 0 (a)", "input 0", "input 1", "guard", "<"]
    )
    dot = to_dot(program)
    assert dot.count("->") == 9 and 'label="exp" shape=ellipse' in dot
    program = trace(lambda x: [x, where(x < 1.0, x * 2.0, 5.0)], 2.0)
    assert operations_in(to_svg(program, "TB")) == Counter(
        ["output 0", "output 1", "where <", "input 0", "1", "*", "2", "5"]
    )


def test_a_large_program_is_cut():
    program = trace(lambda x: [x + float(i) for i in range(1000)], 2.0)
    assert "more nodes" in to_svg(program, max_nodes=30)
    deep = trace(lambda x: math.prod([x.sin()] * 300), 2.0)
    assert "... 2" in to_svg(deep, max_nodes=30)


def test_graphviz_draws_programs_too():
    pytest.importorskip("graphviz")
    source = draw_dot(trace(lambda x: x.exp(), 1.0)).source
    assert "input 0" in source and "exp" in source
