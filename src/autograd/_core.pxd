"""The node of the graph and the engine's C interface, for other Cython modules to ``cimport``."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF


# What the kernels see of a Value. `left` and `right` own a reference to the object around the Node they point to: a
# Value, or for an output of a Block the Block; in a hand-made node `left` is the tuple of its parents instead. `mark`
# and `cursor` belong to a traversal under way. `attributes` and `weak_references`, the instance's __dict__ and the head
# of its list of weak references, are made on first use.
cdef struct Node:
    double primal
    double adjoint
    double immediate
    Node *left
    Node *right
    unsigned short op
    unsigned char mark
    unsigned char flags
    unsigned int cursor
    PyObject *attributes
    PyObject *weak_references


# Flags. SHARED: the data of this Value is copied elsewhere, or its gradient partly held elsewhere. COLLECTABLE: this
# Value or Block is tracked by the garbage collector, and what is computed from it has to be. TRACED: this Value or
# Block belongs to a trace, or what it was computed from does; outside of that, its number is of no use.
cdef enum:
    SHARED = 1
    COLLECTABLE = 2
    TRACED = 4


cdef class Value:
    cdef Node node


cdef class Block:
    """An operation with many inputs and outputs.

    The outputs are Values that own the Block and know their index; the Block owns its inputs. A subclass computes the
    outputs when it is made, and defines `push`.
    """
    cdef Node node
    cdef Node **inputs
    cdef double *adjoints
    cdef Py_ssize_t input_count
    cdef Py_ssize_t output_count
    # What of Python `push` calls, if anything.
    cdef object calls

    # Add the gradients of the inputs, given the `adjoints` of the outputs.
    cdef int push(self) except -1
    # The name shown as the operation of the outputs.
    cdef str name(self)
    # Every Value that the outputs depend on directly.
    cdef list parents(self)
    # Emit the instructions of the Block into a Code, given those of its inputs, and return those of its outputs.
    cdef list lower(self, object code, list operands)


cdef class Tracer:
    """What takes down the operations of its thread."""

    # A Value was made. Its number may be replaced, by the one that a replay will find.
    cdef int record(self, Value value) except -1
    # A comparison: a Value that is 1 or 0; None to leave it to the numbers.
    cdef object compare(self, Value value, object other, int comparison)
    # Somebody wants to know whether the number is zero, or the number.
    cdef int decide(self, Value value) except -1
    cdef int read(self, Value value) except -1


# From a node to the object around it, and back: the fields of a cdef class follow the head of the object.
cdef inline PyObject *owner(Node *node) noexcept nogil:
    """The Value around a node."""
    return <PyObject *> (<char *> node - sizeof(PyObject))


cdef inline PyObject *block_around(Node *node) noexcept nogil:
    """The Block around a node; a Block also has a table of methods."""
    return <PyObject *> (<char *> node - sizeof(PyObject) - sizeof(void *))


cdef inline Node *node_of(PyObject *value) noexcept nogil:
    """The node in a Value."""
    return <Node *> (<char *> value + sizeof(PyObject))


cdef class Deferred:
    """Gradients of leaves that are kept together until somebody looks at one of them."""
    cdef bint waiting

    # Add what is kept to the leaves, and keep nothing.
    cdef void flush(self) noexcept


cdef Value new_leaf(double primal)
cdef int number(object x, double *result) except -1
cdef int run_backward(Value root, double seed) except -1

# The value of an operation of the table, with the exceptions of Python; reads only the operands that the op has.
cdef double checked_value(unsigned op, double a, double b, double c) except? -1

# Blocks: room for `inputs` and `adjoints`, an input, for which there must be room, an output.
cdef int set_sizes(Block block, Py_ssize_t most_inputs, Py_ssize_t outputs) except -1
cdef inline void add_input(Block block, Value value) noexcept:
    # In line, because the call was a quarter of what a sum costs.
    Py_INCREF(value)
    block.inputs[block.input_count] = &value.node
    block.input_count += 1
    if value.node.flags & (COLLECTABLE | TRACED):
        inherit(block, value.node.flags)
cdef void inherit(Block block, unsigned char flags) noexcept
cdef void track(Block block) noexcept
cdef void set_calls(Block block, object calls) noexcept
cdef Value new_output(Block block, Py_ssize_t index, double primal)
cdef bint recording() noexcept

# The trace that this thread is in, or None, and in how many no_grad blocks it is.
cdef Tracer current_tracer()
cdef int pauses() noexcept
cdef void set_tracer(Tracer tracer, int pauses) noexcept
# Raise if this thread is in a trace, saying what was done there.
cdef int forbid_in_trace(str what) except -1
# Raise because a traced Value was used where its trace is not under way, saying how.
cdef int forbid_outside(str what) except -1
cdef Value record_specially(unsigned short op, double primal, double immediate, Value left, Value right)
cdef Value stop_gradient(Value value)

# The data of some SHARED leaf changed this often.
cdef Py_ssize_t shared_version() noexcept
cdef void touch_shared() noexcept
cdef int defer(Deferred deferred) except -1
cdef void flush_deferred() noexcept
