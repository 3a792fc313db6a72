"""Loops as instructions: a body that runs step after step for many lanes.

A `Loop` is a small program of its own, over scalars, a number for each lane, and tracks, a number for each lane and
step. Its operations are sweeps: each runs a body once a step, up or down the steps, and passes carries on from step to
step. What `scan` makes has one sweep. Forward mode gives every carry a tangent. Reverse mode lets a sweep keep its
carries in tracks, and adds a sweep that runs the steps the other way: its body is the reverse mode of the body, its
carries are the adjoints, and sums over the steps for what all steps share. So the derivatives of a loop are loops, for
which the same holds.

Where no step needs another, the loop is a batch: `vmap` inside a traced function. Its steps run as lanes, and what all
steps share receives sums over them.

A branch in a body is taken for every step and lane: a body has specializations of its own.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcmp, memcpy, memset

from autograd._core cimport Block, Value, add_input, detecting, new_leaf, new_output, recording, set_sizes
from autograd._cpython cimport address
from autograd._interpreter.executable cimport Executable
from autograd._interpreter.interpreter cimport Array, Session
from autograd._ir.code cimport Code, resized, room
from autograd._program.bodies cimport Body, Closed, Forward, Reverse, derived, new_captures
from autograd._program.call cimport Call
from autograd._program.program cimport Program, new_program

import numpy

from autograd._program.call import set_lower_batch

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1
    unsigned long PyThread_get_thread_ident() noexcept

# The number of the scalar and of the track that are zero; they are not counted.
cdef Py_ssize_t ZERO = -1
# Ctrl-C is looked for once in so many steps.
cdef Py_ssize_t STEPS_BETWEEN_SIGNALS = 256
# The tracks of a loop of unknown length have room for so many steps at first.
cdef Py_ssize_t FIRST_ROOM = 64


VARIABLES = {CARRY: "carry", TRACK: "track", SCALAR: "scalar", TOTAL: "total", NOWHERE: "nowhere"}


cdef list named(list variables):
    cdef list result = []
    for kind, number in variables:
        result.append((VARIABLES[kind], number))
    return result


@cython.auto_pickle(False)
cdef class Sweep:
    """A loop over the steps."""

    cdef bint is_active(self, set scalars, set tracks) except -1:
        """Whether it depends on some of these."""
        for scalar in self.init:
            if scalar in scalars:
                return True
        for kind, number in self.sources:
            if number in (tracks if kind == TRACK else scalars if kind == SCALAR else ()):
                return True
        return False


cdef Sweep new_sweep(Body body, bint descending, list sources, list targets, list init, list finals, list before):
    cdef Sweep sweep = Sweep.__new__(Sweep)
    sweep.body, sweep.descending, sweep.sources, sweep.targets = body, descending, sources, targets
    sweep.init, sweep.finals, sweep.before = init, finals, before
    return sweep


@cython.auto_pickle(False)
cdef class Sum:
    """The sum of two scalars."""


cdef Sum new_sum(Py_ssize_t result, Py_ssize_t a, Py_ssize_t b):
    cdef Sum sum = Sum.__new__(Sum)
    sum.result, sum.a, sum.b = result, a, b
    return sum


@cython.auto_pickle(False)
@cython.binding(False)
cdef class Loop(Subprogram):
    """A loop as an instruction."""

    def __eq__(self, other):
        return isinstance(other, Loop) and same_loops(self, <Loop> other)

    cdef Loop copy(self):
        cdef Loop loop = Loop.__new__(Loop)
        loop.__name__, loop.steps, loop.max_steps, loop.checkpoint = (
            self.__name__, self.steps, self.max_steps, self.checkpoint)
        loop.condition, loop.condition_sources = self.condition, self.condition_sources
        loop.operands, loop.results, loop.operations = list(self.operands), list(self.results), list(self.operations)
        loop.scalars, loop.tracks, loop.constants = self.scalars, self.tracks, self.constants
        loop.parallel = self.parallel
        return loop

    cdef Py_ssize_t new_scalar(self) noexcept:
        self.scalars += 1
        return self.scalars - 1

    cdef Py_ssize_t new_track(self) noexcept:
        self.tracks += 1
        return self.tracks - 1

    cdef Py_ssize_t width(self, tuple variable) except -1:
        """Return how many operands or results a variable stands for."""
        return self.steps if variable[0] == TRACK else 1

    def some(self, variables, flags):
        """Return those variables of which some operand or result has its flag set, and the positions of all theirs."""
        chosen, positions = [], []
        start = 0
        for variable in variables:
            width = self.width(variable)
            if any(flags[start:start + width]):
                chosen.append(variable)
                positions.extend(range(start, start + width))
            start += width
        return chosen, positions

    def pushforward(self, active):
        """Return forward mode, and the operands whose tangents it takes after the operands.

        It gives the results, then the tangent of each.
        """
        return pushforward(self.primal or self, active)

    def pullback(self, received, active):
        """Return reverse mode, the results whose cotangents it takes after the operands, and the operands it is by."""
        return pullback(self.primal or self, received, active)

    cdef int run_lanes(self, const Array *operands, Py_ssize_t lanes, const Array *results) except -1:
        cdef Execution execution = Execution.__new__(Execution)
        execution.begin(self, lanes)
        execution.run(operands, results)
        if self.primal is not None and execution.is_recorded():
            execution.keep_operands(operands)
            self.executions[PyThread_get_thread_ident()] = execution
        return 0


# ---------------------------------------------------------------------------------------------------------------------
# In the graph of a trace

@cython.internal
@cython.auto_pickle(False)
cdef class LoopCall(Block):
    """A loop in the graph of a trace."""
    cdef Loop loop
    # Values and numbers.
    cdef list operands

    cdef str name(self):
        return self.loop.__name__

    cdef list lower(self, object code, list operands):
        cdef list entries = []
        inputs = iter(operands)
        for operand in self.operands:
            entries.append(next(inputs) if isinstance(operand, Value) else (<Code> code).constant(operand))
        loop, entries = hoisted(self.loop, code, entries)
        return (<Code> code).call(loop, entries, self.output_count)


cdef tuple hoisted(Loop source, Code code, list entries):
    """Emit what is the same in every step, once; return the loop of the rest and its operands.

    A body with branches stays as it is: a step may add to its programs.
    """
    cdef Sweep sweep = source.operations[0]
    cdef Body body = Body.__new__(Body)
    cdef Code steps = (<Program> sweep.body.programs[0]).code
    cdef Code rest
    cdef Loop loop
    cdef Py_ssize_t own = 0, at = 0
    cdef list loads = [], needed = [], kept = [], more = []
    if not is_straight(sweep.body) or source.steps == 0 or source.steps < 0 and steps.calls:
        return source, entries
    for kind, _ in sweep.sources:
        own += kind != SCALAR
    for _, number in sweep.sources[own:]:
        loads.append(entries[number])
    rest = code.separate(steps, own, loads, needed)
    if set(needed).issubset(loads):
        return source, entries
    loop = source.copy()
    scalars = {position: number for position, (_, number) in zip(loads, sweep.sources[own:])}
    sources = sweep.sources[:own]
    for position in needed:
        if position not in scalars:
            scalars[position] = loop.new_scalar()
            more.append(position)
        sources.append((SCALAR, scalars[position]))
    body.name = sweep.body.name
    body.add(new_program(rest))
    loop.operations = [new_sweep(body, sweep.descending, sources, sweep.targets, sweep.init, sweep.finals,
                                 sweep.before)]
    used = set(sources).union(loop.condition_sources or (), [(SCALAR, number) for number in sweep.init])
    loop.operands = []
    for variable in source.operands:
        if variable[0] == TRACK or variable in used:
            loop.operands.append(variable)
            kept += entries[at:at + source.width(variable)]
        at += source.width(variable)
    for position in more:
        loop.operands.append((SCALAR, scalars[position]))
    return loop, kept + more


cdef list call_loop(Loop loop, list operands):
    """Record the call of a loop, and return its results: floats if there is no Value among its operands."""
    cdef LoopCall block = LoopCall.__new__(LoopCall)
    cdef Py_ssize_t count = len(operands), i, outputs = 0
    cdef Array *arrays
    cdef double *numbers = NULL
    cdef list results = []
    for variable in loop.results:
        outputs += loop.width(variable)
    set_sizes(block, count, outputs)
    block.loop, block.operands = loop, operands
    for i in range(count):
        if isinstance(operands[i], Value):
            add_input(block, <Value> operands[i])
        else:
            operands[i] = float(operands[i])
    arrays = <Array *> room(count + outputs, sizeof(Array))
    try:
        numbers = <double *> room(count + outputs, sizeof(double))
        for i in range(count + outputs):
            arrays[i] = Array(numbers + i, 0)
        for i in range(count):
            if isinstance(operands[i], Value):
                numbers[i] = (<Value> operands[i]).node.primal
            else:
                numbers[i] = operands[i]
        loop.run_lanes(arrays, 1, arrays + count)
        for i in range(count, count + outputs):
            if not block.input_count:
                results.append(numbers[i])
            elif recording():
                results.append(new_output(block, i - count, numbers[i]))
            else:
                results.append(new_leaf(numbers[i]))
    finally:
        PyMem_RawFree(arrays)
        PyMem_RawFree(numbers)
    return results


cdef bint same_bodies(Body a, Body b) except -1:
    """Whether two bodies have the same programs."""
    cdef Py_ssize_t i
    if a is None or b is None or len(a.programs) != len(b.programs):
        return a is b
    for i in range(len(a.programs)):
        if not (<Program> a.programs[i]).code.is_same((<Program> b.programs[i]).code):
            return False
    return True


cdef bint same_loops(Loop a, Loop b) except -1:
    """Whether two loops run the same programs over the same numbers, apart from what they record."""
    cdef Sweep x, y
    a, b = a.primal or a, b.primal or b
    if (
        (a.__name__, a.steps, a.max_steps, a.checkpoint, a.parallel, a.operands, a.results, a.condition_sources)
        != (b.__name__, b.steps, b.max_steps, b.checkpoint, b.parallel, b.operands, b.results, b.condition_sources)
        or len(a.operations) != len(b.operations)
        or a.constants.keys() != b.constants.keys()
        or not same_bodies(a.condition, b.condition)
    ):
        return False
    for number, track in a.constants.items():
        if not numpy.array_equal(track.view(numpy.int64), b.constants[number].view(numpy.int64)):
            return False
    for first, second in zip(a.operations, b.operations):
        if type(first) is not type(second) or not isinstance(first, Sweep):
            return False
        x, y = first, second
        if (x.descending, x.sources, x.targets, x.init, x.finals, x.before) != (
            y.descending, y.sources, y.targets, y.init, y.finals, y.before
        ) or not same_bodies(x.body, y.body):
            return False
    return True


cdef list floats(const double *x, Py_ssize_t n):
    cdef list items = [None] * n
    cdef Py_ssize_t i
    for i in range(n):
        items[i] = x[i]
    return items


def lower_batch(Call call, Code code, list operands):
    """Emit a call for many lanes as a batch. It is of a single program without guards."""
    cdef Loop loop = Loop.__new__(Loop)
    cdef Program program = call.parts[0][0]
    cdef Closed body = Closed.__new__(Closed)
    cdef Sweep sweep = Sweep.__new__(Sweep)
    cdef Py_ssize_t i, lane, values = len(call.places), lanes = call.lanes
    cdef list given = []
    body.name, body.size, body.captures = call.function, program.inputs, new_captures()
    body.add(new_program(body.closed(program.code)))
    loop.__name__, loop.steps, loop.max_steps, loop.parallel = call.function, lanes, -1, True
    loop.operands, loop.constants = [], {}
    # By (argument with Values, lane or -1): the instruction.
    instructions = {}
    for i in range(values):
        instructions[call.places[i]] = operands[i]
    sweep.sources = []
    for i in range(program.inputs):
        argument = call.differentiated.index(i) if i in call.differentiated else None
        if not call.arrays[i].stride:
            sweep.sources.append((SCALAR, loop.new_scalar()))
            loop.operands.append(sweep.sources[i])
            number = instructions.get((argument, -1))
            given.append(code.constant(call.arrays[i].data[0]) if number is None else number)
            continue
        sweep.sources.append((TRACK, loop.new_track()))
        if argument is None:
            loop.constants[sweep.sources[i][1]] = numpy.array(floats(call.arrays[i].data, lanes))
            continue
        loop.operands.append(sweep.sources[i])
        for lane in range(lanes):
            number = instructions.get((argument, lane))
            given.append(code.constant(call.arrays[i].data[lane]) if number is None else number)
    for number in operands[values:]:
        sweep.sources.append((SCALAR, loop.new_scalar()))
        loop.operands.append(sweep.sources[len(sweep.sources) - 1])
        given.append(number)
    sweep.body, sweep.init, sweep.finals, sweep.before = body, [], [], []
    sweep.targets = [(TRACK, loop.new_track()) for _ in range(program.outputs)]
    loop.results, loop.operations = list(sweep.targets), [sweep]
    return code.call(loop, given, program.outputs * lanes)


set_lower_batch(lower_batch)


# ---------------------------------------------------------------------------------------------------------------------
# Forward mode

cdef tuple pushforward(Loop source, list active):
    cdef Loop loop = source.copy()
    cdef dict scalars = {}, tracks = {}
    chosen, positions = source.some(source.operands, active)
    for kind, number in chosen:
        if kind == SCALAR:
            scalars[number] = loop.new_scalar()
            loop.operands.append((SCALAR, scalars[number]))
        else:
            tracks[number] = loop.new_track()
            loop.operands.append((TRACK, tracks[number]))
    loop.operations = []
    for operation in source.operations:
        if isinstance(operation, Sweep):
            loop.operations.append(forward_sweep(loop, operation, scalars, tracks))
        else:
            loop.operations.append(operation)
            forward_sum(loop, operation, scalars)
    for kind, number in source.results:
        if kind == SCALAR:
            loop.results.append((SCALAR, scalars.get(number, ZERO)))
        else:
            loop.results.append((TRACK, tracks.get(number, ZERO)))
    return loop, positions


cdef int forward_sum(Loop loop, Sum sum, dict scalars) except -1:
    tangents = [scalars[x] for x in (sum.a, sum.b) if x in scalars]
    if len(tangents) == 2:
        scalars[sum.result] = loop.new_scalar()
        loop.operations.append(new_sum(scalars[sum.result], tangents[0], tangents[1]))
    elif tangents:
        scalars[sum.result] = tangents[0]
    return 0


cdef Sweep forward_sweep(Loop loop, Sweep sweep, dict scalars, dict tracks):
    cdef Forward body = Forward.__new__(Forward)
    cdef Py_ssize_t carries = len(sweep.init)
    if not sweep.is_active(set(scalars), set(tracks)):
        return sweep
    sources, targets, before = list(sweep.sources), list(sweep.targets), list(sweep.before)
    body.wrt = []
    for i, (kind, number) in enumerate(sweep.sources):
        if kind == CARRY:
            tangent = number + carries
        else:
            tangent = (scalars if kind == SCALAR else tracks).get(number)
        if tangent is not None:
            body.wrt.append(i)
            sources.append((kind, tangent))
    for kind, number in sweep.targets:
        if kind == TRACK:
            tracks[number] = loop.new_track()
        elif kind == TOTAL:
            scalars[number] = loop.new_scalar()
        targets.append((kind, number + carries if kind == CARRY else tracks[number] if kind == TRACK
                        else scalars[number] if kind == TOTAL else 0))
    init = sweep.init + [scalars.get(scalar, ZERO) for scalar in sweep.init]
    for scalar in sweep.finals:
        scalars[scalar] = loop.new_scalar()
    finals = sweep.finals + [scalars[scalar] for scalar in sweep.finals]
    for track in sweep.before:
        if track is not None:
            tracks[track] = loop.new_track()
        before.append(None if track is None else tracks[track])
    return new_sweep(derived(body, sweep.body), sweep.descending, sources, targets, init, finals, before)


# ---------------------------------------------------------------------------------------------------------------------
# Reverse mode

@cython.internal
@cython.auto_pickle(False)
cdef class Adjoints:
    """The state of the pass: the loop so far, what depends on the operands to differentiate by, and the adjoints."""
    cdef Loop loop
    cdef set active_scalars
    cdef set active_tracks
    cdef dict scalars
    cdef dict tracks

    cdef int add(self, scalar, adjoint) except -1:
        if scalar not in self.active_scalars:
            return 0
        if scalar in self.scalars:
            total = self.loop.new_scalar()
            self.loop.operations.append(new_sum(total, self.scalars[scalar], adjoint))
            adjoint = total
        self.scalars[scalar] = adjoint
        return 0

    cdef int study(self, list operations) except -1:
        """Find what depends on the operands to differentiate by, and let the sweeps among it keep their carries."""
        cdef Sweep sweep
        cdef Sum sum
        for k, operation in enumerate(operations):
            if isinstance(operation, Sum):
                sum = operation
                if sum.a in self.active_scalars or sum.b in self.active_scalars:
                    self.active_scalars.add(sum.result)
                continue
            sweep = operation
            if sweep.is_active(self.active_scalars, self.active_tracks):
                before = [self.loop.new_track() if track is None else track for track in sweep.before]
                operations[k] = new_sweep(sweep.body, sweep.descending, sweep.sources, sweep.targets, sweep.init,
                                          sweep.finals, before)
                self.active_scalars.update(sweep.finals)
                self.active_tracks.update(before)
                self.active_tracks.update(number for kind, number in sweep.targets if kind == TRACK)
                self.active_scalars.update(number for kind, number in sweep.targets if kind == TOTAL)
        return 0

    cdef int turn(self, Sweep sweep) except -1:
        """Append the sweep that runs the steps of another one the other way."""
        cdef Reverse body = Reverse.__new__(Reverse)
        cdef Py_ssize_t carries = len(sweep.init)
        cdef list sources = [], targets = [], init = [], finals = [], sums = []
        body.wrt, body.of, body.added = [], [], []
        for i, (kind, number) in enumerate(sweep.targets):
            if kind == CARRY or kind == TRACK and number in self.tracks or kind == TOTAL and number in self.scalars:
                body.of.append(i)
        if not sweep.is_active(self.active_scalars, self.active_tracks) or not (
                any(scalar in self.scalars for scalar in sweep.finals)
                or any(track in self.tracks for track in sweep.before)
                or any(sweep.targets[i][0] != CARRY for i in body.of)):
            return 0
        for scalar in sweep.finals:
            init.append(self.scalars.get(scalar, ZERO))
            finals.append(self.loop.new_scalar())
        for i, (kind, number) in enumerate(sweep.sources):
            sources.append((TRACK, sweep.before[number]) if kind == CARRY else (kind, number))
            if kind == CARRY:
                target, existing = (CARRY, number), self.tracks.get(sweep.before[number])
                addend = None if existing is None else (TRACK, existing)
            elif kind == TRACK and number in self.active_tracks:
                existing = self.tracks.get(number)
                addend = None if existing is None else (TRACK, existing)
                target = (TRACK, self.loop.new_track())
            elif kind == SCALAR and number in self.active_scalars and self.loop.parallel:
                target, addend = (TOTAL, self.loop.new_scalar()), None
            elif kind == SCALAR and number in self.active_scalars:
                target = addend = (CARRY, carries + len(sums))
                sums.append(number)
            else:
                continue
            if addend is not None:
                body.added.append(len(body.wrt))
                targets.append((*target, addend))
            else:
                targets.append((*target, None))
            body.wrt.append(i)
        for i in body.of:
            kind, number = sweep.targets[i]
            sources.append((CARRY, number) if kind == CARRY else (TRACK, self.tracks[number]) if kind == TRACK
                           else (SCALAR, self.scalars[number]))
        for i in body.added:
            sources.append(targets[i][2])
        for i, (kind, number, _) in zip(body.wrt, targets):
            if kind == TRACK:
                self.tracks[sweep.sources[i][1]] = number
        for scalar in sums:
            init.append(self.scalars.get(scalar, ZERO))
            finals.append(self.loop.new_scalar())
        self.loop.operations.append(new_sweep(
            derived(body, sweep.body), not sweep.descending, sources, [(kind, number) for kind, number, _ in targets],
            init, finals, [None] * len(init)))
        for scalar, adjoint in zip(sums, finals[carries:]):
            self.scalars[scalar] = adjoint
        for i, (kind, number, _) in zip(body.wrt, targets):
            if kind == TOTAL:
                self.add(sweep.sources[i][1], number)
        for scalar, adjoint in zip(sweep.init, finals):
            self.add(scalar, adjoint)
        return 0


cdef tuple pullback(Loop source, list received, list active):
    cdef Adjoints self = Adjoints.__new__(Adjoints)
    cdef Loop loop = source.copy()
    cdef Sum sum
    chosen, cotangents = source.some(source.results, received)
    wrt, gradients = source.some(source.operands, active)
    self.loop, self.scalars, self.tracks = loop, {}, {}
    self.active_scalars = {number for kind, number in wrt if kind == SCALAR}
    self.active_tracks = {number for kind, number in wrt if kind == TRACK}
    self.study(loop.operations)
    primal = list(loop.operations)
    for kind, number in chosen:
        if kind == SCALAR:
            adjoint = loop.new_scalar()
            loop.operands.append((SCALAR, adjoint))
            self.add(number, adjoint)
        else:
            # Results are different tracks.
            self.tracks[number] = loop.new_track()
            loop.operands.append((TRACK, self.tracks[number]))
    for operation in reversed(primal):
        if isinstance(operation, Sweep):
            self.turn(operation)
        else:
            sum = operation
            if sum.result in self.scalars:
                for scalar in (sum.a, sum.b):
                    self.add(scalar, self.scalars[sum.result])
    loop.results = []
    for kind, number in wrt:
        loop.results.append((kind, (self.scalars if kind == SCALAR else self.tracks).get(number, ZERO)))
    drop_dead_tracks(loop)
    if not loop.parallel and not keeps_carries(source):
        loop.recording = new_recording(source, loop)
    return loop, cotangents, gradients


cdef bint keeps_carries(Loop loop) except -1:
    for operation in loop.operations:
        if isinstance(operation, Sweep) and keeps(operation):
            return True
    return False


cdef Loop new_recording(Loop source, Loop reverse):
    """Return a loop with the results of `source` that keeps the carries that its reverse mode reads; None if none."""
    cdef Loop loop = source.copy()
    cdef Sweep sweep
    loop.scalars, loop.tracks = reverse.scalars, reverse.tracks
    loop.primal, loop.executions = source, {}
    for k, operation in enumerate(loop.operations):
        if isinstance(operation, Sweep):
            sweep = operation
            loop.operations[k] = new_sweep(sweep.body, sweep.descending, sweep.sources, sweep.targets, sweep.init,
                                           sweep.finals, (<Sweep> reverse.operations[k]).before)
    return loop if keeps_carries(loop) else None


cdef int drop_dead_tracks(Loop loop) except -1:
    """Let outputs that nothing reads go nowhere."""
    cdef Sweep sweep
    used = {number for kind, number in loop.results if kind == TRACK}
    for operation in loop.operations:
        if isinstance(operation, Sweep):
            used.update(number for kind, number in (<Sweep> operation).sources if kind == TRACK)
    for k, operation in enumerate(loop.operations):
        if isinstance(operation, Sweep):
            sweep = operation
            targets = [(NOWHERE, 0) if kind == TRACK and number not in used else (kind, number)
                       for kind, number in sweep.targets]
            before = [track if track in used else None for track in sweep.before]
            loop.operations[k] = new_sweep(sweep.body, sweep.descending, sweep.sources, targets, sweep.init,
                                           sweep.finals, before)
    if loop.parallel:
        loop.operations = [operation for operation in loop.operations if not isinstance(operation, Sweep) or any(
            kind != NOWHERE for kind, _ in (<Sweep> operation).targets)]
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# Running

cdef enum PortKind:
    # Always in one place; a row for each step; an array for each step.
    FIXED
    ROW
    LISTED
    # Among the carries before the step, after it, and of the sweep whose steps this one takes the other way.
    NOW
    NEXT
    RESTORED


# Where a body finds an input or leaves an output.
cdef struct Port:
    PortKind kind
    # Of the first step; NULL for carries, which have an offset.
    double *data
    Py_ssize_t offset
    # Between lanes, and between steps.
    Py_ssize_t stride
    Py_ssize_t advance
    const Array *arrays


@cython.internal
@cython.auto_pickle(False)
cdef class Execution:
    """One run of a loop."""
    cdef Loop loop
    cdef Py_ssize_t lanes
    # The steps so far, and the steps that tracks have room for.
    cdef Py_ssize_t steps
    cdef Py_ssize_t capacity
    cdef Port *scalars
    cdef Port *tracks
    # The numbers of the scalars that sweeps make, and by track the memory that it owns.
    cdef double *numbers
    cdef double **owned
    # By lane, in a loop with a condition: how many steps it took, and the lanes that take this step.
    cdef Py_ssize_t *counts
    cdef Py_ssize_t *live
    cdef double zero
    # Of a recording loop: its operands; by operation, the checkpoints of a sweep that has too many carries to keep.
    cdef Array *operands
    cdef dict checkpoints

    def __dealloc__(self):
        cdef Py_ssize_t t
        if self.owned != NULL:
            for t in range(self.loop.tracks):
                PyMem_RawFree(self.owned[t])
        PyMem_RawFree(self.owned)
        PyMem_RawFree(self.tracks)
        PyMem_RawFree(self.scalars)
        PyMem_RawFree(self.numbers)
        PyMem_RawFree(self.counts)
        PyMem_RawFree(self.live)
        PyMem_RawFree(self.operands)

    cdef int begin(self, Loop loop, Py_ssize_t lanes) except -1:
        self.loop, self.lanes, self.checkpoints = loop, lanes, {}
        self.scalars = <Port *> room(loop.scalars, sizeof(Port))
        self.tracks = <Port *> room(loop.tracks, sizeof(Port))
        self.owned = <double **> room(loop.tracks, sizeof(double *))
        self.numbers = <double *> room(loop.scalars * lanes, sizeof(double))
        if loop.condition is not None:
            self.counts = <Py_ssize_t *> room(lanes, sizeof(Py_ssize_t))
            self.live = <Py_ssize_t *> room(lanes, sizeof(Py_ssize_t))
        else:
            self.steps = self.capacity = loop.steps
        return 0

    cdef int run(self, const Array *operands, const Array *results) except -1:
        cdef Loop recorder = self.loop.recording
        cdef Execution recorded = None
        cdef Py_ssize_t done = 0
        self.read(operands)
        if recorder is not None:
            recorded = recorder.executions.pop(PyThread_get_thread_ident(), None)
        if recorded is not None and recorded.is_of(operands, self.lanes) and self.adopt(recorded):
            done = len(recorder.operations)
        for k, operation in enumerate(self.loop.operations):
            if k < done:
                continue
            if isinstance(operation, Sweep):
                self.run_sweep(operation, k)
            else:
                self.add(operation)
        return self.write(results)

    cdef bint is_recorded(self) except -1:
        """Whether all carries that the sweeps were to keep are kept, or checkpoints."""
        cdef Sweep sweep
        for k, operation in enumerate(self.loop.operations):
            if isinstance(operation, Sweep):
                sweep = operation
                if keeps(sweep) and not self.records(sweep) and k not in self.checkpoints:
                    return False
        return True

    cdef int keep_operands(self, const Array *operands) except -1:
        """Copy the operands, to tell whether reverse mode is of the same."""
        cdef Py_ssize_t count = self.operand_count(), size = 0, i, lane
        cdef double *numbers
        for i in range(count):
            size += self.lanes if operands[i].stride else 1
        self.operands = <Array *> room(1, count * sizeof(Array) + size * sizeof(double))
        numbers = <double *> (self.operands + count)
        for i in range(count):
            self.operands[i] = Array(numbers, 1 if operands[i].stride else 0)
            for lane in range(self.lanes if operands[i].stride else 1):
                numbers[lane] = operands[i].data[lane * operands[i].stride]
            numbers += self.lanes if operands[i].stride else 1
        return 0

    cdef bint is_of(self, const Array *operands, Py_ssize_t lanes) except -1:
        """Whether it ran with these operands, to the bit."""
        cdef Py_ssize_t i, lane
        if lanes != self.lanes:
            return False
        for i in range(self.operand_count()):
            for lane in range(lanes):
                if memcmp(&self.operands[i].data[lane * self.operands[i].stride],
                          &operands[i].data[lane * operands[i].stride], sizeof(double)):
                    return False
        return True

    cdef Py_ssize_t operand_count(self) except -1:
        cdef Py_ssize_t count = 0
        for variable in self.loop.operands:
            count += self.loop.width(variable)
        return count

    cdef bint adopt(self, Execution other) except -1:
        """Take over what the sweeps of a recording loop left, unless more carries have to be kept.

        Its scalars and tracks have the same numbers here.
        """
        cdef Py_ssize_t i
        cdef Sweep sweep
        for k in other.checkpoints:
            if self.records(self.loop.operations[k]):
                return False
        self.checkpoints = other.checkpoints
        self.steps, self.capacity = other.steps, other.capacity
        memcpy(self.numbers, other.numbers, other.loop.scalars * self.lanes * sizeof(double))
        if self.counts != NULL:
            memcpy(self.counts, other.counts, self.lanes * sizeof(Py_ssize_t))
        for i in range(other.loop.tracks):
            self.owned[i], other.owned[i] = other.owned[i], NULL
        for operation in other.loop.operations:
            if isinstance(operation, Sweep):
                sweep = operation
                for track in sweep.before:
                    if track is not None:
                        i = track
                        self.tracks[i] = other.tracks[i]
                for kind, number in sweep.targets:
                    if kind == TRACK:
                        i = number
                        self.tracks[i] = other.tracks[i]
        return True

    cdef int read(self, const Array *operands) except -1:
        cdef Py_ssize_t i, at = 0
        for i in range(self.loop.scalars):
            self.scalars[i] = Port(FIXED, self.numbers + i * self.lanes, 0, 1, 0, NULL)
        for kind, number in self.loop.operands:
            i = number
            if kind == SCALAR:
                self.scalars[i] = Port(FIXED, operands[at].data, 0, operands[at].stride, 0, NULL)
                at += 1
            else:
                self.tracks[i] = Port(LISTED, NULL, 0, 1, 0, operands + at)
                at += self.loop.steps
        for number, numbers in self.loop.constants.items():
            i = number
            self.tracks[i] = Port(ROW, address(numbers), 0, 0, 1, NULL)
        return 0

    cdef int write(self, const Array *results) except -1:
        cdef Py_ssize_t i = 0, step, lane
        cdef Port port
        cdef Array array
        for kind, number in self.loop.results:
            port = self.port(kind, number)
            for step in range(self.loop.steps if kind == TRACK else 1):
                array = array_of(&port, step, NULL, NULL, NULL)
                for lane in range(self.lanes):
                    results[i].data[lane * results[i].stride] = array.data[lane * array.stride]
                i += 1
        return 0

    cdef int add(self, Sum sum) except -1:
        cdef Port x = self.port(SCALAR, sum.a), y = self.port(SCALAR, sum.b)
        cdef double *result = self.scalars[sum.result].data
        cdef Py_ssize_t lane
        for lane in range(self.lanes):
            result[lane] = x.data[lane * x.stride] + y.data[lane * y.stride]
        return 0

    cdef Port port(self, Py_ssize_t kind, Py_ssize_t i) noexcept:
        """Return the place of a scalar or track."""
        if i == ZERO:
            return Port(FIXED, &self.zero, 0, 0, 0, NULL)
        return self.scalars[i] if kind == SCALAR else self.tracks[i]

    cdef double *own(self, Py_ssize_t track, Py_ssize_t rows) except NULL:
        """Give a track memory of so many rows of lanes, or more."""
        self.owned[track] = <double *> resized(self.owned[track], max(rows * self.lanes, 1) * sizeof(double))
        return self.owned[track]

    cdef int run_sweep(self, Sweep sweep, Py_ssize_t k) except -1:
        cdef Sweep other
        cdef Runner runner
        if self.loop.parallel:
            return self.run_batch(sweep)
        other = self.recorded_for(sweep)
        if other is not None and not self.records(other):
            # It restores the carries of the other sweep from checkpoints.
            runner = self.runner(sweep, False)
            runner.checkpoints = self.checkpoints_of(other)
        elif self.loop.primal is not None and keeps(sweep) and not self.records(sweep) and (
                self.counts == NULL and self.steps > 0):
            self.checkpoints[k] = self.checkpoints_of(sweep)
            (<Checkpoints> self.checkpoints[k]).run()
            return 0
        elif self.reader_of(sweep) is not None and not self.records(sweep) and self.counts == NULL and (
                not self.is_needed(sweep)):
            return 0
        else:
            runner = self.runner(sweep, self.records(sweep))
        runner.run(self.loop.condition if k == 0 else None)
        return 0

    cdef int run_batch(self, Sweep sweep) except -1:
        """Run the steps of every lane as lanes."""
        cdef Program program = sweep.body.programs[0]
        cdef Py_ssize_t inputs = len(sweep.sources), outputs = len(sweep.targets), steps = self.steps, lane, step, i
        cdef bytes varying = bytes(kind == TRACK for kind, _ in sweep.sources)
        cdef bytes summed = bytes(kind == TOTAL for kind, _ in sweep.targets)
        cdef Array *arrays = <Array *> room(inputs + outputs, sizeof(Array))
        # Rows of steps: for each input that is gathered, and for what is not wanted.
        cdef double *gathered = NULL
        cdef Py_ssize_t rows = 1
        cdef Port port
        cdef Array array
        try:
            for kind, number in sweep.sources:
                rows += self.port(kind, number).kind == LISTED
            gathered = <double *> room(rows * steps, sizeof(double))
            for kind, number in sweep.targets:
                if kind == TRACK:
                    i = number
                    self.tracks[i] = Port(ROW, self.own(i, steps), 0, 1, self.lanes, NULL)
            for lane in range(self.lanes):
                rows = 1
                for i, (kind, number) in enumerate(sweep.sources):
                    port = self.port(kind, number)
                    if port.kind == FIXED and kind == SCALAR:
                        arrays[i] = Array(port.data + lane * port.stride, 0)
                    elif port.kind != LISTED:
                        arrays[i] = Array(port.data + lane * port.stride, port.advance)
                    else:
                        for step in range(steps):
                            array = port.arrays[step]
                            gathered[rows * steps + step] = array.data[lane * array.stride]
                        arrays[i] = Array(gathered + rows * steps, 1)
                        rows += 1
                for i, (kind, number) in enumerate(sweep.targets):
                    if kind == TRACK:
                        arrays[inputs + i] = Array(self.tracks[<Py_ssize_t> number].data + lane, self.lanes)
                    elif kind == TOTAL:
                        arrays[inputs + i] = Array(self.scalars[<Py_ssize_t> number].data + lane, 0)
                    else:
                        arrays[inputs + i] = Array(gathered, 1)
                program.run(varying, summed, steps, NULL, arrays, arrays + inputs, NULL, 0)
        finally:
            PyMem_RawFree(arrays)
            PyMem_RawFree(gathered)
        return 0

    cdef Sweep reader_of(self, Sweep sweep):
        """Return the sweep that reads the carries of another, if it is a single one that takes the steps the other way.
        """
        kept = [track for track in sweep.before if track is not None]
        if not kept or any(kind == TRACK and number in kept for kind, number in self.loop.results):
            return None
        readers = [operation for operation in self.loop.operations if isinstance(operation, Sweep) and any(
            kind == TRACK and number in kept for kind, number in (<Sweep> operation).sources)]
        if len(readers) != 1 or (<Sweep> readers[0]).descending == sweep.descending:
            return None
        return readers[0]

    cdef Sweep recorded_for(self, Sweep reader):
        """Return the sweep whose carries this one alone reads, the other way."""
        for operation in self.loop.operations:
            if isinstance(operation, Sweep) and self.reader_of(operation) is reader:
                return operation
        return None

    cdef bint is_needed(self, Sweep sweep) except -1:
        """Whether anything but its carries is used."""
        used = {number for kind, number in self.loop.results if kind == SCALAR}
        for operation in self.loop.operations:
            if isinstance(operation, Sweep):
                used.update((<Sweep> operation).init)
                used.update(number for kind, number in (<Sweep> operation).sources if kind == SCALAR)
            else:
                used.update(((<Sum> operation).a, (<Sum> operation).b))
        return not used.isdisjoint(sweep.finals) or any(kind == TRACK for kind, _ in sweep.targets)

    cdef bint records(self, Sweep sweep) except -1:
        """Whether the carries of a sweep are kept for every step so far."""
        if not keeps(sweep):
            return False
        if self.reader_of(sweep) is None and self.loop.primal is None:
            return True
        return self.steps <= self.most_records(sweep)

    cdef Py_ssize_t most_records(self, Sweep sweep) except -1:
        """Return how many carries may be kept without checkpoints."""
        if self.loop.checkpoint > 0:
            return self.loop.checkpoint
        if self.loop.checkpoint == ALL:
            return self.steps
        return (RECORD_BYTES + RECORD_BYTES_OF_LANE * self.lanes) // (
            <Py_ssize_t> sizeof(double) * self.lanes * max(len(sweep.init), 1))

    cdef Checkpoints checkpoints_of(self, Sweep sweep):
        cdef Checkpoints checkpoints = self.checkpoints.pop(self.loop.operations.index(sweep), None)
        cdef Py_ssize_t width = len(sweep.init) * self.lanes
        cdef Py_ssize_t count = max(self.most_records(sweep), 1)
        if checkpoints is not None:
            checkpoints.runner = self.runner(sweep, False)
            return checkpoints
        checkpoints = Checkpoints.__new__(Checkpoints)
        if self.loop.checkpoint == AUTO:
            while repetitions(self.steps, count) > 2 and 2 * count * width * <Py_ssize_t> sizeof(double) <= MOST_BYTES:
                count *= 2
            count = fewest_checkpoints(self.steps, repetitions(self.steps, count), count)
        checkpoints.begin(self.runner(sweep, False), min(count, max(self.steps, 1)), width)
        return checkpoints

    cdef Runner runner(self, Sweep sweep, bint records):
        cdef Runner runner = Runner.__new__(Runner)
        runner.begin(self, sweep, records)
        return runner

    cdef Py_ssize_t lanes_of_step(self, Py_ssize_t step) noexcept:
        """Find the lanes that took a step, and return how many these are."""
        cdef Py_ssize_t lane, alive = 0
        if self.counts == NULL:
            return self.lanes
        for lane in range(self.lanes):
            if self.counts[lane] > step:
                self.live[alive] = lane
                alive += 1
        return alive


cdef inline Array array_of(const Port *port, Py_ssize_t step, double *now, double *following, double *restored
                           ) noexcept nogil:
    """Return where an input or output is in a step."""
    if port.kind == FIXED:
        return Array(port.data, port.stride)
    if port.kind == ROW:
        return Array(port.data + step * port.advance, port.stride)
    if port.kind == LISTED:
        return port.arrays[step]
    return Array((now if port.kind == NOW else following if port.kind == NEXT else restored) + port.offset, 1)


@cython.internal
@cython.auto_pickle(False)
cdef class Runner:
    """A sweep in a run."""
    cdef Execution execution
    cdef Sweep sweep
    cdef Py_ssize_t inputs
    cdef Py_ssize_t outputs
    cdef Py_ssize_t carries
    # Whether it keeps its carries, in one memory for all: [step][carry][lane].
    cdef bint records
    # Of the inputs, then of the outputs, and their arrays in a step.
    cdef Port *ports
    cdef Array *arrays
    # None if the body has branches.
    cdef Session session
    # Two rows of carries, a row for what goes nowhere.
    cdef double *rows
    cdef double *gathered
    cdef Checkpoints checkpoints

    def __dealloc__(self):
        PyMem_RawFree(self.ports)
        PyMem_RawFree(self.arrays)
        PyMem_RawFree(self.rows)
        PyMem_RawFree(self.gathered)

    cdef int begin(self, Execution execution, Sweep sweep, bint records) except -1:
        cdef Py_ssize_t lanes = execution.lanes
        self.execution, self.sweep, self.records = execution, sweep, records
        self.inputs, self.outputs, self.carries = len(sweep.sources), len(sweep.targets), len(sweep.init)
        self.ports = <Port *> room(self.inputs + self.outputs, sizeof(Port))
        self.arrays = <Array *> room(self.inputs + self.outputs + 1, sizeof(Array))
        self.rows = <double *> room((2 * self.carries + 1) * lanes, sizeof(double))
        if execution.counts != NULL:
            self.gathered = <double *> room((self.inputs + self.outputs + self.carries) * lanes, sizeof(double))
        return self.own()

    cdef int own(self) except -1:
        """Give what this sweep makes its memory, and find the ports."""
        cdef Execution execution = self.execution
        cdef Py_ssize_t i, lanes = execution.lanes
        cdef double *data
        if self.records:
            # The tracks share the memory of one of them.
            owner = next(track for track in self.sweep.before if track is not None)
            data = execution.own(owner, (execution.capacity + 1) * self.carries)
            for i, track in enumerate(self.sweep.before):
                if track is not None:
                    execution.tracks[<Py_ssize_t> track] = Port(
                        ROW, data + i * lanes, 0, 1, self.carries * lanes, NULL)
        for kind, number in self.sweep.targets:
            if kind == TRACK:
                i = number
                execution.tracks[i] = Port(ROW, execution.own(i, execution.capacity), 0, 1, lanes, NULL)
        for i, (kind, number) in enumerate(self.sweep.sources):
            self.ports[i] = (Port(NOW, NULL, <Py_ssize_t> number * lanes, 1, 0, NULL) if kind == CARRY
                             else execution.port(kind, number))
        for i, (kind, number) in enumerate(self.sweep.targets):
            self.ports[self.inputs + i] = (
                Port(NEXT, NULL, <Py_ssize_t> number * lanes, 1, 0, NULL) if kind == CARRY
                else execution.port(kind, number) if kind == TRACK
                else Port(FIXED, self.rows + 2 * self.carries * lanes, 0, 1, 0, NULL))
        return 0

    cdef int restore_through(self, Checkpoints checkpoints) except -1:
        """Read the carries of another sweep, which it keeps no record of."""
        cdef list before = checkpoints.runner.sweep.before
        cdef Py_ssize_t i
        for i, (kind, number) in enumerate(self.sweep.sources):
            if kind == TRACK and number in before:
                self.ports[i] = Port(RESTORED, NULL, <Py_ssize_t> before.index(number) * self.execution.lanes, 1, 0,
                                     NULL)
        return 0

    cdef int start(self, double *now) except -1:
        """Write what the carries start from."""
        cdef Port port
        cdef Py_ssize_t i, lane
        for i in range(self.carries):
            port = self.execution.port(SCALAR, self.sweep.init[i])
            for lane in range(self.execution.lanes):
                now[i * self.execution.lanes + lane] = port.data[lane * port.stride]
        return 0

    cdef int run(self, Body condition) except -1:
        cdef Execution execution = self.execution
        cdef Py_ssize_t width = self.carries * execution.lanes, alive = execution.lanes, k = 0, step, lane
        cdef double *now = self.rows
        cdef double *following = now + width
        cdef double *restored = NULL
        if self.checkpoints is not None:
            self.restore_through(self.checkpoints)
        if self.records:
            now = self.recorded(0)
        self.start(now)
        if condition is not None:
            for lane in range(alive):
                execution.live[lane] = lane
        while condition is not None or k < execution.steps:
            step = execution.steps - 1 - k if self.sweep.descending else k
            if k % STEPS_BETWEEN_SIGNALS == 0:
                PyErr_CheckSignals()
            if condition is not None:
                alive = self.decide(condition, now, alive, k)
                if not alive:
                    break
                execution.steps = k + 1
                if k >= execution.capacity:
                    now = self.grow(now)
            else:
                if self.checkpoints is not None:
                    restored = self.checkpoints.carries_before(step)
                alive = execution.lanes_of_step(step)
            if self.records:
                following = self.recorded(k + 1)
            self.step(now, following, restored, step, alive)
            now, following = following, now
            k += 1
        self.finish(now)
        return 0

    cdef void finish(self, const double *now) noexcept:
        """Write what the carries end as."""
        cdef Py_ssize_t i
        for i in range(self.carries):
            memcpy(self.execution.scalars[<Py_ssize_t> self.sweep.finals[i]].data, now + i * self.execution.lanes,
                   self.execution.lanes * sizeof(double))

    cdef double *recorded(self, Py_ssize_t k) noexcept:
        """Return the row for the carries before step k of a sweep that keeps them, in its own order."""
        cdef Py_ssize_t row = self.carries * self.execution.lanes
        cdef Port *port = NULL
        for i, track in enumerate(self.sweep.before):
            if track is not None:
                port = &self.execution.tracks[<Py_ssize_t> track]
                if self.sweep.descending:
                    # Row `step` is that before the step; what follows the last step, 0, is behind the end.
                    k = self.execution.steps - 1 - k if k < self.execution.steps else self.execution.steps
                return port.data - <Py_ssize_t> i * self.execution.lanes + k * row
        return NULL

    cdef double *grow(self, double *now) except NULL:
        """Make room for more steps, and return where the carries are then."""
        cdef Py_ssize_t k = self.execution.steps - 1
        self.execution.capacity = max(FIRST_ROOM, 2 * self.execution.capacity)
        if self.records and not self.execution.records(self.sweep):
            # Too many: from here on only the numbers of steps are kept, and checkpoints restore the carries.
            memcpy(self.rows, now, self.carries * self.execution.lanes * sizeof(double))
            self.records = False
            now = self.rows
        self.own()
        return self.recorded(k) if self.records else now

    cdef int step(self, double *now, double *following, double *restored, Py_ssize_t step, Py_ssize_t alive) except -1:
        """Run a step for the lanes that take it; the carries of all others stay what they are."""
        cdef Py_ssize_t lanes = self.execution.lanes, i, lane
        cdef Array *outputs = self.arrays + self.inputs
        cdef Array place
        for i in range(self.inputs + self.outputs):
            self.arrays[i] = array_of(&self.ports[i], step, now, following, restored)
        if alive == lanes:
            return self.run_body(step)
        memcpy(following, now, self.carries * lanes * sizeof(double))
        self.gather(self.inputs, alive)
        for i in range(self.outputs):
            outputs[i] = Array(self.gathered + (self.inputs + i) * lanes, 1)
        self.run_part(self.sweep.body, alive, outputs, step)
        for i in range(self.outputs):
            place = array_of(&self.ports[self.inputs + i], step, now, following, restored)
            if self.ports[self.inputs + i].kind == ROW:
                memset(place.data, 0, lanes * sizeof(double))
            for lane in range(alive):
                place.data[self.execution.live[lane]] = outputs[i].data[lane]
        return 0

    cdef int run_part(self, Body part, Py_ssize_t lanes, const Array *outputs, Py_ssize_t step) except -1:
        """Run the body or the condition for the lanes that take a step."""
        try:
            return part.run(self.arrays, -1 if lanes == 1 else lanes, outputs, 1)
        except FloatingPointError as error:
            if not detecting():
                raise
            raise FloatingPointError(f"step {step} of {self.execution.loop.__name__}: {error}") from None

    cdef int run_body(self, Py_ssize_t step) except -1:
        """Run the body for all lanes."""
        cdef Program program = self.sweep.body.programs[0]
        cdef Executable executable
        if self.session is None:
            if detecting() or not is_straight(self.sweep.body):
                return self.run_part(self.sweep.body, self.execution.lanes, self.arrays + self.inputs, step)
            executable = program.executable(self.varying(), None)
            self.session = Session.__new__(Session)
            self.session.begin(&executable.schedule, executable.calls, self.execution.lanes, self.arrays,
                               self.arrays + self.inputs)
        if self.session.step() < 0:
            return raised()
        return 0

    cdef bytes varying(self):
        """Return which inputs can vary from lane to lane; None for a single lane."""
        cdef Py_ssize_t i
        cdef bytearray flags = bytearray(self.inputs)
        if self.execution.lanes == 1:
            return None
        for i in range(self.inputs):
            flags[i] = self.ports[i].kind >= LISTED or self.ports[i].stride != 0
        return bytes(flags)

    cdef void gather(self, Py_ssize_t count, Py_ssize_t alive) noexcept:
        """Gather the numbers of the lanes that take the step."""
        cdef double *memory = self.gathered
        cdef Py_ssize_t i, lane
        for i in range(count):
            if self.arrays[i].stride:
                for lane in range(alive):
                    memory[lane] = self.arrays[i].data[self.execution.live[lane] * self.arrays[i].stride]
                self.arrays[i] = Array(memory, 1)
            memory += self.execution.lanes

    cdef Py_ssize_t decide(self, Body condition, double *now, Py_ssize_t alive, Py_ssize_t step) except -1:
        """Ask the condition, and return how many lanes take a step."""
        cdef Execution execution = self.execution
        cdef double *answer = self.rows + 2 * self.carries * execution.lanes
        cdef Py_ssize_t i, lane, kept = 0, count = len(execution.loop.condition_sources)
        cdef Port port
        for i, (kind, number) in enumerate(execution.loop.condition_sources):
            if kind == CARRY:
                self.arrays[i] = Array(now + <Py_ssize_t> number * execution.lanes, 1)
            else:
                port = execution.port(kind, number)
                self.arrays[i] = Array(port.data, port.stride)
        if alive < execution.lanes:
            self.gather(count, alive)
        self.arrays[count] = Array(answer, 1)
        if alive:
            self.run_part(condition, alive, self.arrays + count, step)
        for i in range(alive):
            lane = execution.live[i]
            if answer[i] != 0.0:
                execution.live[kept] = lane
                kept += 1
            else:
                execution.counts[lane] = step
        if kept and step == execution.loop.max_steps:
            lane = execution.live[0]
            carry = []
            for i in range(self.carries):
                carry.append(now[i * execution.lanes + lane])
            raise RuntimeError(
                f"{execution.loop.__name__}: the condition still holds after max_steps = {step} steps, in lane {lane} "
                f"with the carry {carry}"
            )
        return kept


cdef bint keeps(Sweep sweep) except -1:
    """Whether carries of a sweep are to be kept."""
    return any(track is not None for track in sweep.before)


cdef bint is_straight(Body body):
    """Whether there is nothing to decide."""
    return len(body.programs) == 1 and not (<Program> body.programs[0]).code.places


cdef int raised() except -1:
    """Raise the exception that is set."""
    return -1


# ---------------------------------------------------------------------------------------------------------------------
# Checkpoints

# Carries are kept for every step up to so many bytes, and so many more for each lane; beyond, checkpoints restore them:
# as many as fit in these bytes, or more up to MOST_BYTES if the steps would be repeated more than twice.
cdef Py_ssize_t RECORD_BYTES = 1 << 19
cdef Py_ssize_t RECORD_BYTES_OF_LANE = 1 << 13
cdef Py_ssize_t MOST_BYTES = 1 << 26


cdef Py_ssize_t most_steps(Py_ssize_t checkpoints, Py_ssize_t repetitions, Py_ssize_t limit) noexcept:
    """Return how many steps can be reversed if none is repeated more often, up to a limit: a binomial coefficient."""
    cdef Py_ssize_t k
    cdef double result = 1.0
    if repetitions < 0:
        return 0
    for k in range(1, repetitions + 1):
        result = result * (checkpoints + k) / k
        if result > limit:
            return limit
    return <Py_ssize_t> (result + 0.5)


cdef Py_ssize_t repetitions(Py_ssize_t steps, Py_ssize_t checkpoints) noexcept:
    """Return how often steps have to be repeated."""
    cdef Py_ssize_t result = 0
    while most_steps(checkpoints, result, steps) < steps:
        result += 1
    return result


cdef Py_ssize_t fewest_checkpoints(Py_ssize_t steps, Py_ssize_t repetitions, Py_ssize_t most) noexcept:
    """Return with how few checkpoints steps need not be repeated more often, at most so many: those stay in the cache.
    """
    cdef Py_ssize_t least = 0, middle
    while most - least > 1:
        middle = (least + most) // 2
        if most_steps(middle, repetitions, steps) < steps:
            least = middle
        else:
            most = middle
    return most


cdef Py_ssize_t advance(Py_ssize_t steps, Py_ssize_t checkpoints) noexcept:
    """Return how many steps to take before the next checkpoint, of `steps` to be reversed with so many checkpoints.

    The schedule of the fewest steps, `revolve` of Griewank and Walther (2000): with r repetitions the steps up to the
    checkpoint are those that r - 1 repetitions reverse, and the rest those of one checkpoint less.
    """
    cdef Py_ssize_t r
    if checkpoints == 1:
        return steps - 1
    r = repetitions(steps, checkpoints)
    return max(1, min(most_steps(checkpoints, r - 1, steps), steps - most_steps(checkpoints - 1, r - 1, steps)))


@cython.internal
@cython.auto_pickle(False)
cdef class Checkpoints:
    """The carries of a sweep, restored step by step the other way from a few that are kept."""
    cdef Runner runner
    cdef Py_ssize_t width
    cdef Py_ssize_t count
    # [checkpoint][carry][lane], and the position in the order of the sweep that each was taken at.
    cdef double *memory
    cdef Py_ssize_t *positions
    cdef Py_ssize_t used

    def __dealloc__(self):
        PyMem_RawFree(self.memory)
        PyMem_RawFree(self.positions)

    cdef int begin(self, Runner runner, Py_ssize_t count, Py_ssize_t width) except -1:
        self.runner, self.count, self.width = runner, count, width
        self.memory = <double *> room(count * width, sizeof(double))
        self.positions = <Py_ssize_t *> room(count, sizeof(Py_ssize_t))
        # The first is what the sweep starts from.
        self.used = 1
        return runner.start(self.memory)

    cdef int run(self) except -1:
        """Run the sweep, so that the checkpoints from which its last step is restored are left."""
        cdef Execution execution = self.runner.execution
        cdef Py_ssize_t last = 0 if self.runner.sweep.descending else execution.steps - 1
        cdef double *now = self.carries_before(last)
        cdef double *following = self.runner.rows + (self.width if now == self.runner.rows else 0)
        self.runner.step(now, following, NULL, last, execution.lanes)
        self.runner.finish(following)
        # Nor does it outlive the operands.
        self.runner = None
        return 0

    cdef double *carries_before(self, Py_ssize_t step) except NULL:
        """Return the carries before a step; of any two steps, the later one of the sweep has to come first."""
        cdef Execution execution = self.runner.execution
        cdef bint descending = self.runner.sweep.descending
        cdef Py_ssize_t wanted = execution.steps - 1 - step if descending else step
        cdef Py_ssize_t at, target
        cdef double *now = self.runner.rows
        cdef double *following = now + self.width
        while self.positions[self.used - 1] > wanted:
            self.used -= 1
        at = self.positions[self.used - 1]
        if at == wanted:
            return self.memory + (self.used - 1) * self.width
        memcpy(now, self.memory + (self.used - 1) * self.width, self.width * sizeof(double))
        while at < wanted:
            target = at + advance(wanted - at + 1, self.count - self.used + 1)
            while at < target:
                step = execution.steps - 1 - at if descending else at
                if at % STEPS_BETWEEN_SIGNALS == 0:
                    PyErr_CheckSignals()
                self.runner.step(now, following, NULL, step, execution.lanes_of_step(step))
                now, following = following, now
                at += 1
            if at < wanted:
                memcpy(self.memory + self.used * self.width, now, self.width * sizeof(double))
                self.positions[self.used] = at
                self.used += 1
        return now
