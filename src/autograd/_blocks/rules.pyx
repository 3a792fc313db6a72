"""Loops over lists of parameters: the steps of optimizers, the clipping of gradients, penalties.

The Values own the data: a step gathers data and gradients into arrays, updates the arrays, and writes the data back.
The rules are those of ``torch.optim``, operation by operation, so that results agree to rounding.
"""

cimport cython
from cpython.list cimport PyList_GET_ITEM
from cpython.object cimport PyObject, PyTypeObject
from libc.math cimport INFINITY, fabs, isfinite, pow, sqrt
from libc.string cimport memcmp

import operator
from collections.abc import Iterable, Set

import numpy

from autograd._core cimport (
    SHARED, Node, Value, change_primal, check_array, flush_deferred, forbid_in_trace, next_change, number,
    touch_shared,
)
from autograd._cpython cimport ListLayout, address

cdef extern from "Python.h":
    bint PyObject_TypeCheck(PyObject *, PyTypeObject *) noexcept


# ---------------------------------------------------------------------------------------------------------------------
# Arguments

cdef double real(str name, object x) except? -1:
    cdef double result = 0.0
    if not number(x, &result):
        raise TypeError(f"{name} must be a real number, got {type(x).__name__} {x!r}")
    return result


cdef double not_negative(str name, object x) except? -1:
    cdef double result = real(name, x)
    if not result >= 0.0:
        raise ValueError(f"{name} must be at least 0, got {x!r}")
    return result


def check_number(str name not None, x, double below=INFINITY):
    """Return `x` as a float; raise unless it is a real number with ``0 <= x < below``."""
    cdef double result = real(name, x)
    if not 0.0 <= result < below:
        bound = "finite" if below == INFINITY else f"below {below:g}"
        raise ValueError(f"{name} must be at least 0 and {bound}, got {x!r}")
    return result


def check_integer(str name not None, x, least):
    """Return `x` as an int; raise unless it is an integer of at least `least`."""
    try:
        integer = operator.index(x)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {type(x).__name__} {x!r}") from None
    if integer < least:
        raise ValueError(f"{name} must be at least {least}, got {integer}")
    return integer


cdef inline Node *node_at(list values, Py_ssize_t i) noexcept:
    """The node of a parameter in a list that was checked."""
    return &(<Value> PyList_GET_ITEM(values, i)).node


cdef inline Node *parameter_at(list values, Py_ssize_t i) except NULL:
    """The node of a parameter in a list that may hold anything."""
    cdef PyObject *value = PyList_GET_ITEM(values, i)
    if not PyObject_TypeCheck(value, <PyTypeObject *> Value) or node_at(values, i).left != NULL:
        refuse(<object> value, i)
    return node_at(values, i)


cdef int refuse(object value, Py_ssize_t i) except -1:
    """Raise the error for an object that is not a parameter; not inlined, as the test for it is."""
    if not isinstance(value, Value):
        raise TypeError(f"params must hold Values, got {type(value).__name__} at index {i}")
    raise ValueError(f"params must hold leaves, got a result of {value._op!r} at index {i}")


def leaves(params):
    """Return `params` as a new list, all of whose elements are leaves.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values in a fixed order.
    ValueError
        If a Value was computed from others.
    """
    return list(checked(params))


cdef list checked(object params):
    """Return `params` as a list of leaves: itself if it is a list."""
    cdef list values
    cdef Py_ssize_t i
    if type(params) is list:
        values = params
    elif isinstance(params, Set) or not isinstance(params, Iterable):
        raise TypeError(f"params must be an iterable of Values in a fixed order, got {type(params).__name__}")
    else:
        values = list(params)
    for i in range(len(values)):
        parameter_at(values, i)
    return values


# ---------------------------------------------------------------------------------------------------------------------
# Data

def get_data(list params not None):
    """Return the data of parameters as a new array."""
    forbid_in_trace("the data of parameters was read")
    data = numpy.empty(len(params))
    cdef double *numbers = address(data)
    cdef Py_ssize_t i
    for i in range(len(params)):
        numbers[i] = parameter_at(params, i).primal
    return data


def set_data(list params not None, data):
    """Set the data of parameters to the numbers of an array."""
    array = numpy.ascontiguousarray(data, dtype=float)
    cdef double *numbers = address(array)
    cdef unsigned char flags = 0
    cdef Node *node
    cdef Py_ssize_t i
    cdef unsigned long long change = next_change()
    forbid_in_trace("the data of parameters was set")
    if array.shape != (len(params),):
        raise ValueError(f"there are {len(params)} parameters, got data of shape {array.shape}")
    for i in range(len(params)):
        node = parameter_at(params, i)
        change_primal(node, numbers[i], change)
        flags |= node.flags
    if flags & SHARED:
        touch_shared()


# ---------------------------------------------------------------------------------------------------------------------
# Gradients

def zero_grad(list params not None):
    """Set the gradient of every parameter to zero."""
    cdef Py_ssize_t i
    forbid_in_trace("gradients were set to zero")
    flush_deferred()
    for i in range(len(params)):
        parameter_at(params, i).adjoint = 0.0


def clip_grad_norm(params, max_norm, norm_type=2.0, bint error_if_nonfinite=False):
    """Scale gradients down so that their norm is at most `max_norm`.

    Parameters
    ----------
    params : iterable of Value
        Leaves.
    max_norm : float
        At least 0; infinity only measures.
    norm_type : float, default 2.0
        Order of the norm, above 0; infinity takes the largest absolute value.
    error_if_nonfinite : bool, default False
        Whether to raise where the norm is infinite or nan. Otherwise the gradients become 0 or nan, as in torch.

    Returns
    -------
    float
        The norm of all gradients together, before they were scaled.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or a number is none.
    ValueError
        If there are computed Values among `params`, or a number is out of range.
    FloatingPointError
        If asked for, where the norm is not finite. No gradient has changed.

    Notes
    -----
    As ``torch.nn.utils.clip_grad_norm_``: the factor is ``max_norm / (norm + 1e-6)`` where that is below 1.

    Examples
    --------
    >>> from autograd import Value
    >>> x, y = Value(3.0), Value(4.0)
    >>> (0.5 * (x * x + y * y)).backward()
    >>> clip_grad_norm([x, y], 1.0)
    5.0
    >>> round(x.grad, 6), round(y.grad, 6)
    (0.6, 0.8)
    """
    cdef double most = not_negative("max_norm", max_norm)
    cdef double order = real("norm_type", norm_type)
    # Checked after the conversion of the numbers, which may run Python code that changes the list.
    cdef list values = checked(params)
    cdef double norm = 0.0
    cdef double factor, size
    cdef Py_ssize_t i
    if not order > 0.0:
        raise ValueError(f"norm_type must be above 0, got {norm_type!r}")
    flush_deferred()
    for i in range(len(values)):
        size = fabs(node_at(values, i).adjoint)
        if order == 2.0:
            norm += size * size
        elif order == INFINITY:
            norm = nan_maximum(norm, size)
        else:
            norm += pow(size, order)
    if order == 2.0:
        norm = sqrt(norm)
    elif order != INFINITY:
        norm = pow(norm, 1.0 / order)
    if error_if_nonfinite and not isfinite(norm):
        raise FloatingPointError(f"the norm of the gradients is {norm}; a lower learning rate may help")
    factor = most / (norm + 1e-6)
    if not factor >= 1.0:
        for i in range(len(values)):
            node_at(values, i).adjoint *= factor
    return norm


def clip_grad_value(params, clip_value):
    """Bring every gradient into the range from ``-clip_value`` to ``clip_value``.

    Parameters
    ----------
    params : iterable of Value
        Leaves.
    clip_value : float
        At least 0.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or `clip_value` is no number.
    ValueError
        If there are computed Values among `params`, or `clip_value` is out of range.

    Examples
    --------
    >>> from autograd import Value
    >>> x = Value(3.0)
    >>> (-x * x).backward()
    >>> clip_grad_value([x], 1.5)
    >>> x.grad
    -1.5
    """
    cdef double most = not_negative("clip_value", clip_value)
    cdef list values = checked(params)
    cdef Node *node
    cdef Py_ssize_t i
    flush_deferred()
    for i in range(len(values)):
        node = node_at(values, i)
        if fabs(node.adjoint) > most:
            node.adjoint = most if node.adjoint > 0.0 else -most


def add_penalty(params, l1=0.0, l2=0.0):
    """Return the penalty ``l1 * sum(abs(p)) + l2 * sum(p * p)``, and add its gradient to that of every parameter.

    After `backward` of a loss, the gradients are those of the loss with the penalty.

    Parameters
    ----------
    params : iterable of Value
        Leaves.
    l1, l2 : float, default 0.0
        At least 0.

    Returns
    -------
    float
        The penalty.

    Raises
    ------
    TypeError
        If `params` is no iterable of Values or a number is none.
    ValueError
        If there are computed Values among `params`, or a number is out of range.

    Notes
    -----
    The derivative of ``abs`` at 0 is taken as 0.

    Examples
    --------
    >>> from autograd import Value
    >>> x, y = Value(3.0), Value(-4.0)
    >>> add_penalty([x, y], l1=1.0, l2=0.5)
    19.5
    >>> x.grad, y.grad
    (4.0, -5.0)
    """
    cdef double slope = check_number("l1", l1)
    cdef double curvature = check_number("l2", l2)
    cdef list values = checked(params)
    cdef double sizes = 0.0
    cdef double squares = 0.0
    cdef double p
    cdef Node *node
    cdef Py_ssize_t i
    flush_deferred()
    for i in range(len(values)):
        node = node_at(values, i)
        p = node.primal
        sizes += fabs(p)
        squares += p * p
        node.adjoint += slope * ((p > 0.0) - (p < 0.0)) + 2.0 * curvature * p
    return slope * sizes + curvature * squares


# ---------------------------------------------------------------------------------------------------------------------
# Rules
#
# A rule is a class with the names of the arrays of its state, and a struct of its own options, to which the dict of a
# parameter group converts. Parameters are updated in blocks that stay in the cache: a step is bound by the memory that
# their nodes lie in. The loops over a block are short because the compiler vectorises those: Adam in one loop takes a
# third longer.

# The rows of the state, by the order of the names; the parameters of a block.
cdef enum:
    FIRST
    SECOND
    THIRD
    BLOCK = 256


cdef inline double nan_maximum(double a, double b) noexcept:
    """The larger number, or nan if one is nan."""
    return b if b > a or b != b else a


cdef inline double lerp(double start, double end, double weight) noexcept:
    """Interpolate in the form that is exact at both ends, as torch does."""
    return start + weight * (end - start) if weight < 0.5 else end - (end - start) * (1.0 - weight)


cdef struct CommonOptions:
    double weight_decay
    bint maximize


@cython.auto_pickle(False)
@cython.binding(False)
@cython.embedsignature(True)
@cython.embedsignature.format("clinic")
cdef class Rule:
    """The update of a group of parameters, and its state.

    Parameters
    ----------
    size : int
        Number of parameters.
    start : float, default 0.0
        The elements of the state before the first step.
    """

    names = ()

    cdef object memory
    cdef double *rows
    cdef Py_ssize_t size
    cdef Py_ssize_t steps
    # What is the same for all rules: the factor of the gradients, and the decay of the data that is added to them.
    cdef double sign
    cdef double weight_decay
    # The list of parameters when it was last checked.
    cdef list checked

    def __init__(self, Py_ssize_t size, double start=0.0):
        self.memory = numpy.full((len(self.names), size), start)
        self.rows = address(self.memory)
        self.size = size
        self.steps = 0

    cdef inline double *row(self, Py_ssize_t index) noexcept:
        return self.rows + index * self.size

    cdef int check(self, list values) except -1:
        """Raise unless a list holds the right number of leaves."""
        cdef Py_ssize_t bytes = self.size * sizeof(PyObject *)
        if len(values) != self.size:
            raise ValueError(
                f"params must hold {self.size} Values as it did, got {len(values)}; add_param_group takes further ones"
            )
        if (self.checked is None or len(self.checked) != self.size
                or bytes and memcmp((<ListLayout *> values).ob_item, (<ListLayout *> self.checked).ob_item, bytes)):
            self.checked = leaves(values)
        return 0

    cdef bint begin(self, dict group) except -1:
        """Read the options of a step, and return whether it counts among the `steps`."""
        cdef CommonOptions common = group
        self.sign = -1.0 if common.maximize else 1.0
        self.weight_decay = common.weight_decay
        return True

    cdef void update(self, Py_ssize_t n, double *data, double *grad, double *state) noexcept:
        """Update the data of n parameters, by gradients that may be overwritten, and the state: rows `size` apart."""

    def step(self, dict group not None):
        """Change the data of the parameters of a group once, by their gradients; after an error nothing has changed.

        Parameters
        ----------
        group : dict
            A list of leaves under ``"params"``, along with the options of the rule.
        """
        cdef double[BLOCK] data, grad
        cdef unsigned long long change
        cdef unsigned char flags = 0
        cdef list values
        cdef Node *node
        cdef Py_ssize_t start, n, i
        cdef bint counts
        params = group["params"]
        if type(params) is not list:
            raise TypeError(f"params must be a list of Values, got {type(params).__name__}")
        values = params
        counts = self.begin(group)
        forbid_in_trace("an optimizer made a step")
        # Checked after the conversion of the options, which may run Python code that changes the list.
        self.check(values)
        self.steps += counts
        flush_deferred()
        change = next_change()
        for start in range(0, self.size, BLOCK):
            n = min(BLOCK, self.size - start)
            for i in range(n):
                node = node_at(values, start + i)
                data[i] = node.primal
                grad[i] = self.sign * node.adjoint
                flags |= node.flags
            # Only where there is decay: 0 times infinite data is nan.
            if self.weight_decay != 0.0:
                for i in range(n):
                    grad[i] += self.weight_decay * data[i]
            self.update(n, data, grad, self.rows + start)
            for i in range(n):
                change_primal(node_at(values, start + i), data[i], change)
        if flags & SHARED:
            touch_shared()

    def state_dict(self):
        """Return a copy of the state: the number of steps, and an array for each of the `names`."""
        state = {"step": self.steps}
        rows = self.memory.copy()
        # By number: NumPy takes longer to iterate over an array than to copy it.
        for i, name in enumerate(self.names):
            state[name] = rows[i]
        return state

    def load_state_dict(self, state):
        """Set the state that `state_dict` returned; one that does not fit is a TypeError or a ValueError."""
        title = type(self).__name__.removesuffix("Rule")
        expected = ("step", *self.names)
        if set(state) != set(expected):
            raise ValueError(f"the state of {title} must be {', '.join(expected)}, got {', '.join(map(str, state))}")
        steps = state["step"]
        if not isinstance(steps, int) or steps < 0:
            raise ValueError(f"step must be an integer of at least 0, got {type(steps).__name__} {steps!r}")
        rows = []
        for name in self.names:
            if isinstance(state[name], numpy.ndarray):
                check_array(state[name], f"{name} of the state")
            rows.append(numpy.asarray(state[name], dtype=float))
        for name, row in zip(self.names, rows):
            if row.shape != (self.size,):
                raise ValueError(f"{name} must have {self.size} elements, got shape {row.shape}")
        self.steps = steps
        self.memory[:] = rows


cdef struct SGDOptions:
    double lr
    double momentum
    double dampening
    bint nesterov


@cython.final
@cython.auto_pickle(False)
cdef class SGDRule(Rule):
    """Gradient descent; the momentum buffer starts as the first gradient."""

    names = ("momentum_buffer",)

    cdef SGDOptions o

    cdef bint begin(self, dict group) except -1:
        Rule.begin(self, group)
        self.o = group
        return self.o.momentum != 0.0

    cdef void update(self, Py_ssize_t n, double *data, double *grad, double *state) noexcept:
        cdef SGDOptions o = self.o
        cdef double keep = o.momentum if self.steps > 1 else 0.0
        cdef double share = 1.0 - o.dampening if self.steps > 1 else 1.0
        cdef Py_ssize_t i
        if o.momentum != 0.0:
            for i in range(n):
                state[i] = keep * state[i] + share * grad[i]
                grad[i] = grad[i] + o.momentum * state[i] if o.nesterov else state[i]
        for i in range(n):
            data[i] -= o.lr * grad[i]


cdef struct AdamOptions:
    double lr
    double[2] betas
    double eps
    bint amsgrad
    bint decoupled_weight_decay


@cython.final
@cython.auto_pickle(False)
cdef class AdamRule(Rule):
    """Adam, AMSGrad and AdamW."""

    names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    cdef AdamOptions o
    # The factors that depend on the number of steps: of the data, of the mean, of the root of the square.
    cdef double shrink
    cdef double rate
    cdef double root

    cdef bint begin(self, dict group) except -1:
        Rule.begin(self, group)
        self.o = group
        self.shrink = 1.0
        if self.o.decoupled_weight_decay:
            self.shrink -= self.o.lr * self.weight_decay
            self.weight_decay = 0.0
        self.rate = self.o.lr / (1.0 - pow(self.o.betas[0], self.steps + 1))
        self.root = sqrt(1.0 - pow(self.o.betas[1], self.steps + 1))
        return True

    cdef void update(self, Py_ssize_t n, double *data, double *grad, double *state) noexcept:
        cdef AdamOptions o = self.o
        cdef double *mean = state + FIRST * self.size
        cdef double *square = state + SECOND * self.size
        cdef double *largest = state + THIRD * self.size
        cdef double share = 1.0 - o.betas[0]
        cdef double square_share = 1.0 - o.betas[1]
        cdef double shrink = self.shrink, rate = self.rate, root = self.root
        cdef Py_ssize_t i
        for i in range(n):
            mean[i] = lerp(mean[i], grad[i], share)
            square[i] = o.betas[1] * square[i] + square_share * grad[i] * grad[i]
        if o.amsgrad:
            for i in range(n):
                largest[i] = nan_maximum(largest[i], square[i])
            square = largest
        for i in range(n):
            data[i] = shrink * data[i] - rate * mean[i] / (sqrt(square[i]) / root + o.eps)


cdef struct RMSpropOptions:
    double lr
    double alpha
    double eps
    double momentum
    bint centered


@cython.final
@cython.auto_pickle(False)
cdef class RMSpropRule(Rule):
    """RMSprop, optionally centred and with momentum."""

    names = ("square_avg", "grad_avg", "momentum_buffer")

    cdef RMSpropOptions o

    cdef bint begin(self, dict group) except -1:
        self.o = group
        return Rule.begin(self, group)

    cdef void update(self, Py_ssize_t n, double *data, double *grad, double *state) noexcept:
        cdef RMSpropOptions o = self.o
        cdef double *square = state + FIRST * self.size
        cdef double *mean = state + SECOND * self.size
        cdef double *buffer = state + THIRD * self.size
        cdef double share = 1.0 - o.alpha
        cdef Py_ssize_t i
        for i in range(n):
            square[i] = o.alpha * square[i] + share * grad[i] * grad[i]
        if o.centered:
            for i in range(n):
                mean[i] = lerp(mean[i], grad[i], share)
                grad[i] /= sqrt(square[i] - mean[i] * mean[i]) + o.eps
        else:
            for i in range(n):
                grad[i] /= sqrt(square[i]) + o.eps
        if o.momentum != 0.0:
            for i in range(n):
                buffer[i] = o.momentum * buffer[i] + grad[i]
                grad[i] = buffer[i]
        for i in range(n):
            data[i] -= o.lr * grad[i]


cdef struct AdagradOptions:
    double lr
    double lr_decay
    double eps


@cython.final
@cython.auto_pickle(False)
cdef class AdagradRule(Rule):
    """Adagrad."""

    names = ("sum",)

    cdef AdagradOptions o
    cdef double rate

    cdef bint begin(self, dict group) except -1:
        Rule.begin(self, group)
        self.o = group
        self.rate = self.o.lr / (1.0 + self.steps * self.o.lr_decay)
        return True

    cdef void update(self, Py_ssize_t n, double *data, double *grad, double *state) noexcept:
        cdef AdagradOptions o = self.o
        cdef double rate = self.rate
        cdef Py_ssize_t i
        for i in range(n):
            state[i] += grad[i] * grad[i]
            data[i] -= rate * grad[i] / (sqrt(state[i]) + o.eps)
