"""Liveness: which instructions the outputs and guards need."""

from autograd._ir.code cimport Code, Entry, arity, operands_of, room
from autograd._ir.opcodes cimport LANE_CALL, is_guard


cdef inline unsigned *count_uses(Code code) except NULL:
    """Return for each instruction how often it is used by live ones, as an output or as a guard; 0 if it is dead.

    The results of a live call are live with it. To be freed by the caller.
    """
    cdef unsigned *uses = <unsigned *> room(code.size, sizeof(unsigned))
    cdef Entry *entry
    cdef Py_ssize_t i, k
    for output in code.outputs:
        uses[<Py_ssize_t> output] += 1
    for i in reversed(range(code.size)):
        entry = &code.entries[i]
        uses[i] += is_guard(entry.op)
        if uses[i]:
            for k in range(arity(entry)):
                uses[operands_of(code, entry)[k]] += 1
            if entry.op == LANE_CALL:
                for k in range(entry.d):
                    uses[i + 1 + k] += 1
    return uses
