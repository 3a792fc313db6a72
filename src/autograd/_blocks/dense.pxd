"""Dense layers as single nodes."""

from cpython.object cimport PyObject, PyTypeObject

from autograd._core cimport Block, Deferred, Node
from autograd._cpython cimport Py_TYPE, TypeSlots


cdef inline bint called_as(PyObject *object, type kind) noexcept:
    """Whether calling the object runs the `__call__` of `kind`, not one of a subclass or one assigned to a class."""
    return (<TypeSlots *> Py_TYPE(object)).tp_call == (<TypeSlots *> kind).tp_call


# The attributes of a neuron when a plan was made.
cdef struct NeuronShot:
    PyObject *neuron
    PyTypeObject *kind
    PyObject *w
    PyObject *b
    PyObject *nonlin
    PyObject *activation
    unsigned op
    double immediate


# One layer of a plan: the objects it was made from, its sizes, the offset of its weights in the plan's arrays, and the
# offsets of its inputs, weighted sums, activations, dropout factors and outputs in a Block of one row.
cdef struct Stage:
    PyObject *layer
    PyObject *neurons
    PyObject *dropout
    Py_ssize_t first_neuron
    Py_ssize_t first_weight
    Py_ssize_t n_in
    Py_ssize_t n_out
    Py_ssize_t weights
    Py_ssize_t transposed_version
    bint uniform
    Py_ssize_t x_at
    Py_ssize_t z_at
    Py_ssize_t r_at
    Py_ssize_t scale_at
    Py_ssize_t out_at


cdef class Plan(Deferred):
    """The parameters of some layers, gathered in one array."""
    cdef str title
    # References to the objects behind the raw pointers.
    cdef list keep
    # By neuron: its activation if a Block cannot compute it, else None. None if a Block can compute all.
    cdef list custom
    cdef PyObject *layers
    cdef Py_ssize_t stage_count
    cdef Stage *stages
    cdef NeuronShot *shots
    cdef PyObject **weights
    # Whether `keep` or `custom` holds objects of the user's, which may be part of reference cycles.
    cdef bint refers_to_users
    # Whether the operation of an activation can raise.
    cdef bint can_raise
    # Parameters in the kernels' order; `nodes` is NULL for a parameter that is a number.
    cdef Py_ssize_t size
    cdef Node **nodes
    cdef double *data
    cdef double *transposed
    cdef double *grad
    cdef Py_ssize_t version
    # Places of the parameters that are computed Values.
    cdef Py_ssize_t *computed
    cdef Py_ssize_t computed_count
    # The doubles of a Block per row, and the largest number of inputs or outputs of a layer.
    cdef Py_ssize_t row_size
    cdef Py_ssize_t widest
    cdef double *scratch
    cdef Py_ssize_t scratch_rows

    cdef void refresh(self) noexcept
    cdef const double *weights_by_output(self, Stage *stage) noexcept


cdef class Fields:
    cdef tuple field_names(self)


cdef class DenseNeuron(Fields):
    cdef public object w
    cdef public object b
    cdef public object nonlin
    cdef public object activation
    cdef Plan plan


cdef class DenseLayer(Fields):
    cdef public object neurons
    cdef Plan plan


cdef class DenseNetwork(Fields):
    cdef public object layers
    cdef Plan plan


cdef class DenseDropout(Fields):
    cdef public object p
    cdef public object training
    cdef public object rng

    cdef int draw(self, Py_ssize_t n, double *scale) except -1


cdef class DenseBlock(Block):
    """One call of the layers of a plan. `values` holds, for all rows, the inputs and then the results of each stage."""
    cdef Plan plan
    cdef Py_ssize_t rows
    # The plan's version in the forward pass.
    cdef Py_ssize_t version
    cdef double *values
    # The places in `values` of the inputs that are Values.
    cdef Py_ssize_t *places

    cdef int forward(self) except -1
    cdef int trace(self) except -1
    cdef int activate(self, Stage *stage, const double *z, double *r) except -1
    cdef int drop(self, Stage *stage, DenseDropout dropout) except -1
    cdef Py_ssize_t live_rows(self, Py_ssize_t *live, Py_ssize_t n) noexcept
