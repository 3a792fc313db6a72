"""Parts of `autograd.training`.

batching  calls a model with all rows of a batch: as a dense Block, as a compiled program or row by row

`autograd.training` imports from here; nobody else does.
"""
