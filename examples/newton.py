"""Newton's method on 10 000 problems at once, each with branches and a number of iterations of its own.

Run ``python examples/newton.py``. A load pulls at a spring that stiffens, and beyond a gap a second spring pulls back:
an ``if`` in the energy. Newton's method, a ``while`` loop, looks for the position of rest. Traced by `vmap`, the
comparisons are guards: each load runs the program of the way it takes, and a way is traced when it is first met. The
exit status is 1 unless positions and numbers of steps are those of a loop without autograd, and the derivatives of the
position by the load those of the implicit function theorem.
"""

import math
import sys

import numpy as np

from autograd import compile, cosh, grad, value_and_grad, vmap

GAP, SECOND_SPRING = 1.0, 30.0
TOLERANCE = 1e-10
LOADS = np.linspace(-8.0, 8.0, 10_000)


def energy(x, load):
    stored = cosh(x) - load * x
    if x > GAP:
        stored = stored + 0.5 * SECOND_SPRING * (x - GAP) ** 2
    return stored


slope = grad(energy)
stiffness = grad(slope)


def rest(load):
    """Return the position of least energy, and the number of Newton steps that found it."""
    x, steps, residual = 0.0, 0, math.inf
    # The last step starts within the tolerance: it brings the derivative by the load as close as the position.
    while abs(residual) > TOLERANCE:
        residual = slope(x, load)
        x = x - residual / stiffness(x, load)
        steps += 1
    return x, steps


def rest_by_hand(load):
    """Do what `rest` does, on floats and with derivatives from paper; return the stiffness at the end, too."""
    x, steps, residual = 0.0, 0, math.inf
    while abs(residual) > TOLERANCE:
        residual = math.sinh(x) - load + SECOND_SPRING * max(x - GAP, 0.0)
        x -= residual / (math.cosh(x) + SECOND_SPRING * (x > GAP))
        steps += 1
    return x, steps, math.cosh(x) + SECOND_SPRING * (x > GAP)


def main():
    solve = compile(vmap(value_and_grad(rest, has_aux=True)))
    (positions, steps), by_load = solve(LOADS)
    expected, expected_steps, stiffness_at_rest = np.transpose([rest_by_hand(load) for load in LOADS])

    print("steps   second spring   loads   from      to")
    for count, beyond in sorted(set(zip(steps, positions > GAP, strict=True))):
        loads = LOADS[(steps == count) & ((positions > GAP) == beyond)]
        print(f"{count:5.0f}   {'pulls' if beyond else 'slack':13} {len(loads):7} {loads[0]:7.3f} {loads[-1]:7.3f}")

    errors = {
        "position": np.max(np.abs(positions - expected)),
        "derivative": np.max(np.abs(by_load - 1.0 / stiffness_at_rest)),
        "number of steps": np.max(np.abs(steps - expected_steps)),
    }
    print("\nlargest error of " + ", ".join(f"{name}: {error:.1e}" for name, error in errors.items()))
    return 0 if max(errors.values()) < 1e-8 else 1


if __name__ == "__main__":
    sys.exit(main())
