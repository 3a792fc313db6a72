"""The instructions of the IR, and what kind each is."""


cdef extern from "_ir/opcodes.h" nogil:
    enum:
        OP_COUNT
        OP_ABS
        OP_ADD
        OP_SUB
        OP_MUL
        OP_DIV
        OP_POW
        OP_POW_C
        OP_NEG
        OP_SQRT
        OP_LESS
        OP_LESS_EQUAL
        OP_EQUAL
        OP_NOT_EQUAL
        OP_STOP_GRADIENT
        LANE_LOAD
        LANE_WHERE_LT
        LANE_WHERE_LE
        LANE_WHERE_EQ
        LANE_GUARD
        LANE_SAME
        LANE_CALL
        CODE_CONSTANT
        CODE_RESULT
        CODE_COUNT
    Py_ssize_t operand_count(unsigned op) noexcept


cdef inline bint is_guard(unsigned op) noexcept nogil:
    """Whether an instruction checks that a run takes the branches of the trace."""
    return op == LANE_GUARD or op == LANE_SAME


cdef inline bint is_choice(unsigned op) noexcept nogil:
    """Whether an instruction is a `where`: of two comparands and two arms."""
    return LANE_WHERE_LT <= op <= LANE_WHERE_EQ


cdef inline bint is_free(unsigned op) noexcept nogil:
    """Whether a result is there before any instruction runs: an input's or a constant's."""
    return op == LANE_LOAD or op == CODE_CONSTANT


cdef inline bint has_value(unsigned op) noexcept nogil:
    """Whether an instruction defines a number. Those of a call are its results, instructions that follow it."""
    return not is_guard(op) and op != LANE_CALL


cdef inline bint takes_first(unsigned op, double a, double b) noexcept nogil:
    """Whether a `where` of these comparands takes its first arm."""
    return a < b if op == LANE_WHERE_LT else a <= b if op == LANE_WHERE_LE else a == b
