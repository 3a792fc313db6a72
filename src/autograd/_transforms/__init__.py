"""Function transformations, behind the public functions of `autograd.transforms`.

Read in this order, that of a call:

- `kinds` has a class for each transform: compiled functions, maps over lanes, and derivatives;
- `transform` is their base: the path of a call, from the arguments to the result;
- `structure` has the pattern and the coloring of a sparse derivative, `compression` what is computed by them;
- `signature` has the structure of a call's arguments, and reads their numbers;
- `parameter_names` has the names of arguments in it and in messages;
- `pytree` has structures in general, and makes objects of them;
- `nodes` has the classes that are containers besides lists, tuples and dicts;
- `keys` tells which static arguments and dictionary keys are interchangeable;
- `custom_rules` has functions with a derivative of the user's own;
- `loops` traces the bodies of loops, behind `autograd.loops`;
- `results` has the memory of the arrays that batches return.

The programs that a call runs are `autograd._program.specializations`. Public modules alone import
from here.
"""
