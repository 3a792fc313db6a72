# cython: auto_pickle=False
"""The arrays of results of batches.

The memory of a large array that is no longer used serves the next one of its size: the pages of fresh memory cost more
than what a program computes in them.
"""

cimport cython
from cpython.buffer cimport PyBuffer_FillInfo
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc

import numpy

cdef extern from *:
    Py_ssize_t PY_SSIZE_T_MAX

# Smaller arrays are left to NumPy: the allocator of C has memory for them at hand.
cdef enum:
    LEAST_BYTES = 1 << 17
    MOST_KEPT_BYTES = 1 << 26


cdef struct KeptMemory:
    KeptMemory *next
    size_t size


# The blocks that are kept, the newest first, and their bytes.
cdef KeptMemory *kept = NULL
cdef size_t kept_bytes = 0


@cython.final
@cython.internal
cdef class ResultMemory:
    """The memory of one array."""
    cdef KeptMemory *block

    def __dealloc__(self):
        global kept, kept_bytes
        if self.block != NULL:
            self.block.next = kept
            kept = self.block
            kept_bytes += self.block.size
            limit_kept(MOST_KEPT_BYTES)

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, aligned(self.block), self.block.size, 0, flags)


cdef inline void *aligned(KeptMemory *block) noexcept:
    """The memory behind a block's header, from a cache line on."""
    return <void *> ((<size_t> (block + 1) + 63) & ~<size_t> 63)


cdef void limit_kept(size_t most) noexcept:
    """Free the blocks that have been kept longest, until no more than so many bytes are kept."""
    global kept_bytes
    cdef KeptMemory **place = &kept
    cdef KeptMemory *block
    cdef KeptMemory *following
    cdef size_t size = 0
    while place[0] != NULL and size + place[0].size <= most:
        size += place[0].size
        place = &place[0].next
    block = place[0]
    place[0] = NULL
    kept_bytes = size
    while block != NULL:
        following = block.next
        PyMem_RawFree(block)
        block = following


cdef object new_result(tuple shape):
    global kept_bytes
    cdef size_t size = sizeof(double)
    cdef KeptMemory **place = &kept
    cdef ResultMemory memory
    for length in shape:
        if length and size > PY_SSIZE_T_MAX // <size_t> length:
            raise MemoryError()
        size *= <size_t> length
    if size < LEAST_BYTES:
        return numpy.empty(shape)
    memory = ResultMemory.__new__(ResultMemory)
    while place[0] != NULL and place[0].size != size:
        place = &place[0].next
    memory.block = place[0]
    if memory.block != NULL:
        place[0] = memory.block.next
        kept_bytes -= size
    else:
        memory.block = <KeptMemory *> PyMem_RawMalloc(sizeof(KeptMemory) + 64 + size)
        if memory.block == NULL:
            raise MemoryError()
        memory.block.size = size
    return numpy.ndarray(shape, numpy.float64, memory)


def free_results():
    """Give the memory that is kept for results back to the operating system."""
    limit_kept(0)
