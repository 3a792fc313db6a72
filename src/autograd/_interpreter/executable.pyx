"""The pipeline from a code to an executable, pass by pass."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree

from autograd._interpreter.fusion cimport BODY, EPILOGUE, PROLOGUE, Fusion, fuse
from autograd._interpreter.grouping cimport group
from autograd._interpreter.interpreter cimport Instruction, Schedule
from autograd._interpreter.scheduling cimport ordered
from autograd._interpreter.slots cimport assign_slots, constants_of
from autograd._ir.code cimport Code, is_constant, resized, room
from autograd._ir.opcodes cimport LANE_GUARD, is_guard


@cython.auto_pickle(False)
cdef class Executable:
    """A code made ready to run."""

    def __dealloc__(self):
        cdef Py_ssize_t phase
        for phase in range(3):
            PyMem_RawFree(self.instructions[phase])
        PyMem_RawFree(self.arguments)
        PyMem_RawFree(self.constants)
        PyMem_RawFree(self.ranks)


cdef Executable make_executable(Code code, bytes varying, bytes summed, bint only_guards):
    cdef Executable executable = Executable.__new__(Executable)
    # Composite primitives become those that there are kernels for; without a varying input the lanes are one point.
    cdef Code expanded = code.expanded()
    cdef Code scheduled
    cdef Fusion fusion
    cdef Py_ssize_t phase
    if expanded is code and code.places:
        # The code itself stays as it is: it is compared with others.
        expanded = code.copy_of()
    executable.path = number_guards(expanded)
    if only_guards:
        expanded.outputs = []
    scheduled = ordered(expanded, varying is None)
    fusion = fuse(scheduled, varying, summed)
    group(fusion)
    executable.constants = constants_of(scheduled, fusion.uses)
    assign_slots(fusion, &executable.schedule)
    for phase in range(3):
        executable.instructions[phase] = <Instruction *> resized(
            fusion.fused[phase], (fusion.counts[phase] + 1) * sizeof(Instruction))
        fusion.fused[phase] = NULL
    executable.arguments = <unsigned *> resized(fusion.operands, (fusion.operand_total + 1) * sizeof(unsigned))
    fusion.operands = NULL
    executable.calls = tuple(scheduled.calls)
    executable.schedule.prologue = executable.instructions[PROLOGUE]
    executable.schedule.prologue_size = fusion.counts[PROLOGUE]
    executable.schedule.body = executable.instructions[BODY]
    executable.schedule.body_size = fusion.counts[BODY]
    executable.schedule.epilogue = executable.instructions[EPILOGUE]
    executable.schedule.epilogue_size = fusion.counts[EPILOGUE]
    executable.schedule.arguments = executable.arguments
    executable.schedule.placed = executable.arguments + fusion.operand_total - 2 * fusion.placed_count
    executable.schedule.placed_count = fusion.placed_count
    executable.schedule.constants = executable.constants
    executable.schedule.calls_python = fusion.calls_python
    rank_guards(executable)
    return executable


cdef bytes number_guards(Code code):
    """Give each guard its number, as operand c, and return the path: their outcomes."""
    cdef bytes path = PyBytes_FromStringAndSize(NULL, len(code.places) * sizeof(double))
    cdef double *outcomes = <double *> PyBytes_AS_STRING(path)
    cdef Py_ssize_t i
    cdef unsigned number = 0
    for i in range(code.size):
        if is_guard(code.entries[i].op):
            if code.entries[i].op == LANE_GUARD:
                outcomes[number] = code.entries[i].b
            else:
                is_constant(code, code.entries[i].b, &outcomes[number])
            number += 1
            code.entries[i].c = number
    return path


cdef int rank_guards(Executable executable) except -1:
    cdef const Schedule *schedule = &executable.schedule
    cdef unsigned rank = 0
    executable.ranks = <unsigned *> room(len(executable.path) // sizeof(double), sizeof(unsigned))
    rank = rank_phase(executable.ranks, schedule.prologue, schedule.prologue_size, rank)
    rank_phase(executable.ranks, schedule.body, schedule.body_size, rank)
    return 0


cdef unsigned rank_phase(unsigned *ranks, const Instruction *instructions, Py_ssize_t size, unsigned rank) noexcept:
    """Rank the guards of a phase from `rank` on; return the next rank."""
    cdef Py_ssize_t i
    for i in range(size):
        if is_guard(instructions[i].op):
            ranks[instructions[i].out - 1] = rank
            rank += 1
    return rank
