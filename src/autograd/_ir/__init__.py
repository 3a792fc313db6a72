"""The intermediate representation of a program: a `Code` of flat instructions in static single assignment form.

To be read in this order:

- `opcodes` (``opcodes.h``): the instructions besides the primitives of the op table, and the predicates on them;
- `code`: the builder, which folds constants and finds common subexpressions;
- `formulas`: the formulas of the op table, parsed;
- `derivatives`: reverse and forward mode, which emit these formulas;
- `sparsity`: which outputs depend on which inputs; `coloring`: which columns of a pattern can be added up;
- `liveness`: which instructions are needed; `listing`: the text of a code.

Other packages may import any of these; a pass reads the `Entry` records of a `Code` and emits a new one.
"""
