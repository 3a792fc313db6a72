"""Fit the parameters and the start of a Lorenz system to noisy data, by least squares with exact Jacobians.

Run ``python examples/lorenz.py`` (needs scipy), with ``--plot FILE`` (needs matplotlib, too) for a picture of the fit.
The integrator is a Runge-Kutta loop over plain scalars. `jacobian` differentiates the residuals through all of it,
`scipy.optimize.least_squares` does the rest; the data come from another integrator, `scipy.integrate.solve_ivp`. The
exit status is 1 unless every fitted number is within four standard errors of the true one.
"""

import argparse
import sys

import numpy as np

from autograd import compile, jacobian

try:
    from scipy.integrate import solve_ivp
    from scipy.optimize import least_squares
except ImportError:
    sys.exit("the optimiser comes with scipy: pip install scipy")

TRUE = {"sigma": 10.0, "rho": 28.0, "beta": 8.0 / 3.0, "x0": 1.0, "y0": 2.0, "z0": 20.0}
GUESS = (9.0, 25.0, 2.4, 1.5, 1.0, 18.0)
NOISE = 0.3
INTERVAL, POINTS, SUBSTEPS = 0.05, 40, 4


def slope(x, y, z, sigma, rho, beta):
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def trajectory(sigma, rho, beta, x, y, z):
    """Return the positions after each step of the classical fourth-order Runge-Kutta method."""
    h = INTERVAL / SUBSTEPS
    positions = []
    for _ in range(POINTS * SUBSTEPS):
        dx1, dy1, dz1 = slope(x, y, z, sigma, rho, beta)
        dx2, dy2, dz2 = slope(x + h / 2 * dx1, y + h / 2 * dy1, z + h / 2 * dz1, sigma, rho, beta)
        dx3, dy3, dz3 = slope(x + h / 2 * dx2, y + h / 2 * dy2, z + h / 2 * dz2, sigma, rho, beta)
        dx4, dy4, dz4 = slope(x + h * dx3, y + h * dy3, z + h * dz3, sigma, rho, beta)
        x = x + h / 6 * (dx1 + 2 * dx2 + 2 * dx3 + dx4)
        y = y + h / 6 * (dy1 + 2 * dy2 + 2 * dy3 + dy4)
        z = z + h / 6 * (dz1 + 2 * dz2 + 2 * dz3 + dz4)
        positions.append((x, y, z))
    return positions


def measure(generator):
    """Return noisy positions of the true system, a row for each time."""
    times = INTERVAL * np.arange(1, POINTS + 1)
    sigma, rho, beta, *start = TRUE.values()
    path = solve_ivp(
        lambda t, position: slope(*position, sigma, rho, beta), (0.0, times[-1]), start, t_eval=times, rtol=1e-10
    )
    return path.y.T + NOISE * generator.standard_normal((POINTS, 3))


def draw(path, data, fitted):
    """Draw the data and the fitted motion, one panel for each coordinate."""
    from matplotlib.figure import Figure

    steps = INTERVAL / SUBSTEPS * np.arange(1, POINTS * SUBSTEPS + 1)
    figure = Figure(figsize=(8, 6), layout="constrained")
    curves = np.transpose(trajectory(*fitted))
    for axes, name, curve, points in zip(figure.subplots(3, 1, sharex=True), "xyz", curves, data.T, strict=True):
        axes.plot(steps, curve, label="fitted")
        axes.plot(steps[SUBSTEPS - 1 :: SUBSTEPS], points, ".", color="black", label="data")
        axes.set_ylabel(name)
    axes.set_xlabel("time")
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=120)
    print(f"plot saved to {path}")


def main():
    parser = argparse.ArgumentParser(description="Fit a Lorenz system to noisy data.")
    parser.add_argument("--plot", metavar="FILE", help="draw the data and the fit here (needs matplotlib)")
    options = parser.parse_args()
    data = measure(np.random.default_rng(0))

    def residuals(parameters):
        return ((np.array(trajectory(*parameters))[SUBSTEPS - 1 :: SUBSTEPS] - data) / NOISE).ravel()

    found = least_squares(compile(residuals), GUESS, jac=compile(jacobian(residuals)))
    errors = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    rms = np.sqrt(np.mean(found.fun**2))
    print(f"{data.size} numbers with noise {NOISE}, rms error {NOISE * rms:.4f} after {found.nfev} evaluations")
    print(f"{'':8}{'true':>9}{'guess':>10}{'fitted':>10}{'standard error':>17}")
    for name, guess, fitted, error in zip(TRUE, GUESS, found.x, errors, strict=True):
        print(f"{name:8}{TRUE[name]:9.4f}{guess:10.4f}{fitted:10.4f}{error:17.4f}")
    if options.plot:
        draw(options.plot, data, found.x)
    return 0 if found.success and np.all(np.abs(found.x - list(TRUE.values())) < 4.0 * errors) else 1


if __name__ == "__main__":
    sys.exit(main())
