"""The formulas of the op table, for other Cython modules to ``cimport``."""


# The operands of a step: A, B, C, R, G, results of steps from FIRST_STEP on, constants from FIRST_CONSTANT on.
cdef enum:
    A
    B
    C
    R
    G
    FIRST_STEP
    FIRST_CONSTANT = 1024

cdef enum:
    MOST_STEPS = 64


# A step of a formula: an op of the table or a choice of the interpreter, and what it works on.
cdef struct Step:
    unsigned op
    unsigned count
    unsigned operands[4]


cdef class Formula:
    cdef Step steps[MOST_STEPS]
    cdef Py_ssize_t size
    cdef list constants
    cdef unsigned result
    # Which of A, B, C, R occur outside of conditions, a bit for each.
    cdef unsigned uses
    # Of a gradient: where the operand receives something, as a formula in `g`, None if everywhere; whether the factor
    # of `g` is infinite or nan at some finite point.
    cdef Formula liveness
    cdef bint wild


# The gradient of an op, which has no immediate, by its operand k; the value of a composite op.
cdef Formula gradient(unsigned op, Py_ssize_t k)
cdef Formula value_formula(unsigned op)

# Whether the value of a row is a formula in other rows, for which programs have no kernel.
cdef bint composite(unsigned op) noexcept
# Whether an operand receives nothing at some points.
cdef bint chooses(unsigned op) noexcept
# Whether the value of an op is infinite or nan at some finite point.
cdef bint is_wild(unsigned op) except -1
# The base row of an op and its operands, of which NONE stands for the immediate.
cdef unsigned base_of(unsigned op, unsigned *a, unsigned *b, unsigned immediate) noexcept

# The value of an op of the table in a program: of any row; of a base row; of a base row or a choice.
cdef double value_of(unsigned op, double a, double b, double c) except? -1
cdef double power(double x, double exponent) noexcept
cdef double evaluate_any(unsigned op, double *x) except? -1
