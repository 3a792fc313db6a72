"""Specializations, for other Cython modules to ``cimport``."""

from autograd._interpreter.interpreter cimport Array, Memory
from autograd._program.program cimport Program


cdef class Decision:
    """A node of the decision tree: for the points that reach it, the program to try."""
    # The programs that may serve these points, sorted by their paths: triples of path, number and program.
    cdef list candidates
    cdef Program program
    # The instructions of a lane; 0 if the guards never run alone, as this is the only candidate or calls Python.
    cdef Py_ssize_t work
    # By the guard that failed and the executable that ran, the next Decision.
    cdef dict exits

    # None if no program is left.
    cdef Decision exit(self, bytes varying, bint only_guards, unsigned guard)


cdef class Partition:
    """The lanes of a run, in groups that go the same way."""
    cdef const Array *inputs
    cdef const Array *outputs
    cdef bytes varying
    cdef int threads
    # See `Specializations.run`.
    cdef list parts
    # The memory of `rows` and `scratch`, and of `failed`.
    cdef Memory *order
    cdef Memory *outcomes
    # The rows of the arrays in groups, each in rising order; NULL as long as all are one group.
    cdef Py_ssize_t *rows
    cdef Py_ssize_t *scratch
    # By position in the group that ran: the guard that failed.
    cdef unsigned *failed
    # Groups that have a Decision, and a heap by row of those that no program is left for.
    cdef list decided
    cdef list unknown
    # The program that served the most lanes, and how many.
    cdef Program top
    cdef Py_ssize_t most

    cdef list split(self, Program program, bint only_guards, Py_ssize_t first, Py_ssize_t count, bint by_guard)
    cdef int serve(self, Program program, Py_ssize_t first, Py_ssize_t count) except -1
    cdef int decide(self, Decision decision, bint only_guards, Py_ssize_t first, Py_ssize_t count) except -1
    cdef int set_aside(self, Program program, unsigned guard, Py_ssize_t first, Py_ssize_t count,
                       Py_ssize_t alone) except -1


cdef class Specializations:
    """The programs of one function, a specialization for every way through its branches that was met."""
    # What messages call the function.
    cdef str name
    # At most this many programs are kept.
    cdef Py_ssize_t max_ways
    # The programs, the first of which there always is, and whether one of them captures a Value.
    cdef list programs
    cdef bint captures
    # The decision tree, made when it is needed, and what varied from lane to lane when it was made.
    cdef Decision root
    cdef bytes varying
    # The program that served the last point, or most lanes of the last batch; None if there is none.
    cdef Program latest
    # Where the lanes of a batch run, a `Team` of `autograd._program.executors`; None for here.
    cdef object team
    # Whether the warning has been given, and the state of a random number.
    cdef bint warned
    cdef unsigned long long random

    # Trace the function at a point. The kinds of specializations override it.
    cdef Program specialize(self, list point)
    # The same for the point of a lane.
    cdef Program specialize_lane(self, Py_ssize_t row, const Array *inputs)
    cdef int add(self, Program program) except -1
    # Run at one point (lanes is -1) or for every lane. `parts`, if not None, receives what ran: pairs of a program and
    # its rows, as bytes, or None for all, in the order of their first rows.
    cdef int run(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                 list parts=*) except -1
    # Run as one Block of the graph. `values` lists (Value, input, lane), the lane being -1 where all lanes share the
    # input; the arrays have their data; `ran`, if not None, receives what ran. Returns a Value for every output, or a
    # list with one for every lane.
    cdef list call(self, const Array *inputs, Py_ssize_t lanes, list values, int threads, list ran)

    cdef Decision tree(self, bytes varying)
    cdef int keep(self, Program program, Program tried, unsigned guard) except -1
    cdef int run_point(self, const Array *inputs, const Array *outputs, list parts) except -1
    cdef int run_lanes(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                       list parts) except -1
    cdef int run_unknown(self, Partition partition) except -1
    cdef int run_traced(self, Program program, Py_ssize_t row, const Array *inputs, const Array *outputs,
                        list parts) except -1
    cdef list point_at(self, Py_ssize_t row, const Array *inputs)
    cdef int warn(self, Program tried, unsigned guard) except -1


cdef int note_lane(object error, Py_ssize_t lane) except -1
