"""The builder of flat instructions, for other Cython modules to ``cimport``."""

from autograd._ir.formulas cimport Formula


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
    # Hash table of the positions of all instructions, for `find`.
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
    cdef list outputs

    cdef bint is_same(self, Code other) except -1
    cdef unsigned emit(self, unsigned op, unsigned a, unsigned b=*, unsigned c=*, unsigned d=*) except? 0xFFFFFFFF
    cdef unsigned append(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFF
    cdef unsigned find(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFF
    cdef int rehash(self) except -1
    cdef unsigned simpler(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFF
    cdef unsigned constant(self, double number) except? 0xFFFFFFFF
    cdef bint is_constant(self, unsigned i, double *number) noexcept
    cdef unsigned load(self, Py_ssize_t number) except? 0xFFFFFFFF
    cdef int note_load(self, Py_ssize_t number, unsigned i) except -1
    cdef int add_argument(self, unsigned operand) except -1
    cdef unsigned negated_product(self, unsigned a, unsigned b) except? 0xFFFFFFFF
    cdef int guard(self, unsigned i, unsigned outcome, object place) except -1
    cdef int same(self, unsigned i, double number, object place) except -1
    cdef unsigned where(self, unsigned condition, unsigned x, unsigned y) except? 0xFFFFFFFF
    cdef list call(self, object function, list operands, Py_ssize_t results)
    cdef int copy(self, Code source, unsigned *map, bint expand=*) except -1
    cdef int copy_entry(self, Code source, unsigned *map, Py_ssize_t i, bint expand) except -1
    cdef Py_ssize_t arity(self, Entry *entry) noexcept
    cdef unsigned operand(self, Entry *entry, Py_ssize_t k) noexcept
    cdef list inline(self, Code source, list loads)
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
    cdef Code copy_of(self, bint expand=*)


# The number of operands of an instruction that is no call.
cdef Py_ssize_t operand_count(unsigned op) noexcept
# Allocate memory, all zero.
cdef void *room(size_t count, size_t size) except NULL
# Allocate a position for each instruction, at first NONE.
cdef unsigned *new_map(Code code) except NULL
