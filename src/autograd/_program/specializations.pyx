"""Specializations: which program serves a point or a lane.

A program holds for one way through the branches of a function, its path: the outcomes of its guards. Two runs of the
function ask the same until an outcome differs, so a guard that fails leaves those programs whose paths part from that
of the program at this guard. They are the nodes of a decision tree: a node tries the middle one of the programs left,
and the first guard that fails leads to the next node. Where no program is left, the function is traced at the point.

At most `max_ways` programs are kept. A further one takes the place of one chosen at random, so that a few ways more
than are kept cost a few traces more, in whatever order they come.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcmp, memcpy

import heapq
import warnings

from autograd._core cimport detecting, new_output
from autograd._interpreter.executable cimport Executable
from autograd._interpreter.interpreter cimport Array, give, take
from autograd._ir.code cimport room
from autograd._program.call cimport Call, begin_call
from autograd._program.program cimport Program, varying_of
from autograd._program.tracing cimport tracing

# The least work of a program, in instructions times lanes, for which it pays to run its guards alone before.
cdef Py_ssize_t LEAST_WORK = 2048
# After as many new programs that served one lane or none, each lane left is traced for itself: the rows of a batch
# could all go ways of their own.
cdef Py_ssize_t MOST_ALONE = 64


@cython.auto_pickle(False)
cdef class Decision:
    """A node of the decision tree."""

    cdef Decision exit(self, bytes varying, bint only_guards, unsigned guard):
        """Return where points go at which a guard of the program was the first to fail."""
        cdef Executable executable
        cdef list left = []
        cdef tuple candidate
        cdef Decision following
        key = 2 * guard + only_guards
        following = self.exits.get(key)
        if following is None:
            executable = self.program.executable(varying, None, only_guards)
            for candidate in self.candidates:
                if remains(candidate[0], executable, guard - 1):
                    left.append(candidate)
            if left:
                following = self.exits[key] = new_decision(left, varying)
        return following


cdef Decision new_decision(list candidates, bytes varying):
    cdef Decision decision = Decision.__new__(Decision)
    decision.candidates = candidates
    decision.program = candidates[len(candidates) // 2][2]
    if len(candidates) > 1 and not decision.program.code.calls:
        decision.work = decision.program.executable(varying, None).schedule.body_size
    decision.exits = {}
    return decision


cdef bint remains(bytes path, Executable failed, unsigned guard) noexcept:
    """Whether a program of this path may serve where a guard failed, and no guard that ran before."""
    cdef const char *outcomes = PyBytes_AS_STRING(path)
    cdef const char *others = PyBytes_AS_STRING(failed.path)
    cdef unsigned size = min(len(path), len(failed.path)) // sizeof(double)
    cdef unsigned parting = 0
    while parting < size and not memcmp(outcomes + parting * sizeof(double), others + parting * sizeof(double),
                                        sizeof(double)):
        parting += 1
    return parting == guard or parting < guard and failed.ranks[parting] > failed.ranks[guard]


@cython.auto_pickle(False)
cdef class Partition:
    """The lanes of a run, in groups that go the same way."""

    def __dealloc__(self):
        if self.order != NULL:
            give(self.order)
        if self.outcomes != NULL:
            give(self.outcomes)

    cdef list split(self, Program program, bint only_guards, Py_ssize_t first, Py_ssize_t count, bint by_guard):
        """Run a program, or its guards, for a group, and divide it by the guard that failed, or by whether one did.

        Returns triples of a guard, 0 where none failed, the first position of its group, and the size.
        """
        cdef Py_ssize_t *rows = NULL if self.rows == NULL else self.rows + first
        cdef Py_ssize_t *ends
        cdef Py_ssize_t i, passed = 0, failed = 0
        cdef unsigned guard, lowest = 0xFFFFFFFF, highest = 0
        if not program.run(self.varying, None, count, rows, self.inputs, self.outputs, self.failed, self.threads,
                           only_guards):
            return [(0, first, count)]
        if rows == NULL:
            self.order = take(2 * count)
            self.rows = rows = <Py_ssize_t *> self.order.data
            self.scratch = rows + count
            for i in range(count):
                rows[i] = i
        # Without branches, of which every second one could be mispredicted.
        for i in range(count):
            guard = self.failed[i]
            self.scratch[failed] = rows[i]
            self.failed[failed] = guard
            rows[passed] = rows[i]
            passed += guard == 0
            failed += guard != 0
        groups = [(0, first, passed)] if passed else []
        for i in range(failed):
            lowest, highest = min(lowest, self.failed[i]), max(highest, self.failed[i])
        if lowest == highest or not by_guard:
            memcpy(rows + passed, self.scratch, failed * sizeof(Py_ssize_t))
            groups.append((highest, first + passed, failed))
            return groups
        ends = <Py_ssize_t *> room(highest - lowest + 1, sizeof(Py_ssize_t))
        try:
            for i in range(failed):
                ends[self.failed[i] - lowest] += 1
            for guard in range(highest - lowest + 1):
                if ends[guard]:
                    groups.append((guard + lowest, first + passed, ends[guard]))
                passed += ends[guard]
                ends[guard] = passed
            for i in reversed(range(failed)):
                ends[self.failed[i] - lowest] -= 1
                rows[ends[self.failed[i] - lowest]] = self.scratch[i]
        finally:
            PyMem_RawFree(ends)
        return groups

    cdef int serve(self, Program program, Py_ssize_t first, Py_ssize_t count) except -1:
        """Note that a program ran for a group."""
        if count > self.most:
            self.top, self.most = program, count
        if self.parts is not None:
            self.parts.append((program, None if self.rows == NULL else PyBytes_FromStringAndSize(
                <char *> (self.rows + first), count * sizeof(Py_ssize_t))))
        return 0

    cdef int decide(self, Decision decision, bint only_guards, Py_ssize_t first, Py_ssize_t count) except -1:
        """Try the program of a decision, and pass on the lanes in which a guard fails."""
        cdef Py_ssize_t start, size
        cdef unsigned guard
        for guard, start, size in self.split(decision.program, only_guards, first, count, True):
            if guard:
                following = decision.exit(self.varying, only_guards, guard)
                if following is None:
                    self.set_aside(decision.program, guard, start, size, 0)
                else:
                    self.decided.append((following, start, size))
            elif only_guards:
                self.decide(decision, False, start, size)
            else:
                self.serve(decision.program, start, size)
        return 0

    cdef int set_aside(self, Program program, unsigned guard, Py_ssize_t first, Py_ssize_t count,
                       Py_ssize_t alone) except -1:
        """Put a group, for which a guard of the last program failed, on the heap of those without a program."""
        heapq.heappush(self.unknown, (self.rows[first], first, count, alone, program, guard))
        return 0


cdef int note_lane(object error, Py_ssize_t lane) except -1:
    """Tell an exception that has an attribute `lane` in which one the function raised it."""
    if getattr(error, "lane", lane) is None:
        error.lane = lane
    return 0


@cython.auto_pickle(False)
cdef class Specializations:
    """The programs of one function, a specialization for every way through its branches that was met."""

    def __cinit__(self):
        self.programs = []

    cdef Program specialize(self, list point):
        raise NotImplementedError

    cdef int add(self, Program program) except -1:
        self.programs.append(program)
        self.captures |= len(program.code.captured) > 0
        return 0

    cdef Decision tree(self, bytes varying):
        """Return the root of the decision tree."""
        cdef Program program
        cdef Decision root = self.root
        if root is None or varying != self.varying:
            candidates = []
            for number, program in enumerate(self.programs):
                candidates.append((program.executable(varying, None).path, number, program))
            candidates.sort()
            self.root = root = new_decision(candidates, varying)
            self.varying = varying
        return root

    cdef int keep(self, Program program, Program tried, unsigned guard) except -1:
        """Add a program for points at which a guard of the one tried last failed."""
        self.root = None
        if len(self.programs) < self.max_ways:
            return self.add(program)
        self.warn(tried, guard)
        # Knuth's generator, of whose bits the upper ones are good.
        self.random = self.random * 6364136223846793005ULL + 1442695040888963407ULL
        self.programs[<Py_ssize_t> ((self.random >> 33) % <unsigned long long> self.max_ways)] = program
        self.captures |= len(program.code.captured) > 0
        return 0

    cdef int run(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                 list parts=None) except -1:
        if lanes < 0:
            return self.run_point(inputs, outputs, parts)
        if self.team is not None and lanes and not tracing() and not detecting():
            return self.team.run(self, <size_t> inputs, lanes, <size_t> outputs, parts)
        return self.run_lanes(inputs, lanes, outputs, threads, parts)

    cdef int run_point(self, const Array *inputs, const Array *outputs, list parts) except -1:
        cdef Program program = self.latest
        cdef Decision decision
        cdef unsigned guard = 1
        if program is not None:
            guard = program.run_point(0, inputs, outputs)
        if guard:
            decision = self.tree(None)
            while guard and decision is not None:
                if program is not decision.program:
                    program = decision.program
                    guard = program.run_point(0, inputs, outputs)
                if guard:
                    decision = decision.exit(None, False, guard)
            if guard:
                tried, program = program, self.specialize(self.point_at(0, inputs))
                self.keep(program, tried, guard)
                if program.run_point(0, inputs, outputs):
                    self.run_traced(program, 0, inputs, outputs, None)
            self.latest = program
        if parts is not None:
            parts.append((program, None))
        return 0

    cdef int run_lanes(self, const Array *inputs, Py_ssize_t lanes, const Array *outputs, int threads,
                       list parts) except -1:
        cdef Partition partition
        # Another thread may change the attributes while this one runs a program.
        cdef Program latest = self.latest
        cdef Decision decision
        cdef Py_ssize_t first, count
        if not lanes:
            return 0
        partition = Partition.__new__(Partition)
        partition.inputs, partition.outputs, partition.threads, partition.parts = inputs, outputs, threads, parts
        partition.varying = varying_of(inputs, (<Program> self.programs[0]).inputs)
        partition.outcomes = take((lanes + 1) // 2)
        partition.failed = <unsigned *> partition.outcomes.data
        partition.decided, partition.unknown = [], []
        decision = self.tree(partition.varying)
        if latest is None:
            partition.decided.append((decision, 0, lanes))
        elif latest is decision.program:
            partition.decide(decision, False, 0, lanes)
        else:
            for guard, first, count in partition.split(latest, False, 0, lanes, False):
                if guard:
                    partition.decided.append((decision, first, count))
                else:
                    partition.serve(latest, first, count)
        while partition.decided:
            decision, first, count = partition.decided.pop()
            partition.decide(decision, decision.work * count >= LEAST_WORK, first, count)
        self.run_unknown(partition)
        self.latest = partition.top if 2 * partition.most > lanes else None
        if parts is not None and len(parts) > 1:
            parts.sort(key=_first_row)
        return 0

    cdef Program specialize_lane(self, Py_ssize_t row, const Array *inputs):
        try:
            return self.specialize(self.point_at(row, inputs))
        except Exception as error:
            note_lane(error, row)
            raise

    cdef int run_unknown(self, Partition partition) except -1:
        """Trace the function for the lanes that no program is left for, those of the first rows first."""
        cdef Py_ssize_t row, first, count, alone, start, size, i
        cdef Program program, tried
        cdef unsigned guard
        while partition.unknown:
            row, first, count, alone, tried, guard = heapq.heappop(partition.unknown)
            if alone >= MOST_ALONE:
                for i in range(first, first + count):
                    row = partition.rows[i]
                    self.run_traced(self.specialize_lane(row, partition.inputs), row, partition.inputs,
                                    partition.outputs, partition.parts)
                continue
            program = self.specialize_lane(row, partition.inputs)
            self.keep(program, tried, guard)
            groups = partition.split(program, False, first, count, True)
            alone += groups[0][0] != 0 or groups[0][2] == 1
            for guard, start, size in groups:
                if guard:
                    partition.set_aside(program, guard, start, size, alone)
                else:
                    partition.serve(program, start, size)
        return 0

    cdef int run_traced(self, Program program, Py_ssize_t row, const Array *inputs, const Array *outputs,
                        list parts) except -1:
        """Run a program for the row at which it was traced."""
        program.without_guards().run_point(row, inputs, outputs)
        if parts is not None:
            # With its guards, which a trace around this call needs.
            parts.append((program, PyBytes_FromStringAndSize(<char *> &row, sizeof(Py_ssize_t))))
        return 0

    cdef list point_at(self, Py_ssize_t row, const Array *inputs):
        cdef list point = []
        cdef Py_ssize_t i
        for i in range((<Program> self.programs[0]).inputs):
            point.append(inputs[i].data[row * inputs[i].stride])
        return point

    cdef int warn(self, Program tried, unsigned guard) except -1:
        if not self.warned:
            self.warned = True
            file, line = tried.place(guard)
            warnings.warn(
                f"{self.name} takes more than {self.max_ways} ways through its branches, the last of them at "
                f"{file}:{line}; a way whose program is not kept is traced again. Write the branch with where(), or "
                "raise max_ways",
                RuntimeWarning,
                # The caller: nothing of this package that it called is written in Python.
                stacklevel=1,
            )
        return 0

    cdef list call(self, const Array *inputs, Py_ssize_t lanes, list values, int threads, list ran):
        cdef Py_ssize_t count = max(lanes, 1) if lanes else 0
        cdef Py_ssize_t outputs = (<Program> self.programs[0]).outputs
        cdef Call block = Call.__new__(Call)
        cdef double *results = <double *> room(outputs * count, sizeof(double))
        cdef Array *arrays = NULL
        cdef Py_ssize_t i, k
        cdef list columns = []
        try:
            arrays = <Array *> room(outputs, sizeof(Array))
            for i in range(outputs):
                arrays[i] = Array(results + i * count, 1)
            parts = []
            self.run(inputs, lanes, arrays, threads, parts)
            if ran is not None:
                ran += parts
            block.team = self.team
            begin_call(block, self.name, inputs, (<Program> self.programs[0]).inputs, count, outputs, values, parts)
            for i in range(outputs):
                column = []
                for k in range(count):
                    primal = results[i * count + k]
                    column.append(new_output(block, i * count + k, primal))
                columns.append(column[0] if lanes < 0 else column)
        finally:
            PyMem_RawFree(results)
            PyMem_RawFree(arrays)
        return columns


def _first_row(part):
    """Return the first row of a part."""
    return (<const Py_ssize_t *> PyBytes_AS_STRING(<bytes> part[1]))[0]
