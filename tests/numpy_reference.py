"""What a batch has to be to the bit: NumPy's functions, evaluated on whole arrays in the order of the op table."""

import numpy as np

from autograd import ops


def _from_formula(row):
    code = compile(row.value, row.name, "eval")

    def function(*arguments):
        return eval(code, {"__builtins__": {}}, {**NUMPY, **dict(zip(row.arguments, arguments, strict=True))})

    return function


#: NumPy's function for each row that it has one for.
NUMPY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "neg": np.negative,
    "abs": np.abs,
    "where": np.where,
}
_OWN_FORMULA = ("maximum", "minimum", "relu", "leaky_relu", "sigmoid", "softplus", "silu")
NUMPY |= {name: getattr(np, name) for name in ops.OPS if hasattr(np, name) and name not in (*NUMPY, *_OWN_FORMULA)}
NUMPY |= {name: _from_formula(ops.OPS[name]) for name in _OWN_FORMULA}
