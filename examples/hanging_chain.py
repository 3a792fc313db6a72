"""A chain of masses on springs that hangs over a ground it must not touch, at rest where its energy is least.

Run ``python examples/hanging_chain.py`` (needs scipy); ``--plot FILE`` draws the chain (extra `viz`). The Hessian of
the energy and the Jacobian of the constraints are sparse: each spring joins two masses. `trust-constr` takes both as
they are, with the second derivatives of the constraints, weighted by its multipliers. The exit status is 1 unless the
forces on every mass balance to a fiftieth of its weight, those of the ground included, which only push, and sparse and
dense derivatives agree.
"""

import argparse
import sys

import numpy as np

from autograd import compile, grad, hessian, hypot, jacobian

try:
    from scipy.optimize import NonlinearConstraint, minimize
except ImportError:
    sys.exit("the optimiser comes with scipy: pip install scipy")

MASSES, WEIGHT, STIFFNESS = 24, 0.05, 60.0
LENGTH, ITERATIONS = 1.6 / (MASSES + 1), 300


def chain(position):
    """Return the points of the chain, its two ends at (0, 1) and (1, 1) included."""
    inner = [(position[2 * i], position[2 * i + 1]) for i in range(MASSES)]
    return [(0.0, 1.0), *inner, (1.0, 1.0)]


def energy(position):
    points = chain(position)
    stretches = [hypot(b[0] - a[0], b[1] - a[1]) - LENGTH for a, b in zip(points, points[1:], strict=False)]
    return sum(0.5 * STIFFNESS * stretch**2 for stretch in stretches) + sum(WEIGHT * y for _, y in points[1:-1])


def clearance(position):
    """Return the height of every mass over the ground, a hill in the middle."""
    return [y - 0.45 + 0.8 * (x - 0.6) ** 2 for x, y in chain(position)[1:-1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE")
    arguments = parser.parse_args()

    f, ground = compile(energy), compile(clearance)
    second = hessian(f, sparse=True)
    normals = jacobian(ground, sparse=True)
    curvature = hessian(lambda x, weights: sum(w * c for w, c in zip(weights, ground(x), strict=True)), sparse=True)

    along = np.linspace(0.0, 1.0, MASSES + 2)[1:-1]
    start = np.ravel([along, 1.0 - 0.2 * np.sin(np.pi * along)], order="F")
    print(second.sparsity(start))
    print(f"{second.coloring(start).count} products with the Hessian instead of {2 * MASSES}")

    found = minimize(
        f,
        start,
        method="trust-constr",
        jac=grad(f),
        hess=second,
        constraints=[NonlinearConstraint(ground, 0.0, np.inf, jac=normals, hess=compile(curvature))],
        options={"maxiter": ITERATIONS, "xtol": 1e-10, "initial_barrier_parameter": 1e-3, "initial_tr_radius": 0.1},
    )
    multipliers, heights = found.v[0], np.array(ground(found.x))
    residual = np.max(np.abs(grad(f)(found.x) + normals(found.x).T @ multipliers))
    difference = np.max(np.abs(second(found.x).toarray() - hessian(f)(found.x)))
    touching = int(np.sum(multipliers < -1e-3))
    print(f"{found.nit} iterations, energy {found.fun:.9f}, unbalanced force {residual:.1e}")
    share = -multipliers.sum() / (WEIGHT * MASSES)
    print(f"{touching} masses lie on the ground, which carries {share:.0%} of the weight")

    if arguments.plot:
        draw(arguments.plot, start, found.x)
    balanced = max(residual, multipliers.max()) < WEIGHT / 50 and heights.min() > -1e-6
    return 0 if balanced and touching > 2 and difference < 1e-9 else 1


def draw(file, start, rest):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    x = np.linspace(0.0, 1.0, 200)
    axes.fill_between(x, 0.45 - 0.8 * (x - 0.6) ** 2, color="0.85", label="ground")
    for position, style, label in ((start, ":", "start"), (rest, "o-", "at rest")):
        axes.plot(*np.transpose(chain(position)), style, markersize=4, label=label)
    axes.set(xlim=(0, 1), ylim=(0.1, 1.05), xlabel="x", ylabel="y", title="A chain of masses over a hill")
    axes.legend()
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
