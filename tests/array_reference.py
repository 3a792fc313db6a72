"""What a batch has to be to the bit: rows of the op table on whole arrays, in the order of their formulas.

Arithmetic is NumPy's; an elementary function is a batch of that function alone, which `test_elementary` checks.
"""

import numpy as np
from domains import call

from autograd import ops, vmap

INSTRUCTIONS = ("", "sqrt", "fabs", "copysign", "floor", "ceil", "trunc", "rint")
#: The rows that programs compute with a function of ``_kernels/elementary.h``.
ELEMENTARY = sorted(
    row.name
    for row in ops.OPS.values()
    if row.arguments in ("a", "ab") and (row.kernel or row.name == "pow" or row.libm not in INSTRUCTIONS)
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
    "copysign": np.copysign,
    "floor": np.floor,
    "ceil": np.ceil,
    "trunc": np.trunc,
    "rint": np.rint,
    "where": np.where,
}
ON_ARRAYS |= {name: _alone(name) for name in ELEMENTARY if name not in ("sech_squared", "gaussian")}
FORMULAS = ("difference", "maximum", "minimum", "relu", "leaky_relu", "silu", "gelu", "sign", "heaviside", "logaddexp")
FORMULAS += ("logaddexp2", "deg2rad", "rad2deg")
ON_ARRAYS |= {name: _from_formula(ops.OPS[name]) for name in FORMULAS}
