"""A fast scalar reverse-mode automatic differentiation engine.

`Value` is a float that remembers how it was computed; `Value.backward` fills in the derivatives. Neural networks on top
of it are in `autograd.nn`, with `autograd.losses`, `autograd.optim`, `autograd.schedules`, `autograd.training`,
`autograd.checkpoint` and `autograd.datasets`; `autograd.draw` draws graphs. ``python -m autograd --help`` lists the
commands.
"""

from importlib.util import find_spec as _find_spec

if _find_spec("autograd._core") is None:
    raise ImportError(
        "autograd's compiled core is missing: this is a source tree that was not built. Run `pip install .` "
        "in its root, or `python setup.py build_ext --inplace` to use it in place."
    )

# The core comes first: what keeps it from being imported is the error that users see.
from autograd import _core, _hooks, functions, transforms  # noqa: F401
from autograd._core import Value, free_memory
from autograd._program.program import Program
from autograd.functions import *  # noqa: F403
from autograd.nn import MLP, Dropout, Layer, Module, Neuron
from autograd.transforms import *  # noqa: F403

__version__ = "0.1.0"

_hooks.FUNCTIONS.update(
    value_to_html="autograd.draw:to_html",
    plot_history="autograd._plots.figures:plot_history",
    free_results="autograd._transforms.results:free_results",
)

__all__ = ["MLP", "Dropout", "Layer", "Module", "Neuron", "Program", "Value", "__version__", "free_memory"]
__all__ += functions.__all__
__all__ += transforms.__all__
