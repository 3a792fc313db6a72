"""The order of instructions.

How many results have to be kept at once decides how much memory a lane takes, and so how fast the body of a program
runs. A point takes little memory; there it is worth more to have calls of the same function next to each other, which
become one call.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memset

from autograd._ir.code cimport CODE_CONSTANT, NONE, Code, Entry, room
from autograd._interpreter.interpreter cimport LANE_CALL, LANE_GUARD, LANE_LOAD, LANE_SAME, can_map

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_COUNT

# A point's slots that surely fit into the first level of the cache.
cdef enum:
    MOST_POINT_SLOTS = 4096


# What the search for an order knows of the instructions of a code.
@cython.internal
@cython.auto_pickle(False)
cdef class Order:
    cdef Code code
    # By position: whether the result is of use; how many operands are not there yet; where in `users` the instructions
    # begin that have it as an operand.
    cdef unsigned char *alive
    cdef unsigned *missing
    cdef unsigned *first_user
    cdef unsigned *users
    # Instructions that could come next, and the order that was found.
    cdef unsigned *ready
    cdef unsigned *order

    def __cinit__(self, Code code):
        cdef Py_ssize_t n = code.size
        self.code = code
        self.alive = <unsigned char *> room(n, 1)
        self.missing = <unsigned *> room(n, sizeof(unsigned))
        self.first_user = <unsigned *> room(n + 1, sizeof(unsigned))
        self.users = <unsigned *> room(4 * n + code.argument_count, sizeof(unsigned))
        self.ready = <unsigned *> room(n, sizeof(unsigned))
        self.order = <unsigned *> room(n, sizeof(unsigned))

    def __dealloc__(self):
        PyMem_RawFree(self.alive)
        PyMem_RawFree(self.missing)
        PyMem_RawFree(self.first_user)
        PyMem_RawFree(self.users)
        PyMem_RawFree(self.ready)
        PyMem_RawFree(self.order)

    cdef inline bint is_free(self, unsigned i) noexcept:
        """Whether a result is there without an instruction."""
        return self.code.entries[i].op == LANE_LOAD or self.code.entries[i].op == CODE_CONSTANT

    cdef int find_alive(self) except -1:
        """Find what the outputs and guards need."""
        cdef Entry *entry
        cdef Py_ssize_t i, k
        for output in self.code.outputs:
            self.alive[<Py_ssize_t> output] = True
        for i in reversed(range(self.code.size)):
            entry = &self.code.entries[i]
            self.alive[i] |= entry.op == LANE_GUARD or entry.op == LANE_SAME
            if self.alive[i]:
                for k in range(self.code.arity(entry)):
                    self.alive[self.code.operand(entry, k)] = True
            if entry.op == LANE_CALL and self.alive[i]:
                # A call has all its results.
                for k in range(entry.d):
                    self.alive[i + 1 + k] = True
        return 0

    cdef void find_users(self) noexcept:
        cdef Entry *entry
        cdef Py_ssize_t i, k
        cdef unsigned operand
        cdef unsigned total = 0
        for i in range(self.code.size):
            entry = &self.code.entries[i]
            if self.alive[i]:
                for k in range(self.code.arity(entry)):
                    operand = self.code.operand(entry, k)
                    if not self.is_free(operand):
                        self.first_user[operand] += 1
                        self.missing[i] += 1
        for i in range(self.code.size):
            total += self.first_user[i]
            self.first_user[i] = total
        self.first_user[self.code.size] = total
        # From the end, so that each list is in rising order and begins where the next one ends.
        for i in reversed(range(self.code.size)):
            entry = &self.code.entries[i]
            if self.alive[i]:
                for k in range(self.code.arity(entry)):
                    operand = self.code.operand(entry, k)
                    if not self.is_free(operand):
                        self.first_user[operand] -= 1
                        self.users[self.first_user[operand]] = i

    cdef void in_depth(self) noexcept:
        """Order the instructions so that what a result makes possible comes next."""
        cdef Py_ssize_t waiting = self.push_first()
        cdef Py_ssize_t count = 0, first, k
        cdef unsigned i
        while waiting:
            waiting -= 1
            i = self.ready[waiting]
            self.order[count] = i
            count += 1
            first = self.first_user[i]
            for k in range(<Py_ssize_t> self.first_user[i + 1] - 1, first - 1, -1):
                self.missing[self.users[k]] -= 1
                if not self.missing[self.users[k]]:
                    self.ready[waiting] = self.users[k]
                    waiting += 1

    cdef Py_ssize_t push_first(self) noexcept:
        """Make ready what needs no other instruction, those on top that need the first inputs; return how many."""
        cdef Entry *entry
        cdef Py_ssize_t waiting = 0, i, k
        cdef unsigned latest, operand
        # By input, a chain of instructions: `order` has the last of each, `missing` the one before.
        memset(self.order, 0xFF, self.code.size * sizeof(unsigned))
        for i in range(self.code.size):
            if not self.alive[i] or self.missing[i] or self.is_free(i):
                continue
            entry = &self.code.entries[i]
            latest = 0
            for k in range(self.code.arity(entry)):
                operand = self.code.operand(entry, k)
                if self.code.entries[operand].op == LANE_LOAD:
                    latest = max(latest, operand)
            self.missing[i] = self.order[latest]
            self.order[latest] = i
        for i in reversed(range(self.code.size)):
            operand = self.order[i]
            while operand != NONE:
                self.ready[waiting] = operand
                waiting += 1
                operand = self.missing[operand]
        return waiting

    cdef bint in_levels(self, Py_ssize_t count, const unsigned *source, unsigned *levels) except -1:
        """Order the instructions so that calls of one function that need not wait for each other come together.

        Returns whether that is worth it: whether as many calls come in groups as there are groups.
        """
        cdef Entry *entry
        cdef Py_ssize_t i, k, groups = 0, calls = 0
        cdef unsigned level, highest = 0, last = NONE
        # By the functions, in order, on the way to a result; twice that, and one more for a function.
        for k in range(count):
            i = source[k]
            entry = &self.code.entries[i]
            level = 0
            for j in range(self.code.arity(entry)):
                operand = self.code.operand(entry, j)
                if not self.is_free(operand):
                    level = max(level, levels[<Py_ssize_t> operand] + (levels[<Py_ssize_t> operand] & 1))
            levels[i] = level + can_map(entry.op)
            highest = max(highest, levels[i])
        self.sort_by(count, source, levels, highest, self.ready)
        for k in range(count):
            i = self.order[k]
            if levels[i] & 1:
                level = levels[i] * <unsigned> OP_COUNT + self.code.entries[i].op
                calls += 1
                groups += level != last
                last = level
        return calls >= 2 * groups and groups > 0

    cdef int sort_by(self, Py_ssize_t count, const unsigned *source, const unsigned *levels, unsigned highest,
                     unsigned *scratch) except -1:
        """Sort instructions by level, calls within a level by function; keep the order of equal ones."""
        cdef unsigned *starts = <unsigned *> room(max(highest, <unsigned> OP_COUNT) + 2, sizeof(unsigned))
        cdef Py_ssize_t k
        cdef unsigned i
        for k in range(count):
            starts[self.kind(source[k], levels) + 1] += 1
        for k in range(OP_COUNT):
            starts[k + 1] += starts[k]
        for k in range(count):
            i = self.kind(source[k], levels)
            scratch[starts[i]] = source[k]
            starts[i] += 1
        memset(starts, 0, (highest + 2) * sizeof(unsigned))
        for k in range(count):
            starts[levels[source[k]] + 1] += 1
        for k in range(highest + 1):
            starts[k + 1] += starts[k]
        for k in range(count):
            i = levels[scratch[k]]
            self.order[starts[i]] = scratch[k]
            starts[i] += 1
        PyMem_RawFree(starts)
        return 0

    cdef inline unsigned kind(self, unsigned i, const unsigned *levels) noexcept:
        return self.code.entries[i].op if levels[i] & 1 else 0

    cdef Py_ssize_t most_slots(self, const unsigned *order, Py_ssize_t count, unsigned *left) noexcept:
        """How many results an order needs at once."""
        cdef Entry *entry
        cdef Py_ssize_t k, j, held = 0, most = 0
        cdef unsigned operand
        for k in range(self.code.size):
            left[k] = self.first_user[k + 1] - self.first_user[k]
        for k in range(count):
            entry = &self.code.entries[order[k]]
            for j in range(self.code.arity(entry)):
                operand = self.code.operand(entry, j)
                if not self.is_free(operand):
                    left[operand] -= 1
                    held -= not left[operand]
            held += left[order[k]] > 0
            most = max(most, held)
        return most


cdef Code ordered(Code code, bint for_point):
    """The instructions that are of use, in the order that needs fewer slots: as they are, or in depth.

    In depth, the derivative of a term of a sum comes right after the term and not after the sum; what was made in many
    steps, each over many numbers, is better left as it is. For a point, whose slots are single numbers, the order that
    brings functions together is better than both.
    """
    cdef Order order = Order.__new__(Order, code)
    cdef Code result = Code.__new__(Code)
    cdef Py_ssize_t n = code.size
    cdef Py_ssize_t i, count = 0
    cdef unsigned *as_it_is = <unsigned *> room(n, sizeof(unsigned))
    cdef unsigned *room_for_count = NULL
    cdef unsigned *chosen = as_it_is
    try:
        room_for_count = <unsigned *> room(n, sizeof(unsigned))
        order.find_alive()
        order.find_users()
        for i in range(n):
            if order.alive[i] and not order.is_free(i):
                as_it_is[count] = i
                count += 1
        if code.calls and code.places:
            # A call stays behind the guards before it: it may fail where the function does not go this way.
            pass
        elif for_point and order.in_levels(count, as_it_is, room_for_count) and (
                order.most_slots(order.order, count, room_for_count) <= MOST_POINT_SLOTS):
            chosen = order.order
        else:
            order.in_depth()
            if order.most_slots(order.order, count, room_for_count) < order.most_slots(as_it_is, count, room_for_count):
                chosen = order.order
        result.take_over(code, order.alive, chosen, count)
    finally:
        PyMem_RawFree(as_it_is)
        PyMem_RawFree(room_for_count)
    return result
