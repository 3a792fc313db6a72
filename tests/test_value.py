"""The contract of Value: a float that remembers."""

import copy
import inspect
import math
import operator
import pickle
import weakref
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from bits import bits, outcome

import autograd
from autograd import Value, functions, no_grad

BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
SYMBOLS = dict(zip(BINARY, ["+", "-", "*", "/", "**"], strict=True))
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
NUMBERS = [
    3,
    True,
    2.5,
    Fraction(3, 4),
    np.float64(1.5),
    np.float32(1.5),
    np.float16(1.5),
    np.longdouble(1.5),
    np.int8(3),
    np.uint8(3),
    np.int32(3),
    np.int64(3),
    np.uint64(3),
    np.bool_(True),
]
FOREIGN = [None, "1", b"1", [1.0], (1.0,), {}, object(), 1j, Decimal(1), lambda: 1.0, float, np.complex128(1)]


class Parameter(Value):
    """A subclass such as users write."""

    def __init__(self, data, *arguments, frozen=False, **keywords):
        super().__init__(data, *arguments, **keywords)
        self.frozen = frozen


class Slotted(Value):
    __slots__ = ("extra",)


def typed(name):
    return type(name).__name__


# -- construction


@pytest.mark.parametrize("number", NUMBERS, ids=typed)
def test_data_becomes_a_float(number):
    v = Value(number)
    assert type(v.data) is float and v.data == float(number)
    assert type(v.grad) is float and v.grad == 0.0
    assert v.label == v._op == ""
    assert v._prev == set()
    assert type(v) is Value


@pytest.mark.parametrize("x", [0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, 1.7976931348623157e308])
def test_data_keeps_every_bit(x):
    assert bits(Value(x).data) == bits(x)
    v = Value(1.0)
    v.data = v.grad = x
    assert bits(v.data) == bits(v.grad) == bits(x)


@pytest.mark.parametrize("thing", [*FOREIGN, np.array(1.0), np.array([1.0]), Value], ids=typed)
def test_a_non_number_is_a_type_error_that_says_what_it_got(thing):
    with pytest.raises(TypeError, match=f"^data must be a real number, got {type(thing).__name__} "):
        Value(thing)
    v = Value(1.0)
    with pytest.raises(TypeError, match=f"^data must be a real number, got {type(thing).__name__} "):
        v.data = thing
    with pytest.raises(TypeError, match=f"^grad must be a real number, got {type(thing).__name__} "):
        v.grad = thing
    with pytest.raises(TypeError, match=f"^gradient must be a real number, got {type(thing).__name__} "):
        v.backward(thing)
    assert (v.data, v.grad) == (1.0, 0.0)


def test_a_value_of_a_value_says_the_remedy():
    with pytest.raises(TypeError, match=r"got Value Value\(data=2.0, grad=0.0\); use its \.data"):
        Value(Value(2.0))


def test_an_integer_beyond_float_is_the_overflow_error_of_float():
    with pytest.raises(OverflowError) as of_float:
        float(10**400)
    for act in (Value, Value(1.0).__add__, Value(1.0).__rmul__, lambda n: setattr(Value(1.0), "data", n)):
        with pytest.raises(OverflowError) as of_value:
            act(10**400)
        assert str(of_value.value) == str(of_float.value)


@pytest.mark.parametrize(
    "arguments, keywords",
    [
        ((), {}),
        ((), {"label": "x"}),
        ((1.0, (), "", "label", "more"), {}),
        ((1.0,), {"data": 1.0}),
        ((1.0,), {"_parents": ()}),
        ((1.0, 2.0), {}),
        ((1.0, None), {}),
        ((1.0, (1.0,)), {}),
        ((1.0, (Value(1.0), None)), {}),
        ((1.0, (), 3), {}),
        ((1.0, (), None), {}),
        ((1.0, (Value(1.0),), None), {}),
        ((1.0,), {"label": None}),
        ((1.0,), {"label": 3}),
    ],
)
def test_wrong_arguments_are_type_errors(arguments, keywords):
    with pytest.raises(TypeError) as caught:
        Value(*arguments, **keywords)
    assert "_call" not in str(caught.value)


def test_all_arguments():
    a, b = Value(1.0), Value(2.0)
    v = Value(data=3.0, _children=(a, b), _op="mine", label="v")
    assert (v.data, v._prev, v._op, v.label) == (3.0, {a, b}, "mine", "v")
    assert Value(3.0, [a, b])._prev == Value(3.0, {a, b})._prev == Value(3.0, iter((a, b)))._prev == {a, b}
    assert isinstance(v, Value)


def test_initialising_again():
    v = Value(1.0)
    v.__init__(2.0, label="again")
    assert (v.data, v.label) == (2.0, "again")
    with pytest.raises(RuntimeError, match="computed"):
        (v * 2).__init__(1.0)
    with pytest.raises(RuntimeError, match="computed"):
        Value(1.0, (v,)).__init__(1.0)
    with pytest.raises(TypeError, match="by calling Value"):
        v.__init__(1.0, (Value(2.0),))
    assert Value.__new__(Value).data == 0.0


def test_signatures():
    assert str(inspect.signature(Value)) == "(data, _children=(), _op='', label='', *, children=(), local_grads=None)"
    assert str(inspect.signature(Value(1.0).backward)) == "(gradient=1.0)"
    assert str(inspect.signature(Value.exp)) == "(x, /)"
    assert str(inspect.signature(Value(1.0).maximum)) == "(x2, /)"
    assert str(inspect.signature(functions.clip)) == "(x, lower=-inf, upper=inf)"
    assert str(inspect.signature(functions.leaky_relu)) == "(x, negative_slope=0.01)"
    for name in functions.__all__:
        inspect.signature(getattr(functions, name))
        assert getattr(functions, name).__doc__
    for name in dir(Value):
        if callable(getattr(Value, name)) and not name.startswith("_"):
            inspect.signature(getattr(Value, name))
            inspect.signature(getattr(Value(1.0), name))
            assert getattr(Value, name).__doc__


# -- attributes


def test_data_may_be_set_on_leaves_and_hand_made_nodes_only():
    v = Value(1.0)
    v.data = 2
    assert v.data == 2.0
    made = Value(3.0, (v,), "mine")
    made.data = 4.0
    assert made.data == 4.0
    computed = v * 3.0
    with pytest.raises(AttributeError, match=r"computed by '\*'.*set the leaves.*detach\(\)"):
        computed.data = 1.0
    assert computed.data == 6.0
    for node in (v, made, computed):
        node.grad = 7
        node.label = "x"
        assert (node.grad, node.label) == (7.0, "x")


def test_data_of_a_leaf_is_used_from_then_on():
    x, w = Value(2.0), Value(3.0)
    y = x * w
    w.data = 10.0
    assert y.data == 6.0
    assert (x * w).data == 20.0


@pytest.mark.parametrize("name", ["data", "grad", "_op", "_prev"])
def test_attributes_cannot_be_deleted(name):
    v = Value(1.0)
    with pytest.raises(AttributeError):
        delattr(v, name)
    assert v.data == 1.0


def test_label():
    v = Value(1.0, label="x")
    assert v.label == "x"
    del v.label
    assert v.label == ""
    with pytest.raises(TypeError, match="label must be a str, got int 3"):
        v.label = 3
    y = v * 2
    y.label = "y"
    assert y.label == "y" and v.label == ""


@pytest.mark.parametrize("name", ["_op", "_prev"])
def test_what_the_graph_is_made_of_is_read_only(name):
    with pytest.raises(AttributeError):
        setattr(Value(1.0), name, "x")


def test_free_attributes():
    for v in (Value(1.0), Value(1.0) * 2, Value(1.0, (Value(2.0),), "mine")):
        v.__dict__.clear()
        with pytest.raises(AttributeError, match="'m'"):
            v.m  # noqa: B018
        v.m = v.v = 0.5
        assert (v.m, v.__dict__) == (0.5, {"m": 0.5, "v": 0.5})
        assert vars(v) is v.__dict__
        del v.m
        assert not hasattr(v, "m")
        v.__dict__ = {"n": 1}
        assert v.n == 1 and not hasattr(v, "v")
        v.__dict__.clear()
        with pytest.raises(TypeError):
            v.__dict__ = None


def test_weak_references():
    called = []
    v = Value(1.0)
    reference = weakref.ref(v, called.append)
    assert reference() is v
    y = v * 2
    del v
    assert reference() is not None and not called
    del y
    assert reference() is None and called == [reference]
    values = weakref.WeakValueDictionary(v=Value(1.0))
    assert dict(values) == {}


# -- operators


@pytest.mark.parametrize("number", NUMBERS, ids=typed)
@pytest.mark.parametrize("operate", BINARY)
def test_operators_mix_with_numbers_on_both_sides(operate, number):
    v = Value(2.0)
    for result, expected in [
        (operate(v, number), operate(2.0, float(number))),
        (operate(number, v), operate(float(number), 2.0)),
    ]:
        assert type(result) is Value
        assert bits(result.data) == bits(expected)
        leaf = (result._prev - {v}).pop() if v in result._prev else pytest.fail("v is no parent")
        assert leaf.data == float(number) and leaf._prev == set()
        assert result._op.startswith(SYMBOLS[operate])
        assert (v.data, v.grad) == (2.0, 0.0)


@pytest.mark.parametrize("operate", BINARY)
def test_reflected_operators_have_the_right_gradient(operate):
    for number in (3, 0.5):
        one, other = Value(2.0), Value(2.0)
        operate(number, one).backward()
        operate(Value(float(number)), other).backward()
        assert bits(one.grad) == bits(other.grad)
        operate(one, number).backward()
        operate(other, Value(float(number))).backward()
        assert bits(one.grad) == bits(other.grad)


@pytest.mark.parametrize("thing", FOREIGN, ids=typed)
@pytest.mark.parametrize("operate", [*BINARY, *COMPARISONS[:4]])
def test_a_foreign_type_is_the_usual_type_error(operate, thing):
    if operate in COMPARISONS and isinstance(thing, (Decimal, np.complex128)):
        pytest.skip("a float can be compared with it")
    for arguments in ((Value(1.0), thing), (thing, Value(1.0))):
        with pytest.raises(TypeError, match="supported|concat|multiply"):
            operate(*arguments)


def test_a_foreign_type_that_knows_values_gets_its_turn():
    class Foreign:
        def __radd__(self, other):
            return "radd", other

        def __lt__(self, other):
            return "lt"

        def __gt__(self, other):
            return "gt"

    v = Value(1.0)
    assert v + Foreign() == ("radd", v)
    assert (v < Foreign()) == "gt"
    assert v.__add__(Foreign()) is v.__rpow__("x") is NotImplemented


@pytest.mark.parametrize(
    "operate",
    [operator.matmul, operator.and_, operator.lshift],
)
def test_operators_that_a_float_has_no_derivative_of_are_type_errors(operate):
    with pytest.raises(TypeError):
        operate(Value(1.0), 2)
    with pytest.raises(TypeError):
        pow(Value(2.0), 2, 5)


def test_unary_operators():
    v = Value(-2.0)
    negative, positive, absolute = -v, +v, abs(v)
    assert (negative.data, positive.data, absolute.data) == (2.0, -2.0, 2.0)
    for result, derivative in [(negative, -1.0), (positive, 1.0), (absolute, -1.0)]:
        v.grad = 0.0
        result.backward()
        assert v.grad == derivative


def test_a_number_operand_makes_no_node():
    v = Value(2.0)
    y = v * 3.0
    assert {type(parent) for parent in y._prev} == {Value}
    assert y._prev != y._prev | y._prev  # the number appears as a leaf made anew every time
    assert [parent for parent in y._prev if parent is v] == [v]


def test_in_place_operators_make_a_new_node():
    v = w = Value(2.0)
    w += 1
    w *= 2
    w -= v
    w /= 4
    w **= 2
    assert (v.data, w.data) == (2.0, 1.0)
    w.backward()
    assert v.grad == 0.5


@pytest.mark.parametrize(
    "calculate, kind",
    [
        (lambda: 1 / Value(0), ZeroDivisionError),
        (lambda: Value(1) / 0, ZeroDivisionError),
        (lambda: Value(1) / Value(0), ZeroDivisionError),
        (lambda: Value(0) ** -1, ZeroDivisionError),
        (lambda: 0 ** Value(-1), ZeroDivisionError),
        (lambda: Value(-1).log(), ValueError),
        (lambda: functions.log(Value(0)), ValueError),
        (lambda: functions.log(-1), ValueError),
        (lambda: Value(1000).exp(), OverflowError),
        (lambda: Value(1e200) ** 2, OverflowError),
        (lambda: 10 ** Value(400), OverflowError),
        (lambda: Value(-1).sqrt(), ValueError),
        (lambda: Value(2).arcsin(), ValueError),
    ],
)
def test_what_a_float_raises_is_raised(calculate, kind):
    with pytest.raises(kind):
        calculate()


def test_a_negative_base_with_a_fractional_exponent_is_a_value_error():
    for calculate in (
        lambda: Value(-8) ** (1 / 3),
        lambda: -(8 ** Value(1)) and (-8) ** Value(1 / 3),
        lambda: Value(-8) ** Value(0.5),
    ):
        with pytest.raises(ValueError, match=r"-8\.0 \*\* 0\.\d+ is complex"):
            calculate()


def test_no_fused_multiply_add():
    x, y = 1.0 + 2.0**-30, 1.0 - 2.0**-30
    assert (Value(x) * y + -1.0).data == x * y + -1.0 == 0.0
    assert (Value(x) * Value(y) - Value(1.0)).data == 0.0


# -- comparisons, hash, truth


@pytest.mark.parametrize("compare", COMPARISONS)
@pytest.mark.parametrize(
    "number",
    [*NUMBERS, 2, 2.0, 10**400, -(10**400), 2**53 + 1, Fraction(1, 10), math.nan, math.inf, -0.0, Fraction(10**400)],
    ids=typed,
)
def test_comparisons_are_those_of_floats(compare, number):
    for x in (2.0, 0.0, 2.0**53, 0.1, math.nan, math.inf):
        if isinstance(number, np.float16) and x > 1e5:
            continue  # NumPy rounds the float to a float16, with a warning
        assert compare(Value(x), number) == compare(x, number)
        assert compare(number, Value(x)) == compare(number, x)
        if not isinstance(number, (int, Fraction)):
            assert compare(Value(x), Value(number)) is compare(x, float(number))
            assert compare(Value(x), float(number)) is compare(x, float(number))


def test_comparison_with_what_is_no_number():
    v = Value(1.0)
    for thing in (None, "1", [1.0], object()):
        assert (v == thing, v != thing, thing == v, thing != v) == (False, True, False, True)
    assert v.__eq__("x") is NotImplemented
    assert sorted([Value(2.0), 1.0, Value(0.0)]) == [0.0, 1.0, 2.0]
    assert max(Value(1.0), Value(3.0)).data == 3.0


def test_hash_is_by_identity():
    a, b = Value(1.0), Value(1.0)
    assert a == b and hash(a) != hash(b)
    assert len({a, b}) == 2
    names = {a: "a", b: "b"}
    assert (names[a], names[b]) == ("a", "b")
    before = hash(a)
    a.data = 5.0
    assert hash(a) == before and names[a] == "a"
    assert Value(1.0) not in names


def test_truth():
    assert [bool(Value(x)) for x in (0.0, -0.0, 1.0, -5e-324, math.nan, math.inf)] == [
        False,
        False,
        True,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    "convert",
    [
        float,
        int,
        complex,
        math.exp,
        math.sqrt,
        operator.index,
        lambda v: np.array([v], float),
        lambda v: np.array([v, v]).astype(float),
        np.float64,
        lambda v: np.zeros(1).__setitem__(0, v),
        lambda v: "%f" % v,  # noqa: UP031
        len,
        iter,
    ],
)
def test_what_would_drop_the_gradient_silently_is_a_type_error(convert):
    assert not hasattr(Value, "__float__")
    with pytest.raises(TypeError):
        convert(Value(2.0))


# -- text, copies


def test_repr():
    v = Value(2, label="x")
    assert repr(v) == str(v) == f"{v}" == "Value(data=2.0, grad=0.0)"
    (v * 3).backward()
    assert repr(v) == "Value(data=2.0, grad=3.0)"
    assert repr(Value(math.nan)) == "Value(data=nan, grad=0.0)"
    assert repr(Value(0.1 + 0.2)) == "Value(data=0.30000000000000004, grad=0.0)"


def test_format_formats_the_data():
    v = Value(math.pi)
    for specification in (".4f", "10.2e", "g", ">12", "+.1%"):
        assert format(v, specification) == format(math.pi, specification)
    assert f"{v:.2f}" == "{:.2f}".format(v) == "3.14"  # noqa: UP032
    with pytest.raises(ValueError, match="format"):
        format(v, "d")


def test_item_and_detach():
    x = Value(3.0)
    y = x * x
    assert type(y.item()) is float and y.item() == 9.0
    d = y.detach()
    assert (type(d), d.data, d.grad, d._prev, d._op) == (Value, 9.0, 0.0, set(), "")
    (d * 2 + y).backward()
    assert (x.grad, d.grad) == (6.0, 2.0)
    d.data = 1.0
    assert y.data == 9.0


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy]
    + [lambda v, p=p: pickle.loads(pickle.dumps(v, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)],
)
class TestCopies:
    def test_leaf(self, copied):
        for x in (2.0, -0.0, math.inf, math.nan, 5e-324):
            v = Value(x, label="v")
            v.grad = -3.5
            v.m = [1.0]
            twin = copied(v)
            assert twin is not v and type(twin) is Value
            assert (bits(twin.data), twin.grad, twin.label, twin.m, twin._prev) == (bits(x), -3.5, "v", [1.0], set())
            twin.data = 7.0
            assert bits(v.data) == bits(x)
            (twin * 2).backward()
            assert (twin.grad, v.grad) == (-1.5, -3.5)

    def test_bare_leaf_gets_no_attributes(self, copied):
        assert copied(Value(1.0)).__dict__ == {}

    def test_subclass_with_attributes(self, copied):
        v = Parameter(2.0, label="v", frozen=True)
        twin = copied(v)
        assert type(twin) is Parameter
        assert (twin.data, twin.frozen, twin.label) == (2.0, True, "v")

    def test_subclass_with_slots(self, copied):
        v = Slotted(2.0)
        v.extra, v.free = "kept", "too"
        try:
            twin = copied(v)
        except TypeError as error:
            # Protocols 0 and 1 have no room for slots, and say so.
            assert "slots" in str(error)  # noqa: PT017
        else:
            assert (twin.extra, twin.free) == ("kept", "too")

    def test_interior_node_says_why_not(self, copied):
        x = Value(2.0)
        for node, operation in [(x * x, r"\*"), (x**3, r"\*\*3"), (Value(1.0, (x,), "mine"), "mine"), (-x, "neg")]:
            with pytest.raises(TypeError, match=rf"computed by '{operation}' cannot be copied.*graph.*detach\(\)"):
                copied(node)

    def test_sharing_within_a_structure_is_kept(self, copied):
        if copied is copy.copy:
            pytest.skip("a shallow copy")
        v = Value(2.0)
        first, second, third = copied([v, v, Value(2.0)])
        assert first is second and first is not third


def test_copy_of_what_was_computed_without_recording():
    with no_grad():
        y = Value(3.0) * 2
    assert copy.deepcopy(y).data == 6.0


# -- subclasses


def test_subclass():
    p = Parameter(2.0, frozen=True, label="p")
    assert isinstance(p, Value) and (p.data, p.frozen, p.label) == (2.0, True, "p")
    y = p * 3 + Value(1.0) * p + p * p + (2 - p) + abs(p) + functions.exp(p) * 0
    y.backward()
    assert p.grad == 3 + 1 + 4 - 1 + 1
    assert type(p * 2) is Value
    assert type(p.detach()) is Value
    assert repr(p) == "Value(data=2.0, grad=8.0)"
    p.anything = 1
    assert weakref.ref(p)() is p
    assert Parameter(1.0) == Parameter(1.0) and len({Parameter(1.0), Parameter(1.0)}) == 2


def test_subclass_as_hand_made_node():
    x = Value(2.0)
    node = Parameter(4.0, (x,), "square", frozen=True)
    node._backward = lambda: setattr(x, "grad", x.grad + 4 * node.grad)
    (node * 3).backward()
    assert (x.grad, node._prev, node._op, node.frozen) == (12.0, {x}, "square", True)


def test_subclass_that_overrides_an_operator():
    class Loud(Value):
        def __add__(self, other):
            return "loud"

        def __radd__(self, other):
            return "reflected"

        def __repr__(self):
            return "Loud"

    assert Loud(1.0) + 1 == "loud"
    assert 1 + Loud(1.0) == "reflected"
    assert Value(1.0) + Loud(1.0) == "reflected"
    assert repr(Loud(1.0)) == "Loud"


def test_subclass_with_other_arguments():
    class Named(Value):
        def __init__(self, name):
            super().__init__(len(name), label=name)

    assert (Named("four").data, Named("four").label) == (4.0, "four")

    class Careless(Value):
        def __init__(self):
            pass

    assert Careless().data == 0.0
    assert (Careless() + 1).data == 1.0


def test_subclass_with_other_bases():
    class Mixin:
        def double(self):
            return self * 2

    class Both(Mixin, Value):
        pass

    assert Both(2.0).double().data == 4.0
    with pytest.raises(TypeError):
        type("Impossible", (Value, int), {})


def test_an_exception_leaves_the_operands_as_they_were():
    x = Value(0.0)
    y = x * 2
    assert outcome(lambda: 1 / y)[0] is ZeroDivisionError
    y.backward()
    assert (x.grad, y.grad) == (2.0, 1.0)


def test_the_package_exports_value_and_functions():
    assert autograd.Value is Value
    for name in functions.__all__:
        assert getattr(autograd, name) is getattr(functions, name)
    assert Value.__module__.startswith("autograd")
