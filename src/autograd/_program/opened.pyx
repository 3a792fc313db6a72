"""Programs and Blocks as graphs of scalar operations, for drawings."""

from cpython.mem cimport PyMem_RawFree
from libc.math cimport fabs

from autograd._core cimport Block, Value
from autograd._ir.code cimport Code, arity, is_constant, operands_of, room
from autograd._interpreter.evaluation cimport adjoints, evaluate
from autograd._ir.listing cimport load_name, operation_name
from autograd._ir.opcodes cimport CODE_CONSTANT, CODE_RESULT, LANE_LOAD, OP_COUNT, is_choice, is_guard
from autograd._program.program cimport Program

# A Block of more operands, or of more instructions, is not opened.
cdef Py_ssize_t MOST_OPERANDS = 10_000
cdef Py_ssize_t MOST_INSTRUCTIONS = 50_000
# The outputs of an opened Block differ from those of its own kernel by rounding only.
cdef double TOLERANCE = 1e-9


class Term:
    """An instruction, as a drawing shows it.

    Attributes
    ----------
    name : str
        The operation; empty for an input.
    operands : list of Term, Value or float
    label : str
    data, grad : float or None
    """

    __slots__ = "data", "grad", "label", "name", "operands"

    def __init__(self, name, operands, label=""):
        self.name, self.operands, self.label = name, operands, label
        self.data = self.grad = None


cdef list terms_of(Code code, list loads):
    """What each instruction is, by position; `loads` has what the inputs and captured Values are."""
    cdef list terms = []
    cdef double number = 0.0
    cdef Py_ssize_t i, k
    for i in range(code.size):
        entry = &code.entries[i]
        if is_constant(code, i, &number):
            terms.append(number)
            continue
        if entry.op == LANE_LOAD:
            terms.append(loads[entry.a])
            continue
        operands = []
        for k in range(arity(entry)):
            operands.append(terms[operands_of(code, entry)[k]])
        terms.append(operands[0] if entry.op == CODE_RESULT else Term(operation_name(code, i), operands))
    return terms


def terms_of_program(Program program not None):
    """Return the outputs of a program and its guards as terms."""
    cdef Code code = program.code
    cdef list loads = []
    cdef Py_ssize_t i
    for i in range(code.inputs + len(code.captured)):
        loads.append(Term("", [], load_name(code, i)))
    terms = terms_of(code, loads)
    roots = []
    for i, output in enumerate(code.outputs):
        roots.append(Term("", [terms[<Py_ssize_t> output]], f"output {i}"))
    for i in range(code.size):
        if is_guard(code.entries[i].op):
            roots.append(terms[i])
    return roots


def open_block(Value value not None):
    """Return the outputs of the Block that made a Value as terms, by index, and the index of the Value.

    None if it cannot be opened: it calls Python, is too large, or draws random numbers.
    """
    cdef Block block = value._block
    cdef Code code = Code.__new__(Code)
    cdef double *inputs = NULL
    cdef double *numbers = NULL
    cdef double *gradients = NULL
    cdef Py_ssize_t i, index = <Py_ssize_t> value.node.immediate
    if len(block.parents()) > MOST_OPERANDS:
        return None
    sources = block.sources()
    operands, seeds = [], []
    code.inputs = len(sources)
    for i in range(len(sources)):
        operands.append(code.load(i))
    try:
        code.outputs = block.lower(code, operands)
    except TypeError:
        # A Block without lowering.
        return None
    if code.size > MOST_INSTRUCTIONS:
        return None
    for i in range(code.size):
        op = code.entries[i].op
        if not (op < OP_COUNT or is_choice(op) or is_guard(op) or op == CODE_CONSTANT or op == LANE_LOAD):
            return None
    # The adjoints are those of the last backward pass, if there was one.
    passed = block.adjoints[index] == value.node.adjoint
    for i in range(block.output_count):
        seeds.append(block.adjoints[i] if passed else value.node.adjoint if i == index else 0.0)
    try:
        inputs = <double *> room(len(sources), sizeof(double))
        for i, source in enumerate(sources):
            inputs[i] = (<Value> source).node.primal
        numbers = evaluate(code, inputs)
        result = numbers[<Py_ssize_t> code.outputs[index]]
        if fabs(result - value.node.primal) > TOLERANCE * (1.0 + fabs(result)):
            return None
        gradients = adjoints(code, numbers, seeds)
        terms = terms_of(code, sources)
        for i in range(code.size):
            if isinstance(terms[i], Term):
                terms[i].data, terms[i].grad = numbers[i], gradients[i]
    finally:
        PyMem_RawFree(inputs)
        PyMem_RawFree(numbers)
        PyMem_RawFree(gradients)
    outputs = []
    for output in code.outputs:
        outputs.append(terms[<Py_ssize_t> output])
    return outputs, index
