"""Hares and lynxes by an adaptive solver: Dormand and Prince's method of order 5(4), whose steps are a `while_loop`.

Every trajectory of the batch has its own step sizes and its own number of steps, and its derivative by the four rates
goes back through exactly these. It is compared with differences of the solution. The plot has some trajectories around
their point of rest, each closed, because what the system conserves is conserved.
"""

import argparse
import sys
import time

import numpy as np

from autograd import compile, log, maximum, minimum, value_and_grad, vmap, where, while_loop

TRAJECTORIES, END, TOLERANCE = 10_000, 10.0, 1e-9
# Dormand and Prince (1980): the stages, the weights of order 5 (the last stage), and what these differ from order 4 by.
STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
ERROR = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def slope(state, rates):
    hares, lynxes = state
    birth, hunt, death, growth = rates
    return hares * (birth - hunt * lynxes), lynxes * (growth * hares - death)


def advance(state, size, rates):
    """Return the state after a step, and the estimated error over the tolerance."""
    slopes = [slope(state, rates)]
    for weights in STAGES:
        moved = [x + size * sum(w * k[i] for w, k in zip(weights, slopes, strict=True)) for i, x in enumerate(state)]
        slopes.append(slope(moved, rates))
    errors = [size * sum(w * k[i] for w, k in zip(ERROR, slopes, strict=True)) / TOLERANCE for i in range(2)]
    return moved, maximum(abs(errors[0]), abs(errors[1]))


def solve(hares, lynxes, rates):
    """Return the state at the end."""
    def step(carry):
        t, size, x, y = carry
        size = minimum(size, END - t)
        (new_x, new_y), error = advance((x, y), size, rates)
        factor = minimum(maximum(0.9 * (error + 1e-12) ** -0.2, 0.2), 5.0)
        accepted = error <= 1.0
        return (
            where(accepted, t + size, t), size * factor.detach(), where(accepted, new_x, x), where(accepted, new_y, y),
        )

    carry = while_loop(lambda carry: carry[0] < END, step, (0.0, 0.01, hares, lynxes), max_steps=10_000)
    return carry[2], carry[3]


def conserved(hares, lynxes, rates):
    birth, hunt, death, growth = rates
    return growth * hares - death * log(hares) + hunt * lynxes - birth * log(lynxes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="draw some trajectories (needs matplotlib)")
    file = parser.parse_args().plot
    generator = np.random.default_rng(0)
    hares, lynxes = generator.uniform(0.5, 2.0, (2, TRAJECTORIES))
    rates = np.array([1.1, 0.4, 0.4, 0.1])

    final = compile(vmap(solve, in_axes=(0, 0, None)))
    x, y = final(hares, lynxes, rates)
    drift = np.abs(conserved(x, y, rates) - conserved(hares, lynxes, rates)).max()
    print(f"what is conserved drifts by at most {drift:.1e}")

    def left(hares, lynxes, rates):
        return solve(hares, lynxes, rates)[0]

    run = compile(vmap(value_and_grad(left, argnums=2), in_axes=(0, 0, None)))
    run(hares, lynxes, rates)
    start = time.perf_counter()
    _, gradient = run(hares, lynxes, rates)
    print(f"value and four derivatives: {(time.perf_counter() - start) / TRAJECTORIES * 1e6:.0f} us a trajectory")

    differences = np.empty_like(gradient)
    for k in range(4):
        h = 1e-4 * np.eye(4)[k]
        differences[:, k] = (final(hares, lynxes, rates + h)[0] - final(hares, lynxes, rates - h)[0]) / 2e-4
    error = (np.abs(gradient - differences) / (1 + np.abs(differences))).max()
    print(f"largest difference to central differences: {error:.1e}")
    if file:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots()
        for k in range(5):
            state, path = (hares[k], lynxes[k]), []
            for _ in range(1_200):
                path.append(state)
                state, _ = advance(state, 0.01, rates)
            axes.plot(*np.array(path).T)
        axes.set_xlabel("hares")
        axes.set_ylabel("lynxes")
        figure.savefig(file)
    return int(drift > 1e-6 or error > 1e-4)


if __name__ == "__main__":
    sys.exit(main())
