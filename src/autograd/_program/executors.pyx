"""Batches that run on executors: what travels to a worker is programs, numbers and nothing else.

A batch is cut into chunks of lanes, which depend on the batch alone. A worker keeps the programs that it was sent, by
their checksums; a chunk names them, and brings them along until most workers should have them. Lanes that no program
serves come back: the function is traced here, and the lanes go out again with the new program. Answers are taken in the
order of the chunks, so that sums over the lanes do not depend on who computed them.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_RawFree

import itertools
import uuid
from collections import deque
from concurrent.futures import BrokenExecutor

import numpy

from autograd import _hooks

from autograd._core cimport Value
from autograd._interpreter.interpreter cimport Array
from autograd._ir.code cimport room
from autograd._program.program cimport Program, varying_of
from autograd._program.specializations cimport Partition, Specializations

from autograd._program.serialization import to_file, unpacked

# The instructions times lanes of a chunk if its size is not given: about 20 ms.
cdef Py_ssize_t WORK = 1 << 24
# At most so many chunks are on their way.
cdef Py_ssize_t MOST_PENDING = 256
# A program goes along with so many chunks; a worker that does not have it then asks for it.
cdef Py_ssize_t MOST_SENT = 16
# A chunk is sent so often to executors that break.
cdef Py_ssize_t MOST_ATTEMPTS = 4
# Lanes that no program serves come back so often before they are run here.
cdef Py_ssize_t MOST_RETURNS = 8
# A worker keeps so many programs, and a team so many packed ones.
cdef Py_ssize_t MOST_KEPT = 512


# ---------------------------------------------------------------------------------------------------------------------
# On the worker

@cython.internal
@cython.auto_pickle(False)
cdef class Visitors(Specializations):
    """Programs whose function is elsewhere. Lanes that none serves are left as they are."""

    cdef int run_unknown(self, Partition partition) except -1:
        return 0


# By the token of a team and checksum: a program; by the token and the checksums of several: these together.
cdef dict kept_programs = {}
cdef dict kept_visitors = {}


cdef int keep(dict kept, object key, object item) except -1:
    while len(kept) >= MOST_KEPT:
        kept.pop(next(iter(kept)), None)
    kept[key] = item
    return 0


cdef Visitors visitors_of(str token, tuple keys, tuple contents):
    """Return the programs with these checksums, None if one is missing."""
    cdef Visitors visitors = kept_visitors.get((token, keys))
    if visitors is None:
        visitors = Visitors.__new__(Visitors)
        visitors.name, visitors.max_ways = "a function", len(keys)
        for key, content in zip(keys, contents):
            program = kept_programs.get((token, key))
            if program is None:
                if content is None:
                    return None
                program = unpacked(content)
                keep(kept_programs, (token, key), program)
            visitors.add(program)
        keep(kept_visitors, (token, keys), visitors)
    return visitors


def run_chunk(str token, tuple keys, tuple contents, tuple captured, bytes varying, bytes summed, Py_ssize_t lanes,
              bytes data, int threads, serial):
    """Run programs for the lanes of a chunk.

    Parameters
    ----------
    token, keys : str, tuple of bytes
        Name the programs.
    contents : tuple of bytes or None
        The programs that come along.
    captured : tuple of bytes
        For each program the numbers of the Values that it captures.
    varying : bytes
        By input, whether it has a number for each lane.
    summed : bytes or None
        By output, whether it is summed over the lanes; then there is one program.
    lanes : int
    data : bytes
        The inputs one after the other.
    threads : int
    serial : int
        Makes calls with the same arguments different, for executors that remember results.

    Returns
    -------
    (bytes, list) or None
        The outputs one after the other, and what served: pairs of the number of a program and its lanes, None for all.
        None if the worker lacks a program.
    """
    cdef Visitors visitors = visitors_of(token, keys, contents)
    cdef Program program
    cdef Array *arrays
    cdef double *numbers = <double *> PyBytes_AS_STRING(data)
    cdef const double *values
    cdef unsigned *failed = NULL
    cdef bytes results
    cdef list parts = [], served = []
    cdef Py_ssize_t i, k, size = 0
    if visitors is None:
        return None
    for k, program in enumerate(visitors.programs):
        values = <const double *> PyBytes_AS_STRING(<bytes> captured[k])
        for i, value in enumerate(program.code.captured):
            (<Value> value).node.primal = values[i]
    program = visitors.programs[0]
    for i in range(program.outputs):
        size += 1 if summed is not None and summed[i] else lanes
    results = PyBytes_FromStringAndSize(NULL, size * sizeof(double))
    arrays = <Array *> room(program.inputs + program.outputs, sizeof(Array))
    try:
        for i in range(program.inputs):
            arrays[i] = Array(numbers, varying[i])
            numbers += lanes if varying[i] else 1
        numbers = <double *> PyBytes_AS_STRING(results)
        for i in range(program.outputs):
            arrays[program.inputs + i] = Array(numbers, summed is None or not summed[i])
            numbers += 1 if summed is not None and summed[i] else lanes
        if summed is not None:
            failed = <unsigned *> room(lanes, sizeof(unsigned))
            if not program.run(varying, summed, lanes, NULL, arrays, arrays + program.inputs, failed, threads):
                served.append((0, None))
        else:
            try:
                visitors.run_lanes(arrays, lanes, arrays + program.inputs, threads, parts)
            except RuntimeError:
                # A loop takes a new branch.
                parts = []
            for program, rows in parts:
                served.append((visitors.programs.index(program), rows))
    finally:
        PyMem_RawFree(arrays)
        PyMem_RawFree(failed)
    return results, served


# ---------------------------------------------------------------------------------------------------------------------
# Here

@cython.internal
@cython.auto_pickle(False)
cdef class Chunk:
    """Lanes on their way."""
    cdef list programs
    # As bytes: the rows, and what `run_chunk` takes.
    cdef bytes rows
    cdef bytes data
    cdef bytes varying
    cdef bytes summed
    cdef object future
    cdef object executor
    cdef Py_ssize_t attempts
    cdef Py_ssize_t returns

    cdef Py_ssize_t lanes(self) noexcept:
        return len(self.rows) // sizeof(Py_ssize_t)


cdef bytes gathered(const Array *inputs, bytes varying, bytes rows):
    """Return the numbers of some rows, inputs one after the other; a single number of what does not vary."""
    cdef const Py_ssize_t *row = <const Py_ssize_t *> PyBytes_AS_STRING(rows)
    cdef Py_ssize_t lanes = len(rows) // sizeof(Py_ssize_t), i, lane, size = 0
    cdef bytes data
    cdef double *place
    for i in range(len(varying)):
        size += lanes if varying[i] else 1
    data = PyBytes_FromStringAndSize(NULL, size * sizeof(double))
    place = <double *> PyBytes_AS_STRING(data)
    for i in range(len(varying)):
        if varying[i]:
            for lane in range(lanes):
                place[lane] = inputs[i].data[row[lane] * inputs[i].stride]
            place += lanes
        else:
            place[0] = inputs[i].data[0]
            place += 1
    return data


cdef bytes rows_from(const Py_ssize_t *rows, Py_ssize_t first, Py_ssize_t count):
    """Return `count` rows from position `first` on; their numbers are their positions if `rows` is NULL."""
    cdef bytes result = PyBytes_FromStringAndSize(NULL, count * sizeof(Py_ssize_t))
    cdef Py_ssize_t *row = <Py_ssize_t *> PyBytes_AS_STRING(result)
    cdef Py_ssize_t i
    for i in range(count):
        row[i] = first + i if rows == NULL else rows[first + i]
    return result


cdef bytes chosen(bytes rows, bytes lanes):
    """Return the rows of some lanes."""
    return rows if lanes is None else gathered_rows(rows, lanes)


cdef bytes gathered_rows(bytes rows, bytes lanes):
    cdef const Py_ssize_t *row = <const Py_ssize_t *> PyBytes_AS_STRING(rows)
    cdef bytes result = PyBytes_FromStringAndSize(PyBytes_AS_STRING(lanes), len(lanes))
    cdef Py_ssize_t *lane = <Py_ssize_t *> PyBytes_AS_STRING(result)
    cdef Py_ssize_t i
    for i in range(<Py_ssize_t> (len(lanes) // sizeof(Py_ssize_t))):
        lane[i] = row[lane[i]]
    return result


cdef bytes lanes_left(Py_ssize_t lanes, list served):
    """Return the lanes that nothing served, None if there are none."""
    cdef bytearray done = bytearray(lanes)
    cdef bytes left
    cdef const Py_ssize_t *lane
    cdef Py_ssize_t *target
    cdef Py_ssize_t i, count = lanes
    for _, rows in served:
        if rows is None:
            return None
        lane = <const Py_ssize_t *> PyBytes_AS_STRING(<bytes> rows)
        count -= len(<bytes> rows) // sizeof(Py_ssize_t)
        for i in range(<Py_ssize_t> (len(<bytes> rows) // sizeof(Py_ssize_t))):
            done[lane[i]] = 1
    if not count:
        return None
    left = PyBytes_FromStringAndSize(NULL, count * sizeof(Py_ssize_t))
    target = <Py_ssize_t *> PyBytes_AS_STRING(left)
    for i in range(lanes):
        if not done[i]:
            target[0] = i
            target += 1
    return left


cdef void scatter(const double *results, Py_ssize_t lanes, bytes rows, bytes served, const Array *outputs,
                  Py_ssize_t count) noexcept:
    """Write the results of the lanes that were served to the rows of the outputs."""
    cdef const Py_ssize_t *row = <const Py_ssize_t *> PyBytes_AS_STRING(rows)
    cdef const Py_ssize_t *lane = NULL
    cdef Py_ssize_t i, k, size = lanes, at
    if served is not None:
        lane = <const Py_ssize_t *> PyBytes_AS_STRING(served)
        size = len(served) // sizeof(Py_ssize_t)
    for i in range(count):
        for k in range(size):
            at = k if lane == NULL else lane[k]
            outputs[i].data[row[at] * outputs[i].stride] = results[i * lanes + at]


@cython.auto_pickle(False)
@cython.binding(False)
cdef class Team:
    """An executor and what its workers know.

    Parameters
    ----------
    source : executor or callable
        Has `submit`, or returns what has it, each time that the last one has broken.
    chunk : int
        The lanes of a chunk, 0 to choose.
    threads : int
        On a worker.
    """
    cdef object source
    cdef object executor
    cdef Py_ssize_t chunk
    cdef int threads
    cdef str token
    cdef object serial
    # By identity of a program: the program, its checksum and content; by checksum, how often it went along.
    cdef dict packed
    cdef dict sent

    def __init__(self, source, Py_ssize_t chunk, int threads):
        self.source, self.chunk, self.threads = source, chunk, threads
        self.token, self.serial = uuid.uuid4().hex, itertools.count()
        self.packed, self.sent = {}, {}
        self.executor = source if hasattr(source, "submit") else None

    cdef Py_ssize_t size(self, Program program) except -1:
        """Return how many lanes a chunk has."""
        return self.chunk or max(1, WORK // max(1, program.code.size))

    cdef tuple pack(self, Program program):
        entry = self.packed.get(id(program))
        if entry is None:
            content = to_file(program)
            entry = program, content[24:56], content
            keep(self.packed, id(program), entry)
        return entry

    cdef int send(self, Chunk chunk, bint bring=False) except -1:
        cdef list keys = [], contents = [], captured = []
        cdef Program program
        for program in chunk.programs:
            _, key, content = self.pack(program)
            times = self.sent.get(key, 0)
            self.sent[key] = times + 1
            keys.append(key)
            contents.append(content if bring or times < MOST_SENT else None)
            captured.append(data_of(program))
        if self.executor is None:
            self.executor, self.sent = self.source(), {}
            return self.send(chunk, True)
        chunk.executor = self.executor
        chunk.future = self.executor.submit(
            _hooks.call, "run_chunk", self.token, tuple(keys), tuple(contents), tuple(captured), chunk.varying,
            chunk.summed, chunk.lanes(), chunk.data, self.threads, next(self.serial))
        return 0

    cdef tuple answer(self, Chunk chunk):
        """Return the answer of a worker, after sending the chunk again if that is needed."""
        while True:
            try:
                if chunk.future is None:
                    self.send(chunk)
                answer = chunk.future.result()
                if answer is not None:
                    return answer
                self.send(chunk, True)
            except BrokenExecutor as error:
                chunk.attempts += 1
                if hasattr(self.source, "submit") or chunk.attempts >= MOST_ATTEMPTS:
                    raise type(error)(
                        f"{error} The executor takes no more work: for one that is replaced, and chunks that are sent "
                        "again, give a function that makes it, such as executor=lambda: ProcessPoolExecutor()"
                    ) from error
                if self.executor is chunk.executor:
                    self.executor = None
                chunk.future = None

    cdef object start(self, list programs, bytes varying, bytes summed, const Array *inputs, bytes rows,
                      Py_ssize_t returns=0):
        cdef Chunk chunk = Chunk.__new__(Chunk)
        chunk.programs, chunk.varying, chunk.summed, chunk.rows = programs, varying, summed, rows
        chunk.data = gathered(inputs, varying, rows)
        chunk.returns = returns
        try:
            self.send(chunk)
        except BrokenExecutor:
            # `answer` sees to it.
            chunk.future, chunk.executor = None, self.executor
            if not hasattr(self.source, "submit"):
                self.executor = None
        return chunk

    def run(self, Specializations functions, size_t inputs_at, Py_ssize_t lanes, size_t outputs_at, list parts):
        """Run a function for every lane, as `Specializations.run` does."""
        cdef const Array *inputs = <const Array *> inputs_at
        cdef const Array *outputs = <const Array *> outputs_at
        cdef Program program = functions.programs[0]
        cdef Py_ssize_t first = 0, count = self.size(program), output_count = program.outputs, known
        cdef bytes varying = varying_of(inputs, program.inputs), left
        cdef Chunk chunk
        pending = deque()
        try:
            while first < lanes or pending:
                while first < lanes and len(pending) < MOST_PENDING:
                    pending.append(self.start(list(functions.programs), varying, None, inputs,
                                              rows_from(NULL, first, min(count, lanes - first))))
                    first += count
                chunk = pending.popleft()
                results, served = self.answer(chunk)
                for number, rows in served:
                    scatter(<const double *> PyBytes_AS_STRING(<bytes> results), chunk.lanes(), chunk.rows, rows,
                            outputs, output_count)
                    if parts is not None:
                        parts.append((chunk.programs[number], chosen(chunk.rows, rows)))
                left = lanes_left(chunk.lanes(), served)
                if left is None:
                    continue
                left = gathered_rows(chunk.rows, left)
                known = len(chunk.programs)
                if len(functions.programs) == known:
                    # The first of them shows the way.
                    self.run_here(functions, inputs, varying, left[:sizeof(Py_ssize_t)], outputs, output_count, parts)
                    left = left[sizeof(Py_ssize_t):]
                if not left:
                    continue
                if known < len(functions.programs) and chunk.returns < MOST_RETURNS:
                    pending.append(self.start(list(functions.programs), varying, None, inputs, left,
                                              chunk.returns + 1))
                else:
                    self.run_here(functions, inputs, varying, left, outputs, output_count, parts)
        finally:
            cancel(pending)
        if parts is not None:
            merge(parts, lanes)
        return 0

    cdef int run_here(self, Specializations functions, const Array *inputs, bytes varying, bytes rows,
                      const Array *outputs, Py_ssize_t output_count, list parts) except -1:
        """Run the function for some rows in this process, which traces it where no program serves."""
        cdef Py_ssize_t lanes = len(rows) // sizeof(Py_ssize_t), i
        cdef bytes data = gathered(inputs, varying, rows)
        cdef double *numbers = <double *> PyBytes_AS_STRING(data)
        cdef double *results = NULL
        cdef Array *arrays = <Array *> room(len(varying) + output_count, sizeof(Array))
        cdef list ran = []
        try:
            results = <double *> room(lanes * output_count, sizeof(double))
            for i in range(len(varying)):
                arrays[i] = Array(numbers, varying[i])
                numbers += lanes if varying[i] else 1
            for i in range(output_count):
                arrays[len(varying) + i] = Array(results + i * lanes, 1)
            try:
                functions.run_lanes(arrays, lanes, arrays + len(varying), 0, ran)
            except Exception as error:
                if isinstance(getattr(error, "lane", None), int):
                    error.lane = (<const Py_ssize_t *> PyBytes_AS_STRING(rows))[<Py_ssize_t> error.lane]
                raise
            scatter(results, lanes, rows, None, outputs, output_count)
        finally:
            PyMem_RawFree(arrays)
            PyMem_RawFree(results)
        if parts is not None:
            for program, lanes_of_program in ran:
                parts.append((program, chosen(rows, lanes_of_program)))
        for program in functions.programs:
            # Its loops may have met new branches.
            if (<Program> program).code.calls:
                self.packed.pop(id(program), None)
        return 0

    def run_summed(self, Program program, bytes varying, bytes summed, Py_ssize_t lanes, size_t rows_at,
                   size_t inputs_at, size_t outputs_at):
        """Run a program as `Program.run` does, and return whether a guard failed. Sums are those of the chunks."""
        cdef const Array *inputs = <const Array *> inputs_at
        cdef const Array *outputs = <const Array *> outputs_at
        cdef Py_ssize_t first = 0, count = self.size(program), i, k
        cdef const Py_ssize_t *row
        cdef const double *numbers
        cdef Chunk chunk
        cdef bint begun = False
        pending = deque()
        try:
            while first < lanes or pending:
                while first < lanes and len(pending) < MOST_PENDING:
                    pending.append(self.start([program], varying, summed, inputs, rows_from(
                        <const Py_ssize_t *> rows_at, first, min(count, lanes - first))))
                    first += count
                chunk = pending.popleft()
                results, served = self.answer(chunk)
                if not served:
                    return True
                numbers = <const double *> PyBytes_AS_STRING(<bytes> results)
                row = <const Py_ssize_t *> PyBytes_AS_STRING(chunk.rows)
                for i in range(program.outputs):
                    if summed[i]:
                        outputs[i].data[0] = outputs[i].data[0] + numbers[0] if begun else numbers[0]
                        numbers += 1
                        continue
                    for k in range(chunk.lanes()):
                        outputs[i].data[row[k] * outputs[i].stride] = numbers[k]
                    numbers += chunk.lanes()
                begun = True
        finally:
            cancel(pending)
        return False


cdef int cancel(object pending) except -1:
    """Cancel what is still on its way."""
    for chunk in pending:
        future = (<Chunk> chunk).future
        if hasattr(future, "cancel"):
            future.cancel()
    return 0


cdef bytes data_of(Program program):
    """Return the numbers of the captured Values."""
    cdef Py_ssize_t i
    cdef bytes data = PyBytes_FromStringAndSize(NULL, len(program.code.captured) * sizeof(double))
    for i, value in enumerate(program.code.captured):
        (<double *> PyBytes_AS_STRING(data))[i] = (<Value> value).node.primal
    return data


cdef int merge(list parts, Py_ssize_t lanes) except -1:
    """Make one part of all that a program served, its rows in order; parts in the order of their first rows."""
    cdef dict by_program = {}
    cdef bytes rows
    for program, rows in parts:
        by_program.setdefault(id(program), (program, []))[1].append(rows)
    parts.clear()
    for program, pieces in by_program.values():
        rows = b"".join(pieces)
        if len(by_program) == 1 and len(rows) == <Py_ssize_t> (lanes * sizeof(Py_ssize_t)):
            parts.append((program, None))
        else:
            parts.append((program, sorted_rows(rows)))
    if len(parts) > 1:
        parts.sort(key=first_row)
    return 0


cdef bytes sorted_rows(bytes rows):
    return numpy.sort(numpy.frombuffer(rows, numpy.intp)).tobytes()


def first_row(part):
    """Return the first row of a part."""
    return (<const Py_ssize_t *> PyBytes_AS_STRING(<bytes> part[1]))[0]
