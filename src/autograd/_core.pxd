"""The node of the graph and the engine's C interface, for other Cython modules to ``cimport``."""

from cpython.object cimport PyObject


# What the kernels see of a Value. `left` and `right` own a reference to the Value around the Node they point to; in a
# hand-made node `left` is the tuple of its parents instead. `mark` and `cursor` belong to a traversal under way.
# `attributes` and `weak_references`, the instance's __dict__ and the head of its list of weak references, are made on
# first use.
cdef struct Node:
    double primal
    double adjoint
    double immediate
    Node *left
    Node *right
    unsigned short op
    unsigned short mark
    unsigned int cursor
    PyObject *attributes
    PyObject *weak_references


cdef class Value:
    cdef Node node


cdef Value new_leaf(double primal)
cdef int number(object x, double *result) except -1
cdef int run_backward(Value root, double seed) except -1
