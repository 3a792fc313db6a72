"""The pipeline from a code to an executable, pass by pass."""

cimport cython
from cpython.mem cimport PyMem_RawFree

from autograd._interpreter.fusion cimport BODY, EPILOGUE, PROLOGUE, Fusion, fuse
from autograd._interpreter.interpreter cimport Instruction
from autograd._interpreter.scheduling cimport ordered
from autograd._interpreter.slots cimport assign_slots, constants_of
from autograd._ir.code cimport Code, resized


@cython.auto_pickle(False)
cdef class Executable:
    """A code made ready to run."""

    def __dealloc__(self):
        cdef Py_ssize_t phase
        for phase in range(3):
            PyMem_RawFree(self.instructions[phase])
        PyMem_RawFree(self.arguments)
        PyMem_RawFree(self.constants)


cdef Executable make_executable(Code code, bytes varying, bytes summed):
    cdef Executable executable = Executable.__new__(Executable)
    # Composite primitives become those that there are kernels for; without a varying input the lanes are one point.
    cdef Code scheduled = ordered(code.expanded(), varying is None)
    cdef Fusion fusion = fuse(scheduled, varying, summed)
    cdef Py_ssize_t phase
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
    executable.schedule.constants = executable.constants
    executable.schedule.calls_python = fusion.calls_python
    return executable
