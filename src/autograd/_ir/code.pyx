"""Flat instructions, and the passes over them.

A `Code` is in single assignment form: an instruction names its operands by their positions, and what is computed twice
is there once. Emitting an instruction folds constants and finds common subexpressions on the way, so that the passes
are single loops: a copy, reverse mode, forward mode. The two modes emit the gradient formulas of the op table; a
derivative is a Code like any other.

What a simplification may do is bound by bits: ``x * 1`` is `x`, but ``x + 0`` is not where `x` is -0.
"""

cimport cython
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree, PyMem_RawRealloc
from libc.string cimport memcmp, memcpy, memset

import ast

from autograd import _core, ops

from autograd._interpreter.interpreter cimport (
    LANE_CALL, LANE_GUARD, LANE_LOAD, LANE_SAME, LANE_WHERE_EQ, LANE_WHERE_LE, LANE_WHERE_LT, evaluate,
)

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_COUNT
        OP_ADD
        OP_SUB
        OP_MUL
        OP_DIV
        OP_POW
        OP_POW_C
        OP_NEG
        OP_SQRT
        OP_LESS
        OP_LESS_EQUAL
        OP_EQUAL
        OP_NOT_EQUAL
        OP_STOP_GRADIENT

cdef extern from *:
    """
    static inline unsigned autograd_hash(const unsigned *key) {
        unsigned long long h = key[0];
        for (int i = 1; i < 5; i++) h = (h ^ key[i]) * 0x9E3779B97F4A7C15ull, h ^= h >> 29;
        return (unsigned) (h ^ (h >> 32));
    }
    """
    unsigned hash_of "autograd_hash" (const unsigned *key) noexcept nogil


# ---------------------------------------------------------------------------------------------------------------------
# Formulas

# What a step works on: A, B, C, R, G, the results of steps from FIRST_STEP on, constants from FIRST_CONSTANT on.
cdef enum:
    A
    B
    C
    R
    G
    FIRST_STEP
    FIRST_CONSTANT = 1024


@cython.auto_pickle(False)
cdef class Formula:
    """A formula of the table, parsed."""


cdef Formula parse(str formula):
    cdef Formula parsed = Formula.__new__(Formula)
    parsed.constants = []
    parsed.result = parse_node(parsed, ast.parse(formula, mode="eval").body)
    return parsed


cdef dict BINARY = {ast.Add: OP_ADD, ast.Sub: OP_SUB, ast.Mult: OP_MUL, ast.Div: OP_DIV, ast.Pow: OP_POW}
# A comparison as a choice: its op, whether the sides change places, whether what is chosen from does.
cdef dict CHOICES = {
    ast.Lt: (LANE_WHERE_LT, False, False),
    ast.LtE: (LANE_WHERE_LE, False, False),
    ast.Gt: (LANE_WHERE_LT, True, False),
    ast.GtE: (LANE_WHERE_LE, True, False),
    ast.Eq: (LANE_WHERE_EQ, False, False),
    ast.NotEq: (LANE_WHERE_EQ, False, True),
}


cdef unsigned parse_node(Formula formula, object node) except? 0xFFFFFFFF:
    if isinstance(node, ast.Constant):
        formula.constants.append(float(node.value))
        return FIRST_CONSTANT + len(formula.constants) - 1
    if isinstance(node, ast.Name):
        return "abcrg".index(node.id)
    if isinstance(node, ast.UnaryOp):
        return add_step(formula, OP_NEG, [node.operand])
    if isinstance(node, ast.BinOp):
        return add_step(formula, BINARY[type(node.op)], [node.left, node.right])
    if node.func.id == "where":
        condition, x, y = node.args
        op, swap_sides, swap_choice = CHOICES[type(condition.ops[0])]
        left, right = condition.left, condition.comparators[0]
        if swap_sides:
            left, right = right, left
        if swap_choice:
            x, y = y, x
        return add_step(formula, op, [left, right, x, y])
    return add_step(formula, OPS_BY_NAME[node.func.id], node.args)


cdef unsigned add_step(Formula formula, unsigned op, list nodes) except? 0xFFFFFFFF:
    cdef unsigned operands[4]
    cdef Py_ssize_t k
    memset(operands, 0, sizeof(operands))
    for k in range(len(nodes)):
        operands[k] = parse_node(formula, nodes[k])
    if formula.size == MOST_STEPS:
        raise ValueError("a formula of the op table is too long")
    formula.steps[formula.size].op = op
    memcpy(formula.steps[formula.size].operands, operands, sizeof(operands))
    formula.size += 1
    return FIRST_STEP + formula.size - 1


# By op and operand, the gradient formulas, for the rows without an immediate; by op the value's formula, where the
# interpreter has no kernel.
cdef dict OPS_BY_NAME = {name: op for op, name in enumerate(_core.OP_NAMES)}
cdef tuple ROWS = tuple(ops.OPS.get(name) for name in _core.OP_NAMES)
cdef dict GRADIENTS = {}
cdef dict VALUES = {}

# By op: the number of operands, the base row, and where its operands come from: "a", "b", "c".
cdef unsigned char operand_counts[OP_COUNT]
cdef unsigned bases[OP_COUNT]
cdef char first_operand[OP_COUNT]
cdef char second_operand[OP_COUNT]
cdef bint is_composite[OP_COUNT]


cdef int read_table() except -1:
    cdef unsigned op
    memset(operand_counts, 0, sizeof(operand_counts))
    memset(is_composite, 0, sizeof(is_composite))
    for op in range(<unsigned> OP_COUNT):
        row = ROWS[op]
        if row is None:
            continue
        arguments = row.arguments
        operand_counts[op] = len(arguments)
        bases[op] = OPS_BY_NAME[row.base]
        first_operand[op] = ord(arguments[0])
        second_operand[op] = ord(arguments[len(arguments) - 1]) if len(arguments) > 1 else 0
        is_composite[op] = not row.is_primitive
    return 0


read_table()


cdef Formula gradient(unsigned op, Py_ssize_t k):
    key = op, k
    if key not in GRADIENTS:
        GRADIENTS[key] = parse(ROWS[op].grads[k])
    return GRADIENTS[key]


cdef Formula value_formula(unsigned op):
    if op not in VALUES:
        VALUES[op] = parse(ROWS[op].value)
    return VALUES[op]


cdef Py_ssize_t operand_count(unsigned op) noexcept:
    if op < OP_COUNT:
        return operand_counts[op]
    if op == LANE_WHERE_LT or op == LANE_WHERE_LE or op == LANE_WHERE_EQ:
        return 4
    return 1 if op == LANE_GUARD or op == CODE_RESULT else 2 if op == LANE_SAME else 0


cdef unsigned base_of(unsigned op, unsigned *a, unsigned *b, unsigned immediate) noexcept:
    cdef unsigned left = a[0]
    cdef unsigned right = b[0]
    a[0] = left if first_operand[op] == c"a" else immediate
    b[0] = immediate if second_operand[op] == c"c" else left if second_operand[op] == c"a" else right
    return bases[op]


cdef double value_of(unsigned op, double a, double b, double c) except? -1:
    cdef double x = a if first_operand[op] == c"a" else c
    cdef double y = c if second_operand[op] == c"c" else a if second_operand[op] == c"a" else b
    if op == OP_POW_C:
        return power(x, y)
    return base_value(bases[op], x, y, 0.0)


cdef double power(double x, double exponent) noexcept:
    """As NumPy's operator, which has the commonest exponents by simpler means."""
    if exponent == 2.0:
        return x * x
    if exponent == 1.0:
        return x
    if exponent == 0.5:
        return evaluate(OP_SQRT, x, 0.0, 0.0, 0.0)
    if exponent == -1.0:
        return 1.0 / x
    return evaluate(OP_POW, x, exponent, 0.0, 0.0)


cdef double base_value(unsigned op, double a, double b, double c) except? -1:
    cdef Formula formula
    cdef double results[MOST_STEPS]
    cdef double names[3]
    cdef double x[4]
    cdef Py_ssize_t i, k
    cdef unsigned reference
    if not is_composite[op]:
        return evaluate(op, a, b, 0.0, 0.0)
    formula = value_formula(op)
    names[A], names[B], names[C] = a, b, c
    for i in range(formula.size):
        for k in range(operand_count(formula.steps[i].op)):
            reference = formula.steps[i].operands[k]
            x[k] = (formula.constants[reference - FIRST_CONSTANT] if reference >= FIRST_CONSTANT
                    else results[reference - FIRST_STEP] if reference >= FIRST_STEP else names[reference])
        results[i] = evaluate_any(formula.steps[i].op, x)
    return results[formula.size - 1]


cdef double evaluate_any(unsigned op, double *x) except? -1:
    if op < OP_COUNT and is_composite[op]:
        return base_value(op, x[0], x[1], x[2])
    return evaluate(op, x[0], x[1], x[2], x[3])


# ---------------------------------------------------------------------------------------------------------------------
# Emitting

cdef void *room(size_t count, size_t size) except NULL:
    cdef void *memory = PyMem_RawCalloc(count + 1, size)
    if memory == NULL:
        raise MemoryError(f"no memory for a program: {count} times {size} bytes")
    return memory


cdef inline void *grown(void *memory, Py_ssize_t *capacity, size_t item) except NULL:
    cdef Py_ssize_t larger = max(2 * capacity[0], 64)
    cdef void *room = PyMem_RawRealloc(memory, larger * item)
    if room == NULL:
        raise MemoryError(f"no memory for a program of {capacity[0]} instructions")
    capacity[0] = larger
    return room


@cython.auto_pickle(False)
cdef class Code:
    """A function as flat instructions."""

    def __cinit__(self):
        self.loads = []
        self.captured = []
        self.calls = []
        self.places = {}
        self.outputs = []

    def __dealloc__(self):
        PyMem_RawFree(self.entries)
        PyMem_RawFree(self.table)
        PyMem_RawFree(self.arguments)

    cdef unsigned append(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFF:
        cdef Entry *entry
        if self.size == self.capacity:
            self.entries = <Entry *> grown(self.entries, &self.capacity, sizeof(Entry))
        entry = &self.entries[self.size]
        entry.op = op
        entry.a = a
        entry.b = b
        entry.c = c
        entry.d = d
        self.size += 1
        return self.size - 1

    cdef unsigned find(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFF:
        """The instruction, which is appended if it is not there yet."""
        cdef unsigned key[5]
        cdef unsigned i, at
        if 2 * self.size >= self.table_size:
            self.rehash()
        key[0], key[1], key[2], key[3], key[4] = op, a, b, c, d
        i = hash_of(key) & (self.table_size - 1)
        while self.table[i] != NONE:
            if not memcmp(&self.entries[self.table[i]], key, sizeof(key)):
                return self.table[i]
            i = (i + 1) & (self.table_size - 1)
        at = self.append(op, a, b, c, d)
        self.table[i] = at
        return at

    cdef int rehash(self) except -1:
        cdef Py_ssize_t size = max(256, 4 * self.table_size)
        cdef unsigned *table = <unsigned *> room(size, sizeof(unsigned))
        cdef Py_ssize_t k
        cdef unsigned i
        memset(table, 0xFF, size * sizeof(unsigned))
        for k in range(self.size):
            i = hash_of(<unsigned *> &self.entries[k]) & (size - 1)
            while table[i] != NONE:
                i = (i + 1) & (size - 1)
            table[i] = k
        PyMem_RawFree(self.table)
        self.table = table
        self.table_size = size
        return 0

    cdef unsigned constant(self, double number) except? 0xFFFFFFFF:
        cdef unsigned bits[2]
        memcpy(bits, &number, sizeof(double))
        return self.find(CODE_CONSTANT, bits[0], bits[1], 0, 0)

    cdef bint is_constant(self, unsigned i, double *number) noexcept:
        cdef unsigned bits[2]
        if self.entries[i].op != CODE_CONSTANT:
            return False
        bits[0] = self.entries[i].a
        bits[1] = self.entries[i].b
        memcpy(number, bits, sizeof(double))
        return True

    cdef unsigned load(self, Py_ssize_t number) except? 0xFFFFFFFF:
        """Input `number`; the captured Values follow the inputs."""
        if number >= len(self.loads) or self.loads[number] is None:
            self.note_load(number, self.find(LANE_LOAD, number, 0, 0, 0))
        return self.loads[number]

    cdef int note_load(self, Py_ssize_t number, unsigned i) except -1:
        while len(self.loads) <= number:
            self.loads.append(None)
        self.loads[number] = i
        return 0

    cdef unsigned emit(self, unsigned op, unsigned a, unsigned b=0, unsigned c=0, unsigned d=0) except? 0xFFFFFFFF:
        """A pure instruction, or what comes to the same bits."""
        cdef unsigned simpler = self.simpler(op, a, b, c, d)
        return self.find(op, a, b, c, d) if simpler == NONE else simpler

    cdef unsigned simpler(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFF:
        """What an instruction can be replaced by, NONE if there is nothing."""
        cdef double x[4]
        cdef Entry *entries = self.entries
        x[1] = x[2] = x[3] = 0.0
        cdef Py_ssize_t n = operand_count(op)
        cdef bint known_a = self.is_constant(a, &x[0])
        cdef bint known_b = n > 1 and self.is_constant(b, &x[1])
        if n == 4:
            if c == d:
                return c
            if known_a and known_b:
                return c if (x[0] < x[1] if op == LANE_WHERE_LT else x[0] <= x[1] if op == LANE_WHERE_LE
                             else x[0] == x[1]) else d
            return NONE
        if known_a and (n == 1 or known_b) and (n < 3 or self.is_constant(c, &x[2])):
            return self.constant(power(x[0], x[1]) if op == OP_POW else evaluate_any(op, x))
        if op == OP_ADD:
            if entries[b].op == OP_NEG:
                return self.emit(OP_SUB, a, entries[b].a)
            if entries[a].op == OP_NEG:
                return self.emit(OP_SUB, b, entries[a].a)
        elif op == OP_SUB:
            if entries[b].op == OP_NEG:
                return self.emit(OP_ADD, a, entries[b].a)
            # Not -0.0, for x - -0.0 is 0.0 where x is -0.0.
            if known_b and x[1] == 0.0 and self.entries[b].b == 0:
                return a
        elif op == OP_MUL:
            if known_b and x[1] == 1.0:
                return a
            if known_a and x[0] == 1.0:
                return b
            if known_b and x[1] == -1.0:
                return self.emit(OP_NEG, a)
            if known_a and x[0] == -1.0:
                return self.emit(OP_NEG, b)
            # A sign moves outwards, to where an addition takes it in.
            if entries[a].op == OP_NEG:
                return self.negated_product(entries[a].a, b)
            if entries[b].op == OP_NEG:
                return self.negated_product(entries[b].a, a)
        elif op == OP_DIV:
            if known_b and x[1] == 1.0:
                return a
            if entries[a].op == OP_NEG:
                return self.emit(OP_NEG, self.emit(OP_DIV, entries[a].a, b))
            if entries[b].op == OP_NEG:
                return self.emit(OP_NEG, self.emit(OP_DIV, a, entries[b].a))
        elif op == OP_NEG:
            if entries[a].op == OP_NEG:
                return entries[a].a
            if entries[a].op == OP_MUL and (self.is_constant(entries[a].a, &x[0])
                                            or self.is_constant(entries[a].b, &x[0])):
                known_a = self.is_constant(entries[a].a, &x[0])
                return self.emit(OP_MUL, entries[a].b if known_a else entries[a].a, self.constant(-x[0]))
        elif op == OP_POW and known_b:
            if x[1] == 2.0:
                return self.emit(OP_MUL, a, a)
            if x[1] == 1.0:
                return a
            if x[1] == 0.5:
                return self.emit(OP_SQRT, a)
            if x[1] == -1.0:
                return self.emit(OP_DIV, self.constant(1.0), a)
        if a > b and (op == OP_ADD or op == OP_MUL):
            return self.find(op, b, a, 0, 0)
        return NONE

    cdef unsigned negated_product(self, unsigned a, unsigned b) except? 0xFFFFFFFF:
        """``-a * b``."""
        cdef double number = 0.0
        if self.is_constant(b, &number):
            return self.emit(OP_MUL, a, self.constant(-number))
        return self.emit(OP_NEG, self.emit(OP_MUL, a, b))

    cdef int guard(self, unsigned i, unsigned outcome, object place) except -1:
        """Demand that the truth of a number is `outcome`."""
        cdef double number = 0.0
        if not self.is_constant(i, &number):
            self.places.setdefault(self.find(LANE_GUARD, i, outcome, 0, 0), place)
        return 0

    cdef int same(self, unsigned i, double number, object place) except -1:
        """Demand that a number has these bits."""
        cdef double known = 0.0
        if not self.is_constant(i, &known):
            self.places.setdefault(self.find(LANE_SAME, i, self.constant(number), 0, 0), place)
        return 0

    cdef unsigned where(self, unsigned condition, unsigned x, unsigned y) except? 0xFFFFFFFF:
        """`x` where the condition is not zero."""
        cdef Entry entry = self.entries[condition]
        if entry.op == OP_LESS:
            return self.emit(LANE_WHERE_LT, entry.a, entry.b, x, y)
        if entry.op == OP_LESS_EQUAL:
            return self.emit(LANE_WHERE_LE, entry.a, entry.b, x, y)
        if entry.op == OP_EQUAL:
            return self.emit(LANE_WHERE_EQ, entry.a, entry.b, x, y)
        if entry.op == OP_NOT_EQUAL:
            return self.emit(LANE_WHERE_EQ, entry.a, entry.b, y, x)
        return self.emit(LANE_WHERE_EQ, condition, self.constant(0.0), y, x)

    cdef list call(self, object function, list operands, Py_ssize_t results):
        """Call a Python function of numbers, which returns as many as `results` says."""
        cdef Py_ssize_t first = self.argument_count
        cdef Py_ssize_t k
        cdef unsigned call
        cdef list outputs = []
        for operand in operands:
            self.add_argument(operand)
        self.calls.append(function)
        call = self.append(LANE_CALL, len(self.calls) - 1, first, len(operands), results)
        for k in range(results):
            outputs.append(self.find(CODE_RESULT, call, k, 0, 0))
        return outputs

    cdef int add_argument(self, unsigned operand) except -1:
        if self.argument_count == self.argument_capacity:
            self.arguments = <unsigned *> grown(self.arguments, &self.argument_capacity, sizeof(unsigned))
        self.arguments[self.argument_count] = operand
        self.argument_count += 1
        return 0

    cdef unsigned operand(self, Entry *entry, Py_ssize_t k) noexcept:
        """Operand number k of an instruction of this code."""
        if entry.op == LANE_CALL:
            return self.arguments[entry.b + k]
        return entry.a if k == 0 else entry.b if k == 1 else entry.c if k == 2 else entry.d

    cdef Py_ssize_t arity(self, Entry *entry) noexcept:
        return entry.c if entry.op == LANE_CALL else operand_count(entry.op)

    # -- passes

    cdef int copy_entry(self, Code source, unsigned *map, Py_ssize_t i, bint expand) except -1:
        """Emit an instruction of another code, whose operands are known in this one."""
        cdef Entry *entry = &source.entries[i]
        cdef double number = 0.0
        cdef list operands
        cdef Py_ssize_t k
        if entry.op < OP_COUNT:
            k = operand_counts[entry.op]
            if expand and entry.op == OP_STOP_GRADIENT:
                map[i] = map[entry.a]
            elif expand and is_composite[entry.op]:
                map[i] = self.expand(value_formula(entry.op), map[entry.a], map[entry.b] if k > 1 else 0,
                                     map[entry.c] if k > 2 else 0, 0, 0, True)
            else:
                map[i] = self.emit(entry.op, map[entry.a], map[entry.b] if k > 1 else 0,
                                   map[entry.c] if k > 2 else 0)
        elif operand_count(entry.op) == 4:
            map[i] = self.emit(entry.op, map[entry.a], map[entry.b], map[entry.c], map[entry.d])
        elif entry.op == CODE_CONSTANT:
            map[i] = self.find(entry.op, entry.a, entry.b, 0, 0)
        elif entry.op == LANE_GUARD:
            self.guard(map[entry.a], entry.b, source.places[i])
        elif entry.op == LANE_SAME:
            source.is_constant(entry.b, &number)
            self.same(map[entry.a], number, source.places[i])
        elif entry.op == LANE_CALL:
            operands = []
            for k in range(entry.c):
                operands.append(map[source.arguments[entry.b + k]])
            map[i] = self.size
            self.call(source.calls[entry.a], operands, entry.d)
        elif entry.op == CODE_RESULT:
            map[i] = self.find(entry.op, map[entry.a], entry.b, 0, 0)
        return 0

    cdef int copy(self, Code source, unsigned *map, bint expand=False) except -1:
        """Emit all of another code; `map` has the places of its inputs and receives those of the rest.

        With `expand`, what the interpreter has no kernel for becomes what it has.
        """
        cdef Py_ssize_t i
        for i in range(source.size):
            if source.entries[i].op != LANE_LOAD:
                self.copy_entry(source, map, i, expand)
        return 0

    cdef unsigned expand(
        self, Formula formula, unsigned a, unsigned b, unsigned c, unsigned r, unsigned g, bint fully
    ) except? 0xFFFFFFFF:
        """Emit a formula. A composite function in it stays what it is, for the sake of further derivatives, if the
        expansion is not to go `fully` down to what the interpreter has."""
        cdef unsigned results[MOST_STEPS]
        cdef unsigned names[5]
        cdef unsigned x[4]
        cdef Step *step
        cdef Py_ssize_t i, k
        names[A], names[B], names[C], names[R], names[G] = a, b, c, r, g
        for i in range(formula.size):
            step = &formula.steps[i]
            memset(x, 0, sizeof(x))
            for k in range(operand_count(step.op)):
                x[k] = self.term(formula, step.operands[k], names, results)
            if fully and step.op < OP_COUNT and is_composite[step.op]:
                results[i] = self.expand(value_formula(step.op), x[0], x[1], x[2], 0, 0, True)
            else:
                results[i] = self.emit(step.op, x[0], x[1], x[2], x[3])
        return self.term(formula, formula.result, names, results)

    cdef unsigned term(
        self, Formula formula, unsigned reference, unsigned *names, unsigned *results
    ) except? 0xFFFFFFFF:
        if reference >= FIRST_CONSTANT:
            return self.constant(formula.constants[reference - FIRST_CONSTANT])
        return results[reference - FIRST_STEP] if reference >= FIRST_STEP else names[reference]

    cdef list inline(self, Code source, list loads):
        """Emit another code, given its inputs and captured Values, and return its outputs."""
        cdef unsigned *map = new_map(source)
        cdef list outputs = []
        try:
            for i, load in enumerate(source.loads):
                if load is not None:
                    map[<Py_ssize_t> load] = loads[i]
            self.copy(source, map)
            for output in source.outputs:
                outputs.append(map[<Py_ssize_t> output])
        finally:
            PyMem_RawFree(map)
        return outputs

    cdef Code copy_of(self, bint expand=False):
        """This code again; see `copy`."""
        cdef Code code = Code.__new__(Code)
        cdef unsigned *map = new_map(self)
        try:
            code.begin(self, map)
            code.copy(self, map, expand)
            for output in self.outputs:
                code.outputs.append(map[<Py_ssize_t> output])
        finally:
            PyMem_RawFree(map)
        return code

    cdef int take_over(
        self, Code source, const unsigned char *alive, const unsigned *order, Py_ssize_t count
    ) except -1:
        """Become another code with the inputs and constants that are alive, and then `count` instructions in order."""
        cdef unsigned *map = new_map(source)
        cdef Entry *entry
        cdef Py_ssize_t i, k
        try:
            self.inputs, self.captured, self.calls = source.inputs, source.captured, source.calls
            for i in range(source.size):
                entry = &source.entries[i]
                if alive[i] and (entry.op == LANE_LOAD or entry.op == CODE_CONSTANT):
                    map[i] = self.append(entry.op, entry.a, entry.b, 0, 0)
            for i in range(count):
                entry = &source.entries[order[i]]
                if entry.op == CODE_RESULT:
                    # It came with its call.
                    continue
                map[order[i]] = self.size
                if entry.op == LANE_CALL:
                    k = self.argument_count
                    for j in range(entry.c):
                        self.add_argument(map[source.arguments[entry.b + <Py_ssize_t> j]])
                    self.append(entry.op, entry.a, k, entry.c, entry.d)
                    for j in range(entry.d):
                        map[order[i] + 1 + <Py_ssize_t> j] = self.append(CODE_RESULT, map[order[i]], j, 0, 0)
                else:
                    k = operand_count(entry.op)
                    self.append(entry.op, map[entry.a], map[entry.b] if k > 1 and entry.op != LANE_GUARD else entry.b,
                                map[entry.c] if k > 2 else entry.c, map[entry.d] if k > 2 else entry.d)
            for output in source.outputs:
                self.outputs.append(map[<Py_ssize_t> output])
        finally:
            PyMem_RawFree(map)
        return 0

    cdef int begin(self, Code source, unsigned *map, Py_ssize_t more=0) except -1:
        """Take over the inputs of another code, with `more` between them and the captured Values."""
        cdef Py_ssize_t number
        self.inputs = source.inputs + more
        self.captured = source.captured
        for i, load in enumerate(source.loads):
            if load is not None:
                number = i
                map[<Py_ssize_t> load] = self.load(number if number < source.inputs else number + more)
        return 0

    cdef Code reverse(self, list wrt, list of, list keep, bint ones):
        """Reverse mode: the outputs `keep`, then for each input in `wrt` the derivative of the sum over the outputs
        `of`, each times a cotangent: a further input, or one."""
        cdef Code code = Code.__new__(Code)
        cdef unsigned *map = new_map(self)
        cdef unsigned *adjoints = new_map(self)
        cdef bint *active = NULL
        cdef unsigned i, adjoint
        cdef Py_ssize_t k
        try:
            code.begin(self, map, 0 if ones else len(of))
            code.copy(self, map)
            for output in keep:
                code.outputs.append(map[<Py_ssize_t> self.outputs[output]])
            active = self.active(wrt)
            for k, output in enumerate(of):
                i = self.outputs[output]
                code.accumulate(adjoints, i, code.constant(1.0) if ones else code.load(self.inputs + k))
            for k in reversed(range(self.size)):
                i = k
                if self.entries[i].op == LANE_CALL:
                    # Its results come after it, and have their adjoints now.
                    if active[i]:
                        code.reverse_call(self, i, map, adjoints)
                elif active[i] and adjoints[i] != NONE:
                    code.reverse_entry(self, i, map, adjoints, active)
            for number in wrt:
                load = self.loads[number] if <Py_ssize_t> number < len(self.loads) else None
                adjoint = NONE if load is None else adjoints[<Py_ssize_t> load]
                code.outputs.append(code.constant(0.0) if adjoint == NONE else adjoint)
        finally:
            PyMem_RawFree(map)
            PyMem_RawFree(adjoints)
            PyMem_RawFree(active)
        return code

    cdef bint *active(self, list wrt) except NULL:
        """Which instructions depend on an input in `wrt`."""
        cdef bint *active = <bint *> room(self.size, sizeof(bint))
        cdef Entry *entry
        cdef Py_ssize_t i, k
        wanted = set(wrt)
        for i in range(self.size):
            entry = &self.entries[i]
            active[i] = entry.op == LANE_LOAD and entry.a in wanted
            if entry.op != OP_STOP_GRADIENT:
                for k in range(self.arity(entry)):
                    active[i] |= active[self.operand(entry, k)]
        return active

    cdef int accumulate(self, unsigned *adjoints, unsigned i, unsigned contribution) except -1:
        """Add to an adjoint, or to a tangent."""
        cdef double number = 0.0
        # A derivative that is known to be zero.
        if self.is_constant(contribution, &number) and number == 0.0:
            return 0
        adjoints[i] = contribution if adjoints[i] == NONE else self.emit(OP_ADD, adjoints[i], contribution)
        return 0

    cdef int reverse_entry(self, Code source, unsigned i, unsigned *map, unsigned *adjoints, bint *active) except -1:
        cdef Entry *entry = &source.entries[i]
        cdef unsigned g = adjoints[i]
        cdef Py_ssize_t k
        cdef unsigned operand
        cdef Py_ssize_t n = operand_count(entry.op)
        if entry.op == CODE_RESULT:
            return 0
        for k in range(n):
            operand = source.operand(entry, k)
            if not active[operand]:
                continue
            if n < 4:
                self.accumulate(adjoints, operand, self.derivative(source, entry, i, k, g, map))
            elif k >= 2:
                self.accumulate(adjoints, operand, self.emit(
                    entry.op, map[entry.a], map[entry.b],
                    g if k == 2 else self.constant(0.0), self.constant(0.0) if k == 2 else g))
        return 0

    cdef unsigned derivative(
        self, Code source, Entry *entry, unsigned i, Py_ssize_t k, unsigned g, unsigned *map
    ) except? 0xFFFFFFFF:
        """What operand k of an op of the table contributes."""
        cdef Py_ssize_t n = operand_counts[entry.op]
        return self.expand(gradient(entry.op, k), map[entry.a], map[entry.b] if n > 1 else 0,
                           map[entry.c] if n > 2 else 0, map[i], g, False)

    cdef int reverse_call(self, Code source, unsigned i, unsigned *map, unsigned *adjoints) except -1:
        """A call of the function with a derivative of the user's own, in reverse."""
        cdef Entry *entry = &source.entries[i]
        cdef Py_ssize_t k
        cdef list operands = []
        cdef bint wanted = False
        for k in range(entry.c):
            operands.append(map[source.arguments[entry.b + k]])
        for k in range(entry.d):
            # Results are appended right after their call.
            if adjoints[i + 1 + k] != NONE:
                wanted = True
                operands.append(adjoints[i + 1 + k])
            else:
                operands.append(self.constant(0.0))
        if wanted:
            gradients = self.call(source.calls[entry.a].pullback(), operands, entry.c)
            for k in range(entry.c):
                self.accumulate(adjoints, source.arguments[entry.b + k], gradients[k])
        return 0

    cdef Code forward(self, list wrt, list keep):
        """Forward mode: the outputs `keep`, then the tangent of every output, given a further input for each in `wrt`,
        its tangent."""
        cdef Code code = Code.__new__(Code)
        cdef unsigned *map = new_map(self)
        cdef unsigned *tangents = new_map(self)
        cdef Entry *entry
        cdef unsigned i, operand
        cdef Py_ssize_t k
        try:
            code.begin(self, map, len(wrt))
            for k, number in enumerate(wrt):
                if <Py_ssize_t> number < len(self.loads) and self.loads[number] is not None:
                    tangents[<Py_ssize_t> self.loads[number]] = code.load(self.inputs + k)
            for i in range(self.size):
                entry = &self.entries[i]
                if entry.op == LANE_LOAD:
                    continue
                code.copy_entry(self, map, i, False)
                if entry.op == LANE_CALL:
                    code.forward_call(self, i, map, tangents)
                elif operand_count(entry.op) == 4:
                    code.forward_choice(entry, i, map, tangents)
                elif entry.op < OP_COUNT and entry.op != OP_STOP_GRADIENT:
                    for k in range(operand_counts[entry.op]):
                        operand = self.operand(entry, k)
                        if tangents[operand] != NONE:
                            code.accumulate(tangents, i, code.derivative(self, entry, i, k, tangents[operand], map))
            for output in keep:
                code.outputs.append(map[<Py_ssize_t> self.outputs[output]])
            for output in self.outputs:
                i = tangents[<Py_ssize_t> output]
                code.outputs.append(code.constant(0.0) if i == NONE else i)
        finally:
            PyMem_RawFree(map)
            PyMem_RawFree(tangents)
        return code

    cdef int forward_choice(self, Entry *entry, unsigned i, unsigned *map, unsigned *tangents) except -1:
        cdef unsigned x = tangents[entry.c]
        cdef unsigned y = tangents[entry.d]
        if x != NONE or y != NONE:
            x = self.constant(0.0) if x == NONE else x
            y = self.constant(0.0) if y == NONE else y
            self.accumulate(tangents, i, self.emit(entry.op, map[entry.a], map[entry.b], x, y))
        return 0

    cdef int forward_call(self, Code source, unsigned i, unsigned *map, unsigned *tangents) except -1:
        """The tangents of the results of a call, by a pullback for each."""
        cdef Entry *entry = &source.entries[i]
        cdef Py_ssize_t j, k
        cdef unsigned operand
        cdef bint wanted = False
        for k in range(entry.c):
            wanted |= tangents[source.arguments[entry.b + k]] != NONE
        for j in range(entry.d if wanted else 0):
            operands = []
            for k in range(entry.c):
                operands.append(map[source.arguments[entry.b + k]])
            for k in range(entry.d):
                operands.append(self.constant(1.0 if k == j else 0.0))
            gradients = self.call(source.calls[entry.a].pullback(), operands, entry.c)
            for k in range(entry.c):
                operand = source.arguments[entry.b + k]
                if tangents[operand] != NONE:
                    self.accumulate(tangents, i + 1 + j, self.emit(OP_MUL, gradients[k], tangents[operand]))
        return 0


cdef unsigned *new_map(Code code) except NULL:
    """Room for a number for each instruction, at first NONE."""
    cdef unsigned *map = <unsigned *> room(code.size, sizeof(unsigned))
    memset(map, 0xFF, (code.size + 1) * sizeof(unsigned))
    return map
