"""The op table for programs: its rows by op number, their formulas parsed into steps, and their values.

A formula is parsed once, on first use, into steps, which `Code.expand` emits as instructions.
"""

cimport cython
from libc.math cimport isfinite
from libc.string cimport memcpy, memset

import ast

from autograd import _core, ops

from autograd._ir.opcodes cimport (
    LANE_WHERE_EQ, LANE_WHERE_LE, LANE_WHERE_LT, OP_ADD, OP_COUNT, OP_DIV, OP_MUL, OP_NEG, OP_POW, OP_POW_C, OP_SQRT,
    OP_SUB, is_choice, takes_first,
)
from autograd._kernels.functions cimport kernel_value


@cython.auto_pickle(False)
cdef class Formula:
    """A parsed formula of the table."""


cdef Formula parse(str formula):
    cdef Formula parsed = Formula.__new__(Formula)
    parsed.constants = []
    parsed.result = parse_node(parsed, ast.parse(formula, mode="eval").body)
    return parsed


cdef dict BINARY = {ast.Add: OP_ADD, ast.Sub: OP_SUB, ast.Mult: OP_MUL, ast.Div: OP_DIV, ast.Pow: OP_POW}
# A comparison as a choice: its op, whether its two sides are swapped, whether the two arms are.
cdef dict CHOICES = {
    ast.Lt: (LANE_WHERE_LT, False, False),
    ast.LtE: (LANE_WHERE_LE, False, False),
    ast.Gt: (LANE_WHERE_LT, True, False),
    ast.GtE: (LANE_WHERE_LE, True, False),
    ast.Eq: (LANE_WHERE_EQ, False, False),
    ast.NotEq: (LANE_WHERE_EQ, False, True),
}


cdef unsigned parse_node(Formula formula, object node) except? 0xFFFFFFFF:
    if isinstance(node, ast.Constant):
        formula.constants.append(float(node.value))
        return FIRST_CONSTANT + len(formula.constants) - 1
    if isinstance(node, ast.Name):
        k = "abcrg".index(node.id)
        formula.uses |= 1 << k
        return k
    if isinstance(node, ast.UnaryOp):
        return add_step(formula, OP_NEG, [node.operand])
    if isinstance(node, ast.BinOp):
        return add_step(formula, BINARY[type(node.op)], [node.left, node.right])
    if node.func.id == "where":
        condition, x, y = node.args
        op, swap_sides, swap_choice = CHOICES[type(condition.ops[0])]
        left, right = condition.left, condition.comparators[0]
        if swap_sides:
            left, right = right, left
        if swap_choice:
            x, y = y, x
        return add_step(formula, op, [left, right, x, y])
    return add_step(formula, OPS_BY_NAME[node.func.id], node.args)


cdef unsigned add_step(Formula formula, unsigned op, list nodes) except? 0xFFFFFFFF:
    cdef unsigned operands[4]
    cdef Py_ssize_t k
    memset(operands, 0, sizeof(operands))
    cdef unsigned uses = formula.uses
    for k in range(len(nodes)):
        operands[k] = parse_node(formula, nodes[k])
        if len(nodes) == 4 and k < 2:
            # What the sides of a condition use cannot make the result infinite.
            formula.uses = uses
    if formula.size == MOST_STEPS:
        raise ValueError("a formula of the op table is too long")
    formula.steps[formula.size].op = op
    formula.steps[formula.size].count = len(nodes)
    memcpy(formula.steps[formula.size].operands, operands, sizeof(operands))
    formula.size += 1
    return FIRST_STEP + formula.size - 1


# GRADIENTS: gradient formulas by op and operand, for rows without an immediate. VALUES: value formulas by op, for ops
# without a kernel of the interpreter. WILD: by op, whether the value can be infinite or nan at an ordinary point.
cdef dict OPS_BY_NAME = {name: op for op, name in enumerate(_core.OP_NAMES)}
cdef tuple ROWS = tuple(ops.OPS.get(name) for name in _core.OP_NAMES)
cdef list GRADIENTS = [None] * (2 * OP_COUNT)
cdef dict VALUES = {}
cdef list WILD = [None] * OP_COUNT
# Ordinary points, some of them at the edge of a domain.
cdef tuple POINTS = (0.0, 1.0, -1.0, 0.5, -0.5, 1e3, -1e3)

# By op: the base row, and the sources of its operands: "a", "b" or "c".
cdef unsigned bases[OP_COUNT]
cdef char first_operand[OP_COUNT]
cdef char second_operand[OP_COUNT]
cdef bint is_composite[OP_COUNT]
cdef bint can_pass_nothing[OP_COUNT]


cdef int read_table() except -1:
    cdef unsigned op
    memset(is_composite, 0, sizeof(is_composite))
    for op in range(<unsigned> OP_COUNT):
        row = ROWS[op]
        if row is None:
            continue
        arguments = row.arguments
        bases[op] = OPS_BY_NAME[row.base]
        first_operand[op] = ord(arguments[0])
        second_operand[op] = ord(arguments[len(arguments) - 1]) if len(arguments) > 1 else 0
        is_composite[op] = not row.is_primitive
        can_pass_nothing[op] = any([ops.liveness(grad) != "g" for grad in row.grads])
    return 0


read_table()


cdef Formula gradient(unsigned op, Py_ssize_t k):
    if GRADIENTS[2 * op + k] is None:
        GRADIENTS[2 * op + k] = new_gradient(op, ROWS[op].grads[k])
    return <Formula> GRADIENTS[2 * op + k]


cdef Formula new_gradient(unsigned op, str text):
    cdef Formula parsed = parse(text)
    cdef str live = ops.liveness(text)
    cdef double r
    if live != "g":
        parsed.liveness = parse(live)
    for a in POINTS:
        for b in POINTS:
            r = base_value(op, a, b, 1.0)
            parsed.wild |= not isfinite(formula_value(parsed, a, b, 1.0, r, 1.0))
    return parsed


cdef bint is_wild(unsigned op) except -1:
    if WILD[op] is None:
        WILD[op] = not all([isfinite(base_value(op, a, b, 1.0)) for a in POINTS for b in POINTS])
    return WILD[op]


cdef Formula value_formula(unsigned op):
    if op not in VALUES:
        VALUES[op] = parse(ROWS[op].value)
    return VALUES[op]


cdef bint composite(unsigned op) noexcept:
    return is_composite[op]


cdef bint chooses(unsigned op) noexcept:
    return can_pass_nothing[op]


cdef unsigned base_of(unsigned op, unsigned *a, unsigned *b, unsigned immediate) noexcept:
    cdef unsigned left = a[0]
    cdef unsigned right = b[0]
    a[0] = left if first_operand[op] == c"a" else immediate
    b[0] = immediate if second_operand[op] == c"c" else left if second_operand[op] == c"a" else right
    return bases[op]


cdef double value_of(unsigned op, double a, double b, double c) except? -1:
    cdef double x = a if first_operand[op] == c"a" else c
    cdef double y = c if second_operand[op] == c"c" else a if second_operand[op] == c"a" else b
    if op == OP_POW_C:
        return power(x, y)
    return base_value(bases[op], x, y, 0.0)


cdef double power(double x, double exponent) noexcept:
    """A power as NumPy's operator computes it, with simpler operations for the most common exponents."""
    if exponent == 2.0:
        return x * x
    if exponent == 1.0:
        return x
    if exponent == 0.5:
        return kernel_value(OP_SQRT, x, 0.0)
    if exponent == -1.0:
        return 1.0 / x
    return kernel_value(OP_POW, x, exponent)


cdef double base_value(unsigned op, double a, double b, double c) except? -1:
    if is_composite[op]:
        return formula_value(value_formula(op), a, b, c, 0.0, 0.0)
    return kernel_value(op, a, b)


cdef double formula_value(Formula formula, double a, double b, double c, double r, double g) except? -1:
    cdef double names[FIRST_STEP + MOST_STEPS]
    cdef double x[4]
    cdef Py_ssize_t i, k
    cdef unsigned reference
    names[A], names[B], names[C], names[R], names[G] = a, b, c, r, g
    for i in range(formula.size):
        for k in range(formula.steps[i].count):
            reference = formula.steps[i].operands[k]
            x[k] = names[reference] if reference < FIRST_CONSTANT else formula.constants[reference - FIRST_CONSTANT]
        names[FIRST_STEP + i] = evaluate_any(formula.steps[i].op, x)
    reference = formula.result
    return names[reference] if reference < FIRST_CONSTANT else formula.constants[reference - FIRST_CONSTANT]


cdef double evaluate_any(unsigned op, double *x) except? -1:
    if is_choice(op):
        return x[2] if takes_first(op, x[0], x[1]) else x[3]
    return base_value(op, x[0], x[1], x[2])
