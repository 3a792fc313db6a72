"""Nodes with many inputs, and what works on many parameters at once.

To be read in this order:

- `reductions` (with ``gathering.pxi``, which reads sequences): sums, dot products, `softmax` and its relatives;
- `losses`: losses of pairs, which are rows of the op table, and of class scores;
- `where`: the choice that a replay makes anew; `callbacks`: functions of floats that a program calls;
- `dense`: neurons, layers and networks, the base classes of `autograd.nn`;
- `parameters`: the walk that finds what a module holds; `rules`: the steps of the optimizers, clipping, penalties.

Every Block has a kernel for eager work and `lower`, which emits its instructions for a program. The public modules
`functions`, `losses`, `nn`, `optim` and `schedules` import from here, and `autograd._training`.
"""
