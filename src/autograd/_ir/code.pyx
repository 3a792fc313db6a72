"""The builder of flat instructions.

A `Code` is in static single assignment form: the position of an instruction is the name of its result, and an
instruction names its operands by their positions. Emitting an instruction folds constants and finds common
subexpressions, so that every pass is a single loop that emits.

A simplification keeps the bits: ``x * 1`` is `x`, but ``x + 0`` is not where `x` is -0.
"""

cimport cython
from cpython.mem cimport PyMem_RawCalloc, PyMem_RawFree, PyMem_RawRealloc
from libc.string cimport memcmp, memcpy, memset

from autograd._ir.formulas cimport (
    A, B, C, FIRST_CONSTANT, FIRST_STEP, G, MOST_STEPS, R, Formula, Step, composite, evaluate_any, power, value_formula,
)
from autograd._ir.opcodes cimport (
    CODE_CONSTANT, CODE_RESULT, LANE_CALL, LANE_GUARD, LANE_LOAD, LANE_SAME, LANE_WHERE_EQ, LANE_WHERE_LE,
    LANE_WHERE_LT, OP_ABS, OP_ADD, OP_COUNT, OP_DIV, OP_EQUAL, OP_LESS, OP_LESS_EQUAL, OP_MUL, OP_NEG, OP_NOT_EQUAL,
    OP_POW, OP_SQRT, OP_STOP_GRADIENT, OP_SUB, is_choice, is_free, is_guard, operand_count, takes_first,
)

# The slots of the hash table in one line of the cache.
cdef enum:
    LINE = 16

cdef extern from *:
    """
    static inline unsigned autograd_hash(unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) {
        const unsigned long long factor = 0x9E3779B97F4A7C15ull;
        unsigned long long h = ((unsigned long long) b << 32 | a) * factor;
        h = ((h ^ h >> 32) + op + ((unsigned long long) d << 32 | c) * 0xD6E8FEB86659FD93ull) * factor;
        return (unsigned) (h >> 32);
    }

    /* Place k to look for an instruction: the slots of its home line, then scattered ones, all of them in the end. */
    static inline size_t autograd_slot(size_t home, unsigned hash, size_t k, size_t mask) {
        if (k < 16) return home * 16 + (hash + k) % 16;
        const unsigned long long place = hash * 0x9E3779B97F4A7C15ull;
        return ((place >> 20) + k * (place >> 40 | 1)) & mask;
    }
    """
    unsigned hash_of "autograd_hash" (unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) noexcept
    size_t slot_of "autograd_slot" (size_t home, unsigned hash, size_t k, size_t mask) noexcept


cdef inline size_t home_of(const Entry *entries, unsigned hash, unsigned op, unsigned a, unsigned b, unsigned c,
                           unsigned d, size_t mask) noexcept:
    """Return the line of the table where an instruction belongs: see `Code.table`."""
    cdef Py_ssize_t count = operand_count(op)
    cdef unsigned latest = 0
    if is_free(op):
        return (hash & mask) // LINE
    if entries[a].op != CODE_CONSTANT:
        latest = a
    if count > 1 and b > latest and entries[b].op != CODE_CONSTANT:
        latest = b
    if count > 2 and c > latest and entries[c].op != CODE_CONSTANT:
        latest = c
    if count > 3 and d > latest and entries[d].op != CODE_CONSTANT:
        latest = d
    return 2 * <size_t> latest // LINE


cdef void *room(size_t count, size_t size) except NULL:
    cdef void *memory = PyMem_RawCalloc(count + 1, size)
    if memory == NULL:
        raise MemoryError(f"no memory for a program: {count} times {size} bytes")
    return memory


cdef void *resized(void *memory, size_t size) except NULL:
    cdef void *room = PyMem_RawRealloc(memory, size)
    if room == NULL:
        raise MemoryError(f"no memory for a program: {size} bytes")
    return room


cdef inline void *grown(void *memory, Py_ssize_t *capacity, size_t item) except NULL:
    cdef Py_ssize_t larger = max(2 * capacity[0], 64)
    cdef void *room = resized(memory, larger * item)
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
        """Return the position of an instruction, which is appended unless the code has it already."""
        cdef unsigned hash = hash_of(op, a, b, c, d)
        cdef unsigned at
        cdef unsigned *slot
        cdef Entry *entry
        cdef size_t k = 0, mask, home
        if 2 * (self.size + 1) > self.table_size:
            self.rehash()
        mask = self.table_size - 1
        home = home_of(self.entries, hash, op, a, b, c, d, mask)
        while True:
            slot = &self.table[slot_of(home, hash, k, mask)]
            if not slot[0]:
                break
            if not (slot[0] ^ hash) & ~<unsigned> mask:
                at = (slot[0] & mask) - 1
                entry = &self.entries[at]
                if entry.a == a and entry.b == b and entry.op == op and entry.c == c and entry.d == d:
                    return at
            k += 1
        at = self.append(op, a, b, c, d)
        slot[0] = hash & ~<unsigned> mask | self.size
        return at

    cdef int rehash(self) except -1:
        cdef Py_ssize_t size = 256
        cdef unsigned *table
        cdef unsigned *slot
        cdef Entry *entry
        cdef unsigned hash
        cdef size_t i, k, mask, home
        while size < 4 * (self.size + 1):
            size *= 2
        table = <unsigned *> room(size, sizeof(unsigned))
        mask = size - 1
        for i in range(<size_t> self.size):
            entry = &self.entries[i]
            hash = hash_of(entry.op, entry.a, entry.b, entry.c, entry.d)
            # A call has other things than positions, and is never looked up.
            if entry.op == LANE_CALL:
                continue
            home = home_of(self.entries, hash, entry.op, entry.a, entry.b, entry.c, entry.d, mask)
            k = 0
            slot = &table[slot_of(home, hash, k, mask)]
            while slot[0]:
                k += 1
                slot = &table[slot_of(home, hash, k, mask)]
            slot[0] = hash & ~<unsigned> mask | <unsigned> (i + 1)
        PyMem_RawFree(self.table)
        self.table = table
        self.table_size = size
        return 0

    cdef int finish(self) except -1:
        """Give back the memory that only a code under construction needs."""
        PyMem_RawFree(self.table)
        self.table = NULL
        self.table_size = 0
        if self.size:
            self.entries = <Entry *> resized(self.entries, self.size * sizeof(Entry))
            self.capacity = self.size
        return 0

    cdef unsigned constant(self, double number) except? 0xFFFFFFFF:
        cdef unsigned bits[2]
        memcpy(bits, &number, sizeof(double))
        return self.find(CODE_CONSTANT, bits[0], bits[1], 0, 0)

    cdef unsigned load(self, Py_ssize_t number) except? 0xFFFFFFFF:
        """Return the position of input `number`; the captured Values follow the inputs."""
        if number >= len(self.loads) or self.loads[number] is None:
            self.note_load(number, self.find(LANE_LOAD, number, 0, 0, 0))
        return self.loads[number]

    cdef int note_load(self, Py_ssize_t number, unsigned i) except -1:
        while len(self.loads) <= number:
            self.loads.append(None)
        self.loads[number] = i
        return 0

    cdef unsigned emit(self, unsigned op, unsigned a, unsigned b=0, unsigned c=0, unsigned d=0) except? 0xFFFFFFFF:
        """Return the position of an instruction without effects, or of one that gives the same bits."""
        cdef unsigned simpler = self.simpler(op, a, b, c, d)
        return self.find(op, a, b, c, d) if simpler == NONE else simpler

    cdef unsigned simpler(self, unsigned op, unsigned a, unsigned b, unsigned c, unsigned d) except? 0xFFFFFFFE:
        """Return the position of what an instruction simplifies to, or NONE."""
        cdef double x[4]
        cdef Entry *entries = self.entries
        x[1] = x[2] = x[3] = 0.0
        cdef Py_ssize_t n = operand_count(op)
        cdef bint known_a = is_constant(self, a, &x[0])
        cdef bint known_b = n > 1 and is_constant(self, b, &x[1])
        if is_choice(op):
            if c == d:
                return c
            if known_a and known_b:
                return c if takes_first(op, x[0], x[1]) else d
            return NONE
        if known_a and (n == 1 or known_b) and (n < 3 or is_constant(self, c, &x[2])):
            return self.constant(power(x[0], x[1]) if op == OP_POW else evaluate_any(op, x))
        if op == OP_ADD:
            if entries[b].op == OP_NEG:
                return self.emit(OP_SUB, a, entries[b].a)
            if entries[a].op == OP_NEG:
                return self.emit(OP_SUB, b, entries[a].a)
        elif op == OP_SUB:
            if entries[b].op == OP_NEG:
                return self.emit(OP_ADD, a, entries[b].a)
            # Not for -0.0: x - -0.0 is 0.0 where x is -0.0.
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
            # A sign moves outwards, where an addition can become a subtraction.
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
            if entries[a].op == OP_MUL and (is_constant(self, entries[a].a, &x[0])
                                            or is_constant(self, entries[a].b, &x[0])):
                known_a = is_constant(self, entries[a].a, &x[0])
                return self.emit(OP_MUL, entries[a].b if known_a else entries[a].a, self.constant(-x[0]))
        elif op == OP_ABS:
            if entries[a].op == OP_NEG:
                return self.emit(OP_ABS, entries[a].a)
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
        """Emit ``-a * b``."""
        cdef double number = 0.0
        if is_constant(self, b, &number):
            return self.emit(OP_MUL, a, self.constant(-number))
        return self.emit(OP_NEG, self.emit(OP_MUL, a, b))

    cdef int guard(self, unsigned i, unsigned outcome, object place) except -1:
        """Emit a guard that the truth of a number is `outcome`."""
        cdef double number = 0.0
        if not is_constant(self, i, &number):
            self.places.setdefault(self.find(LANE_GUARD, i, outcome, 0, 0), place)
        return 0

    cdef int same(self, unsigned i, double number, object place) except -1:
        """Emit a guard that a number has the bits of `number`."""
        cdef double known = 0.0
        if not is_constant(self, i, &known):
            self.places.setdefault(self.find(LANE_SAME, i, self.constant(number), 0, 0), place)
        return 0

    cdef unsigned where(self, unsigned condition, unsigned x, unsigned y) except? 0xFFFFFFFF:
        """Emit the choice of `x` where the condition is not zero, of `y` elsewhere."""
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
        """Emit a call of a Python function of floats that returns a tuple of `results` floats."""
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

    cdef bint is_same(self, Code other) except -1:
        """Whether another code has the same instructions, constants and guards, and captured the very same Values."""
        cdef Py_ssize_t i
        if (
            self.size != other.size
            or self.inputs != other.inputs
            or self.outputs != other.outputs
            or self.calls != other.calls
            or self.argument_count != other.argument_count
            or len(self.captured) != len(other.captured)
            or memcmp(self.entries, other.entries, self.size * sizeof(Entry))
            or memcmp(self.arguments, other.arguments, self.argument_count * sizeof(unsigned))
        ):
            return False
        for i in range(len(self.captured)):
            if self.captured[i] is not other.captured[i]:
                return False
        return True

    cdef int note_lines(self, Py_ssize_t first, object place) except -1:
        """Note file and line of the instructions from a position on; `place` may be None."""
        cdef Py_ssize_t i
        if place is None:
            return 0
        if self.lines is None:
            self.lines = {}
        for i in range(first, self.size):
            self.lines.setdefault(i, place)
        return 0

    # -- copies

    cdef int copy_entry(self, Code source, unsigned *map, Py_ssize_t i, bint expand=False) except -1:
        """Emit an instruction of another code; `map` has the positions of its operands in this one."""
        cdef Entry *entry = &source.entries[i]
        cdef double number = 0.0
        cdef list operands
        cdef Py_ssize_t k, first = self.size
        cdef DerivativeRule rule = rule_of(source, entry) if expand else None
        if rule is not None:
            # The results are operands.
            if entry.op == CODE_RESULT:
                k = source.entries[entry.a].b + rule.arguments + entry.b
                map[i] = map[source.arguments[k]]
        elif entry.op < OP_COUNT:
            k = operand_count(entry.op)
            if expand and entry.op == OP_STOP_GRADIENT:
                map[i] = map[entry.a]
            elif expand and composite(entry.op):
                map[i] = self.expand(value_formula(entry.op), map[entry.a], map[entry.b] if k > 1 else 0,
                                     map[entry.c] if k > 2 else 0, 0, 0, True)
            else:
                map[i] = self.emit(entry.op, map[entry.a], map[entry.b] if k > 1 else 0,
                                   map[entry.c] if k > 2 else 0)
        elif is_choice(entry.op):
            map[i] = self.emit(entry.op, map[entry.a], map[entry.b], map[entry.c], map[entry.d])
        elif entry.op == CODE_CONSTANT:
            map[i] = self.find(entry.op, entry.a, entry.b, 0, 0)
        elif entry.op == LANE_GUARD:
            self.guard(map[entry.a], entry.b, source.places[i])
        elif entry.op == LANE_SAME:
            is_constant(source, entry.b, &number)
            self.same(map[entry.a], number, source.places[i])
        elif entry.op == LANE_CALL:
            operands = []
            for k in range(entry.c):
                operands.append(map[source.arguments[entry.b + k]])
            map[i] = self.size
            self.call(source.calls[entry.a], operands, entry.d)
        elif entry.op == CODE_RESULT:
            map[i] = self.find(entry.op, map[entry.a], entry.b, 0, 0)
        if source.lines is not None:
            self.note_lines(first, source.lines.get(i))
        return 0

    cdef int copy(self, Code source, unsigned *map, bint expand=False) except -1:
        """Emit another code; `map` has the positions of its inputs and receives those of all other instructions.

        With `expand`, composite primitives become the primitives of their formulas, for which there are kernels.
        """
        cdef Py_ssize_t i
        for i in range(source.size):
            if source.entries[i].op != LANE_LOAD:
                self.copy_entry(source, map, i, expand)
        return 0

    cdef unsigned expand(
        self, Formula formula, unsigned a, unsigned b, unsigned c, unsigned r, unsigned g, bint fully
    ) except? 0xFFFFFFFF:
        """Emit a formula of the table.

        A composite primitive in it is emitted as it is, so that its own gradient formula serves further derivatives;
        with `fully` it is expanded too.
        """
        cdef unsigned results[MOST_STEPS]
        cdef unsigned names[5]
        cdef unsigned x[4]
        cdef Step *step
        cdef Py_ssize_t i, k
        names[A], names[B], names[C], names[R], names[G] = a, b, c, r, g
        for i in range(formula.size):
            step = &formula.steps[i]
            memset(x, 0, sizeof(x))
            for k in range(step.count):
                x[k] = self.term(formula, step.operands[k], names, results)
            if fully and step.op < OP_COUNT and composite(step.op):
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

    cdef Code separate(self, Code source, Py_ssize_t own, list loads, list needed):
        """Emit what does not depend on the first `own` inputs of another code, given what it loads besides.

        Return the rest, of which the first inputs are those, and the others the instructions here that it needs; these
        are appended to `needed`.
        """
        cdef Code rest = Code.__new__(Code)
        cdef unsigned *map = new_map(source)
        cdef unsigned *inner = NULL
        cdef unsigned char *depends = NULL
        cdef Entry *entry
        cdef Py_ssize_t i, k
        try:
            inner = new_map(source)
            depends = <unsigned char *> room(source.size, 1)
            for i in range(source.size):
                entry = &source.entries[i]
                depends[i] = entry.op == LANE_LOAD and entry.a < own
                for k in range(arity(entry)):
                    depends[i] |= depends[operands_of(source, entry)[k]]
                if entry.op == LANE_LOAD:
                    if depends[i]:
                        inner[i] = rest.load(entry.a)
                    else:
                        map[i] = loads[entry.a - own]
                elif not depends[i]:
                    self.copy_entry(source, map, i)
                elif is_guard(entry.op):
                    file, line = source.places[i]
                    raise TypeError(
                        "a rule cannot branch on a tangent or cotangent, whose number depends on how the result is "
                        f"used, at {file}:{line}: use where"
                    )
                else:
                    for k in range(arity(entry)):
                        need(rest, source, own, map, inner, operands_of(source, entry)[k], needed)
                    rest.copy_entry(source, inner, i)
            for output in source.outputs:
                rest.outputs.append(need(rest, source, own, map, inner, output, needed))
        finally:
            PyMem_RawFree(map)
            PyMem_RawFree(inner)
            PyMem_RawFree(depends)
        rest.inputs = own + len(needed)
        rest.finish()
        return rest

    cdef Code expanded(self):
        """Return this code with composite primitives expanded, itself if it has none: see `copy`."""
        cdef Code code
        cdef unsigned *map
        cdef Py_ssize_t i
        for i in range(self.size):
            if self.entries[i].op < OP_COUNT and (
                    composite(self.entries[i].op) or self.entries[i].op == OP_STOP_GRADIENT):
                break
            if rule_of(self, &self.entries[i]) is not None:
                break
        else:
            return self
        code = Code.__new__(Code)
        map = new_map(self)
        try:
            code.begin(self, map)
            code.copy(self, map, True)
            for output in self.outputs:
                code.outputs.append(map[<Py_ssize_t> output])
        finally:
            PyMem_RawFree(map)
        code.finish()
        return code

    cdef int become(self, Code source, Py_ssize_t more=0) except -1:
        """Take all instructions of another code, with `more` inputs between its inputs and the captured Values.

        They keep their positions. None is looked up: they are as simple as they can be, and different.
        """
        cdef Py_ssize_t size = max(source.size, 1)
        cdef Py_ssize_t number
        self.entries = <Entry *> resized(self.entries, size * sizeof(Entry))
        memcpy(self.entries, source.entries, source.size * sizeof(Entry))
        self.size = source.size
        self.capacity = size
        for k in range(source.argument_count):
            self.add_argument(source.arguments[<Py_ssize_t> k])
        self.inputs = source.inputs + more
        self.captured, self.calls, self.places = source.captured, list(source.calls), dict(source.places)
        self.lines = None if source.lines is None else dict(source.lines)
        self.loads = source.loads[:source.inputs]
        if len(source.loads) > source.inputs:
            self.loads += [None] * more
        for load in source.loads[source.inputs:]:
            number = len(self.loads)
            self.loads.append(load)
            if load is not None:
                self.entries[<Py_ssize_t> load].a = number
        return 0

    cdef Code copy_of(self):
        """Return a copy."""
        cdef Code code = Code.__new__(Code)
        code.become(self)
        code.outputs = list(self.outputs)
        return code

    cdef int take_over(
        self, Code source, const unsigned *uses, const unsigned *order, Py_ssize_t count
    ) except -1:
        """Take the inputs and constants of another code that have uses, and `count` of its instructions in this order.
        """
        cdef unsigned *map = new_map(source)
        cdef Entry *entry
        cdef Py_ssize_t i, k
        try:
            self.inputs, self.captured, self.calls = source.inputs, source.captured, source.calls
            self.entries = <Entry *> resized(self.entries, (source.size + 1) * sizeof(Entry))
            self.capacity = source.size + 1
            for i in range(source.size):
                entry = &source.entries[i]
                if uses[i] and is_free(entry.op):
                    map[i] = self.append(entry.op, entry.a, entry.b, 0, 0)
            for i in range(count):
                entry = &source.entries[order[i]]
                if entry.op == CODE_RESULT:
                    # Appended with its call.
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
        """Take the inputs of another code, with `more` inputs between them and the captured Values."""
        cdef Py_ssize_t number
        self.inputs = source.inputs + more
        self.captured = source.captured
        for i, load in enumerate(source.loads):
            if load is not None:
                number = i
                map[<Py_ssize_t> load] = self.load(number if number < source.inputs else number + more)
        return 0


cdef unsigned need(Code rest, Code source, Py_ssize_t own, const unsigned *map, unsigned *inner, unsigned i,
                   list needed) except? 0xFFFFFFFF:
    """Return the position in the rest of an instruction that the code separated from it may have: see `separate`."""
    cdef double number = 0.0
    if inner[i] == NONE:
        if is_constant(source, i, &number):
            inner[i] = rest.constant(number)
        else:
            inner[i] = rest.load(own + len(needed))
            needed.append(map[i])
    return inner[i]


cdef DerivativeRule rule_of(Code code, Entry *entry):
    """Return the rule that an instruction calls or is a result of, or None."""
    if entry.op == CODE_RESULT:
        entry = &code.entries[entry.a]
    if entry.op != LANE_CALL:
        return None
    function = code.calls[entry.a]
    return <DerivativeRule> function if isinstance(function, DerivativeRule) else None


@cython.auto_pickle(False)
cdef class DerivativeRule:
    """The function of a call whose derivative is given."""

    def __call__(self, *operands):
        return operands[self.arguments:self.arguments + self.results]

    def __eq__(self, other):
        return isinstance(other, DerivativeRule) and self.is_same(<DerivativeRule> other)

    cdef bint is_same(self, DerivativeRule other) except -1:
        return (self.arguments == other.arguments and self.results == other.results
                and self.pullback == other.pullback and self.code.is_same(other.code))


cdef DerivativeRule new_derivative_rule(str name, Code code, bint pullback, Py_ssize_t arguments, Py_ssize_t results):
    cdef DerivativeRule rule = DerivativeRule.__new__(DerivativeRule)
    rule.__name__, rule.code, rule.pullback = name, code, pullback
    rule.arguments, rule.results = arguments, results
    return rule


cdef unsigned *new_map(Code code) except NULL:
    cdef unsigned *map = <unsigned *> room(code.size, sizeof(unsigned))
    memset(map, 0xFF, (code.size + 1) * sizeof(unsigned))
    return map
