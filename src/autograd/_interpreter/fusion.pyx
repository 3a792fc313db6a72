"""Fusion: what several instructions of a code compute becomes one instruction.

What does not depend on a varying input is computed once for all lanes, in the prologue. A product that is only added to
something becomes part of a multiply-add, and a chain of these one dot product; one that is only masked, of the mask.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.math cimport copysign

from autograd._interpreter.interpreter cimport (
    Instruction, LANE_DOT, LANE_MADD, LANE_MASK, LANE_MSUB, LANE_NMADD, LANE_NO_START, LANE_STORE, LANE_SUM,
    LANE_SUM_MUL, LANE_TOTAL,
)
from autograd._ir.code cimport Code, Entry, arity, is_constant, operands_of, room
from autograd._ir.liveness cimport count_uses
from autograd._ir.opcodes cimport (
    LANE_CALL, LANE_GUARD, LANE_LOAD, LANE_WHERE_EQ, OP_ADD, OP_MUL, OP_SUB, is_free, is_guard, operand_count,
)

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
        cdef Py_ssize_t outputs = len(code.outputs)
        self.code = code
        self.size = n
        self.near = n if for_point else NEAR
        self.uses = count_uses(code)
        self.varies = <unsigned char *> room(n, 1)
        self.needed = <unsigned *> room(n, sizeof(unsigned))
        self.absorbed = <unsigned char *> room(n, 1)
        self.product = <unsigned char *> room(n, 1)
        self.length = <unsigned char *> room(n, 1)
        self.done = <unsigned char *> room(n, 1)
        # Pages that are never written to take no memory.
        self.fused[PROLOGUE] = <Instruction *> room(n + outputs, sizeof(Instruction))
        self.fused[BODY] = <Instruction *> room(0 if for_point else n + outputs, sizeof(Instruction))
        self.fused[EPILOGUE] = <Instruction *> room(2 * outputs, sizeof(Instruction))
        self.operands = <unsigned *> room(2 * n + code.argument_count + n, sizeof(unsigned))

    def __dealloc__(self):
        cdef Py_ssize_t k
        self.end_search()
        PyMem_RawFree(self.uses)
        PyMem_RawFree(self.varies)
        for k in range(3):
            PyMem_RawFree(self.fused[k])
        PyMem_RawFree(self.operands)

    cdef void end_search(self) noexcept:
        """Free the memory that the fused instructions do not need."""
        PyMem_RawFree(self.needed)
        PyMem_RawFree(self.absorbed)
        PyMem_RawFree(self.product)
        PyMem_RawFree(self.length)
        PyMem_RawFree(self.done)
        self.needed = NULL
        self.absorbed = self.product = self.length = self.done = NULL


cdef int find_varying(Fusion fusion, bytes varying) except -1:
    """Find which results vary, and the last position that needs each."""
    cdef Entry *entry
    cdef Py_ssize_t i, k
    cdef unsigned operand
    # A call may raise where a guard fails, so one behind a guard of the body runs in the body.
    cdef bint is_guarded = False
    for i in range(fusion.size):
        entry = &fusion.code.entries[i]
        if entry.op == LANE_LOAD:
            fusion.varies[i] = varying is not None and varying[entry.a]
        if not fusion.uses[i]:
            continue
        for k in range(arity(entry)):
            operand = operands_of(fusion.code, entry)[k]
            fusion.varies[i] |= fusion.varies[operand]
            fusion.needed[operand] = i
        if entry.op == LANE_CALL:
            fusion.varies[i] |= is_guarded
        elif is_guard(entry.op):
            is_guarded |= fusion.varies[i]
    return 0


cdef inline bint absorbs(Fusion fusion, Py_ssize_t i, unsigned operand) noexcept:
    """Whether an operand is computed for instruction i alone, and in the same phase."""
    return fusion.uses[operand] == 1 and not fusion.absorbed[operand] and fusion.varies[operand] == fusion.varies[i]


cdef inline bint takes(Fusion fusion, Py_ssize_t i, unsigned operand) noexcept:
    """Whether an operand is a product that instruction i can compute as part of itself."""
    cdef Entry *entry = &fusion.code.entries[operand]
    return entry.op == OP_MUL and absorbs(fusion, i, operand) and (
        i - <Py_ssize_t> operand <= fusion.near or stays(fusion, i, entry.a) and stays(fusion, i, entry.b))


cdef void fuse_products(Fusion fusion) noexcept:
    """Fuse products with the additions and subtractions that use them, and chains of these."""
    cdef Entry *entry
    cdef Py_ssize_t i
    for i in range(fusion.size):
        entry = &fusion.code.entries[i]
        if not fusion.uses[i]:
            continue
        if entry.op == OP_ADD:
            fuse_addition(fusion, i, entry.a, entry.b)
        elif entry.op == OP_SUB:
            if takes(fusion, i, entry.b):
                take_in(fusion, i, entry.b)
            elif takes(fusion, i, entry.a):
                take_in(fusion, i, entry.a)
        elif is_mask(fusion, entry) and takes(fusion, i, entry.d):
            take_in(fusion, i, entry.d)


cdef bint is_mask(Fusion fusion, const Entry *entry) noexcept:
    """Whether an instruction is 0 where a number is, as derivatives have them of choices."""
    cdef double compared = 0.0, chosen = 0.0
    return (entry.op == LANE_WHERE_EQ and is_constant(fusion.code, entry.b, &compared) and compared == 0.0
            and is_constant(fusion.code, entry.c, &chosen) and chosen == 0.0 and copysign(1.0, chosen) > 0.0)


cdef void take_in(Fusion fusion, Py_ssize_t i, unsigned product) noexcept:
    cdef Entry *entry = &fusion.code.entries[product]
    fusion.absorbed[product] = True
    fusion.product[i] = fusion.code.entries[i].a != product
    fusion.length[i] = 1
    fusion.needed[entry.a] = max(fusion.needed[entry.a], <unsigned> i)
    fusion.needed[entry.b] = max(fusion.needed[entry.b], <unsigned> i)


cdef void fuse_addition(Fusion fusion, Py_ssize_t i, unsigned a, unsigned b) noexcept:
    cdef bint a_fits = takes(fusion, i, a)
    cdef bint b_fits = takes(fusion, i, b)
    cdef unsigned product = b if b_fits and (not a_fits or b > a) else a
    cdef unsigned rest = a if product == b else b
    if not a_fits and not b_fits or a == b:
        return
    take_in(fusion, i, product)
    # A chain begins with a product, or with an addition that has taken one in.
    if fusion.code.entries[rest].op != OP_MUL and not (fusion.code.entries[rest].op == OP_ADD and fusion.length[rest]):
        return
    if absorbs(fusion, i, rest) and may_wait(fusion, i, rest):
        fusion.absorbed[rest] = True
        fusion.length[i] = max(2, fusion.length[rest] + 1)
        keep(fusion, i, rest)


cdef bint may_wait(Fusion fusion, Py_ssize_t i, unsigned rest) noexcept:
    """Whether the terms of a chain may be computed at i instead: see NEAR."""
    cdef Entry *entry
    if fusion.length[rest] >= MOST_TERMS:
        return False
    if i - <Py_ssize_t> rest <= fusion.near and fusion.length[rest] < fusion.near:
        return True
    while True:
        entry = term_of(fusion, rest)
        if not stays(fusion, i, entry.a) or not stays(fusion, i, entry.b):
            return False
        if fusion.length[rest] < 2:
            return fusion.length[rest] == 0 or stays(fusion, i, rest_of(fusion, rest))
        rest = rest_of(fusion, rest)


cdef inline Entry *term_of(Fusion fusion, unsigned link) noexcept:
    """Return the product that an instruction has taken in; if none, itself, the product with which a chain begins."""
    cdef Entry *entry = &fusion.code.entries[link]
    if not fusion.length[link]:
        return entry
    if entry.op == LANE_WHERE_EQ:
        return &fusion.code.entries[entry.d]
    return &fusion.code.entries[entry.b if fusion.product[link] else entry.a]


cdef inline unsigned rest_of(Fusion fusion, unsigned link) noexcept:
    """Return the operand that is not the product: the addition before in the chain, or what the first one adds to."""
    cdef Entry *entry = &fusion.code.entries[link]
    return entry.a if fusion.product[link] else entry.b


cdef inline bint stays(Fusion fusion, Py_ssize_t i, unsigned operand) noexcept:
    """Whether an operand keeps its slot until i anyway."""
    return fusion.varies[i] and not fusion.varies[operand] or fusion.needed[operand] >= <unsigned> i


cdef void keep(Fusion fusion, Py_ssize_t i, unsigned rest) noexcept:
    """Extend to i the life of the operands of a chain."""
    cdef Entry *entry
    while True:
        entry = term_of(fusion, rest)
        fusion.needed[entry.a] = max(fusion.needed[entry.a], <unsigned> i)
        fusion.needed[entry.b] = max(fusion.needed[entry.b], <unsigned> i)
        if fusion.length[rest] < 2:
            break
        rest = rest_of(fusion, rest)
    if fusion.length[rest] == 1:
        fusion.needed[rest_of(fusion, rest)] = max(fusion.needed[rest_of(fusion, rest)], <unsigned> i)


cdef inline Instruction *append(Fusion fusion, Py_ssize_t phase, unsigned op, unsigned out) noexcept:
    cdef Instruction *fused = &fusion.fused[phase][fusion.counts[phase]]
    fusion.counts[phase] += 1
    fused.op = op
    fused.out = out
    return fused


cdef inline void use(Instruction *fused, unsigned operand) noexcept:
    """Add an operand."""
    (&fused.a)[fused.kinds] = operand
    fused.kinds += 1


cdef void load(Fusion fusion, unsigned operand) noexcept:
    """Append the load of an operand that is an input, unless it is there."""
    if fusion.code.entries[operand].op == LANE_LOAD and not fusion.done[operand]:
        fusion.done[operand] = True
        append(fusion, BODY if fusion.varies[operand] else PROLOGUE, LANE_LOAD, operand).a = (
            fusion.code.entries[operand].a)


cdef void load_chain(Fusion fusion, unsigned chain) noexcept:
    """Append the loads of the inputs that an instruction and the terms fused with it use."""
    cdef Entry *entry = &fusion.code.entries[chain]
    cdef Py_ssize_t k
    cdef unsigned operand
    while True:
        for k in range(arity(entry)):
            operand = operands_of(fusion.code, entry)[k]
            if not fusion.absorbed[operand]:
                load(fusion, operand)
        if fusion.length[chain]:
            load(fusion, term_of(fusion, chain).a)
            load(fusion, term_of(fusion, chain).b)
        if fusion.length[chain] < 2:
            return
        chain = rest_of(fusion, chain)
        entry = &fusion.code.entries[chain]


cdef void append_entry(Fusion fusion, Py_ssize_t i) noexcept:
    """Append an instruction of the code, with what is fused with it."""
    cdef Entry *entry = &fusion.code.entries[i]
    cdef Py_ssize_t phase = BODY if fusion.varies[i] else PROLOGUE
    cdef Instruction *fused
    cdef Py_ssize_t k
    load_chain(fusion, i)
    if entry.op == LANE_CALL:
        fused = append(fusion, phase, LANE_CALL, i)
        fusion.calls_python = True
        fused.a, fused.b, fused.c, fused.d = entry.a, fusion.operand_total, entry.c, entry.d
        for k in range(entry.c):
            add_operand(fusion, fusion.code.arguments[entry.b + k])
        # A result that nobody uses needs a slot too.
        for k in range(entry.d):
            add_operand(fusion, i + 1 + k)
            fusion.done[i + 1 + k] = True
    elif entry.op == OP_SUB and fusion.length[i]:
        append_product(fusion, phase, LANE_NMADD if fusion.product[i] else LANE_MSUB, i)
    elif fusion.length[i] == 1:
        append_product(fusion, phase, LANE_MADD if entry.op == OP_ADD else LANE_MASK, i)
    elif fusion.length[i]:
        append_dot(fusion, phase, i)
    else:
        fused = append(fusion, phase, entry.op, entry.c if is_guard(entry.op) else i)
        fused.flags = entry.b if entry.op == LANE_GUARD else 0
        for k in range(operand_count(entry.op)):
            use(fused, operands_of(fusion.code, entry)[k])


cdef inline void add_operand(Fusion fusion, unsigned operand) noexcept:
    fusion.operands[fusion.operand_total] = operand
    fusion.operand_total += 1


cdef void append_product(Fusion fusion, Py_ssize_t phase, unsigned op, Py_ssize_t i) noexcept:
    """Append an addition or subtraction that has taken in a product."""
    cdef Instruction *fused = append(fusion, phase, op, i)
    use(fused, term_of(fusion, i).a)
    use(fused, term_of(fusion, i).b)
    use(fused, rest_of(fusion, i))


cdef void append_dot(Fusion fusion, Py_ssize_t phase, Py_ssize_t i) noexcept:
    """Append a chain of additions as a dot product."""
    cdef Instruction *fused = append(fusion, phase, LANE_DOT, i)
    cdef unsigned link = i
    cdef Py_ssize_t k = fusion.length[i]
    cdef unsigned *pair
    fused.b, fused.c = fusion.operand_total, fusion.length[i]
    fusion.operand_total += 2 * fusion.length[i]
    while True:
        k -= 1
        pair = &fusion.operands[fused.b + 2 * k]
        pair[0], pair[1] = term_of(fusion, link).a, term_of(fusion, link).b
        if fusion.length[link] < 2:
            break
        link = rest_of(fusion, link)
    if fusion.length[link] == 1:
        use(fused, rest_of(fusion, link))
    else:
        fused.flags = LANE_NO_START


cdef int append_all(Fusion fusion, bytes summed) except -1:
    """Append all instructions: of the prologue and the body in the order of the code, then of the epilogue."""
    cdef Py_ssize_t i
    cdef Entry *entry
    cdef Instruction *fused
    cdef list sums = []
    cdef list numbers
    cdef dict by_position = {}
    cdef bytearray is_output = bytearray(fusion.size)
    cdef unsigned char *marks = is_output
    for number, output in enumerate(fusion.code.outputs):
        by_position.setdefault(output, []).append(number)
        marks[<Py_ssize_t> output] = True
    for i in range(fusion.size):
        entry = &fusion.code.entries[i]
        if fusion.absorbed[i] or not fusion.uses[i]:
            continue
        numbers = by_position[i] if marks[i] else None
        if (entry.op == OP_MUL and fusion.uses[i] == 1 and fusion.varies[i] and numbers
                and is_summed(summed, numbers[0])):
            load_chain(fusion, i)
            fused = append(fusion, BODY, LANE_SUM_MUL, len(sums))
            use(fused, entry.a)
            use(fused, entry.b)
            sums.append(numbers[0])
            continue
        if not fusion.done[i] and not is_free(entry.op):
            append_entry(fusion, i)
        if numbers:
            load(fusion, i)
            for number in numbers:
                if is_summed(summed, number):
                    use(append(fusion, BODY, LANE_SUM, len(sums)), i)
                    sums.append(number)
                else:
                    use(append(fusion, BODY if fusion.varies[i] else PROLOGUE, LANE_STORE, number), i)
    for index, number in enumerate(sums):
        append(fusion, EPILOGUE, LANE_TOTAL, index).a = index
        append(fusion, EPILOGUE, LANE_STORE, number)
    fusion.sum_count = len(sums)
    return 0


cdef bint is_summed(bytes summed, object number):
    return summed is not None and summed[number]


cdef Fusion fuse(Code code, bytes varying, bytes summed):
    cdef Fusion fusion = Fusion.__new__(Fusion, code, varying is None)
    find_varying(fusion, varying)
    fuse_products(fusion)
    append_all(fusion, summed)
    fusion.end_search()
    return fusion
