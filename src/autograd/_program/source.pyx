"""Source of programs: the functions that are asked for, as `autograd._source` prints them."""

from cpython.mem cimport PyMem_RawFree

import keyword
import re

import numpy

from autograd import _core
from autograd._ir.coloring import color_columns, transposed
from autograd._source.c_exports import c_source, cuda_source
from autograd._source.functions import Function, Matrix, PrintedLoop, PrintedSweep
from autograd._source.python import numpy_source

from autograd._core cimport Value
from autograd._interpreter.interpreter cimport segment_of
from autograd._ir.code cimport Code, Entry, arity, is_constant, operands_of
from autograd._ir.derivatives cimport entries, forward, reverse
from autograd._ir.listing cimport choice_symbol, place_of, sizes
from autograd._ir.liveness cimport count_uses
from autograd._ir.opcodes cimport CODE_RESULT, LANE_GUARD, LANE_LOAD, LANE_SAME, OP_COUNT, is_choice
from autograd._ir.sparsity cimport sparsity
from autograd._program.bodies cimport Body
from autograd._program.loop cimport NOWHERE, TOTAL, TRACK, Loop, Sum, Sweep, named
from autograd._program.program cimport Program

cdef tuple DERIVATIVES = ("grad", "jac", "hess", "fwd1", "adj1")
cdef dict PRINTERS = {"c": c_source, "cuda": cuda_source, "numpy": numpy_source}


def source_of(Program program not None, language, name, derivatives):
    """Return the source of a program in a language: see `Program.to_source`."""
    cdef Code code = program.code.expanded()
    if language not in PRINTERS:
        raise ValueError(f"language must be 'c', 'cuda' or 'numpy', got {language!r}")
    if not isinstance(name, str) or not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        raise ValueError(f"name must be the name of a function, got {name!r}")
    asked = (derivatives,) if isinstance(derivatives, str) else tuple(derivatives)
    for kind in asked:
        if kind not in DERIVATIVES:
            raise ValueError(f"derivatives must be some of {', '.join(DERIVATIVES)}, got {kind!r}")
    functions = [value_of(name, code)]
    for kind in dict.fromkeys(asked):
        functions.append(derivative_of(name, kind, code))
    return PRINTERS[language](functions, f"A program of autograd: {sizes(code)}.")


cdef object function_of(str name, Code code, tuple arguments=(), tuple results=()):
    """Return a function to print; captured Values are constants."""
    cdef list instructions = []
    cdef unsigned *uses
    cdef Entry *entry
    cdef Py_ssize_t i, k
    cdef double number = 0.0
    cdef Value value
    code = code.expanded()
    uses = count_uses(code)
    try:
        for i in range(code.size):
            entry = &code.entries[i]
            if not uses[i]:
                instructions.append(None)
                continue
            operands = []
            for k in range(arity(entry)):
                operands.append(operands_of(code, entry)[k])
            if entry.op == LANE_LOAD and entry.a < code.inputs:
                instructions.append(("input", entry.a))
            elif entry.op == LANE_LOAD:
                value = code.captured[entry.a - code.inputs]
                instructions.append(("constant", value.data))
            elif is_constant(code, i, &number):
                instructions.append(("constant", number))
            elif entry.op == LANE_GUARD:
                instructions.append(("guard", operands[0], bool(entry.b), place_of(code, i)))
            elif entry.op == LANE_SAME:
                instructions.append(("same", operands[0], operands[1], place_of(code, i)))
            elif is_choice(entry.op):
                instructions.append(("where", choice_symbol(entry.op), operands))
            elif entry.op < OP_COUNT:
                instructions.append(("op", _core.OP_NAMES[entry.op], operands))
            elif entry.op == CODE_RESULT:
                instructions.append(("result", entry.a, entry.b))
            elif isinstance(code.calls[entry.a], Loop):
                instructions.append(("loop", loop_of(code.calls[entry.a]), operands))
            else:
                function = code.calls[entry.a]
                raise TypeError(
                    f"the program calls {getattr(function, '__name__', type(function).__name__)}, a function of "
                    "Python, for which there is no source"
                )
    finally:
        PyMem_RawFree(uses)
    return Function(name, instructions, list(code.outputs), arguments, results)


cdef object loop_of(Loop loop):
    """Return a loop to print. The one that records for reverse mode is the primal one, whose carries that keeps."""
    cdef list operations = []
    loop = loop.primal or loop
    for operation in loop.operations:
        if isinstance(operation, Sum):
            operations.append(((<Sum> operation).result, (<Sum> operation).a, (<Sum> operation).b))
        else:
            operations.append(sweep_of(loop, operation))
    constants = {number: track.tolist() for number, track in loop.constants.items()}
    return PrintedLoop(
        loop.__name__, loop.steps, loop.max_steps, ways_of(loop.condition, [0]), named(loop.condition_sources or []),
        named(loop.operands), named(loop.results), operations, constants,
    )


cdef object sweep_of(Loop loop, Sweep sweep):
    cdef bytes varying = bytes(kind == TRACK for kind, _ in sweep.sources)
    cdef bytes summed = bytes(kind == TOTAL for kind, _ in sweep.targets)
    cdef Py_ssize_t segment = 1
    if loop.parallel:
        segment = segment_of(&(<Program> sweep.body.programs[0]).executable(varying, summed).schedule, loop.steps)
    kept = [i for i, (kind, _) in enumerate(sweep.targets) if kind != NOWHERE]
    return PrintedSweep(
        ways_of(sweep.body, kept), sweep.descending and not loop.parallel, named(sweep.sources),
        named([sweep.targets[i] for i in kept]), sweep.init, sweep.finals, sweep.before, segment,
    )


cdef list ways_of(Body body, list kept):
    """Return the ways through a body, with those of its outputs that go somewhere."""
    cdef list ways = []
    cdef Code code
    if body is not None:
        for program in body.programs:
            code = (<Program> program).code.copy_of()
            code.outputs = [code.outputs[i] for i in kept]
            ways.append(function_of("", code))
    return ways


cdef object value_of(str name, Code code):
    return function_of(name, code, (Matrix("x", 0, code.inputs),), (Matrix("y", 0, len(code.outputs)),))


cdef object derivative_of(str name, str kind, Code code):
    """Return a derivative, with the arguments and results that CasADi gives it."""
    cdef Py_ssize_t n = code.inputs, m = len(code.outputs)
    wrt, of = list(range(n)), list(range(m))
    x, y = Matrix("x", 0, n), Matrix("out_y", None, m)
    if kind == "grad":
        if m != 1:
            raise ValueError(f"'grad' is of a program with one output, got one with {m}: ask for 'jac'")
        return function_of("grad_" + name, reverse(code, wrt, of, [], True), (x,), (Matrix("grad_y_x", 0, n),))
    if kind == "fwd1":
        return function_of(
            "fwd1_" + name, forward(code, wrt, []), (x, y, Matrix("fwd_x", n, n)), (Matrix("fwd_y", 0, m),)
        )
    adjoint = reverse(code, wrt, of, [], False)
    if kind == "adj1":
        return function_of("adj1_" + name, adjoint, (x, y, Matrix("adj_y", n, m)), (Matrix("adj_x", 0, n),))
    if kind == "jac":
        jacobian, ends, indices = jacobian_of(code, wrt, n)
        return function_of("jac_" + name, jacobian, (x, y), (Matrix("jac_y_x", 0, m, n, ends, indices),))
    hessian, ends, indices = jacobian_of(adjoint, wrt, n)
    return function_of(
        "hess_" + name, hessian, (x, Matrix("adj_y", n, m)), (Matrix("hess_x_x", 0, n, n, ends, indices),)
    )


cdef tuple jacobian_of(Code code, list wrt, Py_ssize_t columns):
    """Return the code of the entries of the Jacobian by columns, and its pattern in the CSC format.

    Columns or rows that share no row or column are computed together, whichever are fewer (`autograd._ir.coloring`).
    """
    cdef Py_ssize_t rows = len(code.outputs)
    ends, indices = sparsity(code, wrt, -1)
    column_ends, row_indices = transposed(ends, indices, columns)
    by_column = numpy.asarray(color_columns(ends, indices, columns))
    by_row = numpy.asarray(color_columns(column_ends, row_indices, rows))
    use_columns = len(numpy.unique(by_column)) <= len(numpy.unique(by_row))
    colors = by_column if use_columns else by_row
    groups, lines, places = {}, {}, {}
    for column in range(columns):
        for place in range(column_ends[column], column_ends[column + 1]):
            row = int(row_indices[place])
            color = colors[column if use_columns else row]
            groups.setdefault(color, set()).add(column if use_columns else row)
            lines.setdefault(color, []).append(row if use_columns else column)
            places.setdefault(color, []).append(place)
    found = entries(
        code, wrt, [sorted(group) for group in groups.values()], use_columns, list(lines.values()),
        list(places.values()), len(row_indices),
    )
    return found, column_ends.tolist(), row_indices.tolist()
