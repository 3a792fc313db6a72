/* The frames of a traced function, and the handlers in them. */
#ifndef AUTOGRAD_HANDLERS_H
#define AUTOGRAD_HANDLERS_H
#include <Python.h>

#if PY_VERSION_HEX >= 0x030B0000
/* Whether a frame may be in a handled region: its code has an exception table. */
static inline int autograd_is_candidate(PyFrameObject *frame) {
    PyCodeObject *code = PyFrame_GetCode(frame);
    int result = PyBytes_GET_SIZE(code->co_exceptiontable) > 0;
    Py_DECREF(code);
    return result;
}
static inline int autograd_lasti(PyObject *frame) { return PyFrame_GetLasti((PyFrameObject *)frame); }
static PyObject *autograd_blocks(PyObject *frame) {
    (void)frame;
    Py_RETURN_NONE;
}
#else
#include <frameobject.h>
#include <opcode.h>
static inline int autograd_is_candidate(PyFrameObject *frame) { return frame->f_iblock > 0; }
static inline int autograd_lasti(PyObject *frame) { return ((PyFrameObject *)frame)->f_lasti; }
/* Python 3.10 keeps the handled regions that a frame is in on a stack. */
static PyObject *autograd_blocks(PyObject *object) {
    PyFrameObject *frame = (PyFrameObject *)object;
    const unsigned char *code = (const unsigned char *)PyBytes_AS_STRING(frame->f_code->co_code);
    int tries = 0, withs = 0;
    for (int i = 0; i < frame->f_iblock; i++) {
        const PyTryBlock *block = &frame->f_blockstack[i];
        if (block->b_type != SETUP_FINALLY) continue;
        if (code[2 * block->b_handler] == WITH_EXCEPT_START) withs++;
        else tries++;
    }
    return Py_BuildValue("(ii)", tries, withs);
}
#endif

static inline PyObject *autograd_running(void) { return (PyObject *)PyEval_GetFrame(); }
static inline PyObject *autograd_outer(PyObject *frame) { return (PyObject *)PyFrame_GetBack((PyFrameObject *)frame); }

/* Returns the innermost frame from `frame` outwards, but within `bottom` and `clean`, that may be in a handled region.
   NULL if there is none: then *outermost is the last of these frames, borrowed. Takes and gives a reference. */
static PyObject *autograd_candidate(PyObject *frame, PyObject *bottom, PyObject *clean, PyObject **outermost) {
    while (frame != NULL && frame != bottom && frame != clean) {
        PyObject *outer;
        if (autograd_is_candidate((PyFrameObject *)frame)) return frame;
        *outermost = frame;
        outer = autograd_outer(frame);
        Py_DECREF(frame);
        frame = outer;
    }
    Py_XDECREF(frame);
    return NULL;
}

#endif
