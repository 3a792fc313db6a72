"""Slots: every result gets one, which is used again when no later instruction needs the result.

Uniform and varying results have slots of their own. The constants have the first uniform slots, for ever. Where rows of
inputs and outputs can be used in place, they are: inputs of the body have slots of their own, to which nothing is
written, and the slot of an output is not used again.
"""

from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcpy, memset

from autograd._interpreter.fusion cimport BODY, EPILOGUE, PROLOGUE, Fusion
from autograd._interpreter.interpreter cimport (
    LANE_DOT, LANE_EACH, LANE_LISTED, LANE_MAP, LANE_ONE, LANE_STORE, LANE_SUM, LANE_SUM_MUL, LANE_TOTAL, LANE_UNIFORM,
    Instruction, Schedule,
)
from autograd._ir.code cimport Code, is_constant, room
from autograd._ir.opcodes cimport CODE_CONSTANT, LANE_CALL, LANE_LOAD, has_value

# As the last use of a result: its slot is not used again.
cdef enum:
    FOREVER = 0x7FFFFFFF

# At most so many outputs are used in place.
cdef enum:
    MOST_PLACED = 64

# As many slots surely fit into the second level of the cache.
cdef enum:
    MOST_FRESH = 16384


# The slots of a phase: those free to be used again, and how many there are.
cdef struct Pool:
    unsigned *free
    Py_ssize_t free_count
    unsigned count


# By position in the code: the slot of a result, and the instruction of its phase that uses it last.
cdef struct Slots:
    unsigned *slots
    unsigned *last
    Pool pools[2]
    # The slots of varying inputs that are free; they count among those of the body.
    Pool loads
    # The results that are used in place, pairs of a position and the number of the output, and how many there are.
    unsigned placed[2 * MOST_PLACED]
    Py_ssize_t placed_count


cdef inline unsigned take(Pool *pool) noexcept:
    if pool.free_count:
        pool.free_count -= 1
        return pool.free[pool.free_count]
    pool.count += 1
    return pool.count - 1


cdef inline unsigned take_load(Slots *slots) noexcept:
    if slots.loads.free_count:
        return take(&slots.loads)
    slots.pools[BODY].count += 1
    return slots.pools[BODY].count - 1


cdef inline void give_back(Pool *pool, unsigned slot) noexcept:
    pool.free[pool.free_count] = slot
    pool.free_count += 1


cdef inline bint has_out(unsigned op) noexcept:
    """Whether `out` is a result."""
    return has_value(op) and op != LANE_MAP and op != LANE_STORE and op != LANE_SUM and op != LANE_SUM_MUL


# The positions among the fusion's `operands` of what an instruction lists: of its operands, then, from `results` to
# `end`, of its results.
cdef struct Listing:
    Py_ssize_t operands
    Py_ssize_t results
    Py_ssize_t end


cdef inline Listing listing_of(const Instruction *fused) noexcept:
    cdef Py_ssize_t first = fused.b
    if fused.op == LANE_DOT:
        return Listing(first, first + 2 * fused.c, first + 2 * fused.c)
    if fused.op == LANE_CALL:
        return Listing(first, first + fused.c, first + fused.c + fused.d)
    if fused.op != LANE_MAP:
        return Listing(0, 0, 0)
    # The numbers of inputs and outputs, the first or last row, are not results.
    cdef Py_ssize_t results = first + (fused.c - 1) * fused.d
    if fused.a == LANE_STORE:
        return Listing(first, results, results)
    return Listing(results if fused.a == LANE_LOAD else first, results, results + fused.d)


cdef void find_last_uses(Fusion fusion, unsigned *last) noexcept:
    cdef Instruction *fused
    cdef Listing listing
    cdef Py_ssize_t phase, i, k
    for phase in range(2):
        for i in range(fusion.counts[phase]):
            fused = &fusion.fused[phase][i]
            listing = listing_of(fused)
            for k in range(fused.kinds):
                use_at(fusion, last, (&fused.a)[k], phase, i)
            for k in range(listing.operands, listing.end):
                use_at(fusion, last, fusion.operands[k], phase, i)


cdef inline void use_at(Fusion fusion, unsigned *last, unsigned operand, Py_ssize_t phase, Py_ssize_t i) noexcept:
    # Every lane needs what the body uses of the prologue.
    last[operand] = FOREVER if phase == BODY and not fusion.varies[operand] else i


cdef void find_placed(Fusion fusion, Slots *slots) noexcept:
    """Find the results of the body that are outputs; none if they are too many."""
    cdef Instruction *fused
    cdef Py_ssize_t i, k
    for i in range(fusion.counts[BODY]):
        fused = &fusion.fused[BODY][i]
        if fused.op != LANE_STORE or not fusion.varies[fused.a] or fusion.code.entries[fused.a].op == LANE_LOAD:
            continue
        if slots.placed_count == MOST_PLACED:
            slots.placed_count = 0
            break
        slots.placed[2 * slots.placed_count] = fused.a
        slots.placed[2 * slots.placed_count + 1] = fused.out
        slots.placed_count += 1
    for k in range(slots.placed_count):
        slots.last[slots.placed[2 * k]] = FOREVER


cdef void assign(Fusion fusion, Slots *slots) noexcept:
    """Give every result of the prologue and the body a slot, and write the slots into the instructions."""
    cdef Instruction *fused
    cdef Listing listing
    cdef Py_ssize_t phase, i
    for phase in range(2):
        for i in range(fusion.counts[phase]):
            fused = &fusion.fused[phase][i]
            listing = listing_of(fused)
            if listing.operands < listing.end:
                assign_listed(fusion, slots, fused, phase, i, listing)
            else:
                assign_operands(fusion, slots, fused, i)
                if has_out(fused.op):
                    slots.slots[fused.out] = (
                        take_load(slots) if phase == BODY and fused.op == LANE_LOAD else take(&slots.pools[phase]))
                    fused.out = slots.slots[fused.out]


cdef void assign_listed(Fusion fusion, Slots *slots, Instruction *fused, Py_ssize_t phase, Py_ssize_t i,
                        Listing listing) noexcept:
    """Give slots to the results of a dot product, a call or a map, which are written before all operands are read."""
    cdef unsigned *operands = fusion.operands
    cdef Pool *pool = &slots.pools[phase]
    cdef Py_ssize_t k
    cdef unsigned operand
    # Those of a map are consecutive while there are few.
    cdef bint is_fresh = fused.op == LANE_MAP and pool.count < MOST_FRESH
    if has_out(fused.op):
        slots.slots[fused.out] = take(pool)
        fused.out = slots.slots[fused.out]
    for k in range(listing.results, listing.end):
        if is_fresh:
            slots.slots[operands[k]] = pool.count
            pool.count += 1
        else:
            slots.slots[operands[k]] = take(pool)
    assign_operands(fusion, slots, fused, i)
    # Backwards, so that those of a row are taken in their order.
    for k in reversed(range(listing.operands, listing.end)):
        operand = operands[k]
        operands[k] = slots.slots[operand]
        if fused.op != LANE_MAP and not fusion.varies[operand]:
            operands[k] |= LANE_UNIFORM
        # A result is freed here if nobody uses it.
        free_slot(fusion, slots, operand, i)


cdef unsigned *compressed(Fusion fusion) except NULL:
    """Return the arguments of the instructions: what they list, of maps in rows."""
    cdef unsigned *arguments = <unsigned *> room(2 * (fusion.operand_total + MOST_PLACED), sizeof(unsigned))
    cdef Py_ssize_t total = 0, phase, i, k
    cdef unsigned *row
    cdef Instruction *fused
    cdef Listing listing
    for phase in range(2):
        for i in range(fusion.counts[phase]):
            fused = &fusion.fused[phase][i]
            listing = listing_of(fused)
            row = &fusion.operands[fused.b]
            if fused.op == LANE_MAP:
                fused.b = total
                total += 2 * fused.c
                for k in range(fused.c):
                    total = write_row(arguments, &arguments[fused.b + 2 * k], row + k * fused.d, fused.d, total)
            elif listing.operands < listing.end:
                fused.b = total
                memcpy(&arguments[total], row, (listing.end - listing.operands) * sizeof(unsigned))
                total += listing.end - listing.operands
    fusion.operand_total = total
    return arguments


cdef Py_ssize_t write_row(unsigned *arguments, unsigned *words, const unsigned *row, Py_ssize_t n, Py_ssize_t total
                          ) noexcept:
    """Write the words of a row, and its list, if it needs one, behind `total` arguments; return how many there are."""
    cdef bint each = True
    cdef bint one = True
    cdef Py_ssize_t k
    for k in range(1, n):
        each &= row[k] == row[0] + <unsigned> k
        one &= row[k] == row[0]
    words[0], words[1] = LANE_EACH if each else LANE_ONE if one else LANE_LISTED, row[0]
    if each or one:
        return total
    words[1] = total
    memcpy(&arguments[total], row, n * sizeof(unsigned))
    return total + n


cdef inline void assign_operands(Fusion fusion, Slots *slots, Instruction *fused, Py_ssize_t i) noexcept:
    cdef unsigned *operands = &fused.a
    cdef unsigned operand
    cdef Py_ssize_t k, count = fused.kinds
    fused.kinds = 0
    for k in range(count):
        operand = operands[k]
        operands[k] = slots.slots[operand]
        if not fusion.varies[operand]:
            fused.kinds |= 1 << k
        free_slot(fusion, slots, operand, i)


cdef inline void free_slot(Fusion fusion, Slots *slots, unsigned operand, Py_ssize_t i) noexcept:
    """Free the slot of an operand that instruction i of its phase uses last."""
    if slots.last[operand] == <unsigned> i and fusion.code.entries[operand].op != CODE_CONSTANT:
        give_back(
            &slots.pools[PROLOGUE] if not fusion.varies[operand]
            else &slots.loads if fusion.code.entries[operand].op == LANE_LOAD else &slots.pools[BODY],
            slots.slots[operand])
        # It may be an operand twice.
        slots.last[operand] = FOREVER


cdef void assign_epilogue(Fusion fusion, Pool *pool) noexcept:
    """Give the totals a slot: each is stored at once, so that they can share it."""
    cdef Instruction *fused
    cdef Py_ssize_t i
    for i in range(fusion.counts[EPILOGUE]):
        fused = &fusion.fused[EPILOGUE][i]
        if fused.op == LANE_TOTAL:
            fused.out = pool.count
        else:
            fused.a = pool.count
    pool.count += fusion.counts[EPILOGUE] > 0


cdef double *constants_of(Code code, const unsigned *uses) except NULL:
    cdef Py_ssize_t i, count = 0
    cdef double *constants
    for i in range(code.size):
        count += uses[i] and code.entries[i].op == CODE_CONSTANT
    constants = <double *> room(count, sizeof(double))
    count = 0
    for i in range(code.size):
        if uses[i] and is_constant(code, i, &constants[count]):
            count += 1
    return constants


cdef int assign_slots(Fusion fusion, Schedule *schedule) except -1:
    cdef Slots slots
    cdef Py_ssize_t size = fusion.code.size
    cdef Py_ssize_t i
    cdef unsigned *arguments
    cdef unsigned *placed
    memset(&slots, 0, sizeof(slots))
    try:
        slots.slots = <unsigned *> room(size, sizeof(unsigned))
        slots.last = <unsigned *> room(size, sizeof(unsigned))
        slots.pools[PROLOGUE].free = <unsigned *> room(size, sizeof(unsigned))
        slots.pools[BODY].free = <unsigned *> room(size, sizeof(unsigned))
        slots.loads.free = <unsigned *> room(size, sizeof(unsigned))
        for i in range(size):
            if fusion.uses[i] and fusion.code.entries[i].op == CODE_CONSTANT:
                slots.slots[i] = take(&slots.pools[PROLOGUE])
        schedule.constant_count = slots.pools[PROLOGUE].count
        find_last_uses(fusion, slots.last)
        find_placed(fusion, &slots)
        assign(fusion, &slots)
        assign_epilogue(fusion, &slots.pools[PROLOGUE])
        arguments = compressed(fusion)
        PyMem_RawFree(fusion.operands)
        fusion.operands = arguments
        fusion.placed_count = slots.placed_count
        placed = &arguments[fusion.operand_total]
        memcpy(placed, slots.placed, sizeof(slots.placed))
        for i in range(slots.placed_count):
            placed[2 * i] = slots.slots[placed[2 * i]]
        fusion.operand_total += 2 * slots.placed_count
    finally:
        PyMem_RawFree(slots.slots)
        PyMem_RawFree(slots.last)
        PyMem_RawFree(slots.pools[PROLOGUE].free)
        PyMem_RawFree(slots.pools[BODY].free)
        PyMem_RawFree(slots.loads.free)
    schedule.uniform_slots = slots.pools[PROLOGUE].count
    schedule.varying_slots = slots.pools[BODY].count
    schedule.sum_count = fusion.sum_count
    return 0
