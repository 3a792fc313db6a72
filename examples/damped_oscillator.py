"""Fit the parameters of a damped oscillator to noisy data, by gradients through a Runge-Kutta loop; no network.

Run ``python examples/damped_oscillator.py``. The motion obeys ``x'' = -k x - c x'``; stiffness ``k``, damping ``c`` and
the start ``x0``, ``v0`` are to be found from 40 noisy positions. The integrator is plain arithmetic, so with Values for
its parameters `backward` on one residual gives a row of the Jacobian matrix, and Gauss-Newton steps with Levenberg's
damping do the rest. The exit status is 1 unless every fitted value is within four standard errors of the true one.
"""

import sys

import numpy as np

from autograd import Value

TRUE = {"k": 4.0, "c": 0.35, "x0": 1.0, "v0": -0.5}
NOISE = 0.02
TIMES = np.linspace(0.25, 10.0, 40)
SUBSTEPS = 3


def positions(k, c, x, v):
    """Integrate the motion with the classical fourth-order Runge-Kutta method; return x at each of TIMES."""

    def slope(x, v):
        return v, -k * x - c * v

    h = (TIMES[1] - TIMES[0]) / SUBSTEPS
    found = []
    for _ in TIMES:
        for _ in range(SUBSTEPS):
            dx1, dv1 = slope(x, v)
            dx2, dv2 = slope(x + dx1 * (h / 2), v + dv1 * (h / 2))
            dx3, dv3 = slope(x + dx2 * (h / 2), v + dv2 * (h / 2))
            dx4, dv4 = slope(x + dx3 * h, v + dv3 * h)
            x = x + (dx1 + 2 * dx2 + 2 * dx3 + dx4) * (h / 6)
            v = v + (dv1 + 2 * dv2 + 2 * dv3 + dv4) * (h / 6)
        found.append(x)
    return found


def exact_positions(k, c, x0, v0):
    """Return the closed form for weak damping, which the data are made from."""
    omega = np.sqrt(k - c**2 / 4)
    return np.exp(-c * TIMES / 2) * (x0 * np.cos(omega * TIMES) + (v0 + c * x0 / 2) / omega * np.sin(omega * TIMES))


def residuals_and_jacobian(numbers, data):
    """Return the residuals at a guess, and their derivatives, a row for each residual."""
    parameters = [Value(number) for number in numbers]
    residuals = [x - datum for x, datum in zip(positions(*parameters), data, strict=True)]
    jacobian = []
    for residual in residuals:
        for parameter in parameters:
            parameter.grad = 0.0
        residual.backward()
        jacobian.append([parameter.grad for parameter in parameters])
    return np.array([residual.data for residual in residuals]), np.array(jacobian)


def fit(numbers, data, trials=50, tolerance=1e-6):
    """Minimise the sum of squared residuals; return the parameters and the Jacobian matrix at the end."""
    damping = 1e-3
    residuals, jacobian = residuals_and_jacobian(numbers, data)
    for trial in range(trials):
        rms = np.sqrt(np.mean(residuals**2))
        print(f"trial {trial:2}  rms error {rms:.6f}  " + "  ".join(f"{n:8.5f}" for n in numbers))
        normal = jacobian.T @ jacobian
        change = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -jacobian.T @ residuals)
        if np.max(np.abs(change)) < tolerance:
            break
        new_residuals, new_jacobian = residuals_and_jacobian(numbers + change, data)
        if new_residuals @ new_residuals < residuals @ residuals:
            numbers, residuals, jacobian, damping = numbers + change, new_residuals, new_jacobian, damping / 10
        else:
            damping *= 10
    return numbers, jacobian


def main():
    true = np.array(list(TRUE.values()))
    data = exact_positions(**TRUE) + NOISE * np.random.default_rng(1).standard_normal(len(TIMES))
    print(f"{len(TIMES)} positions with noise {NOISE}; fitting {', '.join(TRUE)} from a poor guess\n")
    fitted, jacobian = fit(np.array([3.0, 0.1, 0.5, 0.0]), data)
    errors = NOISE * np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)))

    print("\n        true    fitted  standard error")
    for name, a, b, error in zip(TRUE, true, fitted, errors, strict=True):
        print(f"{name:4} {a:7.4f}  {b:8.4f}  {error:14.4f}")
    return 0 if np.all(np.abs(fitted - true) < 4 * errors) else 1


if __name__ == "__main__":
    sys.exit(main())
