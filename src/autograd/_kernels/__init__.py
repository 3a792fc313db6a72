"""Numeric kernels in plain C, without Python.h.

- ``ops.h``, generated from `autograd.ops`: a function for every row of the op table; ``maps.h`` over arrays;
- ``elementary.h``: the elementary functions, with the same bits on every processor; a header for each family
  (``exponential.h``, ``logarithm.h``, ``power.h``, ``trigonometric.h``, ``inverse_trigonometric.h``, ``error.h``,
  ``division.h``) builds on ``arithmetic.h``. ``tests/kernels/`` measures their errors;
- ``functions.h``: how programs call them, over n numbers and at one; ``table.h``: the table that it calls them by;
- ``dense.h``: dense layers; ``simd.h``: clones for several instruction sets;
- `functions`, the only module: has the table, and the value of any primitive at a point.

Any package may include the headers or cimport `functions`; the kernels include nothing from outside this package.
"""
