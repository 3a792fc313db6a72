"""Source: functions as lists of instructions, printed in C, CUDA and Python over NumPy.

- `functions` has what is printed: functions, the loops in them, their arguments and results;
- `c` has the expressions of C and CUDA, and the functions of ``_kernels/`` that they need;
- `c_functions` prints functions in parts, and loops as functions;
- `c_exports` gives them the interface of CasADi, or makes them kernels of CUDA;
- `python` prints functions over NumPy.

`autograd._program.source` turns the code of a program into these functions.
"""
