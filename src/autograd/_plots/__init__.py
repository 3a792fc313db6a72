"""Plots by matplotlib, which is imported when the first one is made.

`figures` plots training histories and decision boundaries. `autograd.draw` and `autograd._cli` import from here.
"""
