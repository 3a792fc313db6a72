"""Flat instructions, for other Cython modules to ``cimport``."""


# One instruction; its position in the code is the name of its result. Operands are such positions. A constant has the
# bits of its number in a and b, an input its number in a, a guard its outcome in b, the result of a call its number in
# b. A call has its function's number in a, its operands at arguments[b], their number in c and that of its results in
# d.
cdef struct Entry:
    unsigned op
    unsigned a
    unsigned b
    unsigned c
    unsigned d


# Kinds of entry that neither the table nor the interpreter knows.
cdef enum:
    CODE_CONSTANT = 1000
    CODE_RESULT = 1001

cdef enum:
    NONE = 0xFFFFFFFF


# A step of a formula of the table: an op and what it works on.
cdef struct Step:
    unsigned op
    unsigned operands[4]

cdef enum:
    MOST_STEPS = 64


cdef class Formula:
    cdef Step steps[MOST_STEPS]
    cdef Py_ssize_t size
    cdef list constants
    cdef unsigned result


cdef class Code:
    """A function as flat instructions, each after those that it depends on.

    Values that are not among the inputs but were captured are further inputs, after these.
    """
    cdef Entry *entries
    cdef Py_ssize_t size
    cdef Py_ssize_t capacity
    # By hash: what is in the code already.
    cdef unsigned *table
    cdef Py_ssize_t table_size
    # By number: the instruction that loads an input, NONE if there is none yet.
    cdef list loads
    cdef unsigned *arguments
    cdef Py_ssize_t argument_count
    cdef Py_ssize_t argument_capacity
    cdef readonly Py_ssize_t inputs
    cdef list captured
    cdef list calls
    # Where guards come from, by position: file and line.
    cdef dict places
    cdef list outputs

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
        self, Code source, const unsigned char *alive, const unsigned *order, Py_ssize_t count
    ) except -1
    cdef int begin(self, Code source, unsigned *map, Py_ssize_t more=*) except -1
    cdef unsigned expand(
        self, Formula formula, unsigned a, unsigned b, unsigned c, unsigned r, unsigned g, bint fully
    ) except? 0xFFFFFFFF
    cdef unsigned term(
        self, Formula formula, unsigned reference, unsigned *names, unsigned *results
    ) except? 0xFFFFFFFF
    cdef unsigned derivative(
        self, Code source, Entry *entry, unsigned i, Py_ssize_t k, unsigned g, unsigned *map
    ) except? 0xFFFFFFFF
    cdef bint *active(self, list wrt) except NULL
    cdef int accumulate(self, unsigned *adjoints, unsigned i, unsigned contribution) except -1
    cdef int reverse_entry(self, Code source, unsigned i, unsigned *map, unsigned *adjoints, bint *active) except -1
    cdef int reverse_call(self, Code source, unsigned i, unsigned *map, unsigned *adjoints) except -1
    cdef int forward_choice(self, Entry *entry, unsigned i, unsigned *map, unsigned *tangents) except -1
    cdef int forward_call(self, Code source, unsigned i, unsigned *map, unsigned *tangents) except -1
    cdef Code copy_of(self, bint expand=*)
    cdef Code reverse(self, list wrt, list of, list keep, bint ones)
    cdef Code forward(self, list wrt, list keep)


# Number of operands of an op of the table or a choice of the interpreter.
cdef Py_ssize_t operand_count(unsigned op) noexcept
# The value of an op of the table in a program, derived rows included.
cdef double value_of(unsigned op, double a, double b, double c) except? -1
# The base row of an op and its operands, of which NONE stands for the immediate.
cdef unsigned base_of(unsigned op, unsigned *a, unsigned *b, unsigned immediate) noexcept
# Memory for the passes, all zero.
cdef void *room(size_t count, size_t size) except NULL
