"""From code to what the interpreter runs.

What does not depend on a varying input is computed once for all lanes, in the prologue. A product that is only added to
something becomes part of a multiply-add, and a chain of these one dot product. Then every result gets a slot, which is
used again when nobody needs the result any more: how much memory a lane takes decides how fast the body runs.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memset

from autograd._ir.code cimport CODE_CONSTANT, NONE, Code, Entry, operand_count, room
from autograd._interpreter.interpreter cimport (
    LANE_CALL, LANE_DOT, LANE_GUARD, LANE_LOAD, LANE_MADD, LANE_MAP, LANE_MOST_RESULTS, LANE_MSUB, LANE_NMADD,
    LANE_NO_START, LANE_SAME, LANE_STORE, LANE_SUM, LANE_SUM_MUL, LANE_TOTAL, LANE_UNIFORM, Instruction, can_map,
)
from autograd._interpreter.scheduling cimport ordered

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_ADD
        OP_SUB
        OP_MUL


@cython.auto_pickle(False)
cdef class Routine:
    """A Code made ready to run."""

    def __dealloc__(self):
        PyMem_RawFree(self.instructions)
        PyMem_RawFree(self.arguments)
        PyMem_RawFree(self.constants)


# ---------------------------------------------------------------------------------------------------------------------
# Instructions

# An instruction before it has slots: its operands are positions in the code. `first` and `count` say where among the
# planner's operands those of a dot product or a call are.
cdef struct Planned:
    unsigned op
    unsigned flags
    unsigned out
    unsigned operands[4]
    unsigned operand_count
    unsigned first
    unsigned count

# Where an instruction runs.
cdef enum:
    PROLOGUE
    BODY
    EPILOGUE

# The operands of a product that is computed later, as part of another instruction, are needed until then. That costs
# slots, except where they live so long anyway; it is done over this many instructions at most. So is a dot product of
# so many terms; one whose operands live on anyway may have more.
cdef enum:
    NEAR = 16
    MOST_TERMS = 64

# A slot that is never used again.
cdef enum:
    FOREVER = 0x7FFFFFFF


@cython.internal
@cython.auto_pickle(False)
cdef class Planner:
    cdef Code code
    cdef Py_ssize_t size
    # NEAR; at a point, any distance is.
    cdef Py_ssize_t near
    # By position in the code: how often a result is used, whether it varies, the last position that needs it.
    cdef unsigned *uses
    cdef unsigned char *varies
    cdef unsigned *needed
    # By position: whether it became part of another instruction; the product that an addition takes in, the addition
    # before it in its chain, and the length of the chain.
    cdef unsigned char *absorbed
    cdef unsigned *product
    cdef unsigned *previous
    cdef unsigned *length
    # By position: whether it has been planned (inputs and results of calls are, out of turn), and its slot.
    cdef unsigned char *done
    cdef unsigned *slots
    # The instructions of prologue, body and epilogue.
    cdef Planned *planned[3]
    cdef Py_ssize_t counts[3]
    cdef unsigned *operands
    cdef Py_ssize_t operand_total

    def __cinit__(self, Code code, bint for_point):
        cdef Py_ssize_t n = code.size
        cdef Py_ssize_t k
        self.code = code
        self.size = n
        self.near = n if for_point else NEAR
        self.uses = <unsigned *> room(n, sizeof(unsigned))
        self.varies = <unsigned char *> room(n, 1)
        self.needed = <unsigned *> room(n, sizeof(unsigned))
        self.absorbed = <unsigned char *> room(n, 1)
        self.product = <unsigned *> room(n, sizeof(unsigned))
        self.previous = <unsigned *> room(n, sizeof(unsigned))
        self.length = <unsigned *> room(n, sizeof(unsigned))
        self.done = <unsigned char *> room(n, 1)
        self.slots = <unsigned *> room(n, sizeof(unsigned))
        for k in range(3):
            self.planned[k] = <Planned *> room(n + 3 * len(code.outputs), sizeof(Planned))
        self.operands = <unsigned *> room(2 * n + code.argument_count + n, sizeof(unsigned))

    def __dealloc__(self):
        cdef Py_ssize_t k
        PyMem_RawFree(self.uses)
        PyMem_RawFree(self.varies)
        PyMem_RawFree(self.needed)
        PyMem_RawFree(self.absorbed)
        PyMem_RawFree(self.product)
        PyMem_RawFree(self.previous)
        PyMem_RawFree(self.length)
        PyMem_RawFree(self.done)
        PyMem_RawFree(self.slots)
        for k in range(3):
            PyMem_RawFree(self.planned[k])
        PyMem_RawFree(self.operands)

    cdef int count_uses(self) except -1:
        """Count what the outputs and guards need, directly or not; what has no use is dead."""
        cdef Entry *entry
        cdef Py_ssize_t i, k
        for output in self.code.outputs:
            self.uses[<Py_ssize_t> output] += 1
        for i in reversed(range(self.size)):
            entry = &self.code.entries[i]
            if entry.op == LANE_GUARD or entry.op == LANE_SAME:
                self.uses[i] += 1
            if self.uses[i]:
                for k in range(self.code.arity(entry)):
                    self.uses[self.code.operand(entry, k)] += 1
        return 0

    cdef int find_varying(self, bytes varying) except -1:
        """Find what varies, and until where each result is needed."""
        cdef Entry *entry
        cdef Py_ssize_t i, k
        cdef unsigned operand
        # A call may only happen where the lanes go this way, so it has to wait for the guards before it.
        cdef bint is_guarded = False
        for i in range(self.size):
            entry = &self.code.entries[i]
            if entry.op == LANE_LOAD:
                self.varies[i] = varying is not None and varying[entry.a]
            if not self.uses[i]:
                continue
            for k in range(self.code.arity(entry)):
                operand = self.code.operand(entry, k)
                self.varies[i] |= self.varies[operand]
                self.needed[operand] = i
            if entry.op == LANE_CALL:
                self.varies[i] |= is_guarded
                # Of a result without use too, which has a slot all the same.
                for k in range(entry.d):
                    self.varies[i + 1 + k] = self.varies[i]
            elif entry.op == LANE_GUARD or entry.op == LANE_SAME:
                is_guarded |= self.varies[i]
        return 0

    cdef inline bint absorbs(self, Py_ssize_t i, unsigned operand) noexcept:
        """Whether an operand is computed for instruction i alone, and in the same phase."""
        return self.uses[operand] == 1 and not self.absorbed[operand] and self.varies[operand] == self.varies[i]

    cdef inline bint takes(self, Py_ssize_t i, unsigned operand) noexcept:
        """Whether an operand is a product that instruction i can take in."""
        cdef Entry *entry = &self.code.entries[operand]
        return entry.op == OP_MUL and self.absorbs(i, operand) and (
            i - <Py_ssize_t> operand <= self.near or self.stays(i, entry.a) and self.stays(i, entry.b))

    cdef int fuse(self) except -1:
        cdef Entry *entry
        cdef Py_ssize_t i
        for i in range(self.size):
            entry = &self.code.entries[i]
            if not self.uses[i]:
                continue
            if entry.op == OP_ADD:
                self.fuse_addition(i, entry.a, entry.b)
            elif entry.op == OP_SUB:
                if self.takes(i, entry.b):
                    self.take_in(i, entry.b)
                elif self.takes(i, entry.a):
                    self.take_in(i, entry.a)
        return 0

    cdef void take_in(self, Py_ssize_t i, unsigned product) noexcept:
        cdef Entry *entry = &self.code.entries[product]
        self.absorbed[product] = True
        self.product[i] = product
        self.length[i] = 1
        self.needed[entry.a] = max(self.needed[entry.a], <unsigned> i)
        self.needed[entry.b] = max(self.needed[entry.b], <unsigned> i)

    cdef int fuse_addition(self, Py_ssize_t i, unsigned a, unsigned b) except -1:
        cdef bint a_fits = self.takes(i, a)
        cdef bint b_fits = self.takes(i, b)
        cdef unsigned product = b if b_fits and (not a_fits or b > a) else a
        cdef unsigned rest = a if product == b else b
        if not a_fits and not b_fits or a == b:
            return 0
        self.take_in(i, product)
        # A chain starts with a product, or with what the first product is added to.
        if self.code.entries[rest].op != OP_MUL and not (self.code.entries[rest].op == OP_ADD and self.length[rest]):
            return 0
        if self.absorbs(i, rest) and self.may_wait(i, rest):
            self.absorbed[rest] = True
            self.previous[i] = rest
            self.length[i] = max(2, self.length[rest] + 1)
            self.keep(i, rest)
        return 0

    cdef bint may_wait(self, Py_ssize_t i, unsigned rest) noexcept:
        """Whether the terms so far can be left to be computed at i: see NEAR."""
        cdef Entry *entry
        if self.length[rest] >= MOST_TERMS:
            return False
        if i - <Py_ssize_t> rest <= self.near and self.length[rest] < self.near:
            return True
        while True:
            entry = &self.code.entries[self.product[rest] if self.length[rest] else rest]
            if not self.stays(i, entry.a) or not self.stays(i, entry.b):
                return False
            if self.length[rest] < 2:
                return self.length[rest] == 0 or self.stays(i, self.start_of(rest))
            rest = self.previous[rest]

    cdef inline unsigned start_of(self, unsigned addition) noexcept:
        """What a chain of additions that does not start with a product starts with."""
        cdef Entry *entry = &self.code.entries[addition]
        return entry.a if self.product[addition] == entry.b else entry.b

    cdef inline bint stays(self, Py_ssize_t i, unsigned operand) noexcept:
        """Whether a slot is taken by this until i anyway."""
        return self.varies[i] and not self.varies[operand] or self.needed[operand] >= <unsigned> i

    cdef void keep(self, Py_ssize_t i, unsigned rest) noexcept:
        """Note that the operands of a chain are needed until i."""
        cdef Entry *entry
        while True:
            entry = &self.code.entries[self.product[rest] if self.length[rest] else rest]
            self.needed[entry.a] = max(self.needed[entry.a], <unsigned> i)
            self.needed[entry.b] = max(self.needed[entry.b], <unsigned> i)
            if self.length[rest] < 2:
                break
            rest = self.previous[rest]
        if self.length[rest] == 1:
            self.needed[self.start_of(rest)] = max(self.needed[self.start_of(rest)], <unsigned> i)

    # -- in order

    cdef inline Planned *plan(self, Py_ssize_t phase, unsigned op, unsigned out) noexcept:
        cdef Planned *planned = &self.planned[phase][self.counts[phase]]
        self.counts[phase] += 1
        planned.op = op
        planned.out = out
        return planned

    cdef inline void use(self, Planned *planned, unsigned operand) noexcept:
        """Add an operand."""
        planned.operands[planned.operand_count] = operand
        planned.operand_count += 1

    cdef void load(self, unsigned operand) noexcept:
        """Plan to load an input, if this is one, before its first use."""
        cdef Planned *planned
        if self.code.entries[operand].op == LANE_LOAD and not self.done[operand]:
            self.done[operand] = True
            planned = self.plan(BODY if self.varies[operand] else PROLOGUE, LANE_LOAD, operand)
            planned.operands[0] = self.code.entries[operand].a

    cdef void load_chain(self, unsigned chain) noexcept:
        """Load what an instruction needs, the terms that it took in included."""
        cdef Entry *entry = &self.code.entries[chain]
        cdef Py_ssize_t k
        cdef unsigned operand
        while True:
            for k in range(self.code.arity(entry)):
                operand = self.code.operand(entry, k)
                if not self.absorbed[operand]:
                    self.load(operand)
            if self.length[chain]:
                self.load(self.code.entries[self.product[chain]].a)
                self.load(self.code.entries[self.product[chain]].b)
            if self.length[chain] < 2:
                return
            chain = self.previous[chain]
            entry = &self.code.entries[chain]

    cdef int plan_entry(self, Py_ssize_t i) except -1:
        cdef Entry *entry = &self.code.entries[i]
        cdef Py_ssize_t phase = BODY if self.varies[i] else PROLOGUE
        cdef Planned *planned
        cdef Py_ssize_t k
        self.load_chain(i)
        if entry.op == LANE_CALL:
            planned = self.plan(phase, LANE_CALL, i)
            planned.operands[0] = entry.a
            planned.first = self.operand_total
            planned.count = entry.c
            planned.flags = entry.d
            for k in range(entry.c):
                self.add_operand(self.code.arguments[entry.b + k])
            # The results follow their call; a result without use still needs its place.
            for k in range(entry.d):
                self.add_operand(i + 1 + k)
                self.done[i + 1 + k] = True
        elif phase == PROLOGUE and can_map(entry.op) and self.run_length(i) > 1:
            self.plan_map(i, self.run_length(i))
        elif entry.op == OP_SUB and self.length[i]:
            planned = self.plan(phase, LANE_NMADD if self.product[i] == entry.b else LANE_MSUB, i)
            self.use(planned, self.code.entries[self.product[i]].a)
            self.use(planned, self.code.entries[self.product[i]].b)
            self.use(planned, entry.a if self.product[i] == entry.b else entry.b)
        elif self.length[i] == 1:
            planned = self.plan(phase, LANE_MADD, i)
            self.use(planned, self.code.entries[self.product[i]].a)
            self.use(planned, self.code.entries[self.product[i]].b)
            self.use(planned, self.start_of(i))
        elif self.length[i]:
            self.plan_dot(phase, i)
        else:
            planned = self.plan(phase, entry.op, NONE if entry.op == LANE_GUARD or entry.op == LANE_SAME else i)
            planned.flags = entry.b if entry.op == LANE_GUARD else 0
            for k in range(operand_count(entry.op)):
                self.use(planned, self.code.operand(entry, k))
        return 0

    cdef Py_ssize_t run_length(self, Py_ssize_t i) noexcept:
        """How many calls of one function follow each other, from i on, without one needing another."""
        cdef Entry *first = &self.code.entries[i]
        cdef Entry *entry
        cdef Py_ssize_t n = 1, k
        while n < LANE_MOST_RESULTS and i + n < self.size:
            entry = &self.code.entries[i + n]
            if entry.op != first.op or self.varies[i + n] or not self.uses[i + n]:
                break
            for k in range(operand_count(entry.op)):
                if self.code.operand(entry, k) >= <unsigned> i:
                    return n
            n += 1
        return n

    cdef int plan_map(self, Py_ssize_t i, Py_ssize_t n) except -1:
        """Plan calls of one function as one instruction."""
        cdef Py_ssize_t operands = operand_count(self.code.entries[i].op)
        cdef Py_ssize_t j, k
        cdef Planned *planned
        for j in range(i + 1, i + n):
            self.load_chain(j)
        planned = self.plan(PROLOGUE, LANE_MAP, i)
        planned.operands[0] = self.code.entries[i].op
        planned.first = self.operand_total
        planned.count = operands * n
        planned.flags = n
        for k in range(operands):
            for j in range(i, i + n):
                self.add_operand(self.code.operand(&self.code.entries[j], k))
        for j in range(i, i + n):
            self.add_operand(j)
            self.done[j] = True
        return 0

    cdef int add_operand(self, unsigned operand) except -1:
        self.operands[self.operand_total] = operand
        self.operand_total += 1
        return 0

    cdef int plan_dot(self, Py_ssize_t phase, Py_ssize_t i) except -1:
        cdef Planned *planned = self.plan(phase, LANE_DOT, i)
        cdef unsigned link = i
        cdef unsigned term
        cdef Py_ssize_t k = self.length[i]
        planned.first = self.operand_total
        planned.count = self.length[i]
        self.operand_total += 2 * self.length[i]
        while True:
            k -= 1
            term = self.product[link] if self.length[link] else link
            self.operands[planned.first + 2 * k] = self.code.entries[term].a
            self.operands[planned.first + 2 * k + 1] = self.code.entries[term].b
            if self.length[link] < 2:
                break
            link = self.previous[link]
        if self.length[link] == 1:
            self.use(planned, self.start_of(link))
        else:
            planned.flags = LANE_NO_START
        return 0

    cdef int plan_all(self, bytes summed) except -1:
        cdef Py_ssize_t i
        cdef Entry *entry
        cdef list sums = []
        cdef dict by_position = {}
        for number, output in enumerate(self.code.outputs):
            by_position.setdefault(output, []).append(number)
        for i in range(self.size):
            entry = &self.code.entries[i]
            if self.absorbed[i] or not self.uses[i]:
                continue
            numbers = by_position.get(i)
            if (entry.op == OP_MUL and self.uses[i] == 1 and self.varies[i] and numbers
                    and is_summed(summed, numbers[0])):
                self.load_chain(i)
                self.plan_sum(i, numbers[0], sums, True)
                continue
            if not self.done[i] and entry.op != CODE_CONSTANT and entry.op != LANE_LOAD:
                self.plan_entry(i)
            if numbers:
                self.load(i)
                for number in numbers:
                    if is_summed(summed, number):
                        self.plan_sum(i, number, sums, False)
                    else:
                        self.plan_store(BODY if self.varies[i] else PROLOGUE, i, number)
        for index, number in enumerate(sums):
            # A slot of its own: `size` and following are no positions in the code.
            self.plan(EPILOGUE, LANE_TOTAL, index).operands[0] = index
            self.plan(EPILOGUE, LANE_STORE, number).operands[0] = index
        return len(sums)

    cdef int plan_sum(self, Py_ssize_t i, object number, list sums, bint product) except -1:
        cdef Planned *planned = self.plan(BODY, LANE_SUM_MUL if product else LANE_SUM, len(sums))
        if product:
            self.use(planned, self.code.entries[i].a)
            self.use(planned, self.code.entries[i].b)
        else:
            self.use(planned, i)
        sums.append(number)
        return 0

    cdef int plan_store(self, Py_ssize_t phase, unsigned i, Py_ssize_t number) except -1:
        self.use(self.plan(phase, LANE_STORE, number), i)
        return 0


cdef bint is_summed(bytes summed, object number):
    return summed is not None and summed[number]


# ---------------------------------------------------------------------------------------------------------------------
# Slots

# Slots of one kind: those free for reuse, and how many there are.
cdef struct Pool:
    unsigned *free
    Py_ssize_t free_count
    unsigned count


cdef inline unsigned take(Pool *pool) noexcept:
    if pool.free_count:
        pool.free_count -= 1
        return pool.free[pool.free_count]
    pool.count += 1
    return pool.count - 1


cdef inline void give_back(Pool *pool, unsigned slot) noexcept:
    pool.free[pool.free_count] = slot
    pool.free_count += 1


cdef inline bint defines(unsigned op) noexcept:
    """Whether `out` is a result."""
    return op != LANE_STORE and op != LANE_SUM and op != LANE_SUM_MUL and op != LANE_GUARD and op != LANE_SAME and (
        not has_results(op))


cdef inline bint has_results(unsigned op) noexcept:
    """Whether the results are listed after the operands: `flags` says how many."""
    return op == LANE_CALL or op == LANE_MAP


cdef int last_uses(Planner planner, unsigned *last) except -1:
    """By position in the code, when in its phase a result is used last. What the body has of the prologue stays."""
    cdef Planned *planned
    cdef Py_ssize_t phase, i, k
    cdef unsigned operand
    for phase in range(2):
        for i in range(planner.counts[phase]):
            planned = &planner.planned[phase][i]
            if planned.op != LANE_LOAD and not has_results(planned.op):
                for k in range(planned.operand_count):
                    operand = planned.operands[k]
                    last[operand] = FOREVER if phase == BODY and not planner.varies[operand] else i
            for k in range(operand_span(planned)):
                operand = planner.operands[planned.first + k]
                last[operand] = FOREVER if phase == BODY and not planner.varies[operand] else i
    return 0


cdef inline Py_ssize_t operand_span(Planned *planned) noexcept:
    """How many of the planner's operands an instruction has."""
    if planned.op == LANE_DOT:
        return 2 * planned.count
    return planned.count + planned.flags if has_results(planned.op) else 0


cdef int assign(Planner planner, Routine routine, unsigned *last, Pool *pools) except -1:
    """Give every result a slot, and write the instructions."""
    cdef Planned *planned
    cdef Instruction *instruction = routine.instructions
    cdef Py_ssize_t phase, i, k
    cdef unsigned operand
    cdef unsigned operands[4]
    cdef bint in_place
    for phase in range(2):
        for i in range(planner.counts[phase]):
            planned = &planner.planned[phase][i]
            in_place = planned.op != LANE_DOT and not has_results(planned.op)
            memset(instruction, 0, sizeof(Instruction))
            memset(operands, 0, sizeof(operands))
            instruction.op = planned.op
            instruction.flags = planned.flags
            instruction.out = planned.out
            if planned.op == LANE_LOAD or has_results(planned.op):
                operands[0] = planned.operands[0]
            else:
                for k in range(planned.operand_count):
                    operand = planned.operands[k]
                    operands[k] = planner.slots[operand]
                    if not planner.varies[operand]:
                        instruction.kinds |= 1 << k
            if in_place:
                free_operands(planner, planned, last, i, pools)
            if defines(planned.op):
                instruction.out = place(planner, planned.out, &pools[phase])
            if has_results(planned.op):
                instruction.flags = 0
                operands[1], operands[2], operands[3] = planned.first, planned.count, planned.flags
                for k in range(planned.flags):
                    place(planner, planner.operands[planned.first + planned.count + k], &pools[phase])
            elif planned.op == LANE_DOT:
                operands[1], operands[2] = planned.first, planned.count
            instruction.a, instruction.b = operands[0], operands[1]
            instruction.c, instruction.d = operands[2], operands[3]
            for k in range(operand_span(planned)):
                operand = planner.operands[planned.first + k]
                routine.arguments[planned.first + k] = planner.slots[operand] | (
                    0 if planner.varies[operand] else LANE_UNIFORM)
            if not in_place:
                free_operands(planner, planned, last, i, pools)
            free_unused(planner, planned, last, i, &pools[phase])
            instruction += 1
    for i in range(planner.counts[EPILOGUE]):
        planned = &planner.planned[EPILOGUE][i]
        memset(instruction, 0, sizeof(Instruction))
        instruction.op = planned.op
        # Each total is stored at once, so that they can share a slot.
        instruction.out = pools[PROLOGUE].count if planned.op == LANE_TOTAL else planned.out
        instruction.a = planned.operands[0] if planned.op == LANE_TOTAL else pools[PROLOGUE].count
        instruction += 1
    if planner.counts[EPILOGUE]:
        pools[PROLOGUE].count += 1
    return 0


cdef inline unsigned place(Planner planner, unsigned result, Pool *pool) noexcept:
    planner.slots[result] = take(pool)
    return planner.slots[result]


cdef void free_operands(Planner planner, Planned *planned, unsigned *last, Py_ssize_t i, Pool *pools) noexcept:
    cdef Py_ssize_t k
    if planned.op != LANE_LOAD and not has_results(planned.op):
        for k in range(planned.operand_count):
            free_slot(planner, planned.operands[k], last, i, pools)
    for k in range(operand_span(planned) - (planned.flags if has_results(planned.op) else 0)):
        free_slot(planner, planner.operands[planned.first + k], last, i, pools)


cdef inline void free_slot(Planner planner, unsigned operand, unsigned *last, Py_ssize_t i, Pool *pools) noexcept:
    """Free the slot of an operand that is used here for the last time; constants have theirs for ever."""
    if last[operand] == <unsigned> i and planner.code.entries[operand].op != CODE_CONSTANT:
        give_back(&pools[BODY if planner.varies[operand] else PROLOGUE], planner.slots[operand])
        # It may be an operand twice.
        last[operand] = FOREVER


cdef void free_unused(Planner planner, Planned *planned, unsigned *last, Py_ssize_t i, Pool *pool) noexcept:
    """Free the slots of results of a call that nobody uses."""
    cdef Py_ssize_t k
    cdef unsigned result
    if has_results(planned.op):
        for k in range(planned.flags):
            result = planner.operands[planned.first + planned.count + k]
            if last[result] == <unsigned> i:
                give_back(pool, planner.slots[result])
                last[result] = FOREVER


cdef Routine make_routine(Code code, bytes varying, bytes summed):
    cdef Routine routine = Routine.__new__(Routine)
    cdef Planner planner
    cdef Pool pools[2]
    cdef unsigned *last = NULL
    cdef Py_ssize_t i, total, sums
    cdef bint calls = False
    code = ordered(code.copy_of(True), varying is None)
    planner = Planner.__new__(Planner, code, varying is None)
    memset(pools, 0, sizeof(pools))
    planner.count_uses()
    planner.find_varying(varying)
    planner.fuse()
    sums = planner.plan_all(summed)
    total = planner.counts[PROLOGUE] + planner.counts[BODY] + planner.counts[EPILOGUE]
    routine.instructions = <Instruction *> room(total, sizeof(Instruction))
    routine.arguments = <unsigned *> room(planner.operand_total, sizeof(unsigned))
    routine.constants = <double *> room(code.size, sizeof(double))
    try:
        last = <unsigned *> room(code.size, sizeof(unsigned))
        pools[PROLOGUE].free = <unsigned *> room(code.size, sizeof(unsigned))
        pools[BODY].free = <unsigned *> room(code.size, sizeof(unsigned))
        for i in range(code.size):
            if planner.uses[i] and code.is_constant(i, &routine.constants[pools[PROLOGUE].count]):
                planner.slots[i] = take(&pools[PROLOGUE])
            calls |= code.entries[i].op == LANE_CALL
        routine.schedule.constant_count = pools[PROLOGUE].count
        last_uses(planner, last)
        assign(planner, routine, last, pools)
    finally:
        PyMem_RawFree(last)
        PyMem_RawFree(pools[PROLOGUE].free)
        PyMem_RawFree(pools[BODY].free)
    routine.calls = tuple(code.calls)
    routine.schedule.prologue = routine.instructions
    routine.schedule.prologue_size = planner.counts[PROLOGUE]
    routine.schedule.body = routine.instructions + planner.counts[PROLOGUE]
    routine.schedule.body_size = planner.counts[BODY]
    routine.schedule.epilogue = routine.schedule.body + planner.counts[BODY]
    routine.schedule.epilogue_size = planner.counts[EPILOGUE]
    routine.schedule.arguments = routine.arguments
    routine.schedule.constants = routine.constants
    routine.schedule.uniform_slots = pools[PROLOGUE].count
    routine.schedule.varying_slots = pools[BODY].count
    routine.schedule.sum_count = sums
    routine.schedule.calls_python = calls
    return routine
