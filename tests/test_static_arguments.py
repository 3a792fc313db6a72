"""Static arguments, dictionary keys and captured objects: what is merely equal has a program of its own."""

import dataclasses
import datetime
import decimal
import enum
import fractions
import gc
import struct
import typing
import zlib

import numpy as np
import pytest
import random_programs  # noqa: F401  the Hypothesis profile
from hypothesis import example, given
from hypothesis import strategies as st

from autograd import Value, compile, grad, trace, vjp, vmap


class Number(enum.IntEnum):
    ONE = 1


class Pair(typing.NamedTuple):
    first: object
    second: object


class OtherPair(typing.NamedTuple):
    first: object
    second: object


@dataclasses.dataclass(frozen=True)
class Frozen:
    first: object
    second: object


@dataclasses.dataclass(frozen=True)
class FrozenToo(Frozen):
    pass


def nan(payload):
    return struct.unpack("<d", struct.pack("<Q", 0x7FF8 << 48 | payload))[0]


#: Objects that are equal, or look it, within each family.
FAMILIES = [
    (1, 1.0, True, Number.ONE, np.float64(1), np.int64(1), np.int8(1), np.True_, 1 + 0j, fractions.Fraction(1)),
    (decimal.Decimal("1"), decimal.Decimal("1.00"), 1, fractions.Fraction(1)),
    (0, 0.0, -0.0, False, complex(0.0, 0.0), complex(0.0, -0.0), complex(-0.0, 0.0), np.float64(0.0), np.float64(-0.0)),
    (nan(0), nan(1), np.float64("nan"), decimal.Decimal("nan"), np.datetime64("NaT", "s"), np.timedelta64("NaT", "s")),
    ("a", np.str_("a"), b"a", np.bytes_(b"a")),
    (None, "None", Ellipsis),
    (
        datetime.datetime(2026, 10, 25, 2, 30),
        datetime.datetime(2026, 10, 25, 2, 30, fold=1),
        datetime.datetime(2026, 10, 25, 2, 30, tzinfo=datetime.timezone.utc),
        datetime.datetime(2026, 10, 25, 3, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=1))),
        np.datetime64("2026-10-25T02:30"),
        np.datetime64("2026-10-25T02:30", "s"),
    ),
    (range(0), range(5, 5), range(0, 1, 2), range(0, 1), ()),
    (int, bool, float, np.float64),
]
SHAPES = {
    "tuple": lambda a, b: (a, b),
    "Pair": Pair,
    "OtherPair": OtherPair,
    "frozenset": lambda a, b: frozenset((a, b)),
    "Frozen": Frozen,
    "FrozenToo": FrozenToo,
}


def description(x):
    """All that a function can see of a static object."""
    if isinstance(x, (tuple, frozenset)):
        return type(x).__name__, *map(description, x)
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return type(x).__name__, description(x.first), description(x.second)
    if isinstance(x, complex):
        return "complex", description(x.real), description(x.imag)
    if isinstance(x, (float, np.generic)):
        return type(x).__name__, np.asarray(x).dtype.str, np.asarray(x).tobytes()
    return type(x).__name__, repr(x), getattr(x, "fold", None)


def fingerprint(x):
    return float(zlib.crc32(repr(description(x)).encode()))


@st.composite
def twins(draw):
    """Draw two objects of one shape, or of two, with members of the same families in the same places."""

    def member(family):
        return draw(st.sampled_from(family))

    def build(depth):
        if depth == 0 or draw(st.booleans()):
            family = draw(st.sampled_from(FAMILIES))
            return member(family), member(family)
        left, right = build(depth - 1), build(depth - 1)
        shapes = draw(st.sampled_from([("tuple", "Pair", "OtherPair"), ("frozenset",), ("Frozen", "FrozenToo")]))
        one, other = member(shapes), member(shapes)
        return SHAPES[one](left[0], right[0]), SHAPES[other](left[1], right[1])

    return build(draw(st.integers(0, 3)))


def by_static(x, n):
    return x * x * fingerprint(n)


@given(twins())
@example(((1,), (1.0,)))
@example((Frozen(0.0, 1), Frozen(-0.0, True)))
def test_a_static_argument_has_a_program_of_its_own(pair):
    f = compile(by_static, static_argnums=1)
    g = compile(lambda x, *, how: x * fingerprint(how), static_argnames="how")
    derivative, batch = grad(f), vmap(f, in_axes=(0, None))
    for n in (*pair, *reversed(pair)):
        assert f(3.0, n) == 9.0 * fingerprint(n)
        assert derivative(3.0, n) == 6.0 * fingerprint(n)
        assert batch(np.array([1.0, 2.0]), n).tolist() == [fingerprint(n), 4.0 * fingerprint(n)]
        assert g(2.0, how=n) == 2.0 * fingerprint(n)
    # One program serves what cannot be told apart.
    assert len(f.programs) <= 1 + (description(pair[0]) != description(pair[1]))


@given(st.lists(twins(), min_size=1, max_size=3))
@example([(1, True)])
def test_dictionary_keys_have_a_program_of_their_own(pairs):
    f = compile(lambda d: sum((x * fingerprint(key) for key, x in d.items()), 0.0 * next(iter(d.values()))))
    for _ in range(2):
        for keys in zip(*pairs, strict=True):
            d = {key: float(i) for i, key in enumerate(keys, 1)}
            assert f(d) == sum(x * fingerprint(key) for key, x in d.items())


class Alike(Value):
    """A Value that is equal to every other."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 1


@given(st.lists(st.floats(-4, 4), min_size=2, max_size=5), st.floats(-2, 2))
def test_captured_values_that_are_equal(numbers, x):
    def outcome(transform):
        captured = [Alike(number) for number in numbers]

        def f(x):
            # Every branch captures others, in another order.
            chosen = captured if x > 0 else captured[::-1][1:]
            return sum((c * (i + 1.0) * x for i, c in enumerate(chosen)), x * 0.0)

        results = transform(f)
        for result in results:
            result.backward()
        return [result.data for result in results], [c.grad for c in captured]

    points = [x, -x, 1.0]
    expected = outcome(lambda f: [f(point) for point in points if point == point])
    assert outcome(lambda f: list(map(compile(f), points))) == expected
    assert outcome(lambda f: list(vmap(compile(f))(points))) == expected
    assert outcome(lambda f: list(vmap(lambda x: compile(f)(x) * 1.0)(points))) == expected


def test_optimizer_parameters_that_are_equal():
    from autograd.optim import SGD

    parameters = [Alike(1.0), Alike(2.0)]
    optimizer = SGD(parameters, lr=1.0)
    parameters[1].grad = 3.0
    optimizer.step()
    assert [p.data for p in parameters] == [1.0, -1.0]


def test_values_as_static_arguments_and_keys():
    a, b = Value(2.0), Value(2.0)
    f = compile(lambda x, values: x * values[0] + values[1].data, static_argnums=1)
    assert f(3.0, (a, b)).data == 8.0
    b.data = 5.0
    assert f(3.0, (a, b)).data == 11.0
    assert f(3.0, (b, a)).data == 17.0
    g = compile(lambda d: sum(key * x for key, x in d.items()))
    assert g({a: 1.0}).data == 2.0 and g({b: 1.0}).data == 5.0


def test_a_hash_that_changes():
    class Sizes:
        def __init__(self, n):
            self.n = n

        def __eq__(self, other):
            return isinstance(other, Sizes) and self.n == other.n

        def __hash__(self):
            return hash(self.n)

    f = compile(lambda x, sizes: x * sizes.n, static_argnums=1)
    g = compile(lambda x, pair: x * pair[0].n, static_argnums=1)
    sizes = Sizes(2)
    pair = (sizes, 1.0)
    assert f(1.0, sizes) == g(1.0, pair) == 2.0
    sizes.n = 3
    assert f(1.0, sizes) == g(1.0, pair) == 3.0
    sizes.n = 2
    assert f(1.0, sizes) == g(1.0, pair) == 2.0
    # An object of a class of one's own may differ in what its equality does not see.
    assert f(1.0, Sizes(2)) == 2.0
    assert len(f.programs) == 3 and len(g.programs) == 2


def test_what_a_frozen_dataclass_holds_besides_its_fields():
    @dataclasses.dataclass(frozen=True)
    class Scaled:
        n: int
        scale: dataclasses.InitVar[float]
        table: dict = dataclasses.field(default_factory=dict, compare=False)

        def __post_init__(self, scale):
            object.__setattr__(self, "scaled", self.n * scale)

    f = compile(lambda x, options: x * options.scaled, static_argnums=1)
    options = Scaled(2, 1.5)
    assert [f(1.0, options), f(1.0, Scaled(2, 2.5)), f(1.0, options)] == [3.0, 5.0, 3.0]
    assert len(f.programs) == 2


def test_attributes_of_a_named_tuple():
    class Options(Pair):
        pass

    f = compile(lambda x, options: x * options.scale, static_argnums=1)
    options = Options(1, 2)
    for scale in (2.0, 3.0, 2.0):
        options.scale = scale
        assert f(1.0, options) == scale
    assert len(f.programs) == 2


def test_objects_are_kept_alive():
    class Options:
        pass

    f = compile(lambda x, options: x * options.n, static_argnums=1)
    for n in range(1, 50):
        options = Options()
        options.n = n
        assert f(2.0, options) == 2.0 * n
        del options
        gc.collect()


def test_bound_methods_are_known_again():
    class Model:
        def __init__(self, w):
            self.w = w

        def scaled(self, x):
            return x * self.w

    f = compile(lambda x, function: function(x), static_argnums=1)
    a, b = Model(2.0), Model(3.0)
    assert [f(1.0, a.scaled), f(2.0, a.scaled), f(1.0, b.scaled), f(1.0, abs)] == [2.0, 4.0, 3.0, 1.0]
    one, other = {"n": 2.0}, {"n": 3.0}
    g = compile(lambda x, get: x * get("n"), static_argnums=1)
    assert [g(1.0, one.get), g(1.0, other.get), g(2.0, one.get)] == [2.0, 3.0, 4.0]
    assert (len(f.programs), len(g.programs)) == (3, 2)


def test_what_has_no_hash():
    f = compile(lambda x, n: x, static_argnums=1)
    for n in ([1], {"a": 1}, (1, [2]), np.zeros(2), Frozen([], 1), slice([], 1)):
        with pytest.raises(TypeError, match="not hashable"):
            f(1.0, n)
        assert f(1.0, 5) == 1.0


def test_deep_static_arguments():
    def nested(depth):
        return (nested(depth - 1),) if depth else ()

    f = compile(lambda x, n: x * 2.0, static_argnums=1)
    assert [f(1.0, nested(200)), f(1.0, nested(200)), f(1.0, nested(201))] == [2.0, 2.0, 2.0]
    assert len(f.programs) == 2


def test_results_with_equal_keys_on_two_branches():
    f = compile(lambda x: {1: x} if x > 0 else {True: x})
    assert f(1.0) == {1: 1.0}
    with pytest.raises(TypeError, match=r"one structure .* \{1: a number\} on one and a dict \{True: a number\}"):
        f(-1.0)
    g = compile(lambda x: ("a", x) if x > 0 else (b"a".decode(), -x))
    assert [g(1.0), g(-1.0)] == [("a", 1.0), ("a", 1.0)]


def test_a_pullback_takes_cotangents_by_key():
    _, pullback = vjp(lambda x: {"".join(["a", "b"]): x * 2.0, 1: x}, 3.0)
    assert pullback({"ab": 1.0, 1: 1.0}) == (3.0,)
    for wrong in ({"ab": 1.0, True: 1.0}, {1: 1.0, "ab": 1.0}):
        with pytest.raises(TypeError, match="cotangents of the structure"):
            pullback(wrong)


@pytest.mark.parametrize("transform", [lambda f: f, compile])
@pytest.mark.parametrize("x", [2.0, Value(2.0)])
def test_a_pullback_after_a_captured_value_changed(transform, x):
    used, other = Value(3.0), Value(5.0)
    f = transform(lambda x: x * x * used if x > 0 else x * other)
    if transform is compile:
        f(-1.0)
    out, pullback = vjp(f, x)
    other.data = 7.0
    assert pullback(1.0)[0] == 12.0
    used.data = 4.0
    with pytest.raises(RuntimeError, match=r"vjp: a Value that .* captured was 3.0 .* and is 4.0 now"):
        pullback(1.0)
    used.data = 3.0
    assert pullback(2.0)[0] == 24.0
    used.data = 4.0
    out, pullback = vjp(f, x)
    assert (out, pullback(1.0)[0]) == (16.0, 16.0)


def test_a_pullback_after_an_argument_changed():
    x = Value(2.0)
    out, pullback = vjp(lambda x: x * x * x, x)
    x.data = 5.0
    assert (out.data, pullback(1.0)[0].data) == (8.0, 12.0)


def test_repeated_indices_of_derivatives():
    """Forward mode is the transpose of reverse mode: the tangents of one input add up."""
    program = trace(lambda x, y: (x * x * y, x + y), 2.0, 3.0)
    assert program.reverse([0, 0, 1], [0], ones=True)(2.0, 3.0) == [12.0, 12.0, 4.0]
    assert program.reverse([0], [0, 0])(2.0, 3.0, 1.0, 10.0) == [132.0]
    assert program.forward([0, 0])(2.0, 3.0, 1.0, 10.0) == [132.0, 11.0]
    assert program.forward([0, 1, 0], keep=[1, 1])(2.0, 3.0, 1.0, 100.0, 10.0) == [5.0, 5.0, 532.0, 111.0]
