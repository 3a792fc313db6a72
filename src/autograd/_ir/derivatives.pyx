"""Derivatives of flat instructions: reverse mode and forward mode.

Both passes emit the gradient formulas of the op table, which are linear in `g`: reverse mode puts the adjoint of a
result for `g`, forward mode the tangent of an operand. A derivative is a `Code` like any other, so that derivatives of
any order come from applying a pass again.
"""

from cpython.mem cimport PyMem_RawFree

from autograd._ir.code cimport NONE, Code, Entry, new_map, operand_count, room
from autograd._ir.formulas cimport gradient
from autograd._ir.opcodes cimport (
    CODE_RESULT, LANE_CALL, LANE_LOAD, OP_ADD, OP_COUNT, OP_MUL, OP_STOP_GRADIENT, is_choice,
)


cdef Code reverse(Code source, list wrt, list of, list keep, bint ones):
    cdef Code code = Code.__new__(Code)
    cdef unsigned *map = new_map(source)
    cdef unsigned *adjoints = new_map(source)
    cdef bint *active = NULL
    cdef unsigned i, adjoint
    cdef Py_ssize_t k
    try:
        code.begin(source, map, 0 if ones else len(of))
        code.copy(source, map)
        for output in keep:
            code.outputs.append(map[<Py_ssize_t> source.outputs[output]])
        active = depends(source, wrt)
        for k, output in enumerate(of):
            i = source.outputs[output]
            accumulate(code, adjoints, i, code.constant(1.0) if ones else code.load(source.inputs + k))
        for k in reversed(range(source.size)):
            i = k
            if source.entries[i].op == LANE_CALL:
                # Its results come after it, and have their adjoints now.
                if active[i]:
                    reverse_call(code, source, i, map, adjoints)
            elif active[i] and adjoints[i] != NONE:
                reverse_entry(code, source, i, map, adjoints, active)
        for number in wrt:
            load = source.loads[number] if <Py_ssize_t> number < len(source.loads) else None
            adjoint = NONE if load is None else adjoints[<Py_ssize_t> load]
            code.outputs.append(code.constant(0.0) if adjoint == NONE else adjoint)
    finally:
        PyMem_RawFree(map)
        PyMem_RawFree(adjoints)
        PyMem_RawFree(active)
    return code


cdef bint *depends(Code source, list wrt) except NULL:
    """Which instructions depend on an input in `wrt`."""
    cdef bint *active = <bint *> room(source.size, sizeof(bint))
    cdef Entry *entry
    cdef Py_ssize_t i, k
    wanted = set(wrt)
    for i in range(source.size):
        entry = &source.entries[i]
        active[i] = entry.op == LANE_LOAD and entry.a in wanted
        if entry.op != OP_STOP_GRADIENT:
            for k in range(source.arity(entry)):
                active[i] |= active[source.operand(entry, k)]
    return active


cdef int accumulate(Code code, unsigned *adjoints, unsigned i, unsigned contribution) except -1:
    """Add to an adjoint, or to a tangent."""
    cdef double number = 0.0
    # A derivative that is known to be zero.
    if code.is_constant(contribution, &number) and number == 0.0:
        return 0
    adjoints[i] = contribution if adjoints[i] == NONE else code.emit(OP_ADD, adjoints[i], contribution)
    return 0


cdef unsigned derivative(
    Code code, Code source, unsigned i, Py_ssize_t k, unsigned g, unsigned *map
) except? 0xFFFFFFFF:
    """What operand k of an op of the table contributes."""
    cdef Entry *entry = &source.entries[i]
    cdef Py_ssize_t n = operand_count(entry.op)
    return code.expand(gradient(entry.op, k), map[entry.a], map[entry.b] if n > 1 else 0,
                       map[entry.c] if n > 2 else 0, map[i], g, False)


cdef int reverse_entry(Code code, Code source, unsigned i, unsigned *map, unsigned *adjoints, bint *active) except -1:
    cdef Entry *entry = &source.entries[i]
    cdef unsigned g = adjoints[i]
    cdef Py_ssize_t k
    cdef unsigned operand
    cdef Py_ssize_t n = operand_count(entry.op)
    if entry.op == CODE_RESULT:
        return 0
    for k in range(n):
        operand = source.operand(entry, k)
        if not active[operand]:
            continue
        if n < 4:
            accumulate(code, adjoints, operand, derivative(code, source, i, k, g, map))
        elif k >= 2:
            accumulate(code, adjoints, operand, code.emit(
                entry.op, map[entry.a], map[entry.b],
                g if k == 2 else code.constant(0.0), code.constant(0.0) if k == 2 else g))
    return 0


cdef int reverse_call(Code code, Code source, unsigned i, unsigned *map, unsigned *adjoints) except -1:
    """A call of the function with a derivative of the user's own, in reverse."""
    cdef Entry *entry = &source.entries[i]
    cdef Py_ssize_t k
    cdef list operands = []
    cdef bint wanted = False
    for k in range(entry.c):
        operands.append(map[source.arguments[entry.b + k]])
    for k in range(entry.d):
        # Results are appended right after their call.
        if adjoints[i + 1 + k] != NONE:
            wanted = True
            operands.append(adjoints[i + 1 + k])
        else:
            operands.append(code.constant(0.0))
    if wanted:
        gradients = code.call(source.calls[entry.a].pullback(), operands, entry.c)
        for k in range(entry.c):
            accumulate(code, adjoints, source.arguments[entry.b + k], gradients[k])
    return 0


cdef Code forward(Code source, list wrt, list keep):
    cdef Code code = Code.__new__(Code)
    cdef unsigned *map = new_map(source)
    cdef unsigned *tangents = new_map(source)
    cdef Entry *entry
    cdef unsigned i, operand
    cdef Py_ssize_t k
    try:
        code.begin(source, map, len(wrt))
        for k, number in enumerate(wrt):
            if <Py_ssize_t> number < len(source.loads) and source.loads[number] is not None:
                tangents[<Py_ssize_t> source.loads[number]] = code.load(source.inputs + k)
        for i in range(source.size):
            entry = &source.entries[i]
            if entry.op == LANE_LOAD:
                continue
            code.copy_entry(source, map, i, False)
            if entry.op == LANE_CALL:
                forward_call(code, source, i, map, tangents)
            elif is_choice(entry.op):
                forward_choice(code, entry, i, map, tangents)
            elif entry.op < OP_COUNT and entry.op != OP_STOP_GRADIENT:
                for k in range(operand_count(entry.op)):
                    operand = source.operand(entry, k)
                    if tangents[operand] != NONE:
                        accumulate(code, tangents, i, derivative(code, source, i, k, tangents[operand], map))
        for output in keep:
            code.outputs.append(map[<Py_ssize_t> source.outputs[output]])
        for output in source.outputs:
            i = tangents[<Py_ssize_t> output]
            code.outputs.append(code.constant(0.0) if i == NONE else i)
    finally:
        PyMem_RawFree(map)
        PyMem_RawFree(tangents)
    return code


cdef int forward_choice(Code code, Entry *entry, unsigned i, unsigned *map, unsigned *tangents) except -1:
    cdef unsigned x = tangents[entry.c]
    cdef unsigned y = tangents[entry.d]
    if x != NONE or y != NONE:
        x = code.constant(0.0) if x == NONE else x
        y = code.constant(0.0) if y == NONE else y
        accumulate(code, tangents, i, code.emit(entry.op, map[entry.a], map[entry.b], x, y))
    return 0


cdef int forward_call(Code code, Code source, unsigned i, unsigned *map, unsigned *tangents) except -1:
    """The tangents of the results of a call, by a pullback for each."""
    cdef Entry *entry = &source.entries[i]
    cdef Py_ssize_t j, k
    cdef unsigned operand
    cdef bint wanted = False
    for k in range(entry.c):
        wanted |= tangents[source.arguments[entry.b + k]] != NONE
    for j in range(entry.d if wanted else 0):
        operands = []
        for k in range(entry.c):
            operands.append(map[source.arguments[entry.b + k]])
        for k in range(entry.d):
            operands.append(code.constant(1.0 if k == j else 0.0))
        gradients = code.call(source.calls[entry.a].pullback(), operands, entry.c)
        for k in range(entry.c):
            operand = source.arguments[entry.b + k]
            if tangents[operand] != NONE:
                accumulate(code, tangents, i + 1 + j, code.emit(OP_MUL, gradients[k], tangents[operand]))
    return 0
