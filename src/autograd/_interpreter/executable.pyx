"""The pipeline from a code to an executable, pass by pass."""

cimport cython
from cpython.mem cimport PyMem_RawFree

from autograd._interpreter.fusion cimport BODY, EPILOGUE, PROLOGUE, Fusion, fuse
from autograd._interpreter.interpreter cimport Instruction
from autograd._interpreter.scheduling cimport ordered
from autograd._interpreter.slots cimport assign_slots
from autograd._ir.code cimport Code, room


@cython.auto_pickle(False)
cdef class Executable:
    """A code made ready to run."""

    def __dealloc__(self):
        PyMem_RawFree(self.instructions)
        PyMem_RawFree(self.arguments)
        PyMem_RawFree(self.constants)


cdef Executable make_executable(Code code, bytes varying, bytes summed):
    cdef Executable executable = Executable.__new__(Executable)
    # Composite primitives become those that there are kernels for; without a varying input the lanes are one point.
    cdef Code scheduled = ordered(code.expanded(), varying is None)
    cdef Fusion fusion = fuse(scheduled, varying, summed)
    cdef Py_ssize_t total = fusion.counts[PROLOGUE] + fusion.counts[BODY] + fusion.counts[EPILOGUE]
    executable.instructions = <Instruction *> room(total, sizeof(Instruction))
    executable.arguments = <unsigned *> room(fusion.operand_total, sizeof(unsigned))
    executable.constants = <double *> room(scheduled.size, sizeof(double))
    assign_slots(fusion, executable.instructions, executable.arguments, executable.constants, &executable.schedule)
    executable.calls = tuple(scheduled.calls)
    executable.schedule.calls_python = fusion.calls_python
    return executable
