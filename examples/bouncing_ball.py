"""A ball that bounces until it rests: a loop whose number of steps depends on its input, and its derivative.

The plot has the distance over the speed at which the ball starts, and the slope found by reverse mode, step by step of
`while_loop`. Wherever one more bounce is counted, the distance jumps by what that bounce adds; between these places the
slope agrees with the closed form.
"""

import argparse
import sys

import numpy as np

from autograd import compile, value_and_grad, vmap, while_loop

GRAVITY, KEPT, REST = 9.81, 0.8, 0.05


def distance(speed):
    """Return the height climbed in all bounces of at least the speed REST."""
    def bounce(state):
        climbed, speed = state
        return climbed + speed * speed / (2 * GRAVITY), KEPT * speed

    return while_loop(lambda state: state[1] > REST, bounce, (0.0, speed), max_steps=1000)[0]


def closed_form(speed):
    """Return the distance and its derivative from the sum of the geometric series."""
    bounces = np.ceil(np.log(REST / speed) / np.log(KEPT))
    series = (1 - KEPT ** (2 * bounces)) / (1 - KEPT**2)
    return speed**2 / (2 * GRAVITY) * series, speed / GRAVITY * series


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="draw the distance and its derivative (needs matplotlib)")
    file = parser.parse_args().plot
    speeds = np.linspace(0.06, 5.0, 2_000)
    value, slope = compile(vmap(value_and_grad(distance)))(speeds)
    expected, expected_slope = closed_form(speeds)
    errors = np.abs(value - expected).max(), np.abs(slope - expected_slope).max()
    print(f"largest error of the distance: {errors[0]:.1e}, of its derivative: {errors[1]:.1e}")
    if file:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots()
        axes.plot(speeds, value, label="distance")
        axes.plot(speeds, slope, label="its derivative")
        axes.set_xlabel("speed at the start")
        axes.legend()
        figure.savefig(file)
    return int(max(errors) > 1e-12)


if __name__ == "__main__":
    sys.exit(main())
