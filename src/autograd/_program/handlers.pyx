"""Handlers: whether an exception that the running operation raised would meet an `except`, `finally` or `with`.

From Python 3.11 on, the exception table of a code object names, for every range of instructions, the innermost target.
The handlers further out are those of the target itself. What is written as `except`, `finally` or `with` begins with
PUSH_EXC_INFO; other targets only tidy the stack. Python 3.10 keeps a stack of blocks in the frame.
"""

cimport cython
from cpython.object cimport PyObject

import opcode

cdef extern from "_program/handlers.h":
    PyObject *running_frame "autograd_running" () noexcept
    PyObject *outer_of "autograd_outer" (PyObject *frame) noexcept
    PyObject *candidate "autograd_candidate" (
        PyObject *frame, PyObject *bottom, PyObject *clean, PyObject **outermost) noexcept
    int lasti_of "autograd_lasti" (PyObject *frame) noexcept
    object blocks_of "autograd_blocks" (PyObject *frame)
    void Py_XINCREF(PyObject *) noexcept
    void Py_XDECREF(PyObject *) noexcept

cdef object PUSH_EXC_INFO = opcode.opmap.get("PUSH_EXC_INFO")
cdef object WITH_EXCEPT_START = opcode.opmap["WITH_EXCEPT_START"]


@cython.auto_pickle(False)
cdef class Handlers:
    """Finds out whether an operation of a traced function is surrounded by a handler."""

    cdef bint is_handled(self, int harmless) except -1:
        cdef PyObject *frame = running_frame()
        return frame != <PyObject *> self.clean and self.look(frame, harmless)

    cdef bint look(self, PyObject *frame, int harmless) except -1:
        cdef PyObject *outer
        cdef PyObject *outermost = NULL
        cdef int withs = 0
        cdef bint any_candidate = False
        Py_XINCREF(frame)
        frame = candidate(frame, self.bottom, <PyObject *> self.clean, &outermost)
        try:
            while frame != NULL:
                any_candidate = True
                found = self.handlers_of(frame)
                if found[0]:
                    return True
                withs += found[1]
                outer = outer_of(frame)
                Py_XDECREF(frame)
                frame = candidate(outer, self.bottom, <PyObject *> self.clean, &outermost)
        finally:
            Py_XDECREF(frame)
        if self.clean is None and outermost != NULL and not any_candidate:
            # Kept, so that no other frame gets its address.
            self.clean = <object> outermost
        return withs > harmless

    cdef tuple handlers_of(self, PyObject *frame):
        """Return how many `try` and `with` statements surround the running instruction of a frame."""
        blocks = blocks_of(frame)
        if blocks is not None:
            return blocks
        code = (<object> frame).f_code
        key = <size_t> <PyObject *> code, lasti_of(frame)
        if key not in self.known:
            # With the code object, so that no other one gets its address.
            self.known[key] = (*handlers_at(code, key[1]), code)
        return self.known[key]


cdef Handlers handlers_within_running_frame():
    cdef Handlers handlers = Handlers.__new__(Handlers)
    handlers.bottom = running_frame()
    handlers.known = {}
    return handlers


cdef tuple handlers_at(object code, Py_ssize_t at):
    cdef bytes instructions = code.co_code
    cdef list numbers = []
    cdef Py_ssize_t tries = 0, withs = 0, i, start, length
    cdef bint goes_on = False
    # Numbers of 6 bits a byte, the highest first; four of them an entry.
    for byte in code.co_exceptiontable:
        if goes_on:
            numbers.append(numbers.pop() << 6 | byte & 63)
        else:
            numbers.append(byte & 63)
        goes_on = byte & 64
    while True:
        for i in range(0, len(numbers), 4):
            start, length = 2 * numbers[i], 2 * numbers[i + 1]
            if start <= at < start + length:
                break
        else:
            return tries, withs
        at = 2 * numbers[i + 2]
        if instructions[at] == PUSH_EXC_INFO:
            if instructions[at + 2] == WITH_EXCEPT_START:
                withs += 1
            else:
                tries += 1
