"""Slots: every result gets one, which is used again when no later instruction needs the result.

Uniform and varying results have slots of their own. The constants have the first uniform slots, for ever.
"""

from cpython.mem cimport PyMem_RawFree
from libc.string cimport memset

from autograd._interpreter.fusion cimport BODY, EPILOGUE, PROLOGUE, FusedInstruction, Fusion
from autograd._interpreter.interpreter cimport (
    LANE_DOT, LANE_MAP, LANE_STORE, LANE_SUM, LANE_SUM_MUL, LANE_TOTAL, LANE_UNIFORM, Instruction, Schedule,
)
from autograd._ir.code cimport is_constant, room
from autograd._ir.opcodes cimport CODE_CONSTANT, LANE_CALL, LANE_LOAD, has_value

# As the last use of a result: its slot is not used again.
cdef enum:
    FOREVER = 0x7FFFFFFF


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


cdef inline unsigned take(Pool *pool) noexcept:
    if pool.free_count:
        pool.free_count -= 1
        return pool.free[pool.free_count]
    pool.count += 1
    return pool.count - 1


cdef inline void give_back(Pool *pool, unsigned slot) noexcept:
    pool.free[pool.free_count] = slot
    pool.free_count += 1


cdef inline bint has_results(unsigned op) noexcept:
    """Whether the results are listed after the operands: `flags` says how many."""
    return op == LANE_CALL or op == LANE_MAP


cdef inline bint has_out(unsigned op) noexcept:
    """Whether `out` is a result."""
    return has_value(op) and op != LANE_MAP and op != LANE_STORE and op != LANE_SUM and op != LANE_SUM_MUL


cdef inline Py_ssize_t listed_operands(FusedInstruction *fused) noexcept:
    """Return how many operands are among the fusion's `operands`."""
    return 2 * fused.count if fused.op == LANE_DOT else fused.count


cdef inline Py_ssize_t listed(FusedInstruction *fused) noexcept:
    """Return how many operands and results are among the fusion's `operands`."""
    return listed_operands(fused) + (fused.flags if has_results(fused.op) else 0)


cdef void find_last_uses(Fusion fusion, unsigned *last) noexcept:
    cdef FusedInstruction *fused
    cdef Py_ssize_t phase, i, k
    for phase in range(2):
        for i in range(fusion.counts[phase]):
            fused = &fusion.fused[phase][i]
            for k in range(fused.operand_count):
                use_at(fusion, last, fused.operands[k], phase, i)
            for k in range(listed(fused)):
                use_at(fusion, last, fusion.operands[fused.first + k], phase, i)


cdef inline void use_at(Fusion fusion, unsigned *last, unsigned operand, Py_ssize_t phase, Py_ssize_t i) noexcept:
    # Every lane needs what the body uses of the prologue.
    last[operand] = FOREVER if phase == BODY and not fusion.varies[operand] else i


cdef void assign(Fusion fusion, Slots *slots, Instruction *instruction, unsigned *arguments) noexcept:
    """Give every result of the prologue and the body a slot, and write their instructions."""
    cdef FusedInstruction *fused
    cdef Py_ssize_t phase, i, k
    cdef unsigned operand
    cdef unsigned operands[4]
    cdef bint in_place
    for phase in range(2):
        for i in range(fusion.counts[phase]):
            fused = &fusion.fused[phase][i]
            in_place = fused.op != LANE_DOT and not has_results(fused.op)
            memset(instruction, 0, sizeof(Instruction))
            memset(operands, 0, sizeof(operands))
            instruction.op = fused.op
            instruction.flags = fused.flags
            instruction.out = fused.out
            if fused.op == LANE_LOAD or has_results(fused.op):
                operands[0] = fused.operands[0]
            for k in range(fused.operand_count):
                operand = fused.operands[k]
                operands[k] = slots.slots[operand]
                if not fusion.varies[operand]:
                    instruction.kinds |= 1 << k
            if in_place:
                free_operands(fusion, slots, fused, i)
            if has_out(fused.op):
                slots.slots[fused.out] = instruction.out = take(&slots.pools[phase])
            if has_results(fused.op):
                instruction.flags = 0
                operands[1], operands[2], operands[3] = fused.first, fused.count, fused.flags
                for k in range(fused.flags):
                    slots.slots[fusion.operands[fused.first + fused.count + k]] = take(&slots.pools[phase])
            elif fused.op == LANE_DOT:
                operands[1], operands[2] = fused.first, fused.count
            instruction.a, instruction.b = operands[0], operands[1]
            instruction.c, instruction.d = operands[2], operands[3]
            for k in range(listed(fused)):
                operand = fusion.operands[fused.first + k]
                arguments[fused.first + k] = slots.slots[operand] | (0 if fusion.varies[operand] else LANE_UNIFORM)
            if not in_place:
                free_operands(fusion, slots, fused, i)
            # Results that nobody uses.
            for k in range(listed_operands(fused), listed(fused)):
                free_slot(fusion, slots, fusion.operands[fused.first + k], i)
            instruction += 1


cdef void free_operands(Fusion fusion, Slots *slots, FusedInstruction *fused, Py_ssize_t i) noexcept:
    cdef Py_ssize_t k
    for k in range(fused.operand_count):
        free_slot(fusion, slots, fused.operands[k], i)
    for k in range(listed_operands(fused)):
        free_slot(fusion, slots, fusion.operands[fused.first + k], i)


cdef inline void free_slot(Fusion fusion, Slots *slots, unsigned operand, Py_ssize_t i) noexcept:
    """Free the slot of an operand that instruction i of its phase uses last."""
    if slots.last[operand] == <unsigned> i and fusion.code.entries[operand].op != CODE_CONSTANT:
        give_back(&slots.pools[BODY if fusion.varies[operand] else PROLOGUE], slots.slots[operand])
        # It may be an operand twice.
        slots.last[operand] = FOREVER


cdef void write_epilogue(Fusion fusion, Pool *pool, Instruction *instruction) noexcept:
    cdef FusedInstruction *fused
    cdef Py_ssize_t i
    for i in range(fusion.counts[EPILOGUE]):
        fused = &fusion.fused[EPILOGUE][i]
        memset(instruction, 0, sizeof(Instruction))
        instruction.op = fused.op
        # Each total is stored at once, so that they can share a slot.
        instruction.out = pool.count if fused.op == LANE_TOTAL else fused.out
        instruction.a = fused.operands[0] if fused.op == LANE_TOTAL else pool.count
        instruction += 1
    pool.count += fusion.counts[EPILOGUE] > 0


cdef int assign_slots(
    Fusion fusion, Instruction *instructions, unsigned *arguments, double *constants, Schedule *schedule
) except -1:
    cdef Slots slots
    cdef Py_ssize_t size = fusion.code.size
    cdef Py_ssize_t i
    memset(&slots, 0, sizeof(slots))
    try:
        slots.slots = <unsigned *> room(size, sizeof(unsigned))
        slots.last = <unsigned *> room(size, sizeof(unsigned))
        slots.pools[PROLOGUE].free = <unsigned *> room(size, sizeof(unsigned))
        slots.pools[BODY].free = <unsigned *> room(size, sizeof(unsigned))
        for i in range(size):
            if fusion.uses[i] and is_constant(fusion.code, i, &constants[slots.pools[PROLOGUE].count]):
                slots.slots[i] = take(&slots.pools[PROLOGUE])
        schedule.constant_count = slots.pools[PROLOGUE].count
        find_last_uses(fusion, slots.last)
        assign(fusion, &slots, instructions, arguments)
        write_epilogue(fusion, &slots.pools[PROLOGUE],
                       instructions + fusion.counts[PROLOGUE] + fusion.counts[BODY])
    finally:
        PyMem_RawFree(slots.slots)
        PyMem_RawFree(slots.last)
        PyMem_RawFree(slots.pools[PROLOGUE].free)
        PyMem_RawFree(slots.pools[BODY].free)
    schedule.prologue = instructions
    schedule.prologue_size = fusion.counts[PROLOGUE]
    schedule.body = instructions + fusion.counts[PROLOGUE]
    schedule.body_size = fusion.counts[BODY]
    schedule.epilogue = schedule.body + fusion.counts[BODY]
    schedule.epilogue_size = fusion.counts[EPILOGUE]
    schedule.arguments = arguments
    schedule.constants = constants
    schedule.uniform_slots = slots.pools[PROLOGUE].count
    schedule.varying_slots = slots.pools[BODY].count
    schedule.sum_count = fusion.sum_count
    return 0
