"""Grouping: instructions of a point that do the same to different numbers become one instruction.

At a point an instruction takes longer to find than to carry out, which vector instructions besides do for many numbers
at once.
"""

from cpython.mem cimport PyMem_RawFree

from autograd._interpreter.fusion cimport PROLOGUE, Fusion
from autograd._interpreter.interpreter cimport (
    LANE_DOT, LANE_MAP, LANE_MOST_NUMBERS, LANE_STORE, Instruction,
)
from autograd._ir.code cimport resized, room
from autograd._ir.opcodes cimport LANE_CALL, LANE_LOAD, is_guard
from autograd._kernels.functions cimport is_function

# The least instructions that are worth a group; functions are faster in pairs.
cdef enum:
    LEAST_GROUP = 4


# Instructions that do not need each other, and the place in the fusion of the first one.
cdef struct Group:
    Instruction items[LANE_MOST_NUMBERS]
    Py_ssize_t count


cdef struct Groups:
    # Inputs that are read before the operations, which are all the same, and outputs that are written after them.
    Group loads
    Group operations
    Group stores
    # By position in the code, the number of the group that computes it; the number of the next group of operations.
    unsigned *makers
    unsigned number
    Py_ssize_t written


cdef int group(Fusion fusion) except -1:
    cdef Groups here
    cdef Groups *groups = &here
    cdef Instruction *fused
    cdef Py_ssize_t i, total = fusion.operand_total
    groups.loads.count = groups.operations.count = groups.stores.count = groups.written = 0
    groups.number = 1
    groups.makers = <unsigned *> room(fusion.size, sizeof(unsigned))
    try:
        for i in range(fusion.counts[PROLOGUE]):
            total += row_count(&fusion.fused[PROLOGUE][i])
        fusion.operands = <unsigned *> resized(fusion.operands, (total + 1) * sizeof(unsigned))
        for i in range(fusion.counts[PROLOGUE]):
            fused = &fusion.fused[PROLOGUE][i]
            if fused.op == LANE_LOAD:
                put(fusion, groups, &groups.loads, fused)
            elif fused.op == LANE_STORE:
                put(fusion, groups, &groups.stores, fused)
            else:
                if not continues(fusion, groups, fused):
                    flush(fusion, groups)
                put(fusion, groups, &groups.operations, fused)
        flush(fusion, groups)
        fusion.counts[PROLOGUE] = groups.written
    finally:
        PyMem_RawFree(groups.makers)
    return 0


cdef inline Py_ssize_t row_count(const Instruction *fused) noexcept:
    """Return how many rows a group of such instructions has, and so how many operands it has for each."""
    return fused.kinds + (2 * fused.c if fused.op == LANE_DOT else 0) + (fused.op == LANE_LOAD) + 1


cdef inline void put(Fusion fusion, Groups *groups, Group *part, const Instruction *fused) noexcept:
    if part.count == LANE_MOST_NUMBERS:
        flush(fusion, groups)
    part.items[part.count] = fused[0]
    part.count += 1
    if part == &groups.operations:
        groups.makers[fused.out] = groups.number


cdef bint continues(Fusion fusion, Groups *groups, const Instruction *fused) noexcept:
    """Whether an instruction does the same as the operations so far, and needs none of their results."""
    cdef const Instruction *first = &groups.operations.items[0]
    cdef Py_ssize_t k
    if not groups.operations.count:
        return True
    if fused.op != first.op or fused.flags != first.flags or is_guard(fused.op) or fused.op == LANE_CALL:
        return False
    if fused.op == LANE_DOT:
        if fused.c != first.c:
            return False
        for k in range(2 * fused.c):
            if groups.makers[fusion.operands[fused.b + k]] == groups.number:
                return False
    for k in range(fused.kinds):
        if groups.makers[(&fused.a)[k]] == groups.number:
            return False
    return True


cdef void flush(Fusion fusion, Groups *groups) noexcept:
    write(fusion, groups, &groups.loads)
    write(fusion, groups, &groups.operations)
    write(fusion, groups, &groups.stores)
    groups.number += 1


cdef void write(Fusion fusion, Groups *groups, Group *part) noexcept:
    """Append a group to the instructions of the prologue."""
    cdef const Instruction *first = &part.items[0]
    cdef Instruction *fused = &fusion.fused[PROLOGUE][groups.written]
    cdef Py_ssize_t n = part.count, i, k
    part.count = 0
    if n < (2 if is_function(first.op) else LEAST_GROUP):
        for i in range(n):
            fused[i] = part.items[i]
        groups.written += n
        return
    groups.written += 1
    fused[0] = Instruction(LANE_MAP, 0, first.flags, 0, first.op, fusion.operand_total, 0, n)
    fused.c = row_count(first)
    if first.op == LANE_LOAD:
        for i in range(n):
            append(fusion, part.items[i].a)
    for k in range(first.kinds):
        for i in range(n):
            append(fusion, (&part.items[i].a)[k])
    if first.op == LANE_DOT:
        for k in range(2 * first.c):
            for i in range(n):
                append(fusion, fusion.operands[part.items[i].b + k])
    for i in range(n):
        append(fusion, part.items[i].out)


cdef inline void append(Fusion fusion, unsigned operand) noexcept:
    fusion.operands[fusion.operand_total] = operand
    fusion.operand_total += 1
