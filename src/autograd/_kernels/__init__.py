"""Numeric kernels in plain C, without Python.h.

- ``ops.h``, generated from `autograd.ops`: a function for every row of the op table; ``maps.h`` over arrays;
- ``functions.h``: how programs compute the primitives that are not arithmetic, over n numbers and at one;
- ``table.h``: the table of these functions, with our own kernels (``erf.h``, ``trigonometry.h``) listed once;
- ``dense.h``: dense layers; ``simd.h``: clones for several instruction sets;
- ``elementary.h``: our own elementary functions, with the same bits on every processor; a header for each family
  (``exponential.h``, ``logarithm.h``, ``power.h``, ``trigonometric.h``, ``inverse_trigonometric.h``, ``error.h``)
  builds on ``arithmetic.h``. ``tests/kernels/`` measures their errors. The interpreter does not use them yet;
- `loops`, the only module: completes the table with NumPy's loops where there is no kernel of our own.

Any package may include the headers or cimport `loops`; the kernels include nothing from outside this package.
"""
