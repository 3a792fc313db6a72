"""The functions measured as programs: scalar Python, in terms of the elementary functions of an engine.

`numeric` is a namespace with `exp`, `log` and so on, such as the module `autograd.functions` or `math`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any


def rosenbrock(numeric: Any) -> Callable[[Any], Any]:
    """Return Rosenbrock's function of any number of variables, with a sine and an exponential added."""
    sin, exp = numeric.sin, numeric.exp

    def function(xs: Any) -> Any:
        total = 0.0
        for i in range(len(xs) - 1):
            x, y = xs[i], xs[i + 1]
            total = total + 100.0 * (y - x**2) ** 2 + (1.0 - x) ** 2 + sin(x) * exp(-y)
        return total

    return function


def rosenbrock_point(variables: int) -> list[float]:
    """Return the point at which the function is evaluated."""
    return [1.2 + 0.1 * math.sin(i) for i in range(variables)]


def rosenbrock_operations(variables: int) -> int:
    """Return the number of operations of an evaluation."""
    return 13 * (variables - 1)


def black_scholes(numeric: Any) -> Callable[..., Any]:
    """Return the price of a European call option after Black and Scholes (1973)."""
    log, sqrt, exp, erf = numeric.log, numeric.sqrt, numeric.exp, numeric.erf

    def normal(x: Any) -> Any:
        return 0.5 * (1.0 + erf(x * math.sqrt(0.5)))

    def price(spot: Any, strike: Any, rate: Any, volatility: Any, maturity: Any) -> Any:
        deviation = volatility * sqrt(maturity)
        d1 = (log(spot / strike) + (rate + 0.5 * volatility * volatility) * maturity) / deviation
        return spot * normal(d1) - strike * exp(-rate * maturity) * normal(d1 - deviation)

    return price


def options(count: int) -> list[list[float]]:
    """Return spots, strikes, rates, volatilities and maturities (years) of some options."""
    generator = random.Random(1337)
    ranges = ((80.0, 120.0), (80.0, 120.0), (0.0, 0.08), (0.1, 0.5), (0.1, 2.0))
    return [[generator.uniform(*bounds) for _ in range(count)] for bounds in ranges]


RATES = 80
STEPS = 40
MATURITIES = (4, 8, 20, 28, 40)
STRIKES = (0.045, 0.05, 0.055)


def swaptions(numeric: Any) -> Callable[..., Any]:
    """Return the present value of 15 payer swaptions on a path of the LIBOR market model.

    The portfolio is that of Giles and Glasserman, Smoking adjoints (2006). `d` is the accrual period, `rates` are
    today's forward rates, `volatilities` are indexed by a rate's time to its fixing, and `normals` drive the steps.
    """
    exp, sqrt, maximum = numeric.exp, numeric.sqrt, numeric.maximum

    def path(d: Any, volatilities: Any, rates: Any, normals: Any) -> Any:
        rates = list(rates)
        for n in range(STEPS):
            shock = sqrt(d) * normals[n]
            drift = 0.0
            for i in range(n + 1, RATES):
                volatility = volatilities[i - n - 1]
                c = d * volatility
                drift = drift + c * rates[i] / (1.0 + d * rates[i])
                rates[i] = rates[i] * exp(c * drift + volatility * (shock - c / 2.0))
        bond, annuity = 1.0, 0.0
        bonds, annuities = [], []
        for rate in rates[STEPS:]:
            bond = bond / (1.0 + d * rate)
            annuity = annuity + d * bond
            bonds.append(bond)
            annuities.append(annuity)
        value = 0.0
        for maturity in MATURITIES:
            for strike in STRIKES:
                payoff = 1.0 - bonds[maturity - 1] - strike * annuities[maturity - 1]
                value = value + 100.0 * maximum(payoff, 0.0)
        for rate in rates[:STEPS]:
            value = value / (1.0 + d * rate)
        return value

    return path


def swaption_market() -> tuple[float, list[float], list[float]]:
    """Return the accrual period, the volatilities and today's forward rates: the 161 inputs."""
    return 0.05, [0.2] * RATES, [0.05] * RATES


def swaption_paths(count: int) -> list[list[float]]:
    """Return the normal random numbers of some paths."""
    generator = random.Random(1337)
    return [[generator.gauss(0.0, 1.0) for _ in range(STEPS)] for _ in range(count)]


def bisection(ways: int) -> Callable[[Any], Any]:
    """Return a function of a number from 0 to `ways`, whose interval of length 1 it finds by comparisons."""

    def function(x: Any) -> Any:
        low, high = 0, ways
        while high - low > 1:
            middle = (low + high) // 2
            if x < middle:
                high = middle
            else:
                low = middle
        return x * (x - low)

    return function
