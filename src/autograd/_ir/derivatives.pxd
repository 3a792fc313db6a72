"""Reverse mode and forward mode, for other Cython modules to ``cimport``."""

from autograd._ir.code cimport Code

# Reverse mode: the outputs `keep`, then for each input in `wrt` the derivative of the sum over the outputs `of`, each
# times a cotangent: a further input, or one.
cdef Code reverse(Code source, list wrt, list of, list keep, bint ones)
# Forward mode: the outputs `keep`, then the tangent of every output, given a further input for each in `wrt`, its
# tangent.
cdef Code forward(Code source, list wrt, list keep)
# The code of some entries of the Jacobian by the inputs `wrt`. Each group of columns, or of rows if not `by_column`, is
# added up by one pass; the entries of its sum in these lines (rows or columns) are the outputs with the numbers in
# `places`, of which there are `count`.
cdef Code entries(Code source, list wrt, list groups, bint by_column, list lines, list places, Py_ssize_t count)
