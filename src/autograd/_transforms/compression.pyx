"""Compressed derivatives: a Jacobian from the sums of columns, or rows, that a coloring allows.

Each color is a lane of a derivative in forward or reverse mode; or the program has one pass for each color and the
entries of the Jacobian as its outputs, without what they do not need.
"""

cimport cython
from cpython.mem cimport PyMem_RawFree
from libc.string cimport memcpy

from autograd._cpython cimport address, int_address
from autograd._ir.code cimport Code, room
from autograd._ir.derivatives cimport entries
from autograd._program.program cimport Program, new_program

import numpy

cdef object empty = numpy.empty


@cython.auto_pickle(False)
cdef class Compression:
    """How a Jacobian is computed from its coloring."""

    def __dealloc__(self):
        PyMem_RawFree(self.lines)
        PyMem_RawFree(self.colors)
        PyMem_RawFree(self.places)

    cdef Program entries_of(self, Code source, list wrt):
        lines, colors = self.coloring.sources()
        order = numpy.argsort(colors, kind="stable")
        ends = numpy.searchsorted(colors[order], numpy.arange(1, self.coloring.count))
        return new_program(entries(
            source, wrt, lists_of(self.coloring.groups), self.by_column, lists_of(numpy.split(lines[order], ends)),
            lists_of(numpy.split(order, ends)), self.nnz,
        ))

    cdef int gather(self, const double *computed, double *result) noexcept:
        cdef Py_ssize_t e
        for e in range(self.nnz):
            result[self.places[e]] = computed[self.lines[e] * self.lanes + self.colors[e] if self.lanes else e]
        return 0

    cdef object sparse_array(self, const double *computed):
        # A microsecond; SciPy's constructors check the indices in twenty.
        cdef type kind = type(self.template)
        cdef dict attributes = self.attributes.copy()
        result = kind.__new__(kind)
        data = empty(self.nnz)
        if self.lanes:
            self.gather(computed, address(data))
        else:
            memcpy(address(data), computed, self.nnz * sizeof(double))
        attributes["data"] = data
        for name, array in self.indices:
            attributes[name] = (array[0].copy(), array[1].copy()) if type(array) is tuple else array.copy()
        result.__dict__ = attributes
        return result


cdef Compression new_compression(object coloring, object form):
    cdef Compression self = Compression.__new__(Compression)
    cdef Py_ssize_t e, width
    cdef int *rows
    cdef int *columns
    cdef object pattern = coloring.sparsity
    self.coloring = coloring
    self.by_column = coloring.by != "rows"
    self.nnz = self.size = pattern.nnz
    self.places = <Py_ssize_t *> room(self.nnz, sizeof(Py_ssize_t))
    lines, colors = coloring.sources()
    self.lines, self.colors = copied(lines), copied(colors)
    row_of, column_of = pattern.rows, pattern.columns
    if form is None:
        rows, columns, width = int_address(row_of), int_address(column_of), pattern.shape[1]
        self.size = pattern.shape[0] * width
        for e in range(self.nnz):
            self.places[e] = rows[e] * width + columns[e]
        return self
    from scipy import sparse

    # Numbers from 0 on in the place of the entries tell their order.
    template = sparse.csr_array((numpy.arange(self.nnz, dtype=numpy.float64), pattern.indices, pattern.indptr),
                                shape=pattern.shape).asformat(form)
    entry_of = template.data.astype(numpy.int32)
    rows = int_address(entry_of)
    for e in range(self.nnz):
        self.places[rows[e]] = e
    names = ("coords",) if hasattr(template, "coords") and form == "coo" else (
        ("row", "col") if form == "coo" else ("indices", "indptr"))
    self.template, self.attributes = template, template.__dict__
    self.indices = tuple([(name, self.attributes[name]) for name in names])
    return self


cdef list lists_of(object arrays):
    cdef list lists = []
    for array in arrays:
        lists.append(array.tolist())
    return lists


cdef int *copied(object numbers) except NULL:
    array = numpy.ascontiguousarray(numbers, numpy.int32)
    cdef int *copy = <int *> room(len(array), sizeof(int))
    memcpy(copy, int_address(array), len(array) * sizeof(int))
    return copy
