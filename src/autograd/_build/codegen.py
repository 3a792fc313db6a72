"""Expands the op table into the sources that the core is compiled from.

``_kernels/ops.h``         C: one value function per row, and the two dispatchers over them, ``op_value`` and ``op_push``.
``_ops.pxi``               Cython: the declarations of the header, and the public functions.
``_kernels/maps.h``        C: the unary operations over arrays, ``op_map`` and ``op_map_push``.
``_kernels/pairs.h``       C: the sums of products and of losses over pairs, ``op_pairs``.
``_kernels/primitives.h``  C: lists of the primitives that the interpreter of Programs has instructions for.

Used by ``setup.py`` only; nothing here runs once the package is built.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

#: Kinds of node that no row describes: a leaf, a node made by hand, an output of a Block, the Block itself.
SPECIAL = ("leaf", "custom", "output", "block")

_C_OPERATORS = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


def to_c(formula: str, call: Callable[[str], str]) -> str:
    """Translate a formula of the table to a C expression.

    Parameters
    ----------
    formula : str
        The formula.
    call : callable
        Gives the C name of a function of the table.

    Returns
    -------
    str
        The C expression, over doubles, fully parenthesised.
    """

    def emit(node: ast.expr) -> str:
        match node:
            case ast.Constant(value=int() | float() as number):
                return repr(float(number))
            case ast.Name(id=name):
                return name
            case ast.UnaryOp(operand=operand):
                return f"(-{emit(operand)})"
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return f"power({emit(left)}, {emit(right)})"
            case ast.BinOp(left=left, op=op, right=right):
                return f"({emit(left)} {_C_OPERATORS[type(op)]} {emit(right)})"
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return f"({emit(left)} {_C_OPERATORS[type(op)]} {emit(right)})"
            case ast.Call(func=ast.Name(id="where"), args=[condition, x, y]):
                return f"({emit(condition)} ? {emit(x)} : {emit(y)})"
            case ast.Call(func=ast.Name(id=function), args=args):
                return f"{call(function)}({', '.join(map(emit, args))})"
        raise AssertionError(ast.dump(node))

    return emit(ast.parse(formula, mode="eval").body)


def header(ops: ModuleType) -> str:
    """Return the text of ``_kernels/ops.h``."""
    names = [*SPECIAL, *ops.OPS]
    lines = [
        "/* Generated from ops.py by _codegen.py. */",
        "#ifndef AUTOGRAD_OPS_H",
        "#define AUTOGRAD_OPS_H",
        "#include <math.h>",
        "#if defined(__GNUC__)",
        "#define OP_INLINE static inline __attribute__((always_inline, unused))",
        "#else",
        "#define OP_INLINE static __inline",
        "#endif",
        "enum {",
        *(f"    OP_{name.upper()}," for name in names),
        "    OP_COUNT",
        "};",
        # The derivative of the commonest power, a square, has the exponent 1; pow() costs more than all the rest of it.
        "OP_INLINE double power(double x, double y) { return y == 1.0 ? x : pow(x, y); }",
    ]
    for row in ops.OPS.values():
        lines.append(f"OP_INLINE double op_{row.name}({', '.join(f'double {x}' for x in row.arguments)});")
    for row in ops.OPS.values():
        parameters = ", ".join(f"double {x}" for x in row.arguments)
        unused = "" if "c" not in row.arguments or _uses((row.value,), "c") else "(void)c; "
        lines.append(f"OP_INLINE double op_{row.name}({parameters}) {{ {unused}return {_value(row)}; }}")

    lines += [
        "",
        "/* The value of an operation; with a constant `op`, a single call. */",
        "OP_INLINE double op_value(unsigned op, double a, double b, double c) {",
        "    (void)a; (void)b; (void)c;",
        "    switch (op) {",
        *(f"    case OP_{r.name.upper()}: return op_{r.name}({', '.join(r.arguments)});" for r in ops.OPS.values()),
        "    default: return NAN;",
        "    }",
        "}",
        "",
        "/* Whether an operation falls back to Python's function: 0 never, 1 where the value is not finite, 2 always. */",
        "OP_INLINE int op_python_fallback(unsigned op) {",
        "    switch (op) {",
    ]
    lines += [
        f"    case OP_{row.name.upper()}: return {1 if row.exact else 2};"
        for row in ops.OPS.values()
        if row.python_function
    ]
    lines += [
        "    default: return 0;",
        "    }",
        "}",
        "",
        "/* Adds the gradients of an operation's node operands, given its adjoint g and its result r, and returns which",
        "   operands received something: 1 for the first, plus 2 for the second. */",
        "OP_INLINE unsigned op_push(unsigned op, double g, double r, double c, const double *pa, const double *pb,",
        "                           double *ga, double *gb) {",
        "    (void)gb; (void)pb;",
        "    switch (op) {",
    ]
    for row in ops.OPS.values():
        loads = [f"const double {x} = *p{x};" for x, _ in _operands(row) if _uses(row.grads, x)]
        pushes = [f"*g{x} += {to_c(grad, 'op_{}'.format)};" for x, grad in _operands(row)]
        live = [ops.substitute(ops.liveness(grad), {"g": str(k + 1)}) for k, (_, grad) in enumerate(_operands(row))]
        received = " | ".join(f"(unsigned){to_c(formula, 'op_{}'.format)}" for formula in live)
        lines.append(f"    case OP_{row.name.upper()}: {{ {' '.join(loads + pushes)} return {received}; }}")
    lines += ["    default: break;", "    }", "    (void)g; (void)r; (void)c;", "    return 0;", "}", "#endif", ""]
    return "\n".join(lines)


def maps(ops: ModuleType) -> str:
    """Return the text of ``_kernels/maps.h``."""
    lines = [
        "/* Generated from ops.py by _codegen.py. */",
        "#ifndef AUTOGRAD_MAPS_H",
        "#define AUTOGRAD_MAPS_H",
        '#include "ops.h"',
        '#include "simd.h"',
        "",
        "/* r[i] = op(a[i]), with the immediate c. */",
        "AUTOGRAD_CLONES",
        "static void op_map(unsigned op, ptrdiff_t n, const double *restrict pa, double c, double *restrict pr) {",
        "    (void)c;",
        "    switch (op) {",
    ]
    rows = [row for row in ops.OPS.values() if row.arguments in ("a", "ac", "ca")]
    for row in rows:
        arguments = ", ".join("pa[i]" if x == "a" else x for x in row.arguments)
        lines += [
            f"    case OP_{row.name.upper()}:",
            f"        for (ptrdiff_t i = 0; i < n; i++) pr[i] = op_{row.name}({arguments});",
            "        break;",
        ]
    lines += [
        "    default: break;",
        "    }",
        "}",
        "",
        "/* ga[i] = the gradient of op at a[i] with the result r[i] and the incoming gradient g[i]. */",
        "AUTOGRAD_CLONES",
        "static void op_map_push(unsigned op, ptrdiff_t n, const double *restrict pg, const double *restrict pr,",
        "                        double c, const double *restrict pa, double *restrict ga) {",
        "    (void)c;",
        "    switch (op) {",
    ]
    for row in rows:
        loads = "".join(f" const double {x} = p{x}[i];" for x in "agr" if _uses(row.grads, x))
        lines += [
            f"    case OP_{row.name.upper()}:",
            f"        for (ptrdiff_t i = 0; i < n; i++) {{{loads} ga[i] = {to_c(row.grads[0], 'op_{}'.format)}; }}",
            "        break;",
        ]
    lines += ["    default: break;", "    }", "}", "#endif", ""]
    return "\n".join(lines)


def pairs(ops: ModuleType) -> str:
    """Return the text of ``_kernels/pairs.h``."""
    lines = [
        "/* Generated from ops.py by _codegen.py. */",
        "#ifndef AUTOGRAD_PAIRS_H",
        "#define AUTOGRAD_PAIRS_H",
        '#include "ops.h"',
        "",
        "/* The sum of op(a[i], b[i], c) from left to right. The derivatives take the place of a and b. */",
        "static double op_pairs(unsigned op, ptrdiff_t n, double *restrict pa, double *restrict pb, double c) {",
        "    /* What it is added to comes out with its own sign, a zero too. */",
        "    double sum = -0.0;",
        "    const double g = 1.0;",
        "    (void)c;",
        "    switch (op) {",
    ]
    for row in ops.OPS.values():
        if row.arguments != "abc" and row.name != "mul":
            continue
        gradients = " ".join(f"p{x}[i] = {to_c(grad, 'op_{}'.format)};" for x, grad in _operands(row))
        lines += [
            f"    case OP_{row.name.upper()}:",
            "        for (ptrdiff_t i = 0; i < n; i++) {",
            f"            const double a = pa[i], b = pb[i], r = op_{row.name}({', '.join(row.arguments)});",
            f"            sum += r; {gradients}",
            "        }",
            "        break;",
        ]
    lines += ["    default: break;", "    }", "    return n ? sum : 0.0;", "}", "#endif", ""]
    return "\n".join(lines)


#: Functions that compilers turn into an instruction, so that a loop over them is as good as one over a sum.
_INSTRUCTIONS = ("fabs", "sqrt")
#: Names that NumPy has always had, where the table has another one.
_NUMPY_NAMES = {"pow": "power"}


def lanes(ops: ModuleType) -> str:
    """Return the text of ``_kernels/primitives.h``."""
    lists: dict[str, list[str]] = {"UNARY": [], "BINARY": [], "FUNCTIONS": []}
    for row in ops.OPS.values():
        if "c" in row.arguments or not row.is_primitive:
            continue
        op = f"OP_{row.name.upper()}"
        if row.name == "pow" or row.libm and row.libm not in _INSTRUCTIONS:
            lists["FUNCTIONS"].append(f'X({op}, {len(row.grads)}, "{_NUMPY_NAMES.get(row.name, row.name)}")')
        else:
            lists["UNARY" if row.arguments == "a" else "BINARY"].append(f"X({op}, op_{row.name})")
    lines = [
        "/* Generated from ops.py by _codegen.py. */",
        "#ifndef AUTOGRAD_LANES_TABLE_H",
        "#define AUTOGRAD_LANES_TABLE_H",
    ]
    comments = {
        "UNARY": "Arithmetic of one operand: X(op, function).",
        "BINARY": "Arithmetic of two operands: X(op, function).",
        "FUNCTIONS": "Functions, computed over many numbers at once: X(op, number of operands, NumPy's name).",
    }
    for name, entries in lists.items():
        lines += ["", f"/* {comments[name]} */", " \\\n    ".join([f"#define LANE_{name}(X)", *entries])]
    lines += ["", "#endif", ""]
    return "\n".join(lines)


def _operands(row: Any) -> list[tuple[str, str]]:
    """Return the operands that are nodes, each with its gradient formula."""
    return list(zip((x for x in row.arguments if x != "c"), row.grads, strict=True))


def _uses(formulas: tuple[str, ...], name: str) -> bool:
    return any(
        isinstance(node, ast.Name) and node.id == name for formula in formulas for node in ast.walk(ast.parse(formula))
    )


def _value(row: Any) -> str:
    """Return the C of a row's value, in which a row's own name means the function of the C library."""
    own = row.name.removesuffix("_c").removeprefix("c_")
    return to_c(row.value, lambda name: row.libm if name == own else f"op_{name}")


def declarations(ops: ModuleType) -> str:
    """Return the text of ``_ops.pxi``."""
    lines = ["# Generated from ops.py by _codegen.py.", "", 'cdef extern from "_kernels/ops.h" nogil:', "    enum:"]
    lines += [f"        OP_{name.upper()}" for name in (*SPECIAL, *ops.OPS, "count")]
    lines += [
        "    double op_value(unsigned op, double a, double b, double c) noexcept",
        "    int op_python_fallback(unsigned op) noexcept",
        "    unsigned op_push(unsigned op, double g, double r, double c, const double *pa, const double *pb,",
        "                     double *ga, double *gb) noexcept",
        "",
        f"OP_NAMES = {(*SPECIAL, *ops.OPS)!r}",
        f"TABLE_DIGEST = {ops.digest()!r}",
    ]
    public = [row for row in ops.OPS.values() if row.parameters]
    for row in public:
        op = f"OP_{row.name.upper()}"
        if len(row.grads) == 1:
            call = f"unary_function({op}, {_names(row)})"
        else:
            reflected = f"{op}_C" if row.commutative else f"OP_C_{row.name.upper()}"
            call = f"binary_function({op}, {op}_C, {reflected}, {_names(row)})"
        lines += _function(ops, row, call)
    for composite in ops.COMPOSITES:
        lines += _function(ops, composite, composite.expression)
    lines += ["", ""]
    lines += [f"{alias} = {name}" for alias, name in ops.ALIASES.items()]
    lines += [f"OP_FUNCTIONS = {(*(row.name for row in (*public, *ops.COMPOSITES)), *ops.ALIASES)!r}", ""]
    return "\n".join(lines)


def _names(row: Any) -> str:
    return ", ".join(parameter.partition("=")[0] for parameter in row.parameters)


_DOCSTRING = """\
    {doc}.

    Parameters
    ----------
    {names} : Value, number or array

    Returns
    -------
    Value, float or array
        A Value if an operand is one, a float for numbers; elementwise over arrays.
{notes}
    Examples
    --------
    >>> {name}({arguments})
    {result}
"""

_NOTES = """
    Notes
    -----
    With operands {operands}, result r and incoming gradient g the table has

    - value ``{value}``
    - {gradients}
"""


def _function(ops: ModuleType, row: Any, call: str) -> list[str]:
    """Return the lines of a public function; `row` is an Op or a Composite."""
    has_defaults = "=" in "".join(row.parameters)
    notes = ""
    if hasattr(row, "grads"):
        gradients = "\n    - ".join(f"gradient of {x} ``{grad}``" for x, grad in _operands(row))
        notes = _NOTES.format(operands=" and ".join(row.arguments), value=row.value, gradients=gradients)
    docstring = _DOCSTRING.format(
        doc=row.doc,
        names=_names(row),
        notes=notes,
        name=row.name,
        arguments=", ".join(map(repr, row.example)),
        result=_example(ops, row),
    )
    signature = ", ".join(row.parameters) + ("" if has_defaults else ", /")
    return ["", "", f"def {row.name}({signature}):", f'    """{docstring.strip()}', '    """', f"    return {call}"]


def _example(ops: ModuleType, row: Any) -> Any:
    """Return the value of a row's example, found without the core."""
    defaults = [float(parameter.partition("=")[2]) for parameter in row.parameters[len(row.example) :]]
    values = [*row.example, *defaults]
    if hasattr(row, "grads"):
        return ops.evaluate(row.value, dict(zip(row.arguments, values, strict=True)))
    return ops.evaluate(row.expression, dict(zip(_names(row).split(", "), values, strict=True)))


def write(ops: ModuleType, directory: Path) -> None:
    """Write the generated files into `directory`, leaving alone those that are already right."""
    texts = {
        "_kernels/ops.h": header(ops),
        "_ops.pxi": declarations(ops),
        "_kernels/maps.h": maps(ops),
        "_kernels/pairs.h": pairs(ops),
        "_kernels/primitives.h": lanes(ops),
    }
    for name, text in texts.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
