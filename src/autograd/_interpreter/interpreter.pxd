"""The interpreter of Programs, for other Cython modules to ``cimport``."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t


cdef extern from "_interpreter/schedule.h" nogil:
    enum:
        LANE_STORE
        LANE_MADD
        LANE_MSUB
        LANE_NMADD
        LANE_MASK
        LANE_DOT
        LANE_SUM
        LANE_SUM_MUL
        LANE_TOTAL
        LANE_MAP
        LANE_MOST_NUMBERS
        LANE_EACH
        LANE_ONE
        LANE_LISTED
        LANE_NO_START
    const uint32_t LANE_UNIFORM

    ctypedef struct Instruction:
        uint16_t op
        uint8_t kinds
        uint8_t flags
        uint32_t out
        uint32_t a
        uint32_t b
        uint32_t c
        uint32_t d

    ctypedef struct Schedule:
        const Instruction *prologue
        Py_ssize_t prologue_size
        const Instruction *body
        Py_ssize_t body_size
        const Instruction *epilogue
        Py_ssize_t epilogue_size
        const uint32_t *arguments
        const uint32_t *placed
        Py_ssize_t placed_count
        const double *constants
        Py_ssize_t constant_count
        Py_ssize_t uniform_slots
        Py_ssize_t varying_slots
        Py_ssize_t sum_count
        int calls_python

    ctypedef struct Array:
        double *data
        Py_ssize_t stride


# Memory that is kept for the next use.
cdef struct Memory:
    Memory *next
    size_t size
    double *data


# Memory for `size` doubles, aligned to a cache line; needs the GIL, as `give` does.
cdef Memory *take(size_t size) except NULL
cdef void give(Memory *memory) noexcept

# Run a schedule: the prologue once, the body for every lane, the epilogue once.
#
# Lane l reads and writes row l of the arrays, or row rows[l] if `rows` is not NULL. Returns whether a guard failed in
# some lane; only then is `failed` written: failed[l] becomes the number of the guard of lane l that failed first, 0
# where none did. The outputs of failed lanes are unspecified. A guard that fails in the prologue fails all lanes, and
# nothing else is run. LOAD in the prologue reads the row of lane 0, STORE writes the row of every lane;
# in the epilogue STORE writes row 0. The elements of `calls` return tuples of floats.
#
# `threads` is the most threads to use; 0: as many as pay, up to AUTOGRAD_NUM_THREADS or the processors there are. The
# result is the same for any number of threads.
cdef int run(const Schedule *schedule, tuple calls, Py_ssize_t lanes, const Py_ssize_t *rows, const Array *inputs,
             const Array *outputs, uint32_t *failed, int threads) except -1


# The lanes of a segment: sums over the lanes are those of the segments, added in order.
cdef Py_ssize_t segment_of(const Schedule *schedule, Py_ssize_t lanes) noexcept


cdef class Session:
    """A schedule without guards that runs again and again over the same arrays, whose data and strides may change.

    `step` returns -1 with an exception set if Python or Ctrl-C ended it. It needs no GIL unless the schedule calls
    Python.
    """
    cdef void *state
    cdef Memory *uniform
    cdef Memory *frame
    cdef Py_ssize_t lanes
    cdef tuple calls

    cdef int begin(self, const Schedule *schedule, tuple calls, Py_ssize_t lanes, const Array *inputs,
                   const Array *outputs) except -1
    cdef int step(self) noexcept nogil


cdef class Subprogram:
    """What a call instruction runs without Python objects: by this method, for a number of lanes at once.

    Its derivatives are methods that the passes of `autograd._ir.derivatives` call.
    """
    cdef int run_lanes(self, const Array *operands, Py_ssize_t lanes, const Array *results) except -1
