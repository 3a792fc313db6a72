"""Parts of `autograd.training`, which alone imports from here.

`batching` calls a model with all rows of a batch at once.
"""
