# cython: auto_pickle=False
"""Functions with a derivative of the user's own: `custom_vjp` and `custom_jvp`.

The functions and their rules are written in Values. In a trace the operations of both are recorded: of the rule, what
depends on the arguments alone goes into the program around the call, where it is dropped unless a derivative needs it;
the rest is a `DerivativeRule`, which the passes of `autograd._ir.derivatives` apply. Outside of a trace a call makes
one node, whose `push` runs the rule.

A rule that needs Python is a callback (`autograd._blocks.callbacks`).
"""

cimport cython

from autograd._blocks.callbacks cimport call as call_back, check_pair, merged
from autograd._core cimport (
    Block, Value, add_input, new_leaf, new_output, number, receive, recording, set_calls, set_sizes,
)
from autograd._ir.code cimport Code, new_derivative_rule
from autograd._ir.derivatives cimport reverse
from autograd._program.lowering cimport lower as lower_trace
from autograd._program.program cimport new_program
from autograd._program.tracing cimport Trace, tracing
from autograd._transforms.parameter_names cimport parameter_names
from autograd._transforms.pytree cimport Builder, Objects, Tree, describe, new_builder, same, unflatten
from autograd._transforms.signature cimport positions_of

import functools
import inspect
import threading

from autograd._core import no_grad

cdef object MISSING = object()

# The calls that this thread is evaluating in a trace, or whose rules it is tracing, the innermost last.
calls = threading.local()
# A rule that calls its function with other arguments has that rule traced in turn, down to this depth; below, the
# operations of the function are differentiated.
cdef enum:
    MOST_NESTED = 4


class CustomRule:
    """The parts that `custom_vjp` and `custom_jvp` share."""

    def __new__(cls, fun=MISSING, **options):
        return functools.partial(cls, **options) if fun is MISSING else super().__new__(cls)

    def __init__(self, fun=MISSING, *, nondiff_argnums=(), pure_callback=False):
        kind = type(self).__name__
        if not callable(fun):
            raise TypeError(f"{kind} expects a function, got {type(fun).__name__} {fun!r}")
        self.__name__ = type(fun).__name__
        functools.update_wrapper(self, fun)
        self._nondiff_argnums = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
        self._pure_callback = bool(pure_callback)
        self._fwd = self._bwd = self._jvp = None
        try:
            self._signature = inspect.signature(fun)
        except ValueError:
            # Some built-in functions have none.
            self._signature = None

    def __call__(self, *args, **kwargs):
        if self._bwd is None and self._jvp is None:
            raise RuntimeError(f"{self.__name__} has no derivative: call its {self._hint} first")
        if kwargs or self._signature is not None and len(args) != len(self._signature.parameters):
            args = self._by_position(args, kwargs)
        if not self._nondiff_argnums:
            fixed = {}
        else:
            positions = positions_of(self.__name__, "nondiff_argnums", self._nondiff_argnums, len(args))
            fixed = {i: args[i] for i in sorted(positions)}
            args = tuple(x for i, x in enumerate(args) if i not in fixed)
        return call_back(self, fixed, args) if self._pure_callback else record(self, fixed, args)

    def __repr__(self):
        return f"{type(self).__name__}({self.__name__})"

    def __reduce__(self):
        # Pickled by name, like a function.
        return self.__qualname__

    def _check(self, **functions):
        for name, function in functions.items():
            if not callable(function):
                raise TypeError(
                    f"{self._hint.split('(')[0]} of {self.__name__} expects a function as {name}, got "
                    f"{type(function).__name__} {function!r}"
                )

    def _by_position(self, args, kwargs):
        if self._signature is None:
            raise TypeError(f"{self.__name__} has no signature, so its arguments must be given by position")
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise TypeError(f"{self.__name__} must take its arguments by position, also {', '.join(bound.kwargs)}")
        return bound.args


class custom_vjp(CustomRule):
    """A function with a user-defined derivative in reverse mode, in the form of ``jax.custom_vjp``.

    A call with a Value among its arguments runs `fwd` and makes one node, for which `backward` runs `bwd`. With numbers
    only, and under `no_grad`, it runs the function itself. The functions are written in Values: they are traced with
    the function that calls them, and differentiated, to any order and in all lanes of a batch, like any other.

    Parameters
    ----------
    fun : callable
        A function of numbers, arrays and containers of these, which returns the same. Without it, `custom_vjp` with
        options is a decorator.
    nondiff_argnums : int or tuple of int, default ()
        The positional arguments that are passed on as they are, and without a gradient.
    pure_callback : bool, default False
        Whether the functions need Python, to call SciPy for example. Then they receive floats for Values and lists of
        floats for sequences, a program calls them in every lane, and the derivative has no derivative.

    Raises
    ------
    TypeError
        If `fun` is not callable; in a call, if an argument or a result is something else.
    RuntimeError
        In a call, if `defvjp` has not been called.

    Notes
    -----
    Keyword arguments and defaults are passed on by position. What the functions use and are not given counts as
    constant. Forward mode takes the transpose of `bwd`, which should be linear in the derivative that it gets; for
    reverse mode it need not be.

    Examples
    --------
    >>> from autograd import Value, exp, grad, log1p
    >>> @custom_vjp
    ... def log1pexp(x):
    ...     return log1p(exp(x))
    >>> def fwd(x):
    ...     return log1p(exp(x)), x
    >>> def bwd(x, g):
    ...     return (g * (1 - 1 / (1 + exp(x))),)
    >>> log1pexp.defvjp(fwd, bwd)
    >>> grad(log1pexp)(100.0), grad(grad(log1pexp))(0.0)
    (1.0, 0.25)

    A function of SciPy, which needs floats:

    >>> import math
    >>> @custom_vjp(pure_callback=True)
    ... def gamma(x):
    ...     return math.gamma(x)
    >>> gamma.defvjp(lambda x: (math.gamma(x), x), lambda x, g: (g * math.gamma(x) * digamma(x),))
    >>> def digamma(x, h=1e-5):
    ...     return (math.lgamma(x + h) - math.lgamma(x - h)) / (2 * h)
    >>> x = Value(1.0)
    >>> gamma(x).backward()
    >>> round(x.grad, 6)
    -0.577216
    """

    _hint = "defvjp(fwd, bwd)"

    def defvjp(self, fwd, bwd):
        """Define the derivative.

        Parameters
        ----------
        fwd : callable
            Called with the arguments of the function. Returns a pair: the output, and residuals of any type for `bwd`.
        bwd : callable
            Called with the arguments of `nondiff_argnums`, the residuals, and the derivative of the final result with
            respect to the output, in the structure of the output. Returns a tuple of gradients, one for each argument
            to differentiate by, with as many numbers. None means zero.

        Raises
        ------
        TypeError
            If one is not callable. What they return is checked in calls and in `backward`.
        """
        self._check(fwd=fwd, bwd=bwd)
        self._fwd, self._bwd = fwd, bwd


class custom_jvp(CustomRule):
    """A function with a user-defined derivative in forward mode, in the form of ``jax.custom_jvp``.

    Reverse mode transposes it. The function and the rule are written in Values: they are traced with the function that
    calls them, and differentiated, to any order and in all lanes of a batch, like any other.

    Parameters
    ----------
    fun : callable
        A function of numbers, arrays and containers of these, which returns the same. Without it, `custom_jvp` with
        options is a decorator.
    nondiff_argnums : int or tuple of int, default ()
        The positional arguments that are passed on as they are, and without a tangent.
    pure_callback : bool, default False
        Whether the functions need Python, see `custom_vjp`.

    Raises
    ------
    TypeError
        If `fun` is not callable; in a call, if an argument or a result is something else.
    RuntimeError
        In a call, if `defjvp` has not been called.

    Notes
    -----
    Keyword arguments and defaults are passed on by position. What the functions use and are not given counts as
    constant.

    Examples
    --------
    >>> from autograd import exp, grad, sin
    >>> @custom_jvp
    ... def sinc(x):
    ...     return sin(x) / x
    >>> @sinc.defjvp
    ... def sinc_jvp(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return sinc(x), t * (x.cos() - sinc(x)) / x
    >>> round(grad(sinc)(1.0), 6), round(grad(grad(sinc))(1.0), 6)
    (-0.301169, -0.239134)
    """

    _hint = "defjvp(jvp)"

    def defjvp(self, jvp):
        """Define the derivative.

        Parameters
        ----------
        jvp : callable
            Called with the arguments of `nondiff_argnums`, a tuple of those to differentiate by, and a tuple of their
            tangents. Returns a pair: the output and its tangent, which is linear in the tangents.

        Returns
        -------
        callable
            The same, so that `defjvp` is a decorator.

        Raises
        ------
        TypeError
            If it is not callable. What it returns is checked in calls and in `backward`.
        """
        self._check(jvp=jvp)
        self._jvp = jvp
        if self._pure_callback:
            self._fwd, self._bwd = self._forward, self._backward
        return jvp

    def _forward(self, *args):
        return self.__wrapped__(*args), args

    def _backward(self, *args):
        """Return the gradients, one pushforward for each number among the arguments."""
        *fixed, arguments, cotangents = args
        skipped = {i % len(arguments) for i in self._nondiff_argnums}
        arguments = [x for i, x in enumerate(arguments) if i not in skipped]
        zeros = [[0.0] * len(x) if isinstance(x, list) else 0.0 for x in arguments]
        gradients = []
        for i, x in enumerate(arguments):
            if not isinstance(x, list):
                gradients.append(self._slope(fixed, arguments, zeros, i, 1.0, cotangents))
                continue
            gradients.append([])
            for k in range(len(x)):
                unit = [float(k == j) for j in range(len(x))]
                gradients[i].append(self._slope(fixed, arguments, zeros, i, unit, cotangents))
        return tuple(gradients)

    def _slope(self, fixed, arguments, zeros, i, unit, cotangents):
        """Return the derivative in the direction of one number, times the cotangents."""
        tangents = (*zeros[:i], unit, *zeros[i + 1:])
        _, tangent = self._jvp(*fixed, tuple(arguments), tangents)
        if not isinstance(cotangents, (list, tuple)):
            return cotangents * tangent
        return sum(map(float.__mul__, map(float, cotangents), map(float, tangent)))


# ---------------------------------------------------------------------------------------------------------------------
# Calls

cdef list stack_of_calls():
    return calls.__dict__.setdefault("stack", [])


cdef object run(object function, str what, object f, tuple arguments):
    """Call a function that is written in Values, or its rule."""
    try:
        return f(*arguments)
    except TypeError as error:
        if "Value" in str(error) and "number" in str(error) or "ufunc" in str(error):
            raise TypeError(
                f"{what}{function.__name__} is called with Values, and a function in it takes floats only: write it "
                "with the functions of autograd, or, where it has to call math or SciPy, say "
                f"{type(function).__name__}(..., pure_callback=True)"
            ) from error
        raise


cdef Tree structure(object function, object x, str name, list numbers):
    """Return the structure of a result, and append its numbers and Values."""
    cdef Builder builder = new_builder(function.__name__, False)
    builder.numbers = numbers
    builder.is_result = True
    return builder.build(x, name)


cdef object made(Tree tree, list items):
    cdef Objects leaves = Objects.__new__(Objects)
    leaves.items = items
    return unflatten(tree, leaves)


cdef list values_of(list items):
    """Return numbers and Values as Values."""
    cdef list values = []
    cdef double primal = 0.0
    for item in items:
        if not isinstance(item, Value):
            number(item, &primal)
            item = new_leaf(primal)
        values.append(item)
    return values


cdef list primals_of(list items):
    """Return the data of Values and numbers."""
    cdef list primals = []
    for item in items:
        primals.append((<Value> item).node.primal if isinstance(item, Value) else float(item))
    return primals


@cython.final
@cython.internal
cdef class RuleCall:
    """A call of a function with a rule."""
    cdef object function
    # The arguments: by position those that are not differentiated; those that are, and the structure of their tuple.
    cdef dict fixed
    cdef tuple arguments
    cdef Tree tree
    cdef Tree output
    cdef object residuals
    # The numbers and Values of the arguments, the data of the output, and what stands for it in a trace of the rule.
    cdef list values
    cdef list primals
    cdef list results

    cdef tuple all_arguments(self):
        return tuple(merged(self.fixed, list(self.arguments)))

    cdef list evaluate(self):
        """Run the function, or its `fwd`, and return the numbers of its output."""
        cdef list outputs = []
        function = self.function
        if function._fwd is None:
            result = run(function, "", function.__wrapped__, self.all_arguments())
        else:
            pair = run(function, "fwd of ", function._fwd, self.all_arguments())
            result, self.residuals = check_pair(function.__name__, pair)
        self.output = structure(function, result, "result", outputs)
        return outputs

    cdef list pushed(self, list tangents):
        """Return the numbers of the tangent of the output."""
        cdef list numbers = []
        cdef Tree tree
        function = self.function
        pair = run(function, "jvp of ", function._jvp, (
            *self.fixed.values(), self.arguments, made(self.tree, tangents)))
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"jvp of {function.__name__} must return a pair (output, tangent), got {pair!r}")
        tree = structure(function, pair[1], "tangent", numbers)
        if tree.size != self.output.size:
            raise ValueError(
                f"jvp of {function.__name__} must return a tangent like the output, {describe(self.output)}, got "
                f"{describe(tree)}"
            )
        return numbers

    cdef list pulled(self, list cotangents):
        """Return the gradients by all numbers of the arguments."""
        cdef list numbers = []
        cdef Tree argument
        cdef str bwd = f"bwd of {self.function.__name__}"
        gradients = run(self.function, "bwd of ", self.function._bwd, (
            *self.fixed.values(), self.residuals, made(self.output, cotangents)))
        if not isinstance(gradients, tuple):
            raise TypeError(
                f"{bwd} must return a tuple with a gradient for each argument, got {type(gradients).__name__}"
            )
        if len(gradients) != len(self.arguments):
            raise ValueError(
                f"{bwd} must return a gradient for each of the {len(self.arguments)} arguments, got {len(gradients)}"
            )
        for i, (gradient, argument) in enumerate(zip(gradients, self.tree.children)):
            if gradient is None:
                numbers += [0.0] * argument.size
                continue
            before = len(numbers)
            tree = structure(self.function, gradient, f"gradient {i}", numbers)
            if len(numbers) - before != argument.size:
                raise ValueError(
                    f"{bwd} must return a gradient like the argument, {describe(argument)}, as gradient {i}, got "
                    f"{describe(tree)}"
                )
        return numbers

    cdef Code trace_rule(self, list outputs):
        """Return the code of the rule, whose inputs are the tangents or cotangents, then the results of the call."""
        cdef Trace trace = Trace.__new__(Trace)
        cdef Py_ssize_t seeds = len(self.values) if self.function._fwd is None else len(outputs)
        cdef list stack = stack_of_calls()
        stack.append(self)
        try:
            inputs = trace.begin([1.0] * seeds + primals_of(outputs))
            self.results = inputs[seeds:]
            numbers = self.pushed(inputs[:seeds]) if self.function._fwd is None else self.pulled(inputs[:seeds])
        finally:
            trace.end()
            self.results = None
            stack.pop()
        return lower_trace(trace, len(inputs), numbers)

    cdef bint is_call(self, RuleCall other) except -1:
        """Whether another call has the very same arguments."""
        cdef Py_ssize_t i
        if len(self.values) != len(other.values) or self.fixed.keys() != other.fixed.keys():
            return False
        for key, item in self.fixed.items():
            if item is not other.fixed[key]:
                return False
        for i in range(len(self.values)):
            if self.values[i] is not other.values[i]:
                return False
        return same(self.tree, other.tree)

    cdef object record(self, list items):
        """Record a call in the trace that is under way."""
        cdef list stack = stack_of_calls()
        cdef TracedRule block
        cdef RuleCall around
        cdef list outputs
        cdef Value value
        cdef Py_ssize_t i, nested = 0
        self.values = values_of(items)
        self.arguments = made(self.tree, self.values)
        for around in reversed(stack):
            if around.function is self.function:
                if around.results is not None and around.is_call(self):
                    return made(around.output, around.results)
                nested += 1
                if around.results is None or nested == MOST_NESTED:
                    # The function itself is running, or the rule of a rule.
                    return run(self.function, "", self.function.__wrapped__, self.all_arguments())
        stack.append(self)
        try:
            outputs = values_of(self.evaluate())
        finally:
            stack.pop()
        block = TracedRule.__new__(TracedRule)
        block.rule = self.trace_rule(outputs)
        block.pullback = self.function._fwd is not None
        block.function = self.function.__name__
        block.arguments = len(self.values)
        set_sizes(block, block.arguments + len(outputs) + len(block.rule.captured), len(outputs))
        for value in self.values + outputs + block.rule.captured:
            add_input(block, value)
        for i in range(len(outputs)):
            outputs[i] = new_output(block, i, (<Value> outputs[i]).node.primal)
        return made(self.output, outputs)

    cdef object call(self, list items):
        """Make a node of the graph."""
        cdef EagerRule block = EagerRule.__new__(EagerRule)
        cdef list detached = [], outputs = []
        cdef Py_ssize_t i
        cdef Value value
        block.function = self.function.__name__
        block.positions = []
        for i in range(len(items)):
            if isinstance(items[i], Value):
                block.positions.append(i)
                detached.append(new_leaf((<Value> items[i]).node.primal))
            else:
                detached.append(items[i])
        self.values, self.arguments = detached, made(self.tree, detached)
        with no_grad():
            self.primals = primals_of(self.evaluate())
        set_sizes(block, len(block.positions), len(self.primals))
        set_calls(block, self)
        for i in block.positions:
            value = items[i]
            add_input(block, value)
        for i in range(len(self.primals)):
            outputs.append(new_output(block, i, self.primals[i]))
        return made(self.output, outputs)

    cdef list gradients(self, list adjoints):
        """Return the gradients by all numbers of the arguments, outside of a trace."""
        cdef Code code
        cdef Py_ssize_t tangents = self.tree.size, outputs = len(self.primals)
        if self.function._fwd is not None:
            with no_grad():
                return primals_of(self.pulled(values_of(adjoints)))
        # The tangent is linear in those of the arguments: its gradient by these is the transpose, at any point.
        code = reverse(self.trace_rule(self.primals), list(range(tangents)), list(range(outputs)), [], False)
        return new_program(code)(*[0.0] * tangents, *self.primals, *adjoints)


@cython.final
@cython.internal
cdef class TracedRule(Block):
    """A call in a trace: its inputs are the arguments, the results, and what the rule captured."""
    cdef str function
    cdef Code rule
    cdef bint pullback
    cdef Py_ssize_t arguments

    cdef str name(self):
        return self.function

    cdef list lower(self, object code, list operands):
        cdef Py_ssize_t count = self.arguments + self.output_count
        cdef list needed = []
        rest = (<Code> code).separate(self.rule, self.rule.inputs, operands[count:], needed)
        rule = new_derivative_rule(self.function, rest, self.pullback, self.arguments, self.output_count)
        return (<Code> code).call(rule, operands[:count] + needed, self.output_count)


@cython.final
@cython.internal
cdef class EagerRule(Block):
    """A call in the graph: its inputs are the Values among the arguments."""
    cdef str function
    # By input: which number of the arguments it is.
    cdef list positions

    cdef str name(self):
        return self.function

    cdef int push(self) except -1:
        cdef list adjoints = []
        cdef Py_ssize_t i
        for i in range(self.output_count):
            adjoints.append(self.adjoints[i])
        gradients = (<RuleCall> self.calls).gradients(adjoints)
        for i in range(self.input_count):
            receive(self.inputs[i], gradients[<Py_ssize_t> self.positions[i]])
        return 0


cdef object record(object function, dict fixed, tuple arguments):
    cdef RuleCall rule_call = RuleCall.__new__(RuleCall)
    cdef Builder builder = new_builder(function.__name__, False)
    cdef list items = []
    cdef list names = parameter_names(function, len(fixed) + len(arguments))
    for i in reversed(list(fixed)):
        del names[i]
    builder.numbers = items
    rule_call.function, rule_call.fixed, rule_call.arguments = function, fixed, arguments
    rule_call.tree = builder.arguments(arguments, names, [None] * len(arguments))
    if not has_values(items) or not recording():
        return run(function, "", function.__wrapped__, rule_call.all_arguments())
    return rule_call.record(items) if tracing() else rule_call.call(items)


cdef bint has_values(list items) noexcept:
    for item in items:
        if isinstance(item, Value):
            return True
    return False
