"""Handlers: whether an exception that the running operation raised would meet an `except`, `finally` or `with`.

From Python 3.11 on, the exception table of a code object names, for every range of instructions, the innermost target.
The handlers further out are those of the target itself. What is written as `except`, `finally` or `with` begins with
PUSH_EXC_INFO; other targets only tidy the stack. Python 3.10 keeps a stack of blocks in the frame.
"""

from cpython.object cimport PyObject

from opcode import opmap

cdef extern from "_program/handlers.h":
    PyObject *running_frame_of_thread "autograd_running" () noexcept
    PyObject *outer_of "autograd_outer" (PyObject *frame) noexcept
    PyObject *candidate "autograd_candidate" (PyObject *frame, PyObject *bottom) noexcept
    int lasti_of "autograd_lasti" (PyObject *frame) noexcept
    object blocks_of "autograd_blocks" (PyObject *frame)
    void Py_XINCREF(PyObject *) noexcept
    void Py_XDECREF(PyObject *) noexcept

cdef object PUSH_EXC_INFO = opmap.get("PUSH_EXC_INFO")
cdef object WITH_EXCEPT_START = opmap["WITH_EXCEPT_START"]


cdef PyObject *running_frame() noexcept:
    return running_frame_of_thread()


cdef bint is_handled(PyObject *bottom, int harmless, dict known) except -1:
    cdef PyObject *frame = running_frame_of_thread()
    cdef PyObject *outer
    cdef int withs = 0
    Py_XINCREF(frame)
    frame = candidate(frame, bottom)
    try:
        while frame != NULL:
            found = handlers_of(frame, known)
            if found[0]:
                return True
            withs += found[1]
            outer = outer_of(frame)
            Py_XDECREF(frame)
            frame = candidate(outer, bottom)
    finally:
        Py_XDECREF(frame)
    return withs > harmless


cdef tuple handlers_of(PyObject *frame, dict known):
    """Return how many `try` and `with` statements surround the running instruction of a frame."""
    blocks = blocks_of(frame)
    if blocks is not None:
        return blocks
    code = (<object> frame).f_code
    key = <size_t> <PyObject *> code, lasti_of(frame)
    if key not in known:
        # With the code object, so that no other one gets its address.
        known[key] = (*handlers_at(code, key[1]), code)
    return known[key]


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
