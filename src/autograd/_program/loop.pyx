"""Loops as instructions: a body that runs step after step for many lanes.

A `Loop` is a small program of its own, over scalars, a number for each lane, and tracks, a number for each lane and
step. Its operations are stages: each runs a body once a step, up or down the steps, and passes carries on from step to
step. What `scan` makes has one stage. Forward mode gives every carry a tangent. Reverse mode lets a stage keep its
carries in tracks, and adds a stage that runs the steps the other way: its body is the reverse mode of the body, its
carries are the adjoints, and sums over the steps for what all steps share. So the derivatives of a loop are loops, for
which the same holds.

A branch in a body is taken for every step and lane: a body has specializations of its own.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcpy, memset

import numpy

from autograd._cpython cimport address
from autograd._interpreter.executable cimport Executable
from autograd._interpreter.interpreter cimport Array, run as run_schedule
from autograd._ir.code cimport Code, resized, room
from autograd._ir.derivatives cimport forward, reverse
from autograd._program.program cimport Program, new_program

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1

cdef extern from "_kernels/ops.h" nogil:
    enum:
        OP_ADD

# The number of the scalar that is zero; it is not counted.
cdef Py_ssize_t ZERO = -1
# Ctrl-C is looked for once in so many steps.
cdef Py_ssize_t STEPS_BETWEEN_SIGNALS = 256
# The tracks of a loop of unknown length have room for so many steps at first.
cdef Py_ssize_t FIRST_ROOM = 64


@cython.auto_pickle(False)
cdef class Body(Specializations):
    """The function of a stage."""

    def __cinit__(self):
        self.max_ways = 64


@cython.internal
@cython.auto_pickle(False)
cdef class Derived(Body):
    """A derivative of a body. Its first inputs are those of the body, so that it takes the same branches."""
    cdef Body base

    cdef Code derive(self, Code code):
        raise NotImplementedError

    cdef Program specialize(self, list point):
        cdef Py_ssize_t inputs = (<Program> self.base.programs[0]).inputs
        return new_program(self.derive(self.base.specialize(point[:inputs]).code))


cdef Derived derived(Derived body, Body base):
    body.base, body.name = base, base.name
    for program in base.programs:
        body.add(new_program(body.derive((<Program> program).code)))
    return body


@cython.internal
@cython.auto_pickle(False)
cdef class Forward(Derived):
    """Forward mode: the outputs, then the tangent of each."""
    cdef list wrt

    cdef Code derive(self, Code code):
        return forward(code, self.wrt, list(range(len(code.outputs))))


@cython.internal
@cython.auto_pickle(False)
cdef class Reverse(Derived):
    """Reverse mode: the adjoint of each input in `wrt`, to some of which another input is added."""
    cdef list wrt
    cdef list of
    # Of these of its outputs.
    cdef list added

    cdef Code derive(self, Code code):
        cdef Code result = reverse(code, self.wrt, self.of, [], False).copy_of()
        for output in self.added:
            result.inputs += 1
            result.outputs[output] = result.emit(OP_ADD, result.load(result.inputs - 1), result.outputs[output])
        result.finish()
        return result


@cython.auto_pickle(False)
cdef class Stage:
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


cdef Stage new_stage(Body body, bint descending, list sources, list targets, list init, list finals, list before):
    cdef Stage stage = Stage.__new__(Stage)
    stage.body, stage.descending, stage.sources, stage.targets = body, descending, sources, targets
    stage.init, stage.finals, stage.before = init, finals, before
    return stage


@cython.auto_pickle(False)
cdef class Sum:
    """The sum of two scalars."""


cdef Sum new_sum(Py_ssize_t result, Py_ssize_t a, Py_ssize_t b):
    cdef Sum sum = Sum.__new__(Sum)
    sum.result, sum.a, sum.b = result, a, b
    return sum


@cython.auto_pickle(False)
cdef class Loop(Subprogram):
    """A loop as an instruction."""

    def __reduce__(self):
        raise TypeError(f"a program with a loop ({self.__name__}) cannot be pickled: pickle the compiled function")

    cdef Loop copy(self):
        cdef Loop loop = Loop.__new__(Loop)
        loop.__name__, loop.steps, loop.max_steps = self.__name__, self.steps, self.max_steps
        loop.condition, loop.condition_sources = self.condition, self.condition_sources
        loop.operands, loop.results, loop.operations = list(self.operands), list(self.results), list(self.operations)
        loop.scalars, loop.tracks, loop.constants = self.scalars, self.tracks, self.constants
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
        return pushforward(self, active)

    def pullback(self, received, active):
        """Return reverse mode, the results whose cotangents it takes after the operands, and the operands that it is by.
        """
        return pullback(self, received, active)

    cdef int run_lanes(self, const Array *operands, Py_ssize_t lanes, const Array *results) except -1:
        cdef Execution execution = Execution.__new__(Execution)
        execution.begin(self, lanes)
        return execution.run(operands, results)


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
        if isinstance(operation, Stage):
            loop.operations.append(forward_stage(loop, operation, scalars, tracks))
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


cdef Stage forward_stage(Loop loop, Stage stage, dict scalars, dict tracks):
    cdef Forward body = Forward.__new__(Forward)
    cdef Py_ssize_t carries = len(stage.init)
    if not stage.is_active(set(scalars), set(tracks)):
        return stage
    sources, targets, before = list(stage.sources), list(stage.targets), list(stage.before)
    body.wrt = []
    for i, (kind, number) in enumerate(stage.sources):
        if kind == CARRY:
            tangent = number + carries
        else:
            tangent = (scalars if kind == SCALAR else tracks).get(number)
        if tangent is not None:
            body.wrt.append(i)
            sources.append((kind, tangent))
    for kind, number in stage.targets:
        if kind == TRACK:
            tracks[number] = loop.new_track()
        targets.append((kind, number + carries if kind == CARRY else tracks[number] if kind == TRACK else 0))
    init = stage.init + [scalars.get(scalar, ZERO) for scalar in stage.init]
    for scalar in stage.finals:
        scalars[scalar] = loop.new_scalar()
    finals = stage.finals + [scalars[scalar] for scalar in stage.finals]
    for track in stage.before:
        if track is not None:
            tracks[track] = loop.new_track()
        before.append(None if track is None else tracks[track])
    return new_stage(derived(body, stage.body), stage.descending, sources, targets, init, finals, before)


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
        """Find what depends on the operands to differentiate by, and let the stages among it keep their carries."""
        cdef Stage stage
        cdef Sum sum
        for k, operation in enumerate(operations):
            if isinstance(operation, Sum):
                sum = operation
                if sum.a in self.active_scalars or sum.b in self.active_scalars:
                    self.active_scalars.add(sum.result)
                continue
            stage = operation
            if stage.is_active(self.active_scalars, self.active_tracks):
                before = [self.loop.new_track() if track is None else track for track in stage.before]
                operations[k] = new_stage(stage.body, stage.descending, stage.sources, stage.targets, stage.init,
                                          stage.finals, before)
                self.active_scalars.update(stage.finals)
                self.active_tracks.update(before)
                self.active_tracks.update(number for kind, number in stage.targets if kind == TRACK)
        return 0

    cdef int reverse(self, Stage stage) except -1:
        """Append the stage that runs the steps of another one the other way."""
        cdef Reverse body = Reverse.__new__(Reverse)
        cdef Py_ssize_t carries = len(stage.init)
        cdef list sources = [], targets = [], init = [], finals = [], sums = []
        body.wrt, body.of, body.added = [], [], []
        for i, (kind, number) in enumerate(stage.targets):
            if kind == CARRY or kind == TRACK and number in self.tracks:
                body.of.append(i)
        if not stage.is_active(self.active_scalars, self.active_tracks) or not (
                any(scalar in self.scalars for scalar in stage.finals)
                or any(track in self.tracks for track in stage.before)
                or any(stage.targets[i][0] == TRACK for i in body.of)):
            return 0
        for scalar in stage.finals:
            init.append(self.scalars.get(scalar, ZERO))
            finals.append(self.loop.new_scalar())
        for i, (kind, number) in enumerate(stage.sources):
            sources.append((TRACK, stage.before[number]) if kind == CARRY else (kind, number))
            if kind == CARRY:
                target, existing = (CARRY, number), self.tracks.get(stage.before[number])
                addend = None if existing is None else (TRACK, existing)
            elif kind == TRACK and number in self.active_tracks:
                existing = self.tracks.get(number)
                addend = None if existing is None else (TRACK, existing)
                target = (TRACK, self.loop.new_track())
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
            kind, number = stage.targets[i]
            sources.append((CARRY, number) if kind == CARRY else (TRACK, self.tracks[number]))
        for i in body.added:
            sources.append(targets[i][2])
        for i, (kind, number, _) in zip(body.wrt, targets):
            if kind == TRACK:
                self.tracks[stage.sources[i][1]] = number
        for scalar in sums:
            init.append(self.scalars.get(scalar, ZERO))
            finals.append(self.loop.new_scalar())
        self.loop.operations.append(new_stage(
            derived(body, stage.body), not stage.descending, sources, [(kind, number) for kind, number, _ in targets],
            init, finals, [None] * len(init)))
        for scalar, adjoint in zip(sums, finals[carries:]):
            self.scalars[scalar] = adjoint
        for scalar, adjoint in zip(stage.init, finals):
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
        if isinstance(operation, Stage):
            self.reverse(operation)
        else:
            sum = operation
            if sum.result in self.scalars:
                for scalar in (sum.a, sum.b):
                    self.add(scalar, self.scalars[sum.result])
    loop.results = []
    for kind, number in wrt:
        loop.results.append((kind, (self.scalars if kind == SCALAR else self.tracks).get(number, ZERO)))
    drop_dead_tracks(loop)
    return loop, cotangents, gradients


cdef int drop_dead_tracks(Loop loop) except -1:
    """Let outputs that nothing reads go nowhere."""
    cdef Stage stage
    used = {number for kind, number in loop.results if kind == TRACK}
    for operation in loop.operations:
        if isinstance(operation, Stage):
            used.update(number for kind, number in (<Stage> operation).sources if kind == TRACK)
    for k, operation in enumerate(loop.operations):
        if isinstance(operation, Stage):
            stage = operation
            targets = [(NOWHERE, 0) if kind == TRACK and number not in used else (kind, number)
                       for kind, number in stage.targets]
            before = [track if track in used else None for track in stage.before]
            loop.operations[k] = new_stage(stage.body, stage.descending, stage.sources, targets, stage.init,
                                           stage.finals, before)
    return 0


# ---------------------------------------------------------------------------------------------------------------------
# Running

cdef struct Place:
    # Of a number for each lane; a track has a row of `lanes` numbers for each step, or an array for each if it is an
    # operand, of which `arrays` is the first.
    double *data
    Py_ssize_t stride
    const Array *arrays


@cython.internal
@cython.auto_pickle(False)
cdef class Execution:
    """One run of a loop."""
    cdef Loop loop
    cdef Py_ssize_t lanes
    # The steps so far, and the steps that the tracks have room for.
    cdef Py_ssize_t steps
    cdef Py_ssize_t capacity
    cdef Place *scalars
    cdef Place *tracks
    # The numbers of the scalars that stages make.
    cdef double *numbers
    # Of a stage: the arrays of its inputs and outputs, two rows for each carry, and numbers nobody reads.
    cdef Array *arrays
    cdef double *carries
    # By lane, in a loop with a condition: how many steps it took; the lanes that still run; gathered numbers of these.
    cdef Py_ssize_t *counts
    cdef Py_ssize_t *live
    cdef double *gathered
    cdef double zero

    def __dealloc__(self):
        cdef Py_ssize_t t
        if self.tracks != NULL:
            for t in range(self.loop.tracks):
                # Only those of stages have a length of the whole.
                if self.tracks[t].stride == 1 and self.tracks[t].arrays == NULL:
                    PyMem_RawFree(self.tracks[t].data)
        PyMem_RawFree(self.tracks)
        PyMem_RawFree(self.scalars)
        PyMem_RawFree(self.numbers)
        PyMem_RawFree(self.arrays)
        PyMem_RawFree(self.carries)
        PyMem_RawFree(self.counts)
        PyMem_RawFree(self.live)
        PyMem_RawFree(self.gathered)

    cdef int begin(self, Loop loop, Py_ssize_t lanes) except -1:
        self.loop, self.lanes = loop, lanes
        self.scalars = <Place *> room(loop.scalars, sizeof(Place))
        self.tracks = <Place *> room(loop.tracks, sizeof(Place))
        self.numbers = <double *> room(loop.scalars * lanes, sizeof(double))
        if loop.condition is not None:
            self.counts = <Py_ssize_t *> room(lanes, sizeof(Py_ssize_t))
            self.live = <Py_ssize_t *> room(lanes, sizeof(Py_ssize_t))
        else:
            self.steps = self.capacity = loop.steps
        return 0

    cdef int run(self, const Array *operands, const Array *results) except -1:
        cdef Py_ssize_t i, k, lane, at = 0
        cdef Sum sum
        cdef Place x, y
        cdef Array array
        for i in range(self.loop.scalars):
            self.scalars[i] = Place(self.numbers + i * self.lanes, 1, NULL)
        for kind, number in self.loop.operands:
            i = number
            if kind == SCALAR:
                self.scalars[i] = Place(operands[at].data, operands[at].stride, NULL)
                at += 1
            else:
                self.tracks[i].arrays = operands + at
                at += self.loop.steps
        for number, numbers in self.loop.constants.items():
            i = number
            self.tracks[i].data = address(numbers)
        for operation in self.loop.operations:
            if isinstance(operation, Stage):
                self.run_stage(operation)
                continue
            sum = operation
            x, y = self.scalar(sum.a), self.scalar(sum.b)
            for lane in range(self.lanes):
                self.scalars[sum.result].data[lane] = x.data[lane * x.stride] + y.data[lane * y.stride]
        at = 0
        for kind, number in self.loop.results:
            for k in range(self.loop.steps if kind == TRACK else 1):
                array = self.array_at(kind, number, k)
                for lane in range(self.lanes):
                    results[at].data[lane * results[at].stride] = array.data[lane * array.stride]
                at += 1
        return 0

    cdef inline Place scalar(self, Py_ssize_t i) noexcept:
        return Place(&self.zero, 0, NULL) if i == ZERO else self.scalars[i]

    cdef inline Array array_at(self, Py_ssize_t kind, Py_ssize_t i, Py_ssize_t step) noexcept:
        """Return a scalar, or a step of a track, as an array over the lanes."""
        cdef Place place
        if i == ZERO:
            return Array(&self.zero, 0)
        if kind == SCALAR:
            return Array(self.scalars[i].data, self.scalars[i].stride)
        place = self.tracks[i]
        if place.arrays != NULL:
            return place.arrays[step]
        return Array(place.data + step * (self.lanes if place.stride else 1), place.stride)

    cdef int own(self, object track) except -1:
        """Give a track that a stage makes its memory."""
        cdef Place *place = &self.tracks[<Py_ssize_t> track]
        place.stride = 1
        place.data = <double *> resized(place.data, max(self.capacity * self.lanes, 1) * sizeof(double))
        return 0

    cdef int grow(self, Stage stage) except -1:
        self.capacity = max(FIRST_ROOM, 2 * self.capacity)
        return self.own_all(stage)

    cdef int own_all(self, Stage stage) except -1:
        for kind, number in stage.targets:
            if kind == TRACK:
                self.own(number)
        for track in stage.before:
            if track is not None:
                self.own(track)
        return 0

    cdef int run_stage(self, Stage stage) except -1:
        cdef Py_ssize_t inputs = len(stage.sources), outputs = len(stage.targets), carries = len(stage.init)
        cdef Py_ssize_t lanes = self.lanes, i, k, step, alive = lanes
        cdef double *now
        cdef double *following
        cdef bint decides = self.loop.condition is not None and stage is self.loop.operations[0]
        cdef Array array
        cdef Py_ssize_t extra = len(self.loop.condition_sources) if decides else 0
        PyMem_RawFree(self.arrays)
        self.arrays = NULL
        self.arrays = <Array *> room(inputs + outputs + extra + 1, sizeof(Array))
        PyMem_RawFree(self.carries)
        self.carries = NULL
        # The last row is for what goes nowhere, and for the condition.
        self.carries = <double *> room((2 * carries + 1) * lanes, sizeof(double))
        if self.loop.condition is not None:
            PyMem_RawFree(self.gathered)
            self.gathered = NULL
            self.gathered = <double *> room((inputs + outputs + extra) * lanes, sizeof(double))
        now, following = self.carries, self.carries + carries * lanes
        for i in range(carries):
            array = self.array_at(SCALAR, stage.init[i], 0)
            for k in range(lanes):
                now[i * lanes + k] = array.data[k * array.stride]
        self.own_all(stage)
        if decides:
            for k in range(lanes):
                self.live[k] = k
        k = 0
        while decides or k < self.steps:
            step = self.steps - 1 - k if stage.descending else k
            if k % STEPS_BETWEEN_SIGNALS == 0:
                PyErr_CheckSignals()
            if decides:
                alive = self.decide(now, alive, step)
                if not alive:
                    break
                if step == self.capacity:
                    self.grow(stage)
                self.steps = step + 1
            elif self.counts != NULL:
                alive = self.lanes_of_step(step)
            self.step(stage, now, following, step, alive)
            if alive == lanes:
                now, following = following, now
            k += 1
        for i in range(carries):
            memcpy(self.scalars[<Py_ssize_t> stage.finals[i]].data, now + i * lanes, lanes * sizeof(double))
        return 0

    cdef Py_ssize_t lanes_of_step(self, Py_ssize_t step) noexcept:
        """Find the lanes that took a step."""
        cdef Py_ssize_t lane, alive = 0
        for lane in range(self.lanes):
            if self.counts[lane] > step:
                self.live[alive] = lane
                alive += 1
        return alive

    cdef Array source(self, tuple source, double *now, Py_ssize_t step) except *:
        kind, number = source
        if kind == CARRY:
            return Array(now + <Py_ssize_t> number * self.lanes, 1)
        return self.array_at(kind, number, step)

    cdef int step(self, Stage stage, double *now, double *following, Py_ssize_t step, Py_ssize_t alive) except -1:
        """Run a step for the lanes that are alive. If that is not all, the carries stay where they are."""
        cdef Py_ssize_t inputs = len(stage.sources), lanes = self.lanes, i, lane
        cdef Array *outputs = self.arrays + inputs
        cdef Array place
        for i in range(inputs):
            self.arrays[i] = self.source(stage.sources[i], now, step)
        for i, (kind, number) in enumerate(stage.targets):
            if kind == CARRY:
                outputs[i] = Array((following if alive == lanes else now) + <Py_ssize_t> number * lanes, 1)
            elif kind == TRACK:
                outputs[i] = self.array_at(TRACK, number, step)
            else:
                outputs[i] = Array(self.carries + 2 * len(stage.init) * lanes, 1)
        for i, track in enumerate(stage.before):
            if track is not None:
                memcpy(self.tracks[<Py_ssize_t> track].data + step * lanes, now + i * lanes, lanes * sizeof(double))
        if alive == lanes:
            return run_body(stage.body, self.arrays, lanes, outputs)
        self.gather(self.arrays, inputs, self.gathered, alive)
        for i in range(len(stage.targets)):
            place = outputs[i]
            outputs[i] = Array(self.gathered + (inputs + i) * lanes, 1)
        run_body(stage.body, self.arrays, alive, outputs)
        for i, (kind, number) in enumerate(stage.targets):
            if kind == CARRY:
                place = Array(now + <Py_ssize_t> number * lanes, 1)
            elif kind == TRACK:
                place = self.array_at(TRACK, number, step)
                memset(place.data, 0, lanes * sizeof(double))
            else:
                continue
            for lane in range(alive):
                place.data[self.live[lane]] = outputs[i].data[lane]
        return 0

    cdef void gather(self, Array *arrays, Py_ssize_t count, double *memory, Py_ssize_t alive) noexcept:
        """Gather the numbers of the lanes that are alive."""
        cdef Py_ssize_t i, lane
        for i in range(count):
            if arrays[i].stride:
                for lane in range(alive):
                    memory[lane] = arrays[i].data[self.live[lane] * arrays[i].stride]
                arrays[i] = Array(memory, 1)
            memory += self.lanes

    cdef Py_ssize_t decide(self, double *now, Py_ssize_t alive, Py_ssize_t step) except -1:
        """Ask the condition, and return how many lanes take the step."""
        cdef list sources = self.loop.condition_sources
        cdef Py_ssize_t count = len(sources), i, lane, kept = 0
        cdef double *answer = self.carries + 2 * len((<Stage> self.loop.operations[0]).init) * self.lanes
        for i in range(count):
            self.arrays[i] = self.source(sources[i], now, step)
        if alive < self.lanes:
            self.gather(self.arrays, count, self.gathered, alive)
        self.arrays[count] = Array(answer, 1)
        if alive:
            run_body(self.loop.condition, self.arrays, alive, self.arrays + count)
        for i in range(alive):
            lane = self.live[i]
            if answer[i] != 0.0:
                self.live[kept] = lane
                kept += 1
            else:
                self.counts[lane] = step
        if kept and step == self.loop.max_steps:
            lane = self.live[0]
            carry = [now[i * self.lanes + lane] for i in range(len((<Stage> self.loop.operations[0]).init))]
            raise RuntimeError(
                f"{self.loop.__name__}: the condition still holds after max_steps = {step} steps, in lane {lane} with "
                f"the carry {carry}"
            )
        return kept


cdef int run_body(Body body, const Array *inputs, Py_ssize_t lanes, const Array *outputs) except -1:
    cdef Program program = body.programs[0]
    cdef Executable executable
    if len(body.programs) == 1 and not program.code.places:
        # Nothing to decide.
        executable = program.executable(None if lanes == 1 else varying_inputs(inputs, program.inputs), None)
        return run_schedule(&executable.schedule, executable.calls, lanes, NULL, inputs, outputs, NULL, 1)
    return body.run(inputs, -1 if lanes == 1 else lanes, outputs, 1)


cdef bytes varying_inputs(const Array *inputs, Py_ssize_t count):
    cdef Py_ssize_t i
    cdef bytearray varying = bytearray(count)
    for i in range(count):
        varying[i] = inputs[i].stride != 0
    return bytes(varying)
