"""An implied-volatility surface with its sensitivities, from the prices of options alone.

Run ``python examples/implied_volatility.py``, with ``--plot FILE`` (needs matplotlib) for a picture of the surface and
its sensitivities. The volatility that gives an option its price is the root of an equation. `root` finds it in every
lane of a batch, and derivatives by the price, the strike and the time come with it, first and second ones. The exit
status is 1 unless the volatilities are those that the prices were made of, with the derivatives of the closed form.
"""

import argparse
import sys

import numpy as np

from autograd import compile, erfc, exp, grad, log, sqrt, value_and_grad, vmap
from autograd.implicit import root

SPOT, RATE = 100.0, 0.03
STRIKES, TIMES = np.linspace(75.0, 130.0, 45), np.linspace(0.2, 2.0, 37)


def price(volatility, strike, time):
    """Return the price of a call by Black and Scholes."""
    deviation = volatility * sqrt(time)
    d = (log(SPOT / strike) + RATE * time) / deviation + 0.5 * deviation

    def normal(x):
        return 0.5 * erfc(-x * 0.5**0.5)

    return SPOT * normal(d) - strike * exp(-RATE * time) * normal(d - deviation)


def implied(paid, strike, time):
    """Return the volatility at which a call costs `paid`."""
    # Where the price as a function of the volatility changes its curvature, from where Newton's method cannot miss.
    start = sqrt(2.0 * abs(log(SPOT / strike) + RATE * time) / time) + 0.05
    return root(lambda volatility: price(volatility, strike, time) - paid, start)


@compile
@vmap
def surface(paid, strike, time):
    """Return volatilities, their gradients by price, strike and time, and second derivatives by the price."""
    volatility, by_all = value_and_grad(implied, argnums=(0, 1, 2))(paid, strike, time)
    return volatility, by_all, grad(grad(implied))(paid, strike, time)


def smile(strike, time):
    """Return the volatilities that the prices are made of."""
    moneyness = np.log(strike / SPOT) / np.sqrt(time)
    return 0.2 - 0.08 * moneyness + 0.15 * moneyness**2 + 0.02 * np.exp(-time)


def draw(file, *surfaces):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    titles = ("implied volatility", "by the price", "by the strike", "by the time")
    for k, (title, z) in enumerate(zip(titles, surfaces, strict=True), 1):
        axes = figure.add_subplot(2, 2, k, projection="3d")
        axes.plot_surface(*np.meshgrid(STRIKES, TIMES), z, cmap="viridis")
        axes.set(title=title, xlabel="strike", ylabel="years")
    figure.savefig(file, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", metavar="FILE", help="draw the surface and its sensitivities here (needs matplotlib)")
    file = parser.parse_args().plot
    strike, time = (x.ravel() for x in np.meshgrid(STRIKES, TIMES))
    true = smile(strike, time)
    paid, slopes = vmap(value_and_grad(price, argnums=(0, 1, 2)))(true, strike, time)
    volatility, by_all, second = surface(paid, strike, time)

    # By the theorem on implicit functions, and its second derivative.
    vega, *rest = slopes
    curvature = vmap(grad(grad(price)))(true, strike, time)
    expected = (true, 1.0 / vega, *(-slope / vega for slope in rest), -curvature / vega**3)
    right = True
    for name, x, y in zip(
        ("volatility", "by the price", "by the strike", "by the time", "by the price twice"),
        (volatility, *by_all, second),
        expected,
        strict=True,
    ):
        error = np.max(np.abs(x - y) / np.maximum(np.abs(y), 1e-3))
        right = right and error < 1e-6
        print(f"{name:20} {x.min():12.6f} to {x.max():10.6f}, largest relative error {error:.1e}")
    if file:
        draw(file, *(z.reshape(len(TIMES), -1) for z in (volatility, *by_all)))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
