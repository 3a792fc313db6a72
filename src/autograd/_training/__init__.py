"""Parts of `autograd.training`, which imports from here; so do the plots.

`batching` calls a model with all rows of a batch at once; `data` makes arrays of what a user passes, and names the
place of what is no number; `progress` is the figure that a run is judged by; `standardisation` scales columns.
"""
