"""The pipeline from a code to an executable, pass by pass."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree

from autograd._interpreter.fusion cimport BODY, EPILOGUE, PROLOGUE, Fusion, fuse
from autograd._interpreter.interpreter cimport Instruction, Schedule
from autograd._interpreter.scheduling cimport ordered
from autograd._interpreter.slots cimport assign_slots
from autograd._ir.code cimport Code, room
from autograd._ir.opcodes cimport LANE_GUARD, is_guard


@cython.auto_pickle(False)
cdef class Executable:
    """A code made ready to run."""

    def __dealloc__(self):
        PyMem_RawFree(self.instructions)
        PyMem_RawFree(self.arguments)
        PyMem_RawFree(self.constants)
        PyMem_RawFree(self.ranks)


cdef Executable make_executable(Code code, bytes varying, bytes summed, bint only_guards):
    cdef Executable executable = Executable.__new__(Executable)
    # Composite primitives become those that there are kernels for; without a varying input the lanes are one point.
    cdef Code expanded = code.copy_of(True)
    cdef Code scheduled
    cdef Fusion fusion
    cdef Py_ssize_t total
    executable.path = number_guards(expanded)
    if only_guards:
        expanded.outputs = []
    scheduled = ordered(expanded, varying is None)
    fusion = fuse(scheduled, varying, summed)
    total = fusion.counts[PROLOGUE] + fusion.counts[BODY] + fusion.counts[EPILOGUE]
    executable.instructions = <Instruction *> room(total, sizeof(Instruction))
    executable.arguments = <unsigned *> room(fusion.operand_total, sizeof(unsigned))
    executable.constants = <double *> room(scheduled.size, sizeof(double))
    assign_slots(fusion, executable.instructions, executable.arguments, executable.constants, &executable.schedule)
    executable.calls = tuple(scheduled.calls)
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
                code.is_constant(code.entries[i].b, &outcomes[number])
            number += 1
            code.entries[i].c = number
    return path


cdef int rank_guards(Executable executable) except -1:
    cdef const Schedule *schedule = &executable.schedule
    cdef Py_ssize_t i
    cdef unsigned rank = 0
    executable.ranks = <unsigned *> room(len(executable.path) // sizeof(double), sizeof(unsigned))
    # The body follows the prologue.
    for i in range(schedule.prologue_size + schedule.body_size):
        if is_guard(schedule.prologue[i].op):
            executable.ranks[schedule.prologue[i].out - 1] = rank
            rank += 1
    return 0
