# Part of reductions.pyx: reading sequences of Values and numbers into Blocks.
#
# A call reads its sequences into one array of doubles, the entries; the rest is loops in C. A subclass of `Gathered`
# defines its function twice, side by side: `evaluate` computes it from the entries, `emit` emits it as instructions. A
# trace uses `emit` alone, so that its numbers have the bits of a replay.

@cython.auto_pickle(False)
cdef class Gathered(Block):
    """A call of a function of sequences."""

    cdef str name(self):
        return self.operation

    cdef int evaluate(self, double *primals) except -1:
        raise NotImplementedError

    cdef list emit(self, Code code, list entries):
        raise NotImplementedError

    cdef list lower(self, object code, list operands):
        cdef list entries = [None] * self.size
        cdef Py_ssize_t k
        for k in range(self.input_count):
            entries[self.positions[k]] = operands[k]
        for k in range(self.size):
            if entries[k] is None:
                entries[k] = (<Code> code).constant(self.entries[k])
        return self.emit(code, entries)


cdef int make_room(Gathered block, str operation, Py_ssize_t entries, Py_ssize_t outputs) except -1:
    set_sizes(block, entries, outputs + 2 * entries)
    block.operation = operation
    block.output_count = outputs
    block.entries = block.adjoints + outputs
    block.capacity = entries
    block.positions = <Py_ssize_t *> (block.entries + entries)
    return 0


cdef object as_sequence(object values, str function, str what):
    if type(values) is list or type(values) is tuple:
        return values
    if isinstance(values, numpy.ndarray):
        check_array(values, f"{function}: {what}")
        if type(values) is numpy.ndarray and values.ndim == 1 and values.dtype.kind != "O":
            return numpy.ascontiguousarray(values, numpy.float64)
        values = values.tolist()
    try:
        iterator = iter(values)
    except TypeError:
        return None
    return list(iterator)


cdef object sequence(str function, str what, object values):
    items = as_sequence(values, function, what)
    if items is None:
        raise TypeError(f"{function} expects a sequence of {what}, got {type(values).__name__}")
    return items


cdef bint is_row(object x):
    return type(x) is list or hasattr(x, "__len__")


cdef list rows_of(str function, str what, object values):
    """Return the rows of `values` as sequences."""
    rows = []
    for i, row in enumerate(values):
        if not is_row(row):
            raise TypeError(f"{function} expects a row of {what} at index {i}, got {type(row).__name__}")
        rows.append(sequence(function, what, row))
    return rows


cdef Py_ssize_t total_length(list rows) except -1:
    cdef Py_ssize_t length = 0
    for row in rows:
        length += len(row)
    return length


cdef str place(Py_ssize_t i, str within, Py_ssize_t index):
    return f"{i} of {within} {index}" if within else f"{i}"


cdef int gather(Gathered block, object row, Py_ssize_t n, str what, str within="", Py_ssize_t index=0) except -1:
    cdef Py_ssize_t done = gather_items(block, row, n)
    if done == n:
        return 0
    if done < 0 or len(row) != n:
        raise changed(block)
    raise TypeError(
        f"{block.operation} expects {what} {place(done, within, index)} to be one number, got "
        f"{type(row[done]).__name__}"
    )


cdef object changed(Gathered block):
    # Converting a number of a foreign type may run Python code that changes the sequences.
    return RuntimeError(f"{block.operation}: a sequence changed its length while it was read")


cdef Py_ssize_t gather_items(Gathered block, object row, Py_ssize_t n) except -2:
    """Append n entries, stopping at one that is no number, and return their count; -1 if there is no room for n."""
    cdef Py_ssize_t i
    cdef PyObject *x
    if n > block.capacity - block.size:
        return -1
    if isinstance(row, numpy.ndarray):
        return gather_array(block, row, n)
    for i in range(n):
        x = PySequence_Fast_GET_ITEM(row, i)
        if type(<object> x) is Value:
            append_input(block, <Value> x)
        elif PyFloat_CheckExact(<object> x):
            append(block, PyFloat_AS_DOUBLE(<object> x))
        elif PyLong_CheckExact(<object> x):
            append(block, PyLong_AsDouble(<object> x))
        elif not append_other(block, <object> x) or len(row) != n:
            return i
    return n


cdef Py_ssize_t gather_array(Gathered block, object array, Py_ssize_t n) except -2:
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)
    cdef bint fits = view.len == <Py_ssize_t> (n * sizeof(double))
    if fits:
        memcpy(block.entries + block.size, view.buf, view.len)
        block.size += n
    PyBuffer_Release(&view)
    return n if fits else -1


cdef inline void append(Gathered block, double x) noexcept:
    block.entries[block.size] = x
    block.size += 1


cdef inline void append_input(Gathered block, Value value) noexcept:
    block.positions[block.input_count] = block.size
    add_input(block, value)
    append(block, value.node.primal)


cdef bint append_other(Gathered block, object x) except -1:
    """Append an instance of a subclass of Value or a number of any type; return False for anything else."""
    cdef double primal = 0.0
    if isinstance(x, Value):
        append_input(block, <Value> x)
    elif number(x, &primal):
        append(block, primal)
    else:
        return False
    return True


cdef int gather_rows(Gathered block, list rows, Py_ssize_t count, str what, str within) except -1:
    """Append the `count` entries of several sequences."""
    cdef Py_ssize_t end = block.size + count
    for i, row in enumerate(rows):
        gather(block, row, len(row), what, within, i)
    if block.size != end:
        raise changed(block)
    return 0


cdef int gather_values(Gathered block, str function, object values, bint elementwise=False) except -1:
    """Gather the argument of a function of one sequence, with one output or, if `elementwise`, one for each entry."""
    values = sequence(function, "values", values)
    cdef Py_ssize_t n = len(values)
    make_room(block, function, n, n if elementwise else 1)
    return gather(block, values, n, "value")


cdef int fold(Block block, double *primals) except -1:
    """Compute the outputs by folding the lowering of a Block, with the data of its inputs as constants."""
    cdef Code code = Code.__new__(Code)
    cdef list operands = []
    cdef Py_ssize_t i
    for i in range(block.input_count):
        operands.append(code.constant(block.inputs[i].primal))
    for i, output in enumerate(block.lower(code, operands)):
        is_constant(code, output, &primals[i])
    return 0


# No comprehensions: if their list cannot grow, Cython 3.3.1 releases the item twice.

cdef list results(Block block, const double *primals):
    cdef list items = [None] * block.output_count
    cdef Py_ssize_t i
    for i in range(block.output_count):
        items[i] = result(block, i, primals[i])
    return items


cdef list floats(const double *x, Py_ssize_t n):
    cdef list items = [None] * n
    cdef Py_ssize_t i
    for i in range(n):
        items[i] = x[i]
    return items
