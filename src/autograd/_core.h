/* C code of the core that has no form in Cython. */
#ifndef AUTOGRAD_CORE_H
#define AUTOGRAD_CORE_H
#include <Python.h>

#if defined(_MSC_VER)
#define AUTOGRAD_THREAD __declspec(thread)
#else
#define AUTOGRAD_THREAD __thread
#endif
/* The thread's number of open no_grad blocks, and its trace; read only while some thread has one. */
static AUTOGRAD_THREAD int autograd_paused_here = 0;
static AUTOGRAD_THREAD PyObject *autograd_tracer_here = NULL;
/* The thread's number of open detect_anomaly blocks; read only while some thread has one. */
static AUTOGRAD_THREAD int autograd_anomalies_here = 0;
/* Whether the thread is freeing the list of dying objects. */
static AUTOGRAD_THREAD int autograd_draining_here = 0;

/* Pass ownership of a reference to Cython. */
static inline PyObject *autograd_steal(PyObject *object) { return object; }

static PyGetSetDef autograd_dict_getset = {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, 0, 0};

/* Adds the attribute __dict__. Cython's own syntax for it would create a dictionary with every instance. */
static int autograd_add_dict(PyTypeObject *type) {
    PyObject *descriptor = PyDescr_NewGetSet(type, &autograd_dict_getset);
    int failed = descriptor == NULL || PyDict_SetItemString(type->tp_dict, "__dict__", descriptor);
    Py_XDECREF(descriptor);
    return failed ? -1 : 0;
}

#endif
