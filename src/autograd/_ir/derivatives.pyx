"""Derivatives of flat instructions: reverse mode and forward mode.

Both passes emit the gradient formulas of the op table, which are linear in `g`: reverse mode substitutes the adjoint of
a result for `g`, forward mode the tangent of an operand. A derivative is again a `Code`, so that applying a pass again
gives derivatives of any order.

A choice passes nothing to the arm not taken, not even zero times infinity. To that end an adjoint or tangent has a
liveness, an instruction that is 0 in the lanes where nothing was passed, and products with a dead one are replaced by
0. A choice is alive where the chosen arm is, a sum where any term is. An adjoint or tangent that is dead because of a
choice in a formula of the table (`relu`, `maximum`) is masked only if the factor can be infinite or nan at finite
inputs, which spares the layers of a network; the arm not taken by a `where` of the function is masked everywhere.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.math cimport isfinite
from libc.string cimport memset

from autograd._ir.code cimport NONE, Code, Entry, DerivativeRule, arity, is_constant, new_map, operands_of, room
from autograd._ir.formulas cimport A, B, FIRST_CONSTANT, Formula, R, chooses, gradient, is_wild
from autograd._ir.opcodes cimport (
    CODE_RESULT, LANE_CALL, LANE_LOAD, LANE_WHERE_EQ, OP_ADD, OP_COUNT, OP_MUL, OP_NEG, OP_STOP_GRADIENT, is_choice,
    operand_count,
)


# An adjoint or tangent (NONE: zero), its liveness (NONE: alive everywhere), and whether it is dead because of a `where`
# of the function.
cdef struct Flow:
    unsigned number
    unsigned live
    bint strict


# Of an instruction: whether it depends on an input to differentiate by; whether it can be infinite or nan at finite
# inputs; whether it, or an instruction later in the pass, needs liveness.
cdef struct Facts:
    unsigned char active
    unsigned char wild
    unsigned char fragile


@cython.final
@cython.internal
@cython.auto_pickle(False)
cdef class Pass:
    """The state of a pass: the code to differentiate and its derivative so far."""
    cdef Code source
    cdef Code code
    # By instruction of the source: its number in the code, its adjoint or tangent, its facts.
    cdef unsigned *map
    cdef Flow *flows
    cdef Facts *facts

    def __cinit__(self, Code source):
        cdef Py_ssize_t i
        self.source = source
        self.code = Code.__new__(Code)
        self.map = new_map(source)
        self.flows = <Flow *> room(source.size, sizeof(Flow))
        self.facts = <Facts *> room(source.size, sizeof(Facts))
        for i in range(source.size):
            self.flows[i].number = NONE

    def __dealloc__(self):
        PyMem_RawFree(self.map)
        PyMem_RawFree(self.flows)
        PyMem_RawFree(self.facts)

    cdef int restart(self) except -1:
        """Forget all adjoints or tangents and facts."""
        cdef Py_ssize_t i
        memset(self.facts, 0, self.source.size * sizeof(Facts))
        for i in range(self.source.size):
            self.flows[i] = Flow(NONE, NONE, False)
        return 0

    cdef int study(self, list wrt, bint backwards) except -1:
        """Find the facts for reverse mode (`backwards`) or forward mode."""
        cdef Facts *facts = self.facts
        cdef Facts *operand
        cdef Entry *entry
        cdef Py_ssize_t i, k
        cdef double number = 0.0
        cdef bint has_choice = False
        wanted = set(wrt)
        for i in range(self.source.size):
            entry = &self.source.entries[i]
            facts[i].active = entry.op == LANE_LOAD and entry.a in wanted
            for k in range(self.first_arm(entry), self.last_arm(entry)):
                facts[i].active |= facts[operands_of(self.source, entry)[k]].active
            has_choice |= chooses(entry.op) if entry.op < OP_COUNT else is_choice(entry.op)
        if not has_choice:
            return 0
        for i in range(self.source.size):
            entry = &self.source.entries[i]
            facts[i].wild = (is_wild(entry.op) if entry.op < OP_COUNT else entry.op == CODE_RESULT
                             or is_constant(self.source, i, &number) and not isfinite(number))
            for k in range(self.first_arm(entry), self.last_arm(entry)):
                operand = &facts[operands_of(self.source, entry)[k]]
                facts[i].wild |= operand.wild
                facts[i].fragile |= backwards and operand.active and (operand.fragile or self.is_critical(i, k))
        for i in range(0 if backwards else self.source.size - 1, -1, -1):
            entry = &self.source.entries[i]
            for k in range(self.first_arm(entry), self.last_arm(entry)):
                operand = &facts[operands_of(self.source, entry)[k]]
                operand.fragile |= operand.active and (facts[i].fragile or self.is_critical(i, k))
        return 0

    cdef Py_ssize_t first_arm(self, Entry *entry) noexcept:
        """Return the index of the first operand that has a derivative."""
        return 2 if is_choice(entry.op) else 1 if entry.op == OP_STOP_GRADIENT else 0

    cdef Py_ssize_t last_arm(self, Entry *entry) except -1:
        """Return the index after that of the last operand that has a derivative."""
        cdef Py_ssize_t count = arity(entry)
        if entry.op == LANE_CALL:
            function = self.source.calls[entry.a]
            if isinstance(function, DerivativeRule):
                count = (<DerivativeRule> function).arguments
        return count

    cdef bint is_critical(self, Py_ssize_t i, Py_ssize_t k) except -1:
        """Whether the derivative by operand k can be infinite or nan at an ordinary point."""
        cdef Entry *entry = &self.source.entries[i]
        cdef Formula formula
        if entry.op >= OP_COUNT:
            return entry.op == LANE_CALL or entry.op == CODE_RESULT
        formula = gradient(entry.op, k)
        return (formula.wild or (formula.uses >> A & 1 and self.facts[entry.a].wild)
                or (formula.uses >> B & 1 and self.facts[entry.b].wild)
                or (formula.uses >> R & 1 and self.facts[i].wild))

    cdef int add(self, unsigned i, unsigned number, unsigned live, bint strict) except -1:
        """Add a term and its liveness to an adjoint or tangent."""
        cdef Flow *flow = &self.flows[i]
        cdef double known = 1.0
        if live != NONE and is_constant(self.code, live, &known):
            if known == 0.0:
                return 0
            live = NONE
        if flow.number == NONE:
            flow.number, flow.live, flow.strict = number, live, strict
            return 0
        flow.number = self.code.emit(OP_ADD, flow.number, number)
        flow.strict |= strict
        if flow.live != NONE and live != flow.live:
            # Many choices of the table rarely kill all terms of a sum; masking it took LIBOR half as long again.
            flow.live = self.choose(flow.live, flow.live, live) if flow.strict and live != NONE else NONE
        return 0

    cdef unsigned choose(self, unsigned live, unsigned x, unsigned y) except? 0xFFFFFFFF:
        """Emit a choice: `x` where alive, else `y`."""
        return self.code.emit(LANE_WHERE_EQ, live, self.code.constant(0.0), y, x)

    cdef int add_product(self, unsigned to, unsigned number, Flow *flow, unsigned live, bint critical) except -1:
        """Add the result of a formula applied to an adjoint or tangent, masked where `flow` is dead."""
        if flow.live != NONE and (flow.strict or critical) and number != flow.number and not (
                self.code.entries[number].op == OP_NEG and self.code.entries[number].a == flow.number):
            number = self.choose(flow.live, number, self.code.constant(0.0))
        return self.add(to, number, live if flow.strict or self.facts[to].fragile else NONE, flow.strict)

    cdef int propagate(self, unsigned i, Py_ssize_t k, unsigned origin, unsigned to) except -1:
        """Add to the adjoint or tangent of `to` the gradient formula of operand k applied to that of `origin`."""
        cdef Entry *entry = &self.source.entries[i]
        cdef Flow *flow = &self.flows[origin]
        cdef Formula formula = gradient(entry.op, k)
        cdef unsigned a = self.map[entry.a]
        cdef unsigned b = self.map[entry.b] if operand_count(entry.op) > 1 else 0
        cdef unsigned c = self.map[entry.c] if operand_count(entry.op) > 2 else 0
        cdef unsigned live = flow.live
        if formula.result >= FIRST_CONSTANT:
            # A constant zero.
            return 0
        number = self.code.expand(formula, a, b, c, self.map[i], flow.number, False)
        if formula.liveness is not None and (flow.strict or self.facts[to].fragile):
            live = self.code.expand(formula.liveness, a, b, c, self.map[i],
                                    self.code.constant(1.0) if live == NONE else live, False)
        return self.add_product(to, number, flow, live, flow.live != NONE and self.is_critical(i, k))

    cdef list seeds(self, Flow *flows, Py_ssize_t count):
        """Return adjoints that follow one another, zero where there is none."""
        cdef list numbers = []
        cdef Py_ssize_t k
        for k in range(count):
            numbers.append(self.code.constant(0.0) if flows[k].number == NONE else flows[k].number)
        return numbers

    cdef list operands_of_call(self, Entry *entry):
        cdef list operands = []
        cdef Py_ssize_t k
        for k in range(entry.c):
            operands.append(self.map[self.source.arguments[entry.b + k]])
        return operands


# ---------------------------------------------------------------------------------------------------------------------
# Reverse mode

cdef Code reverse(Code source, list wrt, list of, list keep, bint ones):
    cdef Pass self = Pass(source)
    cdef Code code = self.code
    cdef unsigned i
    cdef Py_ssize_t k
    code.become(source, 0 if ones else len(of))
    for k in range(source.size):
        self.map[k] = k
    for output in keep:
        code.outputs.append(self.map[<Py_ssize_t> source.outputs[output]])
    self.study(wrt, True)
    for k, output in enumerate(of):
        i = source.outputs[output]
        self.add(i, code.constant(1.0) if ones else code.load(source.inputs + k), NONE, False)
    reverse_sweep(self)
    for number in wrt:
        load = source.loads[number] if <Py_ssize_t> number < len(source.loads) else None
        i = NONE if load is None else self.flows[<Py_ssize_t> load].number
        code.outputs.append(code.constant(0.0) if i == NONE else i)
    code.finish()
    return code


cdef int reverse_sweep(Pass self) except -1:
    cdef unsigned i
    cdef Py_ssize_t k, first
    for k in reversed(range(self.source.size)):
        i = k
        if not self.facts[i].active:
            continue
        first = self.code.size
        if self.source.entries[i].op == LANE_CALL:
            # The results come after their call, so their adjoints are complete.
            reverse_call(self, i)
        elif self.flows[i].number != NONE:
            reverse_entry(self, i)
        if self.source.lines is not None:
            self.code.note_lines(first, self.source.lines.get(i))
    return 0


cdef int reverse_entry(Pass self, unsigned i) except -1:
    cdef Entry *entry = &self.source.entries[i]
    cdef Py_ssize_t k
    for k in range(operand_count(entry.op)):
        if not self.facts[operands_of(self.source, entry)[k]].active or entry.op == CODE_RESULT:
            continue
        if not is_choice(entry.op):
            self.propagate(i, k, i, operands_of(self.source, entry)[k])
        elif k >= 2:
            reverse_choice(self, entry, k, &self.flows[i])
    return 0


cdef int reverse_choice(Pass self, Entry *entry, Py_ssize_t k, Flow *flow) except -1:
    cdef Code code = self.code
    cdef unsigned a = self.map[entry.a]
    cdef unsigned b = self.map[entry.b]
    cdef unsigned live = code.constant(1.0) if flow.live == NONE else flow.live
    cdef unsigned zero = code.constant(0.0)
    if k == 2:
        return self.add(entry.c, code.emit(entry.op, a, b, flow.number, zero),
                        code.emit(entry.op, a, b, live, zero), True)
    return self.add(entry.d, code.emit(entry.op, a, b, zero, flow.number), code.emit(entry.op, a, b, zero, live), True)


cdef int reverse_call(Pass self, unsigned i) except -1:
    """Emit the pullback of a call."""
    cdef Entry *entry = &self.source.entries[i]
    # Results directly follow their call.
    cdef Flow *results = &self.flows[i + 1]
    cdef Flow flow = joint(self, results, entry.d)
    cdef list operands = self.operands_of_call(entry)
    cdef list received = [], active = []
    cdef Py_ssize_t k
    if flow.number == NONE:
        return 0
    function = self.source.calls[entry.a]
    if isinstance(function, DerivativeRule):
        seeds = self.seeds(results, entry.d)
        for k, gradient in enumerate(apply(self, i, <DerivativeRule> function, True, operands, seeds)):
            self.add_product(self.source.arguments[entry.b + k], gradient, &flow, flow.live, True)
        return 0
    for k in range(entry.d):
        received.append(results[k].number != NONE)
    for k in range(entry.c):
        active.append(self.facts[self.source.arguments[entry.b + k]].active)
    function, cotangents, gradients = function.pullback(received, active)
    if getattr(function, "recording", None) is not None:
        # In the place of the function itself: it keeps what the pullback reads.
        self.code.calls[self.code.entries[self.map[i]].a] = function.recording
    for cotangent in cotangents:
        k = cotangent
        operands.append(self.code.constant(0.0) if results[k].number == NONE else results[k].number)
    for k, gradient in zip(gradients, self.code.call(function, operands, len(gradients))):
        self.add_product(self.source.arguments[entry.b + k], gradient, &flow, flow.live, True)
    return 0


cdef Flow joint(Pass self, Flow *flows, Py_ssize_t count) except *:
    """Return a flow that is alive where any of several adjoints is."""
    cdef Flow flow = Flow(NONE, NONE, False)
    cdef Py_ssize_t k
    for k in range(count):
        if flows[k].number == NONE:
            continue
        if flow.number == NONE:
            flow = flows[k]
        elif flow.live != NONE:
            flow.live = NONE if flows[k].live == NONE else self.choose(flow.live, flow.live, flows[k].live)
        flow.strict |= flows[k].strict
    return flow


# ---------------------------------------------------------------------------------------------------------------------
# Forward mode

cdef Code forward(Code source, list wrt, list keep):
    cdef Pass self = Pass(source)
    cdef Code code = self.code
    cdef unsigned i
    cdef Py_ssize_t k, first
    code.begin(source, self.map, len(wrt))
    self.study(wrt, False)
    for k, number in enumerate(wrt):
        if <Py_ssize_t> number < len(source.loads) and source.loads[number] is not None:
            self.add(source.loads[number], code.load(source.inputs + k), NONE, False)
    for i in range(source.size):
        if source.entries[i].op != LANE_LOAD:
            first = code.size
            code.copy_entry(source, self.map, i)
            forward_entry(self, i)
            if source.lines is not None:
                code.note_lines(first, source.lines.get(i))
    for output in keep:
        code.outputs.append(self.map[<Py_ssize_t> source.outputs[output]])
    for output in source.outputs:
        i = self.flows[<Py_ssize_t> output].number
        code.outputs.append(code.constant(0.0) if i == NONE else i)
    code.finish()
    return code


cdef int forward_entry(Pass self, unsigned i) except -1:
    """Emit the tangent of an instruction, of a call those of its results."""
    cdef Entry *entry = &self.source.entries[i]
    cdef unsigned operand
    cdef Py_ssize_t k
    if entry.op == LANE_CALL:
        forward_call(self, i)
    elif is_choice(entry.op):
        forward_choice(self, i)
    elif entry.op < OP_COUNT:
        for k in range(operand_count(entry.op)):
            operand = operands_of(self.source, entry)[k]
            if self.flows[operand].number != NONE:
                self.propagate(i, k, operand, i)
    return 0


cdef int forward_choice(Pass self, unsigned i) except -1:
    cdef Code code = self.code
    cdef Entry *entry = &self.source.entries[i]
    cdef Flow x = self.flows[entry.c]
    cdef Flow y = self.flows[entry.d]
    cdef unsigned a = self.map[entry.a]
    cdef unsigned b = self.map[entry.b]
    cdef unsigned zero = code.constant(0.0)
    cdef unsigned one = code.constant(1.0)
    if x.number == NONE and y.number == NONE:
        return 0
    return self.add(
        i,
        code.emit(entry.op, a, b, zero if x.number == NONE else x.number, zero if y.number == NONE else y.number),
        code.emit(entry.op, a, b, zero if x.number == NONE else one if x.live == NONE else x.live,
                  zero if y.number == NONE else one if y.live == NONE else y.live),
        True)


cdef int forward_call(Pass self, unsigned i) except -1:
    """Emit the tangents of the results of a call, if it has no pushforward by one pullback for each result."""
    cdef Entry *entry = &self.source.entries[i]
    cdef Flow *flow
    cdef Py_ssize_t j, k
    cdef list active = [], operands
    for k in range(entry.c):
        active.append(self.flows[self.source.arguments[entry.b + k]].number != NONE)
    if True not in active:
        return 0
    function = self.source.calls[entry.a]
    if isinstance(function, DerivativeRule):
        return forward_rule(self, i, <DerivativeRule> function)
    if hasattr(function, "pushforward"):
        return push_forward(self, i, function, active)
    for j in range(entry.d):
        operands = self.operands_of_call(entry)
        for k in range(entry.d):
            operands.append(self.code.constant(1.0 if k == j else 0.0))
        gradients = self.code.call(function.pullback([True] * entry.d, active)[0], operands, entry.c)
        for k in range(entry.c):
            flow = &self.flows[self.source.arguments[entry.b + k]]
            if flow.number != NONE:
                self.add_product(i + 1 + j, self.code.emit(OP_MUL, gradients[k], flow.number), flow, flow.live, True)
    return 0


cdef int push_forward(Pass self, unsigned i, object function, list active) except -1:
    """Emit a call that gives the results, in the place of the call itself, and their tangents."""
    cdef Entry *entry = &self.source.entries[i]
    cdef list operands = self.operands_of_call(entry)
    cdef Flow flow = Flow(NONE, NONE, False)
    cdef Flow *tangent
    cdef Py_ssize_t k
    function, tangents = function.pushforward(active)
    for k in tangents:
        tangent = &self.flows[self.source.arguments[entry.b + k]]
        operands.append(self.code.constant(0.0) if tangent.number == NONE else tangent.number)
        if tangent.number == NONE:
            continue
        if flow.number == NONE:
            flow = tangent[0]
        elif flow.live != NONE:
            flow.live = NONE if tangent.live == NONE else self.choose(flow.live, flow.live, tangent.live)
        flow.strict |= tangent.strict
    outputs = self.code.call(function, operands, 2 * entry.d)
    # The results of the source are now those of this call.
    self.map[i] = self.code.entries[<Py_ssize_t> outputs[0]].a
    for k in range(entry.d):
        self.add_product(i + 1 + k, outputs[entry.d + k], &flow, flow.live, True)
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# Rules

cdef list apply(Pass self, unsigned i, DerivativeRule rule, bint backwards, list operands, list seeds):
    """Emit the derivative of a call of a rule, given its operands, and the adjoints or tangents.

    Reverse mode of a linear function, at any point, is its transpose.
    """
    cdef Code code = self.code
    cdef list results = [], needed = operands[rule.arguments + rule.results:]
    cdef Py_ssize_t k
    cdef Py_ssize_t inputs = rule.results if rule.pullback else rule.arguments
    cdef Py_ssize_t outputs = len(rule.code.outputs)
    for k in range(rule.results):
        results.append(self.map[i] + 1 + k)
    if rule.pullback == backwards:
        return code.inline(rule.code, seeds + results + needed)
    if rule.transposed is None:
        rule.transposed = reverse(rule.code, list(range(inputs)), list(range(outputs)), [], False)
    return code.inline(rule.transposed, [code.constant(0.0)] * inputs + results + needed + seeds)


cdef int forward_rule(Pass self, unsigned i, DerivativeRule rule) except -1:
    """Emit the tangents of the results of a call of a rule."""
    cdef Entry *entry = &self.source.entries[i]
    cdef Flow *tangents = <Flow *> room(rule.arguments, sizeof(Flow))
    cdef Flow flow
    cdef Py_ssize_t k
    try:
        for k in range(rule.arguments):
            tangents[k] = self.flows[self.source.arguments[entry.b + k]]
        flow = joint(self, tangents, rule.arguments)
        seeds = self.seeds(tangents, rule.arguments)
        if flow.number != NONE:
            for k, tangent in enumerate(apply(self, i, rule, False, self.operands_of_call(entry), seeds)):
                self.add_product(i + 1 + k, tangent, &flow, flow.live, True)
    finally:
        PyMem_RawFree(tangents)
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# Entries of a Jacobian

cdef Code entries(Code source, list wrt, list groups, bint by_column, list lines, list places, Py_ssize_t count):
    cdef Pass self = Pass(source)
    cdef Code code = self.code
    cdef Py_ssize_t k, first
    cdef list loads = [], inputs
    for number in wrt:
        loads.append(source.loads[number] if number < len(source.loads) else None)
    code.become(source)
    for k in range(source.size):
        self.map[k] = k
    code.outputs = [code.constant(0.0)] * count
    for group, wanted, at in zip(groups, lines, places):
        self.restart()
        if by_column:
            inputs = []
            for column in group:
                inputs.append(wrt[column])
            self.study(inputs, False)
            for column in group:
                if loads[column] is not None:
                    self.add(loads[column], code.constant(1.0), NONE, False)
            for k in range(source.size):
                first = code.size
                forward_entry(self, k)
                if source.lines is not None:
                    code.note_lines(first, source.lines.get(k))
        else:
            self.study(wrt, True)
            for row in group:
                self.add(source.outputs[row], code.constant(1.0), NONE, False)
            reverse_sweep(self)
        for line, place in zip(wanted, at):
            instruction = source.outputs[line] if by_column else loads[line]
            if instruction is not None and self.flows[<Py_ssize_t> instruction].number != NONE:
                code.outputs[place] = self.flows[<Py_ssize_t> instruction].number
    code.finish()
    return code
