"""All 161 sensitivities of fifteen swaptions in the LIBOR market model, by Monte Carlo over 100 000 paths.

Run ``python examples/swaptions.py``, with ``--plot FILE`` (needs matplotlib) for a picture of the sensitivities and
``--paths N`` for another number of paths. The model is that of Giles and Glasserman, "Smoking adjoints: fast Monte
Carlo greeks", Risk, January 2006: one factor, 80 forward rates, 40 time steps, and a portfolio whose payoff is known
after those. One path is a function of plain scalars; its gradient by all inputs is traced once and run over the paths
in batches, whose means and spreads give the sensitivities with their standard errors. The exit status is 1 unless they
agree with differences of the value, for which NumPy evaluates the same function.
"""

import argparse
import math
import sys
from time import perf_counter

import numpy as np

from autograd import compile, exp, maximum, sqrt, value_and_grad, vmap

RATES, STEPS = 80, 40
MATURITIES, STRIKES = (4, 8, 20, 28, 40), (0.045, 0.05, 0.055)
# The accrual period in years, the volatilities by time to maturity, the initial forward rates.
START = 0.05, np.full(RATES, 0.2), np.full(RATES, 0.05)
BATCH = 5000


def portfolio(accrual, volatilities, rates, normals):
    """Return what fifteen payer swaptions pay on one path, discounted to today.

    Parameters
    ----------
    accrual : scalar
        Length of a period in years.
    volatilities, rates : sequence of 80 scalars
        Volatilities by the number of periods to maturity, and forward rates today.
    normals : sequence of 40 scalars
        A standard normal number for each step.
    """
    rates = list(rates)
    root = sqrt(accrual)
    for n in range(STEPS):
        drift = 0.0
        for i in range(n + 1, RATES):
            volatility = volatilities[i - n - 1]
            covariance = accrual * volatility
            drift = drift + covariance * rates[i] / (1.0 + accrual * rates[i])
            growth = exp(covariance * drift + volatility * (root * normals[n] - 0.5 * covariance))
            rates[i] = rates[i] * growth

    discount, annuity, payoff = 1.0, 0.0, 0.0
    for period, rate in enumerate(rates[STEPS:], start=1):
        discount = discount / (1.0 + accrual * rate)
        annuity = annuity + accrual * discount
        if period in MATURITIES:
            for strike in STRIKES:
                payoff = payoff + 100.0 * maximum(1.0 - discount - strike * annuity, 0.0)

    for rate in rates[:STEPS]:
        payoff = payoff / (1.0 + accrual * rate)
    return payoff


values_and_gradients = compile(vmap(value_and_grad(portfolio, argnums=(0, 1, 2)), in_axes=(None, None, None, 0)))


def estimate(paths, seed=0):
    """Return the mean of the value and of all derivatives over `paths` paths, and their standard errors."""
    generator = np.random.default_rng(seed)
    sums = squares = 0.0
    for first in range(0, paths, BATCH):
        normals = generator.standard_normal((min(BATCH, paths - first), STEPS))
        value, (by_accrual, by_volatilities, by_rates) = values_and_gradients(*START, normals)
        columns = np.column_stack([value, by_accrual, by_volatilities, by_rates])
        sums = sums + columns.sum(axis=0)
        squares = squares + (columns**2).sum(axis=0)
    means = sums / paths
    return means, np.sqrt((squares / paths - means**2) / (paths - 1))


def differences(paths, seed=0, step=1e-7):
    """Return derivatives of the mean by the accrual and by shifts of all volatilities and of all rates.

    They are central differences over the paths that `estimate` takes first, with NumPy arrays for scalars.
    """
    normals = np.random.default_rng(seed).standard_normal((paths, STEPS)).T
    found = []
    for moved in range(3):
        up, down = (
            portfolio(*(x + h if i == moved else x for i, x in enumerate(START)), normals).mean() for h in (step, -step)
        )
        found.append((up - down) / (2.0 * step))
    return found


def shifts(means):
    """Return the derivatives that `differences` approximates, from all derivatives."""
    _, by_accrual, *by_inputs = means
    return [by_accrual, math.fsum(by_inputs[:RATES]), math.fsum(by_inputs[RATES:])]


def draw(path, means, errors):
    """Draw the sensitivities to volatilities and rates with two standard errors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    panels = (
        ("volatility, by periods to maturity", "per percentage point", 2, 0.01),
        ("initial forward rate, by period", "per basis point", 2 + RATES, 0.0001),
    )
    for axes, (name, unit, first, scale) in zip(figure.subplots(1, 2), panels, strict=True):
        part = slice(first, first + RATES)
        axes.errorbar(
            np.arange(RATES), scale * means[part], 2.0 * scale * errors[part], fmt=".", markersize=4, capsize=1.5
        )
        axes.axhline(0.0, color="grey", linewidth=0.8)
        axes.set(title=f"Sensitivity to the {name}", xlabel="period", ylabel=f"value {unit}")
    figure.savefig(path, dpi=120)
    print(f"plot saved to {path}")


def main():
    parser = argparse.ArgumentParser(description="Sensitivities of a portfolio of swaptions, by Monte Carlo.")
    parser.add_argument("--paths", type=int, default=100_000, help="number of paths (default: 100000)")
    parser.add_argument("--plot", metavar="FILE", help="draw the sensitivities here (needs matplotlib)")
    options = parser.parse_args()
    if options.paths < 2:
        parser.error("--paths must be at least 2")

    start = perf_counter()
    means, errors = estimate(options.paths)
    seconds = perf_counter() - start
    print(f"{options.paths} paths with {len(means) - 1} sensitivities in {seconds:.1f} s\n")
    print(f"value {means[0]:.4f} +- {errors[0]:.4f}")
    print(f"by the accrual period {means[1]:.2f} +- {errors[1]:.2f}\n")
    print("period   by volatility              by initial rate")
    for i in (*range(0, RATES, 10), RATES - 1):
        print(f"{i:4}  {means[2 + i]:10.4f} +- {errors[2 + i]:7.4f}   ", end="")
        print(f"{means[2 + RATES + i]:10.4f} +- {errors[2 + RATES + i]:7.4f}")

    compared = min(options.paths, 1000)
    print(f"\nover {compared} paths    here          by differences")
    right = True
    names = "accrual", "all volatilities", "all rates"
    for name, here, difference in zip(names, shifts(estimate(compared)[0]), differences(compared), strict=True):
        # A path whose payoff has a kink between the two points is off by the size of the step.
        agrees = math.isclose(here, difference, rel_tol=1e-4)
        right = right and agrees
        print(f"{name:17} {here:12.5f} {difference:16.5f}   {'' if agrees else 'NOT equal'}")
    if options.plot:
        draw(options.plot, means, errors)
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
