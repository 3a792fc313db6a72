"""What a batch has to be to the bit: rows of the op table on whole arrays, in the order of their formulas.

Arithmetic is NumPy's; an elementary function is a batch of that function alone, which `test_elementary` checks.
"""

import numpy as np
from domains import call

from autograd import ops, vmap

#: The rows that programs compute with a function of ``_kernels/elementary.h``.
ELEMENTARY = sorted(
    row.name
    for row in ops.OPS.values()
    if row.arguments in ("a", "ab") and (row.kernel or row.name == "pow" or row.libm not in ("", "sqrt", "fabs"))
)


def _alone(name):
    function = vmap(lambda *operands: call(name, *operands))
    return lambda *columns: function(*np.broadcast_arrays(*columns))


def _from_formula(row):
    code = compile(row.value, row.name, "eval")

    def function(*arguments):
        return eval(code, {"__builtins__": {}}, {**ON_ARRAYS, **dict(zip(row.arguments, arguments, strict=True))})

    return function


#: Each row as a function of arrays.
ON_ARRAYS = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "where": np.where,
}
ON_ARRAYS |= {name: _alone(name) for name in ELEMENTARY if name != "sech_squared"}
ON_ARRAYS |= {
    name: _from_formula(ops.OPS[name]) for name in ("maximum", "minimum", "relu", "leaky_relu", "silu", "gelu")
}
