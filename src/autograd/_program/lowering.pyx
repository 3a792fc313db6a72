"""Lowering: from a trace to flat instructions.

`lower` goes through the tape in order and emits an instruction for every operation; a Block emits its own. What the
trace observed becomes guards, in the places where it was observed.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from cpython.object cimport PyObject

from autograd._core cimport TRACED, Block, Node, Value, number, owner
from autograd._ir.code cimport Code, room
from autograd._ir.formulas cimport base_of
from autograd._ir.opcodes cimport operand_count
from autograd._program.tracing cimport Observation, Trace, check_captured

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_LEAF
        OP_OUTPUT


@cython.internal
@cython.auto_pickle(False)
cdef class Lowering:
    """A trace and the code that it is lowered to."""
    cdef Trace trace
    cdef Code code
    # The instruction of every Value on the tape, by position.
    cdef unsigned *instructions
    # The instructions of captured Values and of the outputs of Blocks, by identity.
    cdef dict captured
    cdef dict blocks

    def __dealloc__(self):
        PyMem_RawFree(self.instructions)

    cdef unsigned find(self, Value value) except? 0xFFFFFFFF:
        """Return the instruction of a Value; capture one that was not made in the trace."""
        cdef Py_ssize_t i = self.trace.position(value)
        if i >= 0:
            return self.instructions[i]
        identity = <size_t> <PyObject *> value
        if identity not in self.captured:
            if value.node.flags & TRACED:
                check_captured(value)
            self.captured[identity] = self.code.load(self.code.inputs + len(self.code.captured))
            self.code.captured.append(value)
        return self.captured[identity]

    cdef unsigned lower(self, Value value) except? 0xFFFFFFFF:
        """Emit the instruction of a Value on the tape."""
        cdef Node *node = &value.node
        cdef unsigned a = 0, b = 0, immediate = 0, op
        cdef Block block
        if node.op == OP_LEAF:
            return self.code.constant(node.primal)
        if node.op == OP_OUTPUT:
            block = value._block
            if block not in self.blocks:
                operands = []
                for i in range(block.input_count):
                    operands.append(self.find(<Value> owner(block.inputs[i])))
                self.blocks[block] = block.lower(self.code, operands)
            return self.blocks[block][<Py_ssize_t> node.immediate]
        a = self.find(<Value> owner(node.left))
        if node.right != NULL:
            b = self.find(<Value> owner(node.right))
        else:
            immediate = self.code.constant(node.immediate)
        op = base_of(node.op, &a, &b, immediate)
        return self.code.emit(op, a, b if operand_count(op) > 1 else 0)


cdef Code lower(Trace trace, Py_ssize_t inputs, list outputs):
    cdef Lowering lowering = Lowering.__new__(Lowering)
    cdef Code code = Code.__new__(Code)
    cdef Observation observation
    cdef Py_ssize_t first, i, k = 0, size = len(trace.tape)
    cdef double c = 0.0
    code.inputs = inputs
    lowering.trace, lowering.code, lowering.captured, lowering.blocks = trace, code, {}, {}
    lowering.instructions = <unsigned *> room(size, sizeof(unsigned))
    for i in range(size + 1):
        while k < len(trace.observations) and (<Observation> trace.observations[k]).position <= i:
            observation = trace.observations[k]
            if observation.is_decision:
                code.guard(lowering.find(observation.value), observation.value.node.primal != 0.0, observation.place)
            else:
                code.same(lowering.find(observation.value), observation.value.node.primal, observation.place)
            k += 1
        if i < size:
            first = code.size
            lowering.instructions[i] = code.load(i) if i < inputs else lowering.lower(<Value> trace.tape[i])
            if trace.lines is not None:
                code.note_lines(first, trace.lines[i])
    for output in outputs:
        if isinstance(output, Value):
            code.outputs.append(lowering.find(<Value> output))
        else:
            number(output, &c)
            code.outputs.append(code.constant(c))
    code.finish()
    return code
