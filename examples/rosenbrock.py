"""Minimise Rosenbrock's function in 20 dimensions by scipy, with derivatives by differences and with exact ones.

Run ``python examples/rosenbrock.py`` (needs scipy). The exit status is 1 unless the methods with exact derivatives find
the minimum, all coordinates 1, to six digits.
"""

import sys

import numpy as np

from autograd import compile, hessian, value_and_grad

try:
    from scipy.optimize import minimize
except ImportError:
    sys.exit("the optimiser comes with scipy: pip install scipy")

DIMENSIONS, ITERATIONS = 20, 200


def rosenbrock(x):
    """Return the sum of ``100 * (x[i + 1] - x[i]**2)**2 + (1 - x[i])**2``."""
    return sum(100.0 * (b - a**2) ** 2 + (1.0 - a) ** 2 for a, b in zip(x, x[1:], strict=False))


def main():
    start = np.resize([1.3, 0.7, 0.8, 1.9, 1.2], DIMENSIONS)
    by_gradient = {"fun": compile(value_and_grad(rosenbrock)), "jac": True}
    by_hessian = by_gradient | {"hess": compile(hessian(rosenbrock))}
    methods = (
        ("BFGS", "differences", {"fun": rosenbrock}),
        ("BFGS", "gradient", by_gradient),
        ("Newton-CG", "gradient and Hessian", by_hessian),
        ("trust-exact", "gradient and Hessian", by_hessian),
    )

    print("method       derivatives            iterations  evaluations     minimum   error of x")
    right = True
    for method, derivatives, functions in methods:
        found = minimize(x0=start, method=method, tol=1e-8, options={"maxiter": ITERATIONS}, **functions)
        error = np.max(np.abs(found.x - 1.0))
        print(f"{method:12} {derivatives:22} {found.nit:10} {found.nfev:12} {found.fun:11.1e} {error:12.1e}")
        right = right and (derivatives == "differences" or error < 1e-6)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
