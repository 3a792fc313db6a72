"""The build's own code, which ``setup.py`` loads by its path; nothing here runs once the package is built.

`codegen` expands the op table into the C headers of ``_kernels/`` and the Cython of ``_ops.pxi``.
No module of the package imports from here.
"""
