"""Drawings of graphs as text, as SVG and by Graphviz; plots by matplotlib."""

import math
import random
import re
import shutil
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from autograd import MLP, Neuron, Value
from autograd.datasets import four_points
from autograd.draw import draw, draw_dot, plot_decision_boundary, plot_history, to_dot, to_html, to_svg, trace
from autograd.training import fit

AWKWARD = [
    'say "hi"',
    r"a\b \n \N",
    "{a|b}",
    "<i>&lt; & 'x'",
    "  two\n lines\t",
    "∂y/∂x 重み 👩‍🔬",
    "nul\0 \x1b[0m \ud800",
    "",
    "x" * 999,
]


def readme_of_micrograd():
    """The expression of micrograd's README."""
    a, b = Value(-4.0, label="a"), Value(2.0, label="b")
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
    g.label = "g"
    g.backward()
    return g


def chain(length):
    value = Value(0.5)
    for _ in range(length):
        value = value + 1.0
    return value


def random_graph(seed):
    """A graph of 40 operations on up to four earlier Values each, all of which lead to the root."""
    rng = random.Random(seed)
    values = [Value(float(i), label=f"leaf {i}") for i in range(6)]
    for i in range(40):
        parents = rng.sample(values[-12:], rng.randint(1, 4))
        values.append(Value(float(i), parents, rng.choice(["f", "a longer name"]), label=f"value {i}"))
    used = {parent for value in values for parent in value._prev}
    return Value(0.0, [value for value in values if value not in used], "all", label="root")


def read_dot(text):
    """Return the attributes of the nodes by name, the edges, and the attributes of the graph."""
    attribute = r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([\w.]+))'
    statement = re.compile(rf"\t(\w+)(?: -> (\w+))?(?: \[({attribute}(?: {attribute})*)\])?")
    first, *lines, last = text.splitlines()
    assert (first, last) == ("digraph {", "}")
    nodes, edges, graph = {}, [], {}
    for line in lines:
        name, target, attributes = statement.fullmatch(line).group(1, 2, 3)
        found = {key: quoted or plain for key, quoted, plain in re.findall(attribute, attributes or "")}
        if target:
            edges.append((name, target))
        elif name == "graph":
            graph |= found
        elif name not in ("node", "edge"):
            assert name not in nodes
            nodes[name] = found
    assert {name for edge in edges for name in edge} <= set(nodes)
    return SimpleNamespace(nodes=nodes, edges=edges, graph=graph)


def shown(dot):
    """Return the text of every node, its cells separated by bars."""
    return {
        name: re.sub(r"\\(.)", r"\1", re.sub(r"^\{ | \}$", "", node["label"])).replace("&amp;", "&")
        for name, node in dot.nodes.items()
    }


class Box(NamedTuple):
    text: str
    left: float
    top: float
    right: float
    bottom: float


def read_svg(text):
    """Return the boxes with their texts, the lines as lists of points, and the texts outside of boxes."""
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    x, y, width, height = map(float, root.attrib["viewBox"].split())
    assert (root.attrib["width"], root.attrib["height"]) == (f"{width:g}", f"{height:g}")
    lines_group, *groups = root.findall("{*}g")
    boxes = []
    for group in groups:
        (rect,) = group.findall("{*}rect")
        left, top, w, h = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        assert x <= left and left + w <= x + width and y <= top and top + h <= y + height
        cells = [cell.text or "" for cell in group.findall("{*}text")]
        boxes.append(Box(" | ".join(cells), left, top, left + w, top + h))
    lines = []
    for path in lines_group.findall("{*}path"):
        numbers = list(map(float, re.findall(r"-?\d+\.\d", path.attrib["d"])))
        lines.append(list(zip(numbers[::2], numbers[1::2], strict=True)))
    return SimpleNamespace(boxes=boxes, lines=lines, outside=[element.text for element in root.findall("{*}text")])


def sources_from_top(svg, name):
    """Return the texts of the boxes from which lines lead straight to the box `name`, in the order of arrival."""
    (target,) = [box for box in svg.boxes if box.text == name]
    arriving = [
        line for line in svg.lines if abs(line[3][0] - target.left) < 0.2 and target.top < line[3][1] < target.bottom
    ]
    starts = [line[0] for line in sorted(arriving, key=lambda line: line[3][1])]
    return [box.text for x, y in starts for box in svg.boxes if abs(box.right - x) < 0.2 and box.top < y < box.bottom]


# -- what is drawn


def test_trace_is_micrograds():
    root = readme_of_micrograd()
    nodes, edges = set(), set()

    def build(value):
        if value not in nodes:
            nodes.add(value)
            for child in value._prev:
                edges.add((child, value))
                build(child)

    def told(values, pairs):
        # Leaves that stand for numbers are made anew every time.
        def known(value):
            return value if value._prev or value.label else value.data

        return Counter(map(known, values)), Counter((known(parent), child) for parent, child in pairs)

    build(root)
    assert told(*trace(root)) == told(nodes, edges)


def test_trace_of_a_leaf():
    leaf = Value(1.0)
    assert trace(leaf) == ({leaf}, set())


def test_values_and_operations_are_nodes():
    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    root = a * b + 1
    root.label = "c"
    root.backward()
    dot = read_dot(to_dot(root))
    text = shown(dot)
    edges = Counter((text[source], text[target]) for source, target in dot.edges)
    a, b = "a | data 2.0000 | grad -3.0000", "b | data -3.0000 | grad 2.0000"
    product, total = "data -6.0000 | grad 1.0000", "c | data -5.0000 | grad 1.0000"
    assert edges == Counter([(a, "*"), (b, "*"), ("*", product), (product, "+"), ("1", "+"), ("+", total)])
    assert Counter(text.values()) == Counter([a, b, product, total, "*", "+", "1"])
    assert text["n0"] == total


def test_a_leaf_alone():
    assert list(shown(read_dot(to_dot(Value(1.0)))).values()) == ["data 1.0000 | grad 0.0000"]
    assert [box.text for box in read_svg(to_svg(Value(1.0))).boxes] == ["data 1.0000 | grad 0.0000"]


def test_a_leaf_with_an_operation_shows_it():
    assert Counter(shown(read_dot(to_dot(Value(1.0, (), "input")))).values()) == Counter(
        ["data 1.0000 | grad 0.0000", "input"]
    )


def test_shared_values_are_drawn_once():
    root = readme_of_micrograd()
    dot = read_dot(to_dot(root))
    boxes = [node for node in dot.nodes.values() if node["shape"] == "record"]
    assert len(boxes) == len([value for value in trace(root)[0] if value._prev or value.label])
    text = shown(dot)
    (a,) = [name for name in text if text[name].startswith("a |")]
    assert Counter(text[target] for source, target in dot.edges if source == a) == Counter(["+", "+", "*", "neg", "-"])


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
@pytest.mark.parametrize("seed", range(8))
def test_svg_shows_what_dot_shows(seed, rankdir):
    root = random_graph(seed)
    dot, svg = read_dot(to_dot(root, rankdir)), read_svg(to_svg(root, rankdir))
    assert dot.graph["rankdir"] == rankdir
    assert Counter(box.text for box in svg.boxes) == Counter(shown(dot).values())
    # One arrowhead, of three points behind those of the curve, for every edge.
    assert len([line for line in svg.lines if len(line) == 7]) == len(dot.edges)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (lambda a, b: a - b, "ab"),
        (lambda a, b: b - a, "ba"),
        (lambda a, b: 5 / a, "5a"),
        (lambda a, b: a / 5, "a5"),
        (lambda a, b: a * a, "aa"),
        (lambda a, b: 3**a, "3a"),
        (lambda a, b: a**b, "ab"),
        (lambda a, b: a**3, "a"),
        (lambda a, b: a**0.5, "a"),
        (lambda a, b: Value(1.0, (b, a, b), "f"), "bab"),
    ],
)
def test_operands_arrive_in_order(operation, expected):
    root = operation(Value(2.0, label="a"), Value(3.0, label="b"))
    dot = read_dot(to_dot(root))
    assert [shown(dot)[source][0] for source, target in dot.edges if shown(dot)[target] == root._op] == list(expected)
    assert [text[0] for text in sources_from_top(read_svg(to_svg(root)), root._op)] == list(expected)


def test_graphviz_is_held_to_the_order_where_it_matters():
    a, b = Value(2.0), Value(3.0)
    for root, held in [(a + b, 0), (a * b, 0), (a - b, 1), (a / b, 1), (a.arctan2(b), 1), (Value(1.0, (a, b), "f"), 1)]:
        assert to_dot(root).count("ordering=in") == held


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0000"),
        (-1.23456, "-1.2346"),
        (0.001, "0.0010"),
        (-0.00012345, "-1.234e-04"),
        (123456.0, "123456.0000"),
        (-1.5e300, "-1.500e+300"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_numbers(number, text):
    value = Value(number)
    value.grad = -number
    minus = text.removeprefix("-") if text[0] == "-" else f"-{text}"
    assert f"{{ data {text} | grad {minus if number == number else 'nan'} }}" in to_dot(value)


def test_all_digits_are_in_the_tooltip():
    value = Value(1 / 3, label="third")
    assert "<title>third data=0.3333333333333333, grad=0.0</title>" in to_svg(value)


@pytest.mark.parametrize("text", AWKWARD)
def test_any_text_is_shown(text):
    line = "".join(c if c.isprintable() or c == "\u200d" else "\ufffd" for c in " ".join(text.split()))
    expected = line if len(line) <= 40 else line[:39] + "…"
    root = Value(1.0, (Value(2.0, label=text),), text or "op", label=text)
    cell = f"{expected} | " if expected else ""
    boxes = Counter([f"{cell}data 1.0000 | grad 0.0000", f"{cell}data 2.0000 | grad 0.0000", expected or "op"])
    dot = to_dot(root)
    assert dot.encode() and Counter(shown(read_dot(dot)).values()) == boxes
    assert Counter(box.text for box in read_svg(to_svg(root)).boxes) == boxes
    ElementTree.fromstring(to_html(root))


def test_the_same_graph_gives_the_same_text():
    # All alive at once, so that no two Values share an address.
    graphs = [readme_of_micrograd() for _ in range(3)]
    for render in (to_dot, to_svg):
        assert len({render(graph) for graph in graphs}) == 1


def test_drawing_changes_nothing():
    root = readme_of_micrograd()
    before = sorted((value.data, value.grad) for value in trace(root)[0])
    to_svg(root)
    assert sorted((value.data, value.grad) for value in trace(root)[0]) == before


# -- the layout


@pytest.mark.parametrize("rankdir", ["LR", "TB"])
@pytest.mark.parametrize("seed", range(8))
def test_boxes_keep_apart_and_lines_lead_onward(seed, rankdir):
    svg = read_svg(to_svg(random_graph(seed), rankdir))
    for one, other in combinations(svg.boxes, 2):
        assert one.right < other.left or other.right < one.left or one.bottom < other.top or other.bottom < one.top, (
            one,
            other,
        )
    axis = ["LR", "TB"].index(rankdir)
    for line in svg.lines:
        assert line[0][axis] < line[3][axis]


def test_a_straight_computation_is_a_straight_line():
    svg = read_svg(to_svg(Value(0.5).exp().tanh().sin()))
    assert len({(box.top + box.bottom) / 2 for box in svg.boxes}) == 1
    assert all(line[0][1] == line[3][1] for line in svg.lines)


def test_a_tree_has_no_crossings_and_its_root_in_the_middle():
    leaves = [Value(float(i), label=str(i)) for i in range(8)]
    while len(leaves) > 1:
        leaves = [one * other for one, other in zip(leaves[::2], leaves[1::2], strict=True)]
    leaves[0].label = "root"
    middle = {box.text.split(" | ")[0]: (box.top + box.bottom) / 2 for box in read_svg(to_svg(leaves[0])).boxes}
    heights = [middle[str(i)] for i in range(8)]
    assert heights == sorted(heights)
    assert middle["root"] == pytest.approx(sum(heights) / 8, abs=1.0)


def test_operations_are_level_with_their_results():
    svg = read_svg(to_svg(readme_of_micrograd()))
    for operation in [box for box in svg.boxes if "data" not in box.text and not box.text.isdigit()]:
        leaving = [line for line in svg.lines if abs(line[0][0] - operation.right) < 0.2]
        (line,) = [line for line in leaving if operation.top < line[0][1] < operation.bottom]
        assert line[0][1] == pytest.approx(line[3][1], abs=0.2), operation.text


def test_reordering_saves_crossings(monkeypatch):
    def crossings(svg):
        def cross(one, other):
            (a, b), (c, d) = (one[0], one[3]), (other[0], other[3])
            return a[0] == c[0] and b[0] == d[0] and (a[1] - c[1]) * (b[1] - d[1]) < 0

        return sum(cross(one, other) for one, other in combinations(svg.lines, 2))

    graphs = [random_graph(seed) for seed in range(4)]
    after = [crossings(read_svg(to_svg(graph))) for graph in graphs]
    monkeypatch.setattr("autograd._drawing.layout._ORDER_SWEEPS", 0)
    before = [crossings(read_svg(to_svg(graph))) for graph in graphs]
    assert sum(after) < 0.9 * sum(before)


# -- limits


@pytest.mark.parametrize(
    ("length", "beside", "caption"),
    [
        (9, [], []),
        (10, ["... 1 leaf"], []),
        (11, ["... 1 computed value"], ["... 2 more nodes"]),
        (1000, ["... 1 computed value"], ["... 991 more nodes"]),
    ],
)
def test_what_is_beyond_the_limit_is_counted(length, beside, caption):
    root = chain(length)
    dot, svg = read_dot(to_dot(root, max_nodes=10)), read_svg(to_svg(root, max_nodes=10))
    assert [node["label"] for node in dot.nodes.values() if node["shape"] == "record"] == [
        f"{{ data {length + 0.5 - i:.4f} | grad 0.0000 }}" for i in range(10)
    ]
    assert [node["label"] for node in dot.nodes.values() if node["shape"] == "plaintext"] == beside
    assert dot.graph.get("label", "") == "".join(caption)
    assert svg.outside == caption
    assert Counter(box.text for box in svg.boxes) == Counter(shown(dot).values())


def test_what_is_counted_beside_an_operation_is_no_further_node():
    a = Value(2.0)
    svg = read_svg(to_svg(a.exp() + a, max_nodes=1))
    assert [box.text for box in svg.boxes] == ["data 9.3891 | grad 0.0000", "+", "... 1 leaf, 1 computed value"]
    assert svg.outside == ["... 1 more node"]


def test_the_nearest_values_are_drawn():
    near = Value(1.0, label="near")
    for root in (near.exp() + chain(100), chain(100) + near.exp()):
        assert "near" in to_dot(root, max_nodes=5)


def test_a_graph_a_million_deep():
    root = chain(1_000_000)
    for text in (to_dot(root, max_nodes=5), to_svg(root, max_nodes=5)):
        assert "... more than 100000 more nodes" in text and text.count("grad 0.0000") == 5
    nodes, edges = trace(root)
    assert (len(nodes), len(edges)) == (2_000_001, 2_000_000)


def test_a_long_chain_with_shared_weights():
    weight, state = Value(0.5, label="w"), Value(1.0, label="x")
    for _ in range(200):
        state = (state * weight).tanh()
    svg = read_svg(to_svg(state, max_nodes=1000))
    assert len(svg.boxes) == 2 + 800


def test_many_operands_are_summarised():
    leaves = [Value(float(i)) for i in range(20)]
    labelled = [Value(1.0, label=f"x{i}") for i in range(2)]
    computed = [leaf.exp() for leaf in leaves[:3]]
    root = Value(0.0, [*leaves, *labelled, *computed], "layer")

    def inputs(**limits):
        dot = read_dot(to_dot(root, **limits))
        text = shown(dot)
        return [text[source].split(" | ")[0] for source, target in dot.edges if text[target] == "layer"]

    assert inputs() == ["x0", "x1", "data 1.0000", "data 2.7183", "data 7.3891", "... 20 leaves"]
    assert inputs(max_inputs=3) == ["x0", "x1", "data 1.0000", "... 20 leaves, 2 computed values"]
    assert len(inputs(max_inputs=25)) == 25
    # What is behind computed operands that are left out is beyond the drawing, leaves that were counted are not.
    assert '"... 2 more nodes"' in to_dot(root, max_inputs=3)
    assert "more node" not in to_dot(root)


def test_numbers_are_no_operands_to_leave_out():
    assert list(shown(read_dot(to_dot(Value(2.0) - 7, max_inputs=1))).values())[2:] == ["7", "... 1 leaf"]


@pytest.mark.parametrize("function", [to_dot, to_svg, draw])
def test_wrong_arguments(function):
    value = Value(1.0)
    with pytest.raises(TypeError, match="root must be a Value or a Program, got list; of several Values draw"):
        function([value])
    with pytest.raises(TypeError, match=r"got MLP; draw\(f\(x\)\), or draw\(trace\(f, x\)\)$"):
        function(MLP(1, [1]))
    with pytest.raises(ValueError, match="rankdir must be 'LR' or 'TB', got 'RL'"):
        function(value, "RL")
    for limit in ("max_nodes", "max_inputs"):
        with pytest.raises(ValueError, match=f"{limit} must be at least 1, got 0"):
            function(value, **{limit: 0})
        with pytest.raises(TypeError, match=f"{limit} must be an integer, got float"):
            function(value, **{limit: 2.5})


# -- Blocks


def test_a_block_is_one_box_with_its_outputs():
    model = MLP(2, [4, 3], seed=0)
    x = [Value(1.0, label="x0"), Value(-2.0, label="x1")]
    first, second, _ = model(x)
    dot = read_dot(to_dot(first * second + first))
    text = shown(dot)
    assert Counter(text.values())["MLP"] == 1
    assert {text[name]: dot.nodes[name]["shape"] for name in text}["MLP"] == "box"
    inputs = [text[source].split(" | ")[0] for source, target in dot.edges if text[target] == "MLP"]
    outputs = [text[target] for source, target in dot.edges if text[source] == "MLP"]
    assert inputs == ["x0", "x1", "... 27 leaves"]
    assert sorted(outputs) == sorted(f"data {value.data:.4f} | grad 0.0000" for value in (first, second))
    assert Counter(box.text for box in read_svg(to_svg(first * second + first)).boxes) == Counter(text.values())


def test_the_parameters_of_a_small_block_are_drawn():
    neuron = Neuron(2, seed=0)
    assert to_dot(neuron([1.0, 2.0])).count("shape=record") == 4


def test_parameters_of_many_calls_are_counted_once():
    model = MLP(2, [16, 16, 1], seed=0)
    root = sum(model(row) for row in [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    text = to_dot(root)
    assert text.count('"... 337 leaves"') == 3 and "more node" not in text


# -- for notebooks and files


def test_drawing_shows_and_saves_itself(tmp_path):
    root = readme_of_micrograd()
    drawing = draw(root, "TB")
    assert drawing._repr_svg_() == drawing.svg == to_svg(root, "TB")
    html = ElementTree.fromstring(drawing._repr_html_())
    assert html.tag == "div" and html[0].tag.endswith("svg")
    drawing.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == drawing.svg


def test_table_of_a_value():
    value = Value(0.1, label="<b>") * 3
    value.label = "a & b"
    cells = [[cell.text for cell in row] for row in ElementTree.fromstring(to_html(value))]
    assert cells == [["label", "data", "grad", "operation"], ["a & b", repr(0.1 * 3), "0.0", "*"]]


def test_no_package_is_needed_for_text(monkeypatch):
    for name in ("graphviz", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    root = readme_of_micrograd()
    assert to_dot(root) and to_svg(root)
    with pytest.raises(ImportError, match=r"draw_dot needs the package graphviz: .*install 'autograd-engine\[viz\]'"):
        draw_dot(root)
    with pytest.raises(ImportError, match=r"a plot needs matplotlib: .*install 'autograd-engine\[viz\]'"):
        plot_history({"loss": [1.0]})


def test_draw_dot_returns_a_digraph():
    graphviz = pytest.importorskip("graphviz")
    root = readme_of_micrograd()
    dot = draw_dot(root)
    assert type(dot) is graphviz.Digraph and dot.format == "svg"
    assert dot.source == to_dot(root)
    assert draw_dot(root, "png", "TB", max_nodes=5).source == to_dot(root, "TB", max_nodes=5)
    assert draw_dot(root, format="png", rankdir="TB").format == "png"


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's program is not installed")
@pytest.mark.parametrize("text", AWKWARD)
def test_graphviz_draws_any_text(text):
    pytest.importorskip("graphviz")
    root = Value(1.0, (Value(2.0, label=text),), text or "op", label=text)
    svg = ElementTree.fromstring(draw_dot(root).pipe())
    drawn = Counter("".join(element.text.split()) for element in svg.findall(".//{*}text"))
    cells = [cell for box in read_svg(to_svg(root)).boxes for cell in box.text.split(" | ")]
    assert drawn == Counter("".join(cell.split()) for cell in cells)


# -- plots


@pytest.fixture
def ax():
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    return Figure().subplots()


def curves(ax):
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.get_lines()}


def test_plot_of_a_history(ax):
    assert plot_history({"loss": [1.0, 0.5, 0.4], "validation_loss": [1.0, 0.6, 0.5]}, ax) is ax
    assert curves(ax) == {"training": ([1, 2, 3], [1.0, 0.5, 0.4]), "validation": ([1, 2, 3], [1.0, 0.6, 0.5])}
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "linear")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]


@pytest.mark.parametrize(
    ("series", "scale"),
    [
        ([1.0, 0.1], "log"),
        ([1.0, 0.2], "linear"),
        ([1.0, 0.0], "linear"),
        ([math.nan, 5.0, 0.5], "log"),
        ([-1.0, 20.0], "linear"),
    ],
)
def test_scale_of_a_history(ax, series, scale):
    assert plot_history({"loss": series}, ax).get_yscale() == scale


def test_plot_of_another_figure(ax):
    X, y = four_points()
    history = fit(MLP(3, [2, 1], seed=0), X, y, loss="hinge", epochs=4)
    plot_history(history, ax, name="accuracy")
    assert curves(ax) == {"training": ([1, 2, 3, 4], history["accuracy"])} and ax.get_ylabel() == "accuracy"
    with pytest.raises(ValueError, match="the history has no 'rmse', it has 'loss', 'accuracy'"):
        plot_history(history, ax, name="rmse")


class Linear:
    """A model of chosen weights."""

    def __init__(self, *rows):
        self.rows = rows

    def parameters(self):
        return []

    def __call__(self, x):
        outputs = [x[0] * Value(a) + x[1] * b for a, b in self.rows]
        return outputs[0] if len(outputs) == 1 else outputs


def regions(ax, point):
    """Return the colours of the filled regions that hold a point."""
    colors = pytest.importorskip("matplotlib.colors")
    filled = [collection for collection in ax.collections if collection.get_label().startswith("_")]
    return [
        colors.to_hex(region.get_facecolor()[0])
        for region in filled
        if any(path.contains_point(point) for path in region.get_paths())
    ]


def points(ax):
    """Return colour and points by the name in the legend."""
    colors = pytest.importorskip("matplotlib.colors")
    return {
        scatter.get_label(): (colors.to_hex(scatter.get_facecolor()[0]), scatter.get_offsets().tolist())
        for scatter in ax.collections
        if not scatter.get_label().startswith("_")
    }


def test_decision_boundary_of_one_output(ax):
    from autograd._plots.figures import COLOURS

    X, y = [[2.0, 0.0], [0.0, 2.0], [3.0, 1.0], [1.0, 3.0]], [1, -1, 1, -1]
    assert plot_decision_boundary(Linear((1.0, -1.0)), X, y, ax) is ax
    first, second = (colour.lower() for colour in COLOURS[:2])
    # The boundary is the diagonal.
    for x in (0.5, 1.5, 2.5):
        assert regions(ax, (x, x + 0.01)) == [first] and regions(ax, (x, x - 0.01)) == [second]
    assert points(ax) == {"class -1": (first, [[0.0, 2.0], [1.0, 3.0]]), "class 1": (second, [[2.0, 0.0], [3.0, 1.0]])}


def test_decision_boundary_of_several_outputs(ax):
    from autograd._plots.figures import COLOURS

    X, y = [[5.0, 0.0], [-5.0, 5.0], [-5.0, -5.0]], [0, 1, 2]
    plot_decision_boundary(Linear((1.0, 0.0), (-1.0, 1.0), (-1.0, -1.0)), X, y, ax)
    for point, colour in zip([(4, 1), (-4, 3), (-4, -3)], COLOURS, strict=False):
        assert regions(ax, point) == [colour.lower()]
    assert list(points(ax)) == ["class 0", "class 1", "class 2"]


def test_decision_boundary_of_a_model_that_sees_one_class(ax):
    from autograd._plots.figures import COLOURS

    plot_decision_boundary(Linear((1.0, 0.0)), [[2.0, 0.0], [2.0, 1.0]], [0.0, 0.0], ax)
    assert regions(ax, (2.0, 0.5)) == [COLOURS[1].lower()]
    assert list(points(ax)) == ["class 0"]


@pytest.mark.parametrize(
    ("rows", "X", "y", "message"),
    [
        (1, [1.0, 2.0], [0], r"X must have the shape \(rows, inputs\), got \(2,\)"),
        (1, [[1.0, 2.0, 3.0]], [0], r"got \(1, 3\) and \(1,\)"),
        (1, [[1.0, 2.0]], [0, 1], r"got \(1, 2\) and \(2,\)"),
        (1, [[1.0, 2.0]], [2], r"the model tells the classes \(-1, 0, 1\) apart, y has 2"),
        (3, [[1.0, 2.0]], [3], r"the model tells the classes \(0, 1, 2\) apart, y has 3"),
        (3, [[1.0, 2.0]], [0.5], r"y has 0.5"),
    ],
)
def test_data_that_has_no_decision_boundary(ax, rows, X, y, message):
    with pytest.raises(ValueError, match=message):
        plot_decision_boundary(Linear(*[(1.0, 1.0)] * rows), X, y, ax)
    assert not ax.collections


def test_plots_make_their_own_figure():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    first = plot_history({"loss": [1.0]})
    second = plot_decision_boundary(Linear((1.0, 1.0)), [[1.0, 2.0]], [1])
    assert first.figure is not second.figure
    for figure in (first.figure, second.figure):
        figure.canvas.draw()
        pyplot.close(figure)


def test_the_page_on_drawing(tmp_path, run_python):
    pytest.importorskip("matplotlib")
    page = Path(__file__).parents[1] / "docs" / "drawing.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    header = "import matplotlib, os, sys\nmatplotlib.use('Agg')\nos.chdir(sys.argv[1])"
    assert run_python("\n".join([header, *blocks]), str(tmp_path)) == "True\nTrue\n"
    assert len(read_svg((tmp_path / "neuron.svg").read_text(encoding="utf-8")).boxes) == 15
