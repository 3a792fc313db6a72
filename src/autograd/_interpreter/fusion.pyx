"""Fusion: what several instructions of a code compute becomes one instruction.

What does not depend on a varying input is computed once for all lanes, in the prologue. A product that is only added to
something becomes part of a multiply-add, and a chain of these one dot product; calls of one function that follow each
other become one instruction.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree

from autograd._interpreter.interpreter cimport (
    LANE_DOT, LANE_MADD, LANE_MAP, LANE_MOST_RESULTS, LANE_MSUB, LANE_NMADD, LANE_NO_START, LANE_STORE, LANE_SUM,
    LANE_SUM_MUL, LANE_TOTAL,
)
from autograd._ir.code cimport NONE, Code, Entry, operand_count, room
from autograd._ir.liveness cimport count_uses
from autograd._ir.opcodes cimport LANE_CALL, LANE_GUARD, LANE_LOAD, OP_ADD, OP_MUL, OP_SUB, is_free, is_guard
from autograd._kernels.loops cimport is_function

# The operands of a product that is computed later, as part of another instruction, have to keep their slots until then.
# A product is moved over at most NEAR instructions, and a dot product has at most NEAR terms, unless the operands keep
# their slots that long anyway. No dot product has more than MOST_TERMS.
cdef enum:
    NEAR = 16
    MOST_TERMS = 64


@cython.auto_pickle(False)
cdef class Fusion:
    """What each result takes in, and the fused instructions by phase."""

    def __cinit__(self, Code code, bint for_point):
        cdef Py_ssize_t n = code.size
        cdef Py_ssize_t k
        self.code = code
        self.size = n
        self.near = n if for_point else NEAR
        self.uses = count_uses(code)
        self.varies = <unsigned char *> room(n, 1)
        self.needed = <unsigned *> room(n, sizeof(unsigned))
        self.absorbed = <unsigned char *> room(n, 1)
        self.product = <unsigned *> room(n, sizeof(unsigned))
        self.previous = <unsigned *> room(n, sizeof(unsigned))
        self.length = <unsigned *> room(n, sizeof(unsigned))
        self.done = <unsigned char *> room(n, 1)
        for k in range(3):
            self.fused[k] = <FusedInstruction *> room(n + 3 * len(code.outputs), sizeof(FusedInstruction))
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
        for k in range(3):
            PyMem_RawFree(self.fused[k])
        PyMem_RawFree(self.operands)

    cdef int find_varying(self, bytes varying) except -1:
        """Find which results vary, and the last position that needs each."""
        cdef Entry *entry
        cdef Py_ssize_t i, k
        cdef unsigned operand
        # A call may raise where a guard fails, so one behind a guard of the body runs in the body.
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
            elif is_guard(entry.op):
                is_guarded |= self.varies[i]
        return 0

    cdef inline bint absorbs(self, Py_ssize_t i, unsigned operand) noexcept:
        """Whether an operand is computed for instruction i alone, and in the same phase."""
        return self.uses[operand] == 1 and not self.absorbed[operand] and self.varies[operand] == self.varies[i]

    cdef inline bint takes(self, Py_ssize_t i, unsigned operand) noexcept:
        """Whether an operand is a product that instruction i can compute as part of itself."""
        cdef Entry *entry = &self.code.entries[operand]
        return entry.op == OP_MUL and self.absorbs(i, operand) and (
            i - <Py_ssize_t> operand <= self.near or self.stays(i, entry.a) and self.stays(i, entry.b))

    cdef void fuse_products(self) noexcept:
        """Fuse products with the additions and subtractions that use them, and chains of these."""
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

    cdef void take_in(self, Py_ssize_t i, unsigned product) noexcept:
        cdef Entry *entry = &self.code.entries[product]
        self.absorbed[product] = True
        self.product[i] = product
        self.length[i] = 1
        self.needed[entry.a] = max(self.needed[entry.a], <unsigned> i)
        self.needed[entry.b] = max(self.needed[entry.b], <unsigned> i)

    cdef void fuse_addition(self, Py_ssize_t i, unsigned a, unsigned b) noexcept:
        cdef bint a_fits = self.takes(i, a)
        cdef bint b_fits = self.takes(i, b)
        cdef unsigned product = b if b_fits and (not a_fits or b > a) else a
        cdef unsigned rest = a if product == b else b
        if not a_fits and not b_fits or a == b:
            return
        self.take_in(i, product)
        # A chain begins with a product, or with an addition that has taken one in.
        if self.code.entries[rest].op != OP_MUL and not (self.code.entries[rest].op == OP_ADD and self.length[rest]):
            return
        if self.absorbs(i, rest) and self.may_wait(i, rest):
            self.absorbed[rest] = True
            self.previous[i] = rest
            self.length[i] = max(2, self.length[rest] + 1)
            self.keep(i, rest)

    cdef bint may_wait(self, Py_ssize_t i, unsigned rest) noexcept:
        """Whether the terms of a chain may be computed at i instead: see NEAR."""
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
        """Return the operand to which the first addition of a chain adds its product."""
        cdef Entry *entry = &self.code.entries[addition]
        return entry.a if self.product[addition] == entry.b else entry.b

    cdef inline bint stays(self, Py_ssize_t i, unsigned operand) noexcept:
        """Whether an operand keeps its slot until i anyway."""
        return self.varies[i] and not self.varies[operand] or self.needed[operand] >= <unsigned> i

    cdef void keep(self, Py_ssize_t i, unsigned rest) noexcept:
        """Extend to i the life of the operands of a chain."""
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

    # -- instructions

    cdef inline FusedInstruction *append(self, Py_ssize_t phase, unsigned op, unsigned out) noexcept:
        cdef FusedInstruction *fused = &self.fused[phase][self.counts[phase]]
        self.counts[phase] += 1
        fused.op = op
        fused.out = out
        return fused

    cdef inline void use(self, FusedInstruction *fused, unsigned operand) noexcept:
        """Add an operand."""
        fused.operands[fused.operand_count] = operand
        fused.operand_count += 1

    cdef void load(self, unsigned operand) noexcept:
        """Append the load of an operand that is an input, unless it is there."""
        cdef FusedInstruction *fused
        if self.code.entries[operand].op == LANE_LOAD and not self.done[operand]:
            self.done[operand] = True
            fused = self.append(BODY if self.varies[operand] else PROLOGUE, LANE_LOAD, operand)
            fused.operands[0] = self.code.entries[operand].a

    cdef void load_chain(self, unsigned chain) noexcept:
        """Append the loads of the inputs that an instruction and the terms fused with it use."""
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

    cdef void append_entry(self, Py_ssize_t i) noexcept:
        """Append an instruction of the code, with what is fused with it."""
        cdef Entry *entry = &self.code.entries[i]
        cdef Py_ssize_t phase = BODY if self.varies[i] else PROLOGUE
        cdef FusedInstruction *fused
        cdef Py_ssize_t k
        self.load_chain(i)
        if entry.op == LANE_CALL:
            fused = self.append(phase, LANE_CALL, i)
            self.calls_python = True
            fused.operands[0] = entry.a
            fused.first = self.operand_total
            fused.count = entry.c
            fused.flags = entry.d
            for k in range(entry.c):
                self.add_operand(self.code.arguments[entry.b + k])
            # A result that nobody uses needs a slot too.
            for k in range(entry.d):
                self.add_operand(i + 1 + k)
                self.done[i + 1 + k] = True
        elif phase == PROLOGUE and is_function(entry.op) and self.run_length(i) > 1:
            self.append_map(i, self.run_length(i))
        elif entry.op == OP_SUB and self.length[i]:
            fused = self.append(phase, LANE_NMADD if self.product[i] == entry.b else LANE_MSUB, i)
            self.use(fused, self.code.entries[self.product[i]].a)
            self.use(fused, self.code.entries[self.product[i]].b)
            self.use(fused, entry.a if self.product[i] == entry.b else entry.b)
        elif self.length[i] == 1:
            fused = self.append(phase, LANE_MADD, i)
            self.use(fused, self.code.entries[self.product[i]].a)
            self.use(fused, self.code.entries[self.product[i]].b)
            self.use(fused, self.start_of(i))
        elif self.length[i]:
            self.append_dot(phase, i)
        else:
            fused = self.append(phase, entry.op, NONE if is_guard(entry.op) else i)
            fused.flags = entry.b if entry.op == LANE_GUARD else 0
            for k in range(operand_count(entry.op)):
                self.use(fused, self.code.operand(entry, k))

    cdef Py_ssize_t run_length(self, Py_ssize_t i) noexcept:
        """Return how many calls of one function, none of which needs another, follow each other from i on."""
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

    cdef void append_map(self, Py_ssize_t i, Py_ssize_t n) noexcept:
        """Append n calls of one function as one instruction."""
        cdef Py_ssize_t operands = operand_count(self.code.entries[i].op)
        cdef Py_ssize_t j, k
        cdef FusedInstruction *fused
        for j in range(i + 1, i + n):
            self.load_chain(j)
        fused = self.append(PROLOGUE, LANE_MAP, i)
        fused.operands[0] = self.code.entries[i].op
        fused.first = self.operand_total
        fused.count = operands * n
        fused.flags = n
        for k in range(operands):
            for j in range(i, i + n):
                self.add_operand(self.code.operand(&self.code.entries[j], k))
        for j in range(i, i + n):
            self.add_operand(j)
            self.done[j] = True

    cdef inline void add_operand(self, unsigned operand) noexcept:
        self.operands[self.operand_total] = operand
        self.operand_total += 1

    cdef void append_dot(self, Py_ssize_t phase, Py_ssize_t i) noexcept:
        """Append a chain of additions as a dot product."""
        cdef FusedInstruction *fused = self.append(phase, LANE_DOT, i)
        cdef unsigned link = i
        cdef unsigned term
        cdef Py_ssize_t k = self.length[i]
        fused.first = self.operand_total
        fused.count = self.length[i]
        self.operand_total += 2 * self.length[i]
        while True:
            k -= 1
            term = self.product[link] if self.length[link] else link
            self.operands[fused.first + 2 * k] = self.code.entries[term].a
            self.operands[fused.first + 2 * k + 1] = self.code.entries[term].b
            if self.length[link] < 2:
                break
            link = self.previous[link]
        if self.length[link] == 1:
            self.use(fused, self.start_of(link))
        else:
            fused.flags = LANE_NO_START

    cdef int append_all(self, bytes summed) except -1:
        """Append all instructions: of the prologue and the body in the order of the code, then of the epilogue."""
        cdef Py_ssize_t i
        cdef Entry *entry
        cdef FusedInstruction *fused
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
                fused = self.append(BODY, LANE_SUM_MUL, len(sums))
                self.use(fused, entry.a)
                self.use(fused, entry.b)
                sums.append(numbers[0])
                continue
            if not self.done[i] and not is_free(entry.op):
                self.append_entry(i)
            if numbers:
                self.load(i)
                for number in numbers:
                    if is_summed(summed, number):
                        self.use(self.append(BODY, LANE_SUM, len(sums)), i)
                        sums.append(number)
                    else:
                        self.use(self.append(BODY if self.varies[i] else PROLOGUE, LANE_STORE, number), i)
        for index, number in enumerate(sums):
            self.append(EPILOGUE, LANE_TOTAL, index).operands[0] = index
            self.append(EPILOGUE, LANE_STORE, number).operands[0] = index
        self.sum_count = len(sums)
        return 0


cdef bint is_summed(bytes summed, object number):
    return summed is not None and summed[number]


cdef Fusion fused(Code code, bytes varying, bytes summed):
    cdef Fusion fusion = Fusion.__new__(Fusion, code, varying is None)
    fusion.find_varying(varying)
    fusion.fuse_products()
    fusion.append_all(summed)
    return fusion
