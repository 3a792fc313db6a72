"""A Kalman filter whose variances are found by maximum likelihood: its steps are a `scan`.

A level that wanders is seen through noise. The filter gives the likelihood of the two variances; Newton's method takes
its gradient and Hessian, and the Hessian at the end gives the standard errors. The likelihood of the first observations
is compared with the density of a multivariate normal distribution, which knows nothing of the filter. The plot has the
observations and the level that the filter infers.
"""

import argparse
import sys

import numpy as np

from autograd import compile, exp, grad, hessian, log, scan

OBSERVATIONS, TRUTH = 2_000, (0.3, 1.5)


def log_likelihood(parameters, observations):
    """Return the log-likelihood, and the level after each observation; the parameters are logarithms of variances."""
    wander, noise = exp(parameters[0]), exp(parameters[1])

    def step(state, observation):
        mean, variance, total = state
        variance = variance + wander
        surprise, spread = observation - mean, variance + noise
        gain = variance / spread
        total = total - 0.5 * (log(2 * np.pi * spread) + surprise * surprise / spread)
        mean = mean + gain * surprise
        return (mean, (1 - gain) * variance, total), mean

    (_, _, total), levels = scan(step, (0.0, 1.0, 0.0), observations)
    return total, levels


def normal_density(parameters, observations):
    """Return the same from the covariance of all observations."""
    wander, noise = np.exp(parameters)
    times = np.arange(1, len(observations) + 1)
    covariance = 1.0 + wander * np.minimum.outer(times, times) + noise * np.eye(len(times))
    _, logarithm = np.linalg.slogdet(2 * np.pi * covariance)
    return -0.5 * (logarithm + observations @ np.linalg.solve(covariance, observations))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="draw the observations and the level (needs matplotlib)")
    file = parser.parse_args().plot
    generator = np.random.default_rng(0)
    level = np.cumsum(generator.normal(size=OBSERVATIONS) * TRUTH[0] ** 0.5)
    observations = level + generator.normal(size=OBSERVATIONS) * TRUTH[1] ** 0.5

    few = observations[:60]
    error = abs(log_likelihood([0.1, 0.2], few)[0] - normal_density(np.array([0.1, 0.2]), few))
    print(f"difference to the normal density: {error:.1e}")

    def value(parameters):
        return log_likelihood(parameters, observations)[0]

    slope, curvature = compile(grad(value)), compile(hessian(value))
    parameters = np.zeros(2)
    for _ in range(20):
        step = np.linalg.solve(curvature(parameters), slope(parameters))
        parameters = parameters - step
        if np.abs(step).max() < 1e-10:
            break
    errors = np.sqrt(np.diag(np.linalg.inv(-curvature(parameters))))
    for name, truth, parameter, deviation in zip(("wander", "noise"), TRUTH, parameters, errors, strict=True):
        found = f"found {np.exp(parameter):.3f}  standard error {deviation:.3f} of its logarithm"
        print(f"{name:8} true {truth:.3f}  {found}")
    right = np.abs(parameters - np.log(TRUTH)) < 3 * errors
    if file:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots()
        axes.plot(observations[:300], ".", label="observations")
        axes.plot(log_likelihood(parameters, observations)[1][:300], label="level")
        axes.legend()
        figure.savefig(file)
    return int(error > 1e-9 or not right.all() or np.abs(slope(parameters)).max() > 1e-6)


if __name__ == "__main__":
    sys.exit(main())
