"""Sparsity: which outputs of a code depend on which inputs, read off the instructions.

The index set of an instruction has the inputs by which its derivative can be other than zero at some point. One sweep
merges the sets of the operands; an operand by which the derivative is zero everywhere, such as the comparands of a
choice, has no part. Sets are sorted arrays that never change, so that instructions share them.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcpy

from autograd._cpython cimport int_address
from autograd._ir.code cimport Code, DerivativeRule, Entry, arity, operands_of, room
from autograd._ir.formulas cimport FIRST_CONSTANT, gradient
from autograd._ir.liveness cimport count_uses
from autograd._ir.opcodes cimport LANE_CALL, LANE_LOAD, OP_COUNT, OP_STOP_GRADIENT, is_choice, is_guard

import numpy

# The least numbers of indices that are allocated at a time.
cdef enum:
    CHUNK = 1 << 16


cdef struct Set:
    const int *items
    Py_ssize_t size


cdef struct Arena:
    Arena *next
    Py_ssize_t size
    Py_ssize_t used


cdef enum Passes:
    UNKNOWN
    NOTHING
    SOMETHING

# By op and operand: whether the derivative can be other than zero.
cdef Passes passes[2 * OP_COUNT]


cdef bint has_part(Code code, Entry *entry, Py_ssize_t k) except -1:
    """Whether the derivative of an instruction by its operand k can be other than zero."""
    if entry.op == LANE_CALL:
        function = code.calls[entry.a]
        return not isinstance(function, DerivativeRule) or k < (<DerivativeRule> function).arguments
    if is_choice(entry.op):
        return k >= 2
    if entry.op >= OP_COUNT:
        return not is_guard(entry.op)
    if k >= 2 or entry.op == OP_STOP_GRADIENT:
        # The parameter of a loss is a number.
        return False
    if passes[2 * entry.op + k] == UNKNOWN:
        passes[2 * entry.op + k] = NOTHING if gradient(entry.op, k).result >= FIRST_CONSTANT else SOMETHING
    return passes[2 * entry.op + k] == SOMETHING


@cython.final
@cython.internal
@cython.auto_pickle(False)
cdef class IndexSets:
    """The sets of the instructions of a code, and their memory."""
    cdef Set *sets
    cdef Arena *chunks
    # How many indices there are, and how many were compared.
    cdef Py_ssize_t columns
    cdef Py_ssize_t work

    def __cinit__(self, Code code, Py_ssize_t columns):
        self.sets = <Set *> room(code.size, sizeof(Set))
        self.columns = columns

    def __dealloc__(self):
        cdef Arena *chunk
        PyMem_RawFree(self.sets)
        while self.chunks != NULL:
            chunk = self.chunks
            self.chunks = chunk.next
            PyMem_RawFree(chunk)

    cdef int *space(self, Py_ssize_t count) except NULL:
        """Return room for a set, which has to be taken."""
        cdef Arena *chunk = self.chunks
        cdef Py_ssize_t size
        if chunk == NULL or chunk.size - chunk.used < count:
            size = max(count, CHUNK)
            chunk = <Arena *> room(sizeof(Arena) + size * sizeof(int), 1)
            chunk.next, chunk.size = self.chunks, size
            self.chunks = chunk
        return <int *> (chunk + 1) + chunk.used

    cdef Set merged(self, Set a, Set b) except *:
        """Return the union of two sets, one of the two if it has the other in it."""
        cdef int *items
        cdef Py_ssize_t i = 0, k = 0, n = 0
        if a.size < b.size:
            a, b = b, a
        if not b.size or a.size == self.columns or a.items == b.items and a.size == b.size:
            return a
        self.work += a.size + b.size
        items = self.space(a.size + b.size)
        while i < a.size and k < b.size:
            items[n] = min(a.items[i], b.items[k])
            i, k, n = i + (a.items[i] == items[n]), k + (b.items[k] == items[n]), n + 1
        memcpy(items + n, a.items + i, (a.size - i) * sizeof(int))
        n += a.size - i
        memcpy(items + n, b.items + k, (b.size - k) * sizeof(int))
        n += b.size - k
        if n == a.size:
            return a
        self.chunks.used += n
        return Set(items, n)


cdef tuple sparsity(Code code, list wrt, Py_ssize_t limit):
    cdef IndexSets sweep = IndexSets.__new__(IndexSets, code, len(wrt))
    cdef unsigned *uses = count_uses(code)
    cdef Entry *entry
    cdef Set joint
    cdef Py_ssize_t i, k, size = 0
    cdef int *ends
    cdef int *indices
    cdef int *item
    columns = {number: column for column, number in enumerate(wrt)}
    try:
        for i in range(code.size):
            entry = &code.entries[i]
            if not uses[i]:
                continue
            if entry.op == LANE_LOAD:
                if entry.a in columns:
                    item = sweep.space(1)
                    item[0] = columns[entry.a]
                    sweep.chunks.used += 1
                    sweep.sets[i] = Set(item, 1)
                continue
            joint = Set(NULL, 0)
            for k in range(arity(entry)):
                if has_part(code, entry, k):
                    joint = sweep.merged(joint, sweep.sets[operands_of(code, entry)[k]])
            sweep.sets[i] = joint
            if 0 <= limit < sweep.work:
                return None
    finally:
        PyMem_RawFree(uses)
    for output in code.outputs:
        size += sweep.sets[<Py_ssize_t> output].size
    if size > 0x7FFFFFFF:
        raise MemoryError(f"a pattern with {size} nonzeros")
    row_ends = numpy.zeros(len(code.outputs) + 1, numpy.int32)
    columns_of_rows = numpy.empty(size, numpy.int32)
    ends, indices = int_address(row_ends), int_address(columns_of_rows)
    size = 0
    for i, output in enumerate(code.outputs):
        joint = sweep.sets[<Py_ssize_t> output]
        memcpy(indices + size, joint.items, joint.size * sizeof(int))
        size += joint.size
        ends[i + 1] = size
    return row_ends, columns_of_rows
