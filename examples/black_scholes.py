"""Prices and greeks of 200 000 European calls from one function of plain scalars, checked against the closed forms.

Run ``python examples/black_scholes.py``. `price` is Black's and Scholes's formula as it stands in a book. Its five
first derivatives come from one traced program that runs over all options at once, the second ones from composing
`grad`. The exit status is 1 unless every greek of every option is as the textbook has it.
"""

import math
import sys
from time import perf_counter

import numpy as np

from autograd import compile, erfc, exp, grad, log, sqrt, value_and_grad, vmap

SPOT, RATE = 100.0, 0.03
STRIKES, MATURITIES = np.linspace(60.0, 160.0, 500), np.linspace(0.1, 3.0, 400)
TOLERANCE = 1e-12


def normal_cdf(x):
    return 0.5 * erfc(-x / math.sqrt(2.0))


def price(spot, strike, rate, volatility, maturity):
    """Return the price of a European call by the formula of Black and Scholes."""
    deviation = volatility * sqrt(maturity)
    d1 = (log(spot / strike) + rate * maturity) / deviation + 0.5 * deviation
    return spot * normal_cdf(d1) - strike * exp(-rate * maturity) * normal_cdf(d1 - deviation)


def textbook(spot, strike, rate, volatility, maturity):
    """Return the price and the greeks by name, in closed form (see Hull, Options, Futures and Other Derivatives)."""
    deviation = volatility * np.sqrt(maturity)
    d1 = (np.log(spot / strike) + rate * maturity) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    density = np.exp(-0.5 * d1**2) / np.sqrt(2.0 * np.pi)
    cdf1, cdf2 = (np.array([0.5 * math.erfc(-x / math.sqrt(2.0)) for x in d]) for d in (d1, d2))
    discount = np.exp(-rate * maturity)
    return {
        "price": spot * cdf1 - strike * discount * cdf2,
        "delta": cdf1,
        "by strike": -discount * cdf2,
        "rho": strike * maturity * discount * cdf2,
        "vega": spot * density * np.sqrt(maturity),
        "by maturity": spot * density * volatility / (2.0 * np.sqrt(maturity)) + rate * strike * discount * cdf2,
        "gamma": density / (spot * deviation),
        "vanna": -density * d2 / volatility,
        "volga": spot * density * np.sqrt(maturity) * d1 * d2 / volatility,
    }


def main():
    strike, maturity = (grid.ravel() for grid in np.meshgrid(STRIKES, MATURITIES))
    volatility = 0.2 + 0.1 * np.log(strike / SPOT) ** 2 / np.sqrt(maturity)
    options = SPOT, strike, RATE, volatility, maturity

    # All options share the spot and the rate.
    axes = (None, 0, None, 0, 0)
    first_order = compile(vmap(value_and_grad(price, argnums=(0, 1, 2, 3, 4)), in_axes=axes))
    second_order = {
        "gamma": compile(vmap(grad(grad(price)), in_axes=axes)),
        "vanna": compile(vmap(grad(grad(price), argnums=3), in_axes=axes)),
        "volga": compile(vmap(grad(grad(price, argnums=3), argnums=3), in_axes=axes)),
    }
    first_order(*options)  # traces
    start = perf_counter()
    value, greeks = first_order(*options)
    seconds = perf_counter() - start
    print(f"{len(strike)} calls, price and five greeks: {1e9 * seconds / len(strike):.0f} ns each\n")

    found = {"price": value}
    found |= zip(("delta", "by strike", "rho", "vega", "by maturity"), greeks, strict=True)
    found |= {name: function(*options) for name, function in second_order.items()}

    middle = len(strike) // 2
    print(f"strike {strike[middle]:.2f}, volatility {volatility[middle]:.4f}, maturity {maturity[middle]:.3f}")
    print("                 here      textbook   largest difference among all options, by the largest greek")
    worst = 0.0
    for name, expected in textbook(*options).items():
        difference = np.max(np.abs(found[name] - expected)) / np.max(np.abs(expected))
        worst = max(worst, difference)
        print(f"{name:11} {found[name][middle]:12.8f}  {expected[middle]:12.8f}   {difference:.1e}")
    return 0 if worst < TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
