"""Declarations of CPython's C API that Cython lacks, or has without borrowed references."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.object cimport PyObject, PyTypeObject


cdef extern from "Python.h":
    ctypedef int (*visitproc)(PyObject *, void *) noexcept
    ctypedef int (*traverseproc)(PyObject *, visitproc, void *) noexcept
    ctypedef struct ListLayout "PyListObject":
        PyObject **ob_item
        Py_ssize_t ob_size "ob_base.ob_size"
    ctypedef struct TypeSlots "PyTypeObject":
        const char *tp_name
        Py_ssize_t tp_dictoffset
        Py_ssize_t tp_weaklistoffset
        void (*tp_dealloc)(PyObject *) noexcept
        PyObject *(*tp_alloc)(PyTypeObject *, Py_ssize_t) except NULL
        void (*tp_free)(void *) noexcept
        traverseproc tp_traverse
        int (*tp_clear)(PyObject *) noexcept
        PyObject *tp_dict
        int (*tp_is_gc)(PyObject *) noexcept
        unsigned long tp_flags
        void *tp_call
        void *tp_vectorcall
    int PyBuffer_ToContiguous(void *, const Py_buffer *, Py_ssize_t, char) except -1
    int PyFloat_Check(PyObject *) noexcept
    int PyFloat_CheckExact(PyObject *) noexcept
    double PyFloat_AS_DOUBLE(PyObject *) noexcept
    double PyFloat_AsDouble(object) except? -1
    double PyLong_AsDouble(object) except? -1
    object PyObject_RichCompare(object, object, int)
    bint PyObject_IS_GC(PyObject *) noexcept
    void PyObject_GC_Del(void *) noexcept
    void PyObject_GC_Track(PyObject *) noexcept
    void PyObject_GC_UnTrack(PyObject *) noexcept
    Py_ssize_t Py_REFCNT(PyObject *) noexcept
    PyTypeObject *Py_TYPE(PyObject *) noexcept
    void Py_CLEAR(PyObject *) noexcept
    void Py_XDECREF(PyObject *) noexcept
    PyObject *PyObject_Init(PyObject *, PyTypeObject *) noexcept
    void *PyObject_Malloc(size_t) noexcept
    void PyObject_Free(void *) noexcept
    void PyObject_ClearWeakRefs(PyObject *) noexcept
    PyObject *PyType_GenericAlloc(PyTypeObject *, Py_ssize_t) except NULL
    unsigned long Py_TPFLAGS_HAVE_GC
    unsigned long Py_TPFLAGS_IMMUTABLETYPE
    void PyType_Modified(PyTypeObject *) noexcept
    Py_ssize_t PyVectorcall_NARGS(size_t) noexcept
    Py_ssize_t PyTuple_GET_SIZE(PyObject *) noexcept nogil
    PyObject *PyTuple_GET_ITEM(PyObject *, Py_ssize_t) noexcept nogil
    object PyObject_Vectorcall(object, PyObject **, size_t, PyObject *)
    object PyObject_GenericGetDict(object, void *)
    int PyObject_GenericSetAttr(object, object, object) except -1


cdef inline double *address(object array) except? NULL:
    """The address of the numbers of a contiguous array of doubles."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    PyBuffer_Release(&view)
    return <double *> view.buf


cdef inline int *int_address(object array) except? NULL:
    """The address of the numbers of a contiguous array of int32."""
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    PyBuffer_Release(&view)
    return <int *> view.buf
