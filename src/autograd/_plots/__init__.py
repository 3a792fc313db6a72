"""Plots by matplotlib (the extra ``viz``), which is imported when a plot is made.

figures  decision boundaries and training curves

`autograd.draw` and the command line import from here.
"""
