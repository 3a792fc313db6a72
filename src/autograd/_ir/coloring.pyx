"""Colouring: which columns of a sparse matrix can be computed as one sum.

The entries of columns of one color are read from the sum of the columns. Of a symmetric matrix either of two entries
will do, so that a star coloring is enough: neighbors differ, and every path over four vertices has three colors. Both
are greedy, in the natural order of the columns and with the largest degrees first; the one with fewer colors is kept.
See Gebremedhin, Manne and Pothen, "What color is your Jacobian?", SIAM Review 47 (2005), algorithms 3.1 and 4.1.
"""

from libc.string cimport memset

from autograd._cpython cimport int_address

import numpy


# A pattern in the CSR format. An empty array has no address.
cdef struct Lines:
    const int *ends
    const int *indices
    int count


cdef Lines lines_of(object ends, object indices) except *:
    return Lines(int_address(ends), int_address(indices), len(ends) - 1)


def transposed(ends, indices, Py_ssize_t columns):
    """Return the transpose of a pattern in the CSR format, given the number of its columns."""
    cdef Lines rows = lines_of(ends, indices)
    new_ends, new_indices = numpy.zeros(columns + 1, numpy.int32), numpy.empty(len(indices), numpy.int32)
    cdef int *column_ends = int_address(new_ends)
    cdef int *entries = int_address(new_indices)
    cdef int i, k
    for k in range(rows.ends[rows.count]):
        column_ends[rows.indices[k] + 1] += 1
    for i in range(columns):
        column_ends[i + 1] += column_ends[i]
    places = new_ends.copy()
    cdef int *place = int_address(places)
    for i in range(rows.count):
        for k in range(rows.ends[i], rows.ends[i + 1]):
            entries[place[rows.indices[k]]] = i
            place[rows.indices[k]] += 1
    return new_ends, new_indices


cdef object best(int (*color)(Lines, Lines, const int *, int *, int *) noexcept, Lines rows, Lines columns,
                 object degrees, Py_ssize_t least):
    """Return the coloring of fewer colors of two orders; the second is not tried if the first has the least."""
    cdef Py_ssize_t fewest = columns.count + 1
    cdef object chosen = None
    scratch = numpy.empty(columns.count + 1, numpy.int32)
    for order in (None, numpy.argsort(-degrees, kind="stable")):
        colors = numpy.full(columns.count, -1, numpy.int32)
        order = numpy.arange(columns.count, dtype=numpy.int32) if order is None else order.astype(numpy.int32)
        memset(int_address(scratch), 0xFF, (columns.count + 1) * sizeof(int))
        count = color(rows, columns, int_address(order), int_address(colors), int_address(scratch))
        if count < fewest:
            chosen, fewest = colors, count
        if fewest <= least:
            break
    return chosen


cdef int smallest(int *taken, int v) noexcept:
    """Return the smallest color that is not taken for a vertex."""
    cdef int color = 0
    while taken[color] == v:
        color += 1
    return color


def color_columns(ends, indices, Py_ssize_t columns):
    """Return the colors of the columns: no two with an entry in one row have the same."""
    cdef Py_ssize_t widest = numpy.diff(ends).max(initial=0)
    if widest == columns:
        return numpy.arange(columns, dtype=numpy.int32)
    column_ends, column_indices = transposed(ends, indices, columns)
    # For each column, the entries in the rows that it has an entry in.
    degrees = numpy.bincount(indices, numpy.repeat(numpy.diff(ends), numpy.diff(ends)), columns)
    return best(color_distance_2, lines_of(ends, indices), lines_of(column_ends, column_indices), degrees, widest)


cdef int color_distance_2(Lines rows, Lines columns, const int *order, int *colors, int *taken) noexcept:
    cdef int i, k, e, v, row, count = 0
    for i in range(columns.count):
        v = order[i]
        for k in range(columns.ends[v], columns.ends[v + 1]):
            row = columns.indices[k]
            for e in range(rows.ends[row], rows.ends[row + 1]):
                if colors[rows.indices[e]] >= 0:
                    taken[colors[rows.indices[e]]] = v
        colors[v] = smallest(taken, v)
        count = max(count, colors[v] + 1)
    return count


def color_symmetric(ends, indices):
    """Return the colors of the columns of a symmetric pattern, a star coloring."""
    cdef Lines lines = lines_of(ends, indices)
    return best(color_stars, lines, lines, numpy.diff(ends), 1)


cdef int color_stars(Lines rows, Lines columns, const int *order, int *colors, int *taken) noexcept:
    cdef int i, k, e, v, w, x, count = 0
    for i in range(columns.count):
        v = order[i]
        for k in range(columns.ends[v], columns.ends[v + 1]):
            w = columns.indices[k]
            if w == v:
                continue
            if colors[w] >= 0:
                taken[colors[w]] = v
            for e in range(columns.ends[w], columns.ends[w + 1]):
                x = columns.indices[e]
                if x == v or x == w or colors[x] < 0 or taken[colors[x]] == v:
                    continue
                # With w uncolored, v and x could become the ends of a path of two colors.
                if colors[w] < 0 or continues(columns, x, w, colors):
                    taken[colors[x]] = v
        colors[v] = smallest(taken, v)
        count = max(count, colors[v] + 1)
    return count


cdef bint continues(Lines columns, int x, int w, const int *colors) noexcept:
    """Whether a neighbor of x other than w has the color of w."""
    cdef int k
    for k in range(columns.ends[x], columns.ends[x + 1]):
        if columns.indices[k] != w and colors[columns.indices[k]] == colors[w]:
            return True
    return False
