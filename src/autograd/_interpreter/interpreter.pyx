"""The interpreter: memory, threads and signals around the loops of ``interpreter.h``.

State shared by runs (workspaces kept for reuse, idle threads) is read and written only with the GIL held, so that it is
consistent in a child process whenever the parent forks.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree, PyMem_RawMalloc
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memchr, memcpy, memset

import os

from autograd._ir.code cimport room
from autograd._kernels.functions cimport function_table

cdef extern from "Python.h":
    int PyErr_CheckSignals() noexcept

cdef extern from "pythread.h" nogil:
    ctypedef void *PyThread_type_lock
    unsigned long PyThread_start_new_thread(void (*)(void *) noexcept nogil, void *) noexcept
    unsigned long PYTHREAD_INVALID_THREAD_ID
    PyThread_type_lock PyThread_allocate_lock() noexcept
    void PyThread_free_lock(PyThread_type_lock) noexcept
    int PyThread_acquire_lock(PyThread_type_lock, int) noexcept
    int PyThread_acquire_lock_timed(PyThread_type_lock, long long, int) noexcept
    void PyThread_release_lock(PyThread_type_lock) noexcept

cdef extern from "_interpreter/interpreter.h" nogil:
    enum:
        LANE_MOST_WIDTH
    const void *functions
    ctypedef struct Run:
        const Schedule *schedule
        const Array *inputs
        const Array *outputs
        const Py_ssize_t *rows
        uint32_t *failed
        unsigned char *failures
        Py_ssize_t lanes
        Py_ssize_t width
        Py_ssize_t segment
        Py_ssize_t segments
        double *uniform
        double *sums
        PyObject *calls
        int (*call)(const Run *, const Instruction *, double *const *, Py_ssize_t, const int64_t *) except -1
        int (*interrupted)() noexcept
        Py_ssize_t next  # atomic, as is `stopped`
        int stopped
    Py_ssize_t lane_frame_size(const Run *) noexcept
    int lane_point(const Run *, const Instruction *, Py_ssize_t) noexcept
    void lane_work(Run *, double *, int) noexcept
    void lane_add_up(Run *) noexcept


# The most bytes for the slots of a block: beyond the second-level cache wide blocks still pay. Blocks of fewer lanes
# than LEAST_WIDTH are slower for any number of slots.
cdef Py_ssize_t BLOCK_BYTES = 1 << 21
cdef Py_ssize_t LEAST_WIDTH = 32
# The most segments, enough to keep any number of threads busy until the end, and the most partial sums in all segments.
cdef Py_ssize_t MOST_SEGMENTS = 256
cdef Py_ssize_t MOST_SEGMENT_SUMS = 1 << 20
# The least work, in instructions times lanes, for which releasing the GIL and waking a thread pay off: about 5 and 60
# microseconds.
cdef double RELEASE_WORK = 1e4
cdef double THREAD_WORK = 2e5


# ---------------------------------------------------------------------------------------------------------------------
# Workspaces, kept for the next run

cdef Memory *kept = NULL
cdef int kept_count = 0
cdef enum:
    MOST_KEPT = 64
    MOST_KEPT_SIZE = 1 << 23  # 64 MiB


cdef Memory *take(size_t size) except NULL:
    global kept, kept_count
    cdef Memory **place = &kept
    cdef Memory *memory
    while place[0] != NULL and place[0].size < size:
        place = &place[0].next
    memory = place[0]
    if memory != NULL:
        place[0] = memory.next
        kept_count -= 1
        return memory
    if kept != NULL:  # too small: replaced by a larger one
        memory = kept
        kept = memory.next
        kept_count -= 1
        PyMem_RawFree(memory)
    memory = <Memory *> PyMem_RawMalloc(sizeof(Memory) + 64 + size * sizeof(double))
    if memory == NULL:
        raise MemoryError()
    memory.size = size
    memory.data = <double *> ((<size_t> (memory + 1) + 63) & ~<size_t> 63)
    return memory


cdef void give(Memory *memory) noexcept:
    global kept, kept_count
    if kept_count >= MOST_KEPT or memory.size > MOST_KEPT_SIZE:
        PyMem_RawFree(memory)
        return
    memory.next = kept
    kept = memory
    kept_count += 1


# ---------------------------------------------------------------------------------------------------------------------
# Threads

# A thread that serves one run after another. It is not a Python thread: it does not need the GIL and is not joined when
# the interpreter exits. Releasing `wake` starts it on `run`; it releases `done` when its work is done.
cdef struct Worker:
    PyThread_type_lock wake
    PyThread_type_lock done
    Run *run
    Memory *memory
    Worker *next


cdef Worker *idle = NULL


cdef void serve(void *argument) noexcept nogil:
    cdef Worker *worker = <Worker *> argument
    while True:
        PyThread_acquire_lock(worker.wake, 1)
        lane_work(worker.run, worker.memory.data, 0)
        PyThread_release_lock(worker.done)


cdef Worker *start_worker() noexcept:
    """Return a new worker, or NULL if the system refuses a thread."""
    cdef Worker *worker = <Worker *> PyMem_RawMalloc(sizeof(Worker))
    if worker == NULL:
        return NULL
    worker.wake = PyThread_allocate_lock()
    worker.done = PyThread_allocate_lock()
    if worker.wake != NULL and worker.done != NULL:
        PyThread_acquire_lock(worker.wake, 1)
        PyThread_acquire_lock(worker.done, 1)
        if PyThread_start_new_thread(serve, worker) != PYTHREAD_INVALID_THREAD_ID:
            return worker
    if worker.wake != NULL:
        PyThread_free_lock(worker.wake)
    if worker.done != NULL:
        PyThread_free_lock(worker.done)
    PyMem_RawFree(worker)
    return NULL


cdef int hire(Worker **workers, Py_ssize_t count, Run *run) except -1:
    """Add up to `count` workers, each with a workspace, to the list `workers`."""
    global idle
    cdef Worker *worker
    cdef Memory *memory
    while count > 0:
        memory = take(lane_frame_size(run))
        worker = idle
        if worker != NULL:
            idle = worker.next
        else:
            worker = start_worker()
            if worker == NULL:
                give(memory)
                return 0
        worker.run = run
        worker.memory = memory
        worker.next = workers[0]
        workers[0] = worker
        count -= 1
    return 0


cdef void dismiss(Worker *worker) noexcept:
    global idle
    cdef Worker *following
    while worker != NULL:
        following = worker.next
        give(worker.memory)
        worker.next = idle
        idle = worker
        worker = following


def _forget_workers():
    """Drop the idle workers in a child process: threads do not survive a fork."""
    global idle
    idle = NULL


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)


cdef int interrupted() noexcept with gil:
    return PyErr_CheckSignals()


cdef Py_ssize_t most_threads() except -1:
    text = os.environ.get("AUTOGRAD_NUM_THREADS", "")
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not (text.isdecimal() and int(text) > 0):
        raise ValueError(f"AUTOGRAD_NUM_THREADS must be a positive integer, got {text!r}")
    return int(text)


cdef double work(const Run *run) noexcept:
    """Return the work of a run in instructions times lanes."""
    cdef const Schedule *schedule = run.schedule
    return <double> schedule.prologue_size + <double> run.lanes * <double> schedule.body_size


cdef Py_ssize_t thread_count(const Run *run, int threads) except -1:
    """Return the number of threads that pay for a run, at most `threads` or, if that is 0, `most_threads`."""
    if run.segments < 2 or threads == 1 or run.schedule.calls_python or work(run) < 2 * THREAD_WORK:
        return 1
    return min(threads or most_threads(), <Py_ssize_t> (work(run) / THREAD_WORK), run.segments)


# ---------------------------------------------------------------------------------------------------------------------
# Running

@cython.auto_pickle(False)
cdef class Subprogram:
    """See ``interpreter.pxd``."""

    cdef int run_lanes(self, const Array *operands, Py_ssize_t lanes, const Array *results) except -1:
        raise NotImplementedError


cdef int run_subprogram(Subprogram function, const Run *run, const Instruction *instruction,
                        double *const *varying, Py_ssize_t count, const int64_t *failed) except -1:
    """Run a subprogram for the lanes that have not failed, whose numbers are gathered if some have."""
    cdef const uint32_t *slots = run.schedule.arguments + instruction.b
    cdef Py_ssize_t operands = instruction.c, results = instruction.d
    cdef Py_ssize_t alive = 0, lane, i
    cdef Array *arrays = <Array *> room(operands + results, sizeof(Array))
    cdef double *gathered = NULL
    cdef double *place
    try:
        for lane in range(count):
            alive += failed == NULL or not failed[lane]
        for i in range(operands + results):
            arrays[i] = Array(slot(run, varying, slots[i]), not is_uniform(varying, slots[i]))
        if alive == count:
            return function.run_lanes(arrays, count, arrays + operands)
        gathered = <double *> room((operands + results) * count, sizeof(double))
        for i in range(operands):
            place = gathered + i * count
            alive = 0
            for lane in range(count):
                if not failed[lane]:
                    place[alive] = arrays[i].data[lane * arrays[i].stride]
                    alive += 1
            arrays[i] = Array(place, 1)
        for i in range(operands, operands + results):
            arrays[i] = Array(gathered + i * count, 1)
        function.run_lanes(arrays, alive, arrays + operands)
        for i in range(operands, operands + results):
            place = slot(run, varying, slots[i])
            alive = 0
            for lane in range(count):
                if not failed[lane]:
                    place[lane] = arrays[i].data[alive]
                    alive += 1
        return 0
    finally:
        PyMem_RawFree(arrays)
        PyMem_RawFree(gathered)


cdef int call_python(const Run *run, const Instruction *instruction, double *const *varying, Py_ssize_t count,
                     const int64_t *failed) except -1 with gil:
    """Call a Python function for every lane that has not failed, or once over uniform slots if `varying` is NULL."""
    cdef const uint32_t *slots = run.schedule.arguments + instruction.b
    cdef Py_ssize_t lane, i
    cdef double *place
    cdef list operands
    cdef object results
    function = (<tuple> run.calls)[instruction.a]
    if isinstance(function, Subprogram):
        return run_subprogram(<Subprogram> function, run, instruction, varying, count, failed)
    for lane in range(count):
        if failed != NULL and failed[lane]:
            continue
        operands = []
        for i in range(instruction.c):
            operands.append(slot(run, varying, slots[i])[0 if is_uniform(varying, slots[i]) else lane])
        results = function(*operands)
        if type(results) is not tuple or len(<tuple> results) != instruction.d:
            raise TypeError(f"{function!r} must return a tuple of {instruction.d} floats, got {results!r}")
        for i in range(instruction.d):
            place = slot(run, varying, slots[instruction.c + i])
            place[0 if is_uniform(varying, slots[instruction.c + i]) else lane] = (<tuple> results)[i]
    return 0


cdef inline bint is_uniform(double *const *varying, uint32_t argument) noexcept:
    return varying == NULL or argument & LANE_UNIFORM


cdef inline double *slot(const Run *run, double *const *varying, uint32_t argument) noexcept:
    if is_uniform(varying, argument):
        return run.uniform + (argument & ~LANE_UNIFORM)
    return varying[argument]


cdef int execute(Run *run, Memory *frame, Worker *workers) noexcept nogil:
    """Run all phases, and return whether a guard failed; -1 with an exception set if Python or Ctrl-C ended the run."""
    cdef const Schedule *schedule = run.schedule
    cdef Worker *worker
    cdef Py_ssize_t lane
    cdef int status = lane_point(run, schedule.prologue, schedule.prologue_size)
    if status > 0:
        for lane in range(run.lanes):
            run.failed[lane] = status
        return run.lanes > 0
    if status < 0:
        return -1
    if run.segments > 0:
        worker = workers
        while worker != NULL:
            PyThread_release_lock(worker.wake)
            worker = worker.next
        lane_work(run, frame.data, 1)
        worker = workers
        while worker != NULL:
            # The last segment can take long: check for Ctrl-C.
            while PyThread_acquire_lock_timed(worker.done, 50000, 0) != 1:
                if not run.stopped and interrupted():
                    run.stopped = 1
            worker = worker.next
        if run.stopped:
            return -1
        status = fill_failed(run)
    lane_add_up(run)
    run.lanes = 1
    run.rows = NULL
    lane_point(run, schedule.epilogue, schedule.epilogue_size)
    return status


cdef int fill_failed(Run *run) noexcept nogil:
    """Return whether a guard failed in a lane; if so, write zeros for the blocks in which none did."""
    cdef Py_ssize_t blocks = (run.lanes + run.width - 1) // run.width
    cdef Py_ssize_t k
    if memchr(run.failures, 1, blocks) == NULL:
        return 0
    for k in range(blocks):
        if not run.failures[k]:
            memset(run.failed + k * run.width, 0, min(run.width, run.lanes - k * run.width) * sizeof(uint32_t))
    return 1


cdef void divide(Run *run) noexcept:
    """Choose the sizes of blocks and segments from the schedule and the number of lanes alone."""
    cdef const Schedule *schedule = run.schedule
    cdef Py_ssize_t most = MOST_SEGMENTS
    if schedule.sum_count > 0:
        most = max(1, min(most, MOST_SEGMENT_SUMS // schedule.sum_count))
    run.width = BLOCK_BYTES // (8 * max(schedule.varying_slots, 1)) & ~7
    run.width = max(LEAST_WIDTH, min(run.width, LANE_MOST_WIDTH, (run.lanes + 7) & ~7))
    run.segment = run.width
    if run.lanes > most * run.width:
        run.segment *= (run.lanes + most * run.width - 1) // (most * run.width)
    run.segments = (run.lanes + run.segment - 1) // run.segment


cdef Py_ssize_t segment_of(const Schedule *schedule, Py_ssize_t lanes) noexcept:
    cdef Run run
    run.schedule, run.lanes = schedule, lanes
    divide(&run)
    return run.segment


cdef int prepare(Run *state, Memory **uniform, Memory **frame, const Schedule *schedule, tuple calls, Py_ssize_t lanes,
                 const Array *inputs, const Array *outputs) except -1:
    """Set up a run, with its memory."""
    cdef Py_ssize_t blocks = 0
    state.schedule = schedule
    state.inputs = inputs
    state.outputs = outputs
    state.failed = NULL
    state.calls = <PyObject *> calls
    state.call = call_python
    state.interrupted = interrupted
    state.segments = 0
    state.lanes = lanes
    if lanes > 0 and schedule.body_size > 0:
        divide(state)
        blocks = (lanes + state.width - 1) // state.width
    uniform[0] = take(schedule.uniform_slots + max(state.segments, 1) * schedule.sum_count + (blocks + 7) // 8)
    state.uniform = uniform[0].data
    state.sums = state.uniform + schedule.uniform_slots
    state.failures = <unsigned char *> (state.sums + max(state.segments, 1) * schedule.sum_count)
    memset(state.failures, 0, blocks)
    memcpy(state.uniform, schedule.constants, schedule.constant_count * sizeof(double))
    if state.segments > 0:
        frame[0] = take(lane_frame_size(state))
    return 0


cdef int execute_again(Run *state, Py_ssize_t lanes, const Py_ssize_t *rows, Memory *frame,
                       Worker *workers) noexcept nogil:
    state.lanes = lanes
    state.rows = rows
    state.next = 0
    state.stopped = 0
    return execute(state, frame, workers)


cdef int run(const Schedule *schedule, tuple calls, Py_ssize_t lanes, const Py_ssize_t *rows, const Array *inputs,
             const Array *outputs, uint32_t *failed, int threads) except -1:
    cdef Run state
    cdef Memory *uniform = NULL
    cdef Memory *frame = NULL
    cdef Worker *workers = NULL
    cdef int status
    try:
        prepare(&state, &uniform, &frame, schedule, calls, lanes, inputs, outputs)
        state.failed = failed
        if state.segments > 0:
            hire(&workers, thread_count(&state, threads) - 1, &state)
        if schedule.calls_python or work(&state) < RELEASE_WORK:
            status = execute_again(&state, lanes, rows, frame, workers)
        else:
            with nogil:
                status = execute_again(&state, lanes, rows, frame, workers)
        # -1 says that an exception is set.
        return status
    finally:
        dismiss(workers)
        if frame != NULL:
            give(frame)
        if uniform != NULL:
            give(uniform)


@cython.auto_pickle(False)
cdef class Session:
    """See ``interpreter.pxd``."""

    def __dealloc__(self):
        if self.frame != NULL:
            give(self.frame)
        if self.uniform != NULL:
            give(self.uniform)
        PyMem_RawFree(self.state)

    cdef int begin(self, const Schedule *schedule, tuple calls, Py_ssize_t lanes, const Array *inputs,
                   const Array *outputs) except -1:
        self.calls, self.lanes = calls, lanes
        self.state = room(1, sizeof(Run))
        return prepare(<Run *> self.state, &self.uniform, &self.frame, schedule, calls, lanes, inputs, outputs)

    cdef int step(self) noexcept nogil:
        return execute_again(<Run *> self.state, self.lanes, NULL, self.frame, NULL)


functions = function_table()
