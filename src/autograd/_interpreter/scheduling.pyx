"""Scheduling: the order of instructions.

How many results have to be kept at once decides how much memory a lane takes, and so how fast the body of a program
runs. A point takes little memory; there it is worth more to have instructions that do the same next to each other,
which become one (LANE_MAP).
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcpy, memset

from autograd._ir.code cimport NONE, Code, Entry, arity, operands_of, room
from autograd._ir.liveness cimport count_uses
from autograd._ir.opcodes cimport CODE_COUNT, LANE_LOAD, has_value, is_free, is_guard
from autograd._kernels.functions cimport is_function

# The instructions of a point that may change places; their results surely fit into the second level of the cache.
cdef enum:
    WINDOW = 8192


@cython.internal
@cython.auto_pickle(False)
cdef class InstructionOrder:
    """A search for the order of the live instructions of a code."""
    cdef Code code
    # By position: the number of uses; the number of operands that no instruction so far computes; where in `users` the
    # list of the instructions that use the result begins.
    cdef unsigned *uses
    cdef unsigned *missing
    cdef unsigned *first_user
    cdef unsigned *users
    # A stack of instructions whose operands are all there, and the order that was found.
    cdef unsigned *ready
    cdef unsigned *order

    def __cinit__(self, Code code):
        cdef Py_ssize_t n = code.size
        self.code = code
        self.uses = count_uses(code)
        self.missing = <unsigned *> room(n, sizeof(unsigned))
        self.first_user = <unsigned *> room(n + 1, sizeof(unsigned))
        self.ready = <unsigned *> room(n, sizeof(unsigned))
        self.order = <unsigned *> room(n, sizeof(unsigned))

    def __dealloc__(self):
        self.end_search()
        PyMem_RawFree(self.uses)
        PyMem_RawFree(self.order)

    cdef void end_search(self) noexcept:
        """Free the memory of the search; the result stays."""
        PyMem_RawFree(self.missing)
        PyMem_RawFree(self.first_user)
        PyMem_RawFree(self.users)
        PyMem_RawFree(self.ready)
        self.missing = self.first_user = self.users = self.ready = NULL

    cdef int find_users(self) except -1:
        """Fill in `users`, and how many operands of each instruction other instructions compute.

        A guard counts as an operand of the next one, so that the first that fails is the first of the trace.
        """
        cdef Entry *entry
        cdef Py_ssize_t i, k
        cdef unsigned operand
        cdef unsigned total = 0
        cdef unsigned guard = NONE
        for i in range(self.code.size):
            entry = &self.code.entries[i]
            if self.uses[i]:
                for k in range(arity(entry)):
                    operand = operands_of(self.code, entry)[k]
                    if not is_free(self.code.entries[operand].op):
                        self.first_user[operand] += 1
                        self.missing[i] += 1
                if is_guard(entry.op):
                    if guard != NONE:
                        self.first_user[guard] += 1
                        self.missing[i] += 1
                    guard = i
        for i in range(self.code.size):
            total += self.first_user[i]
            self.first_user[i] = total
        self.first_user[self.code.size] = total
        self.users = <unsigned *> room(total, sizeof(unsigned))
        # From the end, so that each list is in rising order and begins where the next one ends.
        guard = NONE
        for i in reversed(range(self.code.size)):
            entry = &self.code.entries[i]
            if self.uses[i]:
                for k in range(arity(entry)):
                    operand = operands_of(self.code, entry)[k]
                    if not is_free(self.code.entries[operand].op):
                        self.first_user[operand] -= 1
                        self.users[self.first_user[operand]] = i
                if is_guard(entry.op):
                    if guard != NONE:
                        self.first_user[i] -= 1
                        self.users[self.first_user[i]] = guard
                    guard = i
        return 0

    cdef void in_depth(self) noexcept:
        """Order the instructions depth first: what a result makes ready comes next."""
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
        """Push the instructions that need no other one, those that need the first inputs last; return how many."""
        cdef Entry *entry
        cdef Py_ssize_t waiting = 0, i, k
        cdef unsigned latest, operand
        # By input, a linked list of instructions: `order` has the last one, `missing` for each the one before.
        memset(self.order, 0xFF, self.code.size * sizeof(unsigned))
        for i in range(self.code.size):
            if not self.uses[i] or self.missing[i] or is_free(self.code.entries[i].op):
                continue
            entry = &self.code.entries[i]
            latest = 0
            for k in range(arity(entry)):
                operand = operands_of(self.code, entry)[k]
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

    cdef bint in_levels(self, const unsigned *source, Py_ssize_t count, unsigned *result) except -1:
        """Bring those that do the same and do not depend on each other together, within windows of an order.

        Returns whether that pays.
        """
        cdef unsigned *levels = <unsigned *> room(3 * self.code.size, sizeof(unsigned))
        cdef Py_ssize_t first, groups = 0, calls = 0, call_groups = 0
        for first in range(0, count, WINDOW):
            self.sort_window(source + first, min(WINDOW, count - first), first // WINDOW + 1, levels, result + first,
                             &groups, &calls, &call_groups)
        PyMem_RawFree(levels)
        return count >= 8 * groups or calls >= 2 * call_groups and calls > 0

    cdef int sort_window(self, const unsigned *source, Py_ssize_t count, unsigned window, unsigned *levels,
                         unsigned *result, Py_ssize_t *groups, Py_ssize_t *calls, Py_ssize_t *call_groups) except -1:
        cdef Entry *entry
        cdef Py_ssize_t i, j, k, operands
        cdef unsigned level, depth, operand, highest = 0, deepest = 0, guard = NONE
        cdef unsigned *depths = levels + self.code.size
        cdef unsigned *windows = depths + self.code.size
        # The level of a result is twice the most functions on a path to it, and one less if it is a function itself;
        # its depth is the length of the longest path to it within the level.
        for k in range(count):
            i = source[k]
            entry = &self.code.entries[i]
            level = depth = 0
            operands = arity(entry)
            for j in range(operands + 1):
                # A guard comes after the one before it.
                operand = operands_of(self.code, entry)[j] if j < operands else guard if is_guard(entry.op) else NONE
                if operand == NONE or windows[operand] != window:
                    continue
                if levels[operand] + (levels[operand] & 1) > level:
                    level, depth = levels[operand] + (levels[operand] & 1), 0
                if levels[operand] == level:
                    depth = max(depth, depths[operand] + 1)
            if is_guard(entry.op):
                guard = i
            windows[i] = window
            levels[i] = level + is_function(entry.op)
            depths[i] = 0 if levels[i] & 1 else depth
            highest, deepest = max(highest, levels[i]), max(deepest, depths[i])
        self.sort_by_op(count, source, self.ready)
        sort_by(depths, deepest, count, self.ready, result)
        sort_by(levels, highest, count, result, self.ready)
        memcpy(result, self.ready, count * sizeof(unsigned))
        operand = NONE
        for k in range(count):
            i = result[k]
            calls[0] += levels[i] & 1
            if operand == NONE or levels[operand] != levels[i] or depths[operand] != depths[i] or (
                    self.code.entries[operand].op != self.code.entries[i].op):
                groups[0] += 1
                call_groups[0] += levels[i] & 1
            operand = i
        return 0

    cdef int sort_by_op(self, Py_ssize_t count, const unsigned *source, unsigned *result) except -1:
        cdef unsigned starts[CODE_COUNT + 1]
        cdef Py_ssize_t k
        cdef unsigned op
        memset(starts, 0, sizeof(starts))
        for k in range(count):
            starts[self.code.entries[source[k]].op + 1] += 1
        for k in range(CODE_COUNT):
            starts[k + 1] += starts[k]
        for k in range(count):
            op = self.code.entries[source[k]].op
            result[starts[op]] = source[k]
            starts[op] += 1
        return 0

    cdef Py_ssize_t most_slots(self, const unsigned *order, Py_ssize_t count, unsigned *left, Py_ssize_t limit
                               ) noexcept:
        """Return the most results that are live at once in an order; if they are more than `limit`, any such number.
        """
        cdef Entry *entry
        cdef Py_ssize_t k, j, held = 0, most = 0
        cdef unsigned operand
        for k in range(self.code.size):
            left[k] = self.first_user[k + 1] - self.first_user[k]
        for k in range(count):
            entry = &self.code.entries[order[k]]
            for j in range(arity(entry)):
                operand = operands_of(self.code, entry)[j]
                if not is_free(self.code.entries[operand].op):
                    left[operand] -= 1
                    held -= not left[operand]
            held += left[order[k]] > 0 and has_value(entry.op)
            most = max(most, held)
            if most > limit:
                break
        return most


cdef int sort_by(const unsigned *keys, unsigned highest, Py_ssize_t count, const unsigned *source, unsigned *result
                 ) except -1:
    """Sort positions by their keys, stably."""
    cdef unsigned *starts = <unsigned *> room(<Py_ssize_t> highest + 2, sizeof(unsigned))
    cdef Py_ssize_t k
    for k in range(count):
        starts[keys[source[k]] + 1] += 1
    for k in range(highest + 1):
        starts[k + 1] += starts[k]
    for k in range(count):
        result[starts[keys[source[k]]]] = source[k]
        starts[keys[source[k]]] += 1
    PyMem_RawFree(starts)
    return 0


cdef Code ordered(Code code, bint for_point):
    """Return the live instructions as they are or depth first, whichever needs fewer slots.

    Depth first, the derivative of a term of a sum comes right after the term and not after the sum; what was traced in
    many steps, each over many numbers, is better left as it is. For a point, whose slots are single numbers, equal
    instructions are brought together.
    """
    cdef InstructionOrder order = InstructionOrder.__new__(InstructionOrder, code)
    cdef Code result = Code.__new__(Code)
    cdef Py_ssize_t n = code.size
    cdef Py_ssize_t i, most, count = 0
    cdef unsigned *as_it_is = <unsigned *> room(n, sizeof(unsigned))
    cdef unsigned *room_for_count = NULL
    cdef unsigned *chosen = as_it_is
    try:
        room_for_count = <unsigned *> room(n, sizeof(unsigned))
        order.find_users()
        for i in range(n):
            if order.uses[i] and not is_free(code.entries[i].op):
                as_it_is[count] = i
                count += 1
        if code.calls and code.places:
            # A call stays behind the guards before it: it may raise where a guard fails.
            pass
        elif for_point and count <= WINDOW and order.in_levels(as_it_is, count, order.order):
            chosen = order.order
        else:
            order.in_depth()
            most = order.most_slots(order.order, count, room_for_count, n)
            if most < order.most_slots(as_it_is, count, room_for_count, most):
                chosen = order.order
            if for_point and count > WINDOW and order.in_levels(chosen, count, room_for_count):
                chosen = room_for_count
        order.end_search()
        result.take_over(code, order.uses, chosen, count)
    finally:
        PyMem_RawFree(as_it_is)
        PyMem_RawFree(room_for_count)
    return result
