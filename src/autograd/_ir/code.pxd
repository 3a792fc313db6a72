"""The builder of flat instructions, for other Cython modules to ``cimport``."""

from libc.string cimport memcpy

from autograd._ir.formulas cimport Formula
from autograd._ir.opcodes cimport CODE_CONSTANT, LANE_CALL, operand_count


# One instruction: an op of the table or of opcodes.h. Operands are positions of other instructions. A guard has its
# outcome in b. A call has the number of its function in a, its operands from arguments[b] on, their number in c and the
# number of its results in d; its results are the instructions that follow it.
cdef struct Entry:
    unsigned op
    unsigned a
    unsigned b
    unsigned c
    unsigned d


# No position.
cdef enum:
    NONE = 0xFFFFFFFF


cdef class Code:
    """A function as flat instructions, each after those that it depends on. Captured Values follow the inputs."""
    cdef Entry *entries
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity
    # Hash table of the instructions, for `find`; NULL if none has been looked up. A slot is 0, or the position plus one
    # in as many bits as the size of the table takes, with the upper bits of the hash. Few instructions have the same
    # latest operand, constants aside, and it is mostly a recent one: the place of an instruction is in the line of the
    # cache that belongs to that operand, so that the lookups of a large program stay in the cache; if the line is full,
    # it is a scattered one.
    cdef unsigned *table
    cdef Py_ssize_t table_size
    # By number of the input: the position of the instruction that loads it, or None.
    cdef list loads
    cdef unsigned *arguments
    cdef Py_ssize_t argument_count
    cdef Py_ssize_t argument_capacity
    cdef readonly Py_ssize_t inputs
    cdef list captured
    cdef list calls
    # By position of a guard: file and line of the branch.
    cdef dict places
    # By position: file and line of the operation that the instruction is of; None if they were not noted.
    cdef dict lines
    cdef list outputs

    cdef bint is_same(self, Code other) except -1
    cdef unsigned emit(self, unsigned op, unsigned a, unsigned b=*, unsigned c=*, unsigned d=*) except? 0xFFFFFFFF
    cdef unsigned append(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFF
    cdef unsigned find(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFF
    cdef int rehash(self) except -1
    cdef int finish(self) except -1
    cdef unsigned simpler(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFE
    cdef unsigned constant(self, double number) except? 0xFFFFFFFF
    cdef unsigned load(self, Py_ssize_t number) except? 0xFFFFFFFF
    cdef int note_load(self, Py_ssize_t number, unsigned i) except -1
    cdef int add_argument(self, unsigned operand) except -1
    cdef unsigned negated_product(self, unsigned a, unsigned b) except? 0xFFFFFFFF
    cdef int guard(self, unsigned i, unsigned outcome, object place) except -1
    cdef int same(self, unsigned i, double number, object place) except -1
    cdef unsigned where(self, unsigned condition, unsigned x, unsigned y) except? 0xFFFFFFFF
    cdef list call(self, object function, list operands, Py_ssize_t results)
    cdef int copy(self, Code source, unsigned *map, bint expand=*) except -1
    cdef int note_lines(self, Py_ssize_t first, object place) except -1
    cdef int copy_entry(self, Code source, unsigned *map, Py_ssize_t i, bint expand=*) except -1
    cdef list inline(self, Code source, list loads)
    cdef Code separate(self, Code source, Py_ssize_t own, list loads, list needed)
    cdef int take_over(
        self, Code source, const unsigned *uses, const unsigned *order, Py_ssize_t count
    ) except -1
    cdef int begin(self, Code source, unsigned *map, Py_ssize_t more=*) except -1
    cdef unsigned expand(
        self, Formula formula, unsigned a, unsigned b, unsigned c, unsigned r, unsigned g, bint fully
    ) except? 0xFFFFFFFF
    cdef unsigned term(
        self, Formula formula, unsigned reference, unsigned *names, unsigned *results
    ) except? 0xFFFFFFFF
    cdef Code expanded(self)
    cdef int become(self, Code source, Py_ssize_t more=*) except -1
    cdef Code copy_of(self)


cdef class DerivativeRule:
    """The function of a call whose results are the instructions that computed them, but whose derivative is given.

    The operands of the call are the arguments to differentiate by, the results, and what the derivative needs.
    """
    cdef readonly str __name__
    # A function that is linear in its first inputs, after which it takes the results and what it needs: the tangents of
    # the results, given those of the arguments; or, if it is a `pullback`, the adjoints of the arguments, given those
    # of the results.
    cdef Code code
    cdef bint pullback
    cdef Py_ssize_t arguments
    cdef Py_ssize_t results
    # The reverse mode of the function, whose inputs are those of it and then an adjoint for each output; None as yet.
    cdef Code transposed

    cdef bint is_same(self, DerivativeRule other) except -1


# The rule of a call or of a result of one, None if it has none.
cdef DerivativeRule rule_of(Code code, Entry *entry)
cdef DerivativeRule new_derivative_rule(str name, Code code, bint pullback, Py_ssize_t arguments, Py_ssize_t results)


cdef inline Py_ssize_t arity(Entry *entry) noexcept:
    """Return the number of operands of an instruction."""
    return entry.c if entry.op == LANE_CALL else operand_count(entry.op)


cdef inline const unsigned *operands_of(Code code, Entry *entry) noexcept:
    """Return the operands of an instruction of this code."""
    return code.arguments + entry.b if entry.op == LANE_CALL else &entry.a


cdef inline bint is_constant(Code code, unsigned i, double *number) noexcept:
    """Whether an instruction is a constant, whose number is stored."""
    if code.entries[i].op != CODE_CONSTANT:
        return False
    # The bits are in a and b.
    memcpy(number, &code.entries[i].a, sizeof(double))
    return True


# Allocate memory, all zero; change the size of memory.
cdef void *room(size_t count, size_t size) except NULL
cdef void *resized(void *memory, size_t size) except NULL
# Allocate a position for each instruction, at first NONE.
cdef unsigned *new_map(Code code) except NULL
