"""Dense layers as single nodes."""

from cpython.object cimport PyObject, PyTypeObject

from autograd._core cimport Block, Deferred, Node
from autograd._cpython cimport Py_TYPE, TypeSlots


cdef inline bint called_as(PyObject *object, type kind) noexcept:
    """Whether calling the object runs the `__call__` of `kind`, not one of a subclass or one assigned to a class."""
    return (<TypeSlots *> Py_TYPE(object)).tp_call == (<TypeSlots *> kind).tp_call


# What a neuron consisted of when a plan was made.
cdef struct NeuronShot:
    PyObject *neuron
    PyTypeObject *kind
    PyObject *w
    PyObject *b
    PyObject *nonlin
    PyObject *activation
    unsigned op
    double immediate


# One layer of a plan: what it was made from, its sizes, where its weights are in the plan's arrays, and where in the
# arrays of a Block of one row are its inputs, weighted sums, activations, dropout factors and outputs.
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
    # Keeps alive what the raw pointers point to.
    cdef list keep
    # For each neuron the activation that cannot be part of a Block, or None; None where all can.
    cdef list custom
    cdef PyObject *layers
    cdef Py_ssize_t stage_count
    cdef Stage *stages
    cdef NeuronShot *shots
    cdef PyObject **weights
    # Whether `keep` or `custom` has objects of the user's, which may refer to anything.
    cdef bint refers_to_users
    # Parameters in the order of the kernels; `nodes` is NULL where the parameter is a number.
    cdef Py_ssize_t size
    cdef Node **nodes
    cdef double *data
    cdef double *transposed
    cdef double *grad
    cdef Py_ssize_t version
    # Places of the parameters that are computed Values.
    cdef Py_ssize_t *computed
    cdef Py_ssize_t computed_count
    # Doubles that a Block needs for a row, and the most inputs or outputs of a layer.
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
    """A call of some layers. `values` has the inputs and then what the stages of the plan say, for all rows."""
    cdef Plan plan
    cdef Py_ssize_t rows
    # That of the plan in the forward pass.
    cdef Py_ssize_t version
    cdef double *values
    # Where among the inputs are those that are Values.
    cdef Py_ssize_t *places

    cdef int forward(self) except -1
    cdef int trace(self) except -1
    cdef int activate(self, Stage *stage, const double *z, double *r) except -1
    cdef int drop(self, Stage *stage, DenseDropout dropout) except -1
    cdef Py_ssize_t live_rows(self, Py_ssize_t *live, Py_ssize_t n) noexcept
