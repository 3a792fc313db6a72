"""The op table: every primitive, its value and its derivatives, in one place.

A row is a few strings in a small expression language that C and Python share: arithmetic (``+ - * / **``), calls,
one comparison inside ``where(condition, x, y)``, and numbers. The names are

    a, b   the operands
    c      the immediate: an operand that is a plain number, not a node; the parameter of a loss
    r      the result
    g      the incoming gradient

A call names another row or, inside a row of the same name, the C library's function. Gradient formulas are linear in
``g``, so that one formula serves reverse mode (``g`` is the adjoint of ``r``) and forward mode (``g`` is a tangent).

The rows generate the C kernels and the Python functions of the core (``_build/codegen.py``, when the package is built)
and, at run time, the labels of nodes and drawings, the table in the documentation and the parametrised tests. To add a
primitive, add a row.

From a binary row derive the rows with an immediate as one operand: ``mul_c`` (``a * c``) from ``mul``, ``div_c``
(``a / c``) and ``c_div`` (``c / a``) from ``div``. A loss has the operands ``abc``: a prediction, its target and a
parameter. `autograd.losses` sums it over pairs; no rows derive from it.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["COMPOSITES", "OPS", "Composite", "Op", "evaluate", "label", "markdown"]

LOG2_E = 1.4426950408889634
LOG10_E = 0.4342944819032518
LOG_2 = 0.6931471805599453
SQRT_HALF = 0.7071067811865476
TWO_OVER_SQRT_PI = 1.1283791670955126
ONE_OVER_SQRT_TWO_PI = 0.3989422804014327
RADIANS = 0.017453292519943295
DEGREES = 57.29577951308232
LARGEST = 1.7976931348623157e308


@dataclass(frozen=True)
class Op:
    """One primitive.

    Parameters
    ----------
    name : str
        NumPy's name of the function, or a short name for an operator.
    value : str
        Formula of the result in ``a``, ``b``, ``c``.
    grads : tuple of str
        One formula per operand, in ``a``, ``b``, ``c``, ``r``, linear in ``g``.
    symbol : str
        The operation as a node shows it (``_op``); default: the name. ``{c}`` is replaced by the immediate.
    doc : str
        The public function's description, without the full stop; empty for a row without a public function.
    parameters : tuple of str
        The public function's signature, by default ``x`` or ``x1, x2``. A parameter may have a default number,
        ``"negative_slope=0.01"``.
    libm : str
        The name of the function in C's ``<math.h>``.
    python : str
        ``module.function`` that defines the value and exceptions of the eager operation, by default `math`'s `libm`; in
        the module ``ops``, a function of this file. It is called whenever the C result is not finite: it
        raises, or returns that result.
    exact : bool
        Whether the C result, if finite, has the bits of `python`. If not, `python` is always called.
    kernel : bool
        Whether the core computes the value by the function of this name in ``_kernels/elementary.h``, which is faster
        and more accurate than the formula `value`, its definition.
    commutative : bool
        Whether ``op(a, b)`` and ``op(b, a)`` have the same bits, so that one row serves both orders.
    arguments : str
        The operands in order: ``"a"`` or ``"ab"``; in derived rows ``"ac"`` or ``"ca"``; in a loss ``"abc"``.
    base : str
        The row that this row derives from; its own name if it is not derived.
    example : tuple of float
        Arguments of the example in the docstring.

    Examples
    --------
    >>> OPS["div"].value, OPS["div"].grads
    ('a / b', ('g / b', '-g * r / b'))
    """

    name: str
    value: str
    grads: tuple[str, ...]
    symbol: str = ""
    doc: str = ""
    parameters: tuple[str, ...] = ()
    libm: str = ""
    python: str = ""
    exact: bool = True
    kernel: bool = False
    commutative: bool = False
    arguments: str = ""
    base: str = ""
    example: tuple[float, ...] = (0.5,)

    def __post_init__(self) -> None:
        binary = len(self.grads) == 2
        defaults = {
            "symbol": self.name,
            "arguments": "ab" if binary else "a",
            "base": self.name,
            "parameters": (("x1", "x2") if binary else ("x",)) if self.doc else (),
            "python": f"math.{self.libm}" if self.libm else "",
        }
        for field, default in defaults.items():
            if not getattr(self, field):
                object.__setattr__(self, field, default)

    @property
    def python_function(self) -> Callable[..., Any] | None:
        """The function that `python` names; None if this version of Python lacks it."""
        if not self.python:
            return None
        module, _, function = self.python.partition(".")
        modules = {"math": vars(math), "operator": vars(operator), "builtins": vars(builtins), "ops": globals()}
        return modules[module].get(function)

    @property
    def is_primitive(self) -> bool:
        """Whether programs have an instruction for it: a call of a C function, or arithmetic and choices."""
        if self.kernel or self.arguments == "abc":
            return self.kernel
        nodes = list(ast.walk(ast.parse(self.value)))
        calls = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
        if any(isinstance(node, ast.Pow) for node in nodes):
            calls.add("pow")
        return calls <= {"where", "abs"} or calls == {self.base}

    def with_immediates(self) -> Iterator[Op]:
        """Yield this row and, if it is binary, its derived rows, in which one operand is an immediate."""
        yield self
        if self.arguments != "ab":
            return
        yield replace(
            self,
            name=self.name + "_c",
            value=substitute(self.value, {"b": "c"}),
            grads=(substitute(self.grads[0], {"b": "c"}),),
            symbol="**{c}" if self.symbol == "**" else self.symbol,
            doc="",
            parameters=(),
            arguments="ac",
        )
        if not self.commutative:
            swap = {"a": "c", "b": "a"}
            yield replace(
                self,
                name="c_" + self.name,
                value=substitute(self.value, swap),
                grads=(substitute(self.grads[1], swap),),
                doc="",
                parameters=(),
                arguments="ca",
            )


@dataclass(frozen=True)
class Composite:
    """A public function defined as an expression in other public functions, whose nodes it makes.

    Examples
    --------
    >>> [row.expression for row in COMPOSITES if row.name == "clip"]
    ['minimum(maximum(x, lower), upper)']
    """

    name: str
    parameters: tuple[str, ...]
    expression: str
    doc: str
    example: tuple[float, ...] = (0.5,)
    returns: str = ""


def _round_to(x: float, digits: float) -> float:
    return round(x, int(digits))


# Rules for gradients: no formula overflows or divides zero by zero where the derivative is finite (hence hypot, and the
# products of roots), and a formula uses the result `r` where that saves a call.
# fmt: off
_ROWS = (
    Op("add", "a + b", ("g", "g"), symbol="+", python="operator.add", commutative=True),
    Op("sub", "a - b", ("g", "-g"), symbol="-", python="operator.sub"),
    Op("mul", "a * b", ("g * b", "g * a"), symbol="*", python="operator.mul", commutative=True),
    Op("div", "a / b", ("g / b", "-g * r / b"), symbol="/", python="operator.truediv"),
    Op("pow", "a ** b",
       # Every case keeps its dependence on the exponent, which second derivatives need.
       ("where(b == 0, where(abs(a) > 0, g * b / a, 0), g * b * a ** (b - 1))",
        "where(a == 0, where(b < 0, -r * g, 0), g * r * log(a))"),
       symbol="**", python="operator.pow"),
    # Python's: the quotient is rounded down, the remainder has the sign of the divisor.
    Op("floor_divide", "floor(a / b)", ("0", "0"), symbol="//", doc="Quotient rounded down, the operator ``//``",
       python="operator.floordiv", kernel=True, example=(7.0, 2.0)),
    Op("remainder", "a - b * floor(a / b)", ("g", "-g * rint((a - r) / b)"), symbol="%",
       doc="Remainder of the division rounded down, the operator ``%``; it has the sign of `x2`",
       python="operator.mod", kernel=True, example=(7.0, 4.0)),
    Op("fmod", "fmod(a, b)", ("g", "-g * rint((a - r) / b)"),
       doc="Remainder of the division rounded towards zero; it has the sign of `x1`", libm="fmod", example=(7.0, 4.0)),
    Op("neg", "-a", ("-g",)),
    Op("abs", "abs(a)", ("where(a > 0, g, where(a < 0, -g, where(a == 0, 0, g * a)))",), libm="fabs"),

    Op("sign", "where(a > 0, 1, where(a < 0, -1, where(a == 0, 0, a)))", ("0",), doc="Sign: -1, 0 or 1"),
    Op("copysign", "copysign(a, b)", ("g * sign(a) * copysign(1, b)", "0"),
       doc="The size of `x1` with the sign of `x2`", libm="copysign", example=(2.0, -1.0)),
    Op("heaviside", "where(a < 0, 0, where(a > 0, 1, where(a == 0, b, a)))", ("0", "where(a == 0, g, 0)"),
       doc="Step function: 0 where `x1` is negative, 1 where it is positive, `x2` where it is 0", example=(0.0, 0.5)),
    Op("floor", "floor(a)", ("0",), doc="The largest integer that is not above `x`", libm="floor"),
    Op("ceil", "ceil(a)", ("0",), doc="The smallest integer that is not below `x`", libm="ceil"),
    Op("trunc", "trunc(a)", ("0",), doc="`x` rounded towards zero", libm="trunc"),
    Op("rint", "rint(a)", ("0",), doc="`x` rounded to the nearest integer, a half to the even one", libm="rint",
       python="builtins.round"),
    # round(x, digits)
    Op("round_to", "where(b < 0, rint(a / 10 ** -b) * 10 ** -b, rint(a * 10 ** b) / 10 ** b)", ("0", "0"),
       symbol="round", python="ops._round_to", exact=False),

    Op("exp", "exp(a)", ("g * r",), doc="Exponential", libm="exp"),
    Op("exp2", "exp2(a)", (f"g * r * {LOG_2}",), doc="``2**x``", libm="exp2"),
    Op("expm1", "expm1(a)", ("g * exp(a)",), doc="``exp(x) - 1``, accurate for small `x`", libm="expm1"),
    Op("log", "log(a)", ("g / a",), doc="Natural logarithm", libm="log"),
    Op("log1p", "log1p(a)", ("g / (1 + a)",), doc="``log(1 + x)``, accurate for small `x`", libm="log1p"),
    Op("log2", "log2(a)", (f"g * {LOG2_E} / a",), doc="Logarithm to base 2", libm="log2"),
    Op("log10", "log10(a)", (f"g * {LOG10_E} / a",), doc="Logarithm to base 10", libm="log10"),
    Op("sqrt", "sqrt(a)", ("g / (2 * r)",), doc="Square root", libm="sqrt"),
    Op("cbrt", "cbrt(a)", ("g / (3 * r * r)",), doc="Cube root", libm="cbrt"),

    Op("sin", "sin(a)", ("g * cos(a)",), doc="Sine of `x` radians", libm="sin"),
    Op("cos", "cos(a)", ("-g * sin(a)",), doc="Cosine of `x` radians", libm="cos"),
    Op("tan", "tan(a)", ("g * (1 + r * r)",), doc="Tangent of `x` radians", libm="tan"),
    Op("arcsin", "arcsin(a)", ("g / sqrt((1 - a) * (1 + a))",), doc="Inverse sine, in radians", libm="asin"),
    Op("arccos", "arccos(a)", ("-g / sqrt((1 - a) * (1 + a))",), doc="Inverse cosine, in radians", libm="acos"),
    Op("arctan", "arctan(a)", ("where(abs(a) < 1e150, g / (1 + a * a), g / a / a)",),
       doc="Inverse tangent, in radians", libm="atan"),
    Op("arctan2", "arctan2(a, b)",
       ("g * (b / hypot(a, b)) / hypot(a, b)", "-g * (a / hypot(a, b)) / hypot(a, b)"),
       doc="Angle of the point with ordinate `x1` and abscissa `x2`, in radians", libm="atan2", example=(1.0, 2.0)),
    Op("deg2rad", f"a * {RADIANS}", (f"g * {RADIANS}",), doc="Degrees as radians", example=(180.0,)),
    Op("rad2deg", f"a * {DEGREES}", (f"g * {DEGREES}",), doc="Radians as degrees"),
    Op("sinh", "sinh(a)", ("g * cosh(a)",), doc="Hyperbolic sine", libm="sinh"),
    Op("cosh", "cosh(a)", ("g * sinh(a)",), doc="Hyperbolic cosine", libm="cosh"),
    Op("tanh", "tanh(a)", ("g * sech_squared(a)",), doc="Hyperbolic tangent", libm="tanh"),
    Op("arcsinh", "arcsinh(a)", ("g / hypot(a, 1)",), doc="Inverse hyperbolic sine", libm="asinh"),
    Op("arccosh", "arccosh(a)", ("g / (sqrt(a - 1) * sqrt(a + 1))",), doc="Inverse hyperbolic cosine", libm="acosh",
       example=(2.0,)),
    Op("arctanh", "arctanh(a)", ("g / (1 - a) / (1 + a)",), doc="Inverse hyperbolic tangent", libm="atanh"),

    Op("erf", "erf(a)", (f"g * {TWO_OVER_SQRT_PI} * gaussian(a)",), doc="Error function", libm="erf"),
    Op("erfc", "erfc(a)", (f"-g * {TWO_OVER_SQRT_PI} * gaussian(a)",),
       doc="Complementary error function, ``1 - erf(x)``", libm="erfc"),
    # math.hypot rounds more accurately than the C library's function and sometimes differs in the last bit.
    Op("hypot", "hypot(a, b)", ("g * where(r == 0, 0, a / r)", "g * where(r == 0, 0, b / r)"),
       doc="Length of the hypotenuse, ``sqrt(x1**2 + x2**2)``; its derivatives at 0 are 0", libm="hypot",
       exact=False, commutative=True, example=(3.0, 4.0)),

    Op("logaddexp", "maximum(a, b) + softplus(-abs(difference(a, b)))",
       (f"where(r < -{LARGEST}, 0, g * sigmoid(difference(a, b)))",
        f"where(r < -{LARGEST}, 0, g * sigmoid(difference(b, a)))"),
       doc="``log(exp(x1) + exp(x2))``; where both are -inf the gradients are 0", commutative=True, example=(0.0, 0.0)),
    Op("logaddexp2", f"maximum(a, b) + {LOG2_E} * log1p(exp2(-abs(difference(a, b))))",
       (f"where(r < -{LARGEST}, 0, g * sigmoid({LOG_2} * difference(a, b)))",
        f"where(r < -{LARGEST}, 0, g * sigmoid({LOG_2} * difference(b, a)))"),
       doc="``log2(2**x1 + 2**x2)``; where both are -inf the gradients are 0", commutative=True, example=(1.0, 2.0)),

    Op("sigmoid", "where(a < 0, exp(-abs(a)) / (1 + exp(-abs(a))), 1 / (1 + exp(-abs(a))))", ("g * r * sigmoid(-a)",),
       doc="Logistic function, ``1 / (1 + exp(-x))``", kernel=True),
    Op("relu", "where(a < 0, 0, a)", ("where(a > 0, g, 0)",), symbol="ReLU",
       doc="Rectifier, ``max(x, 0)``; its derivative at 0 is 0"),
    Op("leaky_relu", "where(a > 0, a, b * a)", ("where(a > 0, g, g * b)", "where(a > 0, 0, g * a)"),
       doc="``x`` where positive, else ``negative_slope * x``; its derivative at 0 is `negative_slope`",
       parameters=("x", "negative_slope=0.01"), example=(-2.0,)),
    Op("softplus", "maximum(a, 0) + log1p(exp(-abs(a)))", ("g * sigmoid(a)",),
       doc="``log(1 + exp(x))``, a smooth rectifier", kernel=True),
    # Below -760 the product of x and exp(x) is less than half the smallest double.
    Op("silu", "where(a < -760, -0.0, a * sigmoid(a))",
       ("where(a > 760, g, where(a < -760, 0, g * sigmoid(a) * (1 + a * sigmoid(-a))))",),
       doc="``x * sigmoid(x)``, also known as swish"),
    # Below -40 the tail of the normal distribution is less than half the smallest double.
    Op("gelu", f"where(a < -40, -0.0, a * (0.5 * erfc(-a * {SQRT_HALF})))",
       ("where(a > 40, g, where(a < -40, 0,"
        f" g * (0.5 * erfc(-a * {SQRT_HALF}) + a * {ONE_OVER_SQRT_TWO_PI} * exp(-0.5 * a * a))))",),
       doc="``x`` times the normal distribution function of `x`"),

    Op("maximum", "where(a >= b, a, where(a < b, b, a + b))",
       ("where(a > b, g, where(a == b, 0.5 * g, 0))", "where(a < b, g, where(a == b, 0.5 * g, 0))"),
       doc="The larger of two; a tie gives each half of the gradient, a nan is passed on", example=(1.0, 2.0)),
    Op("minimum", "where(a <= b, a, where(a > b, b, a + b))",
       ("where(a < b, g, where(a == b, 0.5 * g, 0))", "where(a > b, g, where(a == b, 0.5 * g, 0))"),
       doc="The smaller of two; a tie gives each half of the gradient, a nan is passed on", example=(1.0, 2.0)),

    # Losses: prediction a, target b, parameter c.
    Op("squared_error", "(a - b) * (a - b)", ("g * (2 * (a - b))", "g * (2 * (b - a))"), arguments="abc"),
    Op("absolute_error", "abs(a - b)",
       ("where(a > b, g, where(a < b, -g, where(a == b, 0, g * (a - b))))",
        "where(a > b, -g, where(a < b, g, where(a == b, 0, g * (a - b))))"),
       arguments="abc"),
    Op("hinge", "relu(1 - b * a)", ("where(1 - b * a > 0, -g * b, 0)", "where(1 - b * a > 0, -g * a, 0)"),
       arguments="abc"),
    # The target, 0 or 1, chooses between two functions of the score.
    Op("binary_cross_entropy", "softplus(where(b == 1, -a, a))",
       ("where(b == 1, -g, g) * sigmoid(where(b == 1, -a, a))", "0"), arguments="abc"),

    Op("huber", "where(abs(a - b) <= c, 0.5 * (a - b) * (a - b), c * (abs(a - b) - 0.5 * c))",
       ("g * minimum(maximum(a - b, -c), c)", "g * minimum(maximum(b - a, -c), c)"), arguments="abc"),

    # log(cosh(x)) = log1p(2 * sinh(x / 2)**2) does not cancel near zero; far from zero it would overflow.
    Op("log_cosh",
       "where(abs(a - b) < 1, log1p(2 * sinh(0.5 * (a - b)) * sinh(0.5 * (a - b))),"
       f" abs(a - b) + (log1p(exp(-2 * abs(a - b))) - {LOG_2}))",
       ("g * tanh(a - b)", "g * tanh(b - a)"), arguments="abc"),
    # Above 710 the exponential is infinite; for a count of zero the linear term is dropped, as it may be 0 * inf.
    Op("poisson_nll", "where(a > 710, exp(a), where(b == 0, exp(a), exp(a) - b * a))", ("g * (exp(a) - b)", "-g * a"),
       arguments="abc"),
    Op("quantile", "where(a < b, c * (b - a), (1 - c) * (a - b))",
       ("where(a < b, -g * c, where(a > b, g * (1 - c), where(a == b, 0, g * (a - b))))",
        "where(a < b, g * c, where(a > b, -g * (1 - c), where(a == b, 0, g * (a - b))))"), arguments="abc"),

    # The derivative of tanh; 1 - tanh(a)**2 would be 0 where tanh rounds to 1.
    Op("sech_squared", "4 * exp(-2 * abs(a)) / ((1 + exp(-2 * abs(a))) * (1 + exp(-2 * abs(a))))",
       ("g * (-2 * r * tanh(a))",), kernel=True),
    # In the derivatives of the error functions. The kernel has the square exactly, which the exponential magnifies.
    Op("gaussian", "exp(-a * a)", ("g * (-2 * (a * r))",), kernel=True),
    # Zero also for equal infinities.
    Op("difference", "where(a == b, 0, a - b)", ("g", "-g")),
    # Recorded by a trace for comparisons and `detach`.
    Op("less", "where(a < b, 1, 0)", ("0", "0"), symbol="<"),
    Op("less_equal", "where(a <= b, 1, 0)", ("0", "0"), symbol="<="),
    Op("equal", "where(a == b, 1, 0)", ("0", "0"), symbol="==", commutative=True),
    Op("not_equal", "where(a != b, 1, 0)", ("0", "0"), symbol="!=", commutative=True),
    Op("stop_gradient", "a", ("0",)),
)
# fmt: on

_TRUTH = """\
bool, Value or array
        In a traced function a Value that is 1 or 0, as a comparison is."""

COMPOSITES: tuple[Composite, ...] = (
    Composite(
        "clip",
        ("x", "lower=-inf", "upper=inf"),
        "minimum(maximum(x, lower), upper)",
        doc="`x` limited to the interval from `lower` to `upper`; on a bound the gradient is halved, as for `maximum`",
        example=(2.0, 0.0, 1.0),
    ),
    # A function instead of abs(), so that all but real numbers are an error.
    Composite("isnan", ("x",), "copysign(x, 1) != copysign(x, 1)", doc="Whether `x` is nan", returns=_TRUTH),
    Composite("isinf", ("x",), "copysign(x, 1) == inf", doc="Whether `x` is infinite", returns=_TRUTH),
    Composite("isfinite", ("x",), "copysign(x, 1) < inf", doc="Whether `x` is a finite number", returns=_TRUTH),
)

#: Other names of functions: those of Python's `math`, and what NumPy and SciPy have two names for.
ALIASES = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "degrees": "rad2deg",
    "expit": "sigmoid",
    "mod": "remainder",
    "radians": "deg2rad",
}


def substitute(expression: str, names: Mapping[str, str]) -> str:
    """Return `expression` with its variables renamed, all at once."""
    tree = ast.parse(expression, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)


def _degree(node: ast.expr, names: frozenset[str], functions: Mapping[str, int]) -> int | None:
    """Return the degree of an expression in ``g``; None for a constant zero, which has every degree."""

    def common(*nodes: ast.expr) -> int | None:
        degrees = {_degree(n, names, functions) for n in nodes} - {None}
        if len(degrees) > 1:
            raise ValueError("is not linear in g")
        return degrees.pop() if degrees else None

    def free_of_g(*nodes: ast.expr) -> None:
        if common(*nodes):
            raise ValueError("is not linear in g")

    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return None if number == 0 else 0
        case ast.Name(id=name):
            if name not in names:
                raise ValueError(f"uses the unknown name {name!r}")
            return int(name == "g")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _degree(operand, names, functions)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return common(left, right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            degrees = [_degree(left, names, functions), _degree(right, names, functions)]
            if None in degrees:
                return None
            if degrees == [1, 1]:
                raise ValueError("is not linear in g")
            return int(1 in degrees)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            free_of_g(right)
            return _degree(left, names, functions)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            free_of_g(left)
            free_of_g(right)
            return 0
        case ast.Call(func=ast.Name(id="where"), args=[ast.Compare(ops=[_]) as condition, x, y], keywords=[]):
            free_of_g(condition.left)
            free_of_g(*condition.comparators)
            return common(x, y)
        case ast.Call(func=ast.Name(id=function), args=args, keywords=[]):
            if functions.get(function) != len(args):
                raise ValueError(f"calls the unknown function {function}/{len(args)}")
            for argument in args:
                free_of_g(argument)
            return 0
        case _:
            raise ValueError(f"has {ast.unparse(node)!r}, which the formula language does not have")


def liveness(gradient: str) -> str:
    """Return the formula of a gradient's liveness: `g` where the operand receives a gradient, 0 where it does not.

    An arm of a choice without ``g`` passes nothing on.

    Examples
    --------
    >>> liveness("where(a > 0, g, where(a == 0, 0, g * b))"), liveness("g / (2 * r)")
    ('where(a > 0, g, where(a == 0, 0, g))', 'g')
    """

    def live(node: ast.expr) -> str:
        names = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        match node:
            case _ if "g" not in names:
                return "0"
            case ast.Call(args=[condition, x, y]):
                x_live, y_live = live(x), live(y)
                return x_live if x_live == y_live else f"where({ast.unparse(condition)}, {x_live}, {y_live})"
            case ast.UnaryOp(operand=operand) | ast.BinOp(left=operand, op=ast.Div()):
                return live(operand)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return max(live(left), live(right))
            case _:
                return "g"

    return live(ast.parse(gradient, mode="eval").body)


def check(rows: tuple[Op, ...]) -> None:
    """Check every row of a table.

    Parameters
    ----------
    rows : tuple of Op
        The rows, without the derived ones.

    Raises
    ------
    ValueError
        Naming the row and the formula, if a formula cannot be parsed, uses an unknown name or function, is not linear
        in ``g`` or is missing.
    """
    functions = {row.name: len(row.grads) for row in rows}
    if len(functions) != len(rows):
        raise ValueError("the op table has two rows of one name")
    for row in rows:
        operands = row.arguments
        differentiable = len(operands.replace("c", ""))
        if differentiable != len(row.grads):
            raise ValueError(f"op {row.name!r}: {differentiable} operands, but {len(row.grads)} gradient formulas")
        used = {node.id for node in ast.walk(_parse(row, row.value)) if isinstance(node, ast.Name)}
        if missing := sorted(set("abc") & used - set(operands)):
            raise ValueError(f"op {row.name!r}: a gradient formula is missing for operand {', '.join(missing)}")
        for formula, extra, degree in [(row.value, "", 0), *((grad, "rg", 1) for grad in row.grads)]:
            tree = _parse(row, formula)
            try:
                found = _degree(tree.body, frozenset(operands + extra), functions)
                if found not in (None, degree):
                    raise ValueError("is not linear in g")
            except ValueError as error:
                raise ValueError(f"op {row.name!r}: the formula {formula!r} {error}") from None


def _parse(row: Op, formula: str) -> ast.Expression:
    try:
        return ast.parse(formula, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"op {row.name!r}: the formula {formula!r} cannot be parsed: {error.msg}") from None


def build(rows: tuple[Op, ...]) -> dict[str, Op]:
    """Check `rows` and return them with the derived ones, by name."""
    check(rows)
    return {op.name: op for row in rows for op in row.with_immediates()}


#: Every row by name, the derived ones included.
OPS: dict[str, Op] = build(_ROWS)


def label(name: str, immediate: float = 0.0) -> str:
    """Return the operation as a node of the op `name` shows it.

    Examples
    --------
    >>> label("mul"), label("relu"), label("pow_c", 3.0), label("tanh")
    ('*', 'ReLU', '**3', 'tanh')
    """
    return OPS[name].symbol.format(c=repr(immediate).removesuffix(".0"))


def evaluate(formula: str, values: Mapping[str, Any], functions: Mapping[str, Callable[..., Any]] | None = None) -> Any:
    """Evaluate a formula of the table in Python.

    Parameters
    ----------
    formula : str
        A `value` or an entry of `grads`.
    values : mapping
        The numbers for ``a``, ``b``, ``c``, ``r``, ``g``: floats, or any type that `functions` accept.
    functions : mapping, optional
        Functions by table name. Default: those of `math`; for names that it lacks, the rows of the table.

    Returns
    -------
    number

    Examples
    --------
    >>> evaluate(OPS["exp"].grads[0], {"g": 2.0, "r": 0.5})
    1.0
    """
    names: dict[str, Any] = {"where": lambda condition, x, y: x if condition else y, "abs": abs, "inf": math.inf}
    names.update(functions if functions is not None else _python_functions())
    return eval(compile(formula, "<formula>", "eval"), {"__builtins__": {}}, {**names, **values})


def _python_functions() -> dict[str, Callable[..., Any]]:
    def from_row(row: Op) -> Callable[..., Any]:
        return lambda *args: evaluate(row.value, dict(zip(row.arguments, args, strict=True)))

    # Python 3.10 lacks two.
    functions: dict[str, Callable[..., Any]] = {
        "cbrt": lambda x: math.copysign(abs(x) ** (1 / 3), x),
        "exp2": lambda x: 2.0**x,
    }
    for row in OPS.values():
        if row.name != "pow" and (row.python_function or row.name not in functions):
            functions[row.name] = row.python_function or from_row(row)
    return functions


def digest() -> str:
    """Return a fingerprint of the table, which shows whether the compiled core was built from it."""
    return hashlib.sha256(repr((OPS, COMPOSITES, ALIASES)).encode()).hexdigest()[:16]


def markdown() -> str:
    """Return the table as a Markdown document, which is kept in ``docs/primitives.md``.

    Examples
    --------
    >>> print(markdown().splitlines()[7])
    | `add` | `+` | `a + b` | a: `g`, b: `g` |
    """
    lines = [
        "# Primitives",
        "",
        "The table of `src/autograd/ops.py`: operands a and b, result r, incoming gradient g. Where an operand is a",
        "plain number, the same formulas hold with the number in its place. Losses have a parameter c.",
        "",
        "| primitive | shown as | value | gradients |",
        "|---|---|---|---|",
    ]
    for row in _ROWS:
        gradients = ", ".join(f"{x}: `{grad}`" for x, grad in zip("ab", row.grads, strict=False))
        lines.append(f"| `{row.name}` | `{row.symbol}` | `{row.value}` | {gradients} |")
    lines += ["", "Functions that are made of these:", "", "| function | expression |", "|---|---|"]
    lines += [f"| `{row.name}({', '.join(row.parameters)})` | `{row.expression}` |" for row in COMPOSITES]
    return "\n".join(lines) + "\n"
