"""The node of the graph and the engine's C interface, for other Cython modules to ``cimport``."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from libc.string cimport memcmp


# The C part of a Value: its number, its adjoint, its operation and its parents. `left` and `right` own a reference to
# the object around the Node they point to: a Value, or for an output of a Block the Block; in a hand-made node `left`
# is the tuple of its parents instead, and `right` NULL or the tuple of its local gradients. `mark` and `cursor` serve a
# traversal; then `cursor` tells whether the node has received an adjoint in the sweep. `stamp` is the count of
# changes when a Value was computed, or when its data was last set, modulo 2^32; a leaf that was set has the whole count
# as its `immediate`. In a trace `stamp` is the position on the tape. `attributes` and `weak_references` hold the
# instance's __dict__ and the head of its list of weak references, created on first use.
cdef struct Node:
    double primal
    double adjoint
    double immediate
    Node *left
    Node *right
    unsigned char op
    unsigned char mark
    unsigned char flags
    unsigned char cursor
    unsigned int stamp
    PyObject *attributes
    PyObject *weak_references


# Flags. SHARED: a dense layer holds a copy of this Value's data or a part of its gradient. COLLECTABLE: the garbage
# collector tracks this Value or Block, and must track every Value computed from it. TRACED: this Value or Block was
# made in a trace, or computed from one that was; outside of that trace its number is meaningless.
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
    # The Python objects that `push` calls; None if it calls no Python code.
    cdef object calls

    # Add the gradients of the inputs, given the `adjoints` of the outputs.
    cdef int push(self) except -1
    # A leaf that is no input, and whose data was set after the Block had read it; NULL if there is none.
    cdef Node *changed(self) noexcept
    # The name shown as the operation of the outputs.
    cdef str name(self)
    # Every Value that the outputs depend on directly.
    cdef list parents(self)
    # The Values whose instructions `lower` takes, in order.
    cdef list sources(self)
    # Emit the instructions of the Block into a Code, given those of its inputs, and return those of its outputs.
    cdef list lower(self, object code, list operands)


cdef class Tracer:
    """Records the thread's operations on a tape."""

    # Append a new Value to the tape. May replace its number by the one that a replay computes.
    cdef int record(self, Value value) except -1
    # Record a comparison as a Value that is 1 or 0. None: compare the numbers instead.
    cdef object compare(self, Value value, object other, int comparison)
    # Record a guard on the truth of a Value.
    cdef int decide(self, Value value) except -1
    # Record a guard on the bits of a Value.
    cdef int read(self, Value value) except -1
    # Whether a handler in the traced function surrounds the running operation.
    cdef bint handles(self) except -1


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
    """Gradients of leaves accumulated in an array, not yet added to the leaves."""
    cdef bint waiting

    # Add the accumulated gradients to the leaves and reset them to zero.
    cdef void flush(self) noexcept


cdef Value new_leaf(double primal)
# The number of dead nodes kept for reuse, which can be reduced.
cdef int free_node_count() noexcept
cdef void keep_free_nodes(int count) noexcept
cdef int number(object x, double *result) except -1
# Whether an array is one of real numbers or objects, and no masked array or matrix; raise TypeError if it is not.
cdef bint is_real_array(object x) except -1
cpdef object check_array(object x, str what)
cdef int run_backward(Value root, double seed) except -1

# Add to an adjoint. A node that receives nothing in a backward sweep pushes nothing.
cdef inline void receive(Node *node, double gradient) noexcept:
    node.adjoint += gradient
    node.cursor = True

# The value of an operation by Python's function, which may raise.
cdef double python_value(unsigned op, double a, double b, double c) except? -1
# The value of an operation of the table, with Python's exceptions. Operands that the op lacks are ignored.
cdef double checked_value(unsigned op, double a, double b, double c) except? -1

# Blocks: allocate `inputs` and `adjoints`; append an input, within the allocated number; make an output.
cdef int set_sizes(Block block, Py_ssize_t most_inputs, Py_ssize_t outputs) except -1
cdef inline void add_input(Block block, Value value) noexcept:
    # Inline: as a call it took a quarter of the time of a sum.
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

# Whether this thread is in a detect_anomaly block.
cdef bint detecting() noexcept
# File and line of the innermost running function that is not of this package.
cdef tuple caller()

# The thread's current trace, or None, and the number of no_grad blocks that it is in.
cdef Tracer current_tracer()
cdef int pauses() noexcept
cdef void set_tracer(Tracer tracer, int pauses) noexcept
# Raise RuntimeError if this thread is in a trace; `what` names the forbidden action.
cdef int forbid_in_trace(str what) except -1
# Raise RuntimeError for a traced Value used outside of its trace; `what` names the use.
cdef int forbid_outside(str what) except -1
cdef Value record_specially(unsigned short op, double primal, double immediate, Value left, Value right)
cdef Value stop_gradient(Value value)

# The count of changes to data, of which backward() concludes whether a leaf changed after a node had read it.
cdef unsigned long long next_change() noexcept
cdef inline void change_primal(Node *node, double primal, unsigned long long change) noexcept nogil:
    """Set the number of a leaf or a hand-made node; the same bits are no change."""
    if memcmp(&node.primal, &primal, sizeof(double)):
        node.primal = primal
        node.stamp = <unsigned> change
        node.immediate = <double> change
cdef bint is_changed(Node *parent, Node *node) noexcept

# Count of changes to the data of SHARED leaves.
cdef Py_ssize_t shared_version() noexcept
cdef void touch_shared() noexcept
cdef void defer(Deferred deferred) noexcept
cdef void flush_deferred() noexcept
