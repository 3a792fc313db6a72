"""Formulas and simulations measured as programs, in scalar Python; see `models`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

STEPS = 252


def sabr(numeric: Any) -> Callable[..., Any]:
    """Return the implied volatility of the SABR model after Hagan et al., Managing smile risk (2002), eq. 2.17a."""
    log, sqrt = numeric.log, numeric.sqrt

    def volatility(forward: Any, strike: Any, maturity: Any, alpha: Any, beta: Any, rho: Any, nu: Any) -> Any:
        one = 1.0 - beta
        mean = (forward * strike) ** (0.5 * one)
        log_ratio = log(forward / strike)
        square = one * one * log_ratio * log_ratio
        z = nu / alpha * mean * log_ratio
        x = log((sqrt(1.0 - 2.0 * rho * z + z * z) + z - rho) / (1.0 - rho))
        drift = one * one * alpha * alpha / (24.0 * mean * mean) + 0.25 * rho * beta * nu * alpha / mean
        drift = drift + (2.0 - 3.0 * rho * rho) * nu * nu / 24.0
        return alpha / (mean * (1.0 + square / 24.0 + square * square / 1920.0)) * (z / x) * (1.0 + drift * maturity)

    return volatility


def smiles(count: int) -> list[list[float]]:
    """Return forwards, strikes, maturities and parameters of some smiles."""
    generator = random.Random(1337)
    ranges = ((0.9, 1.1), (1.15, 1.5), (0.1, 5.0), (0.1, 0.4), (0.3, 0.9), (-0.6, 0.3), (0.2, 0.8))
    return [[generator.uniform(*bounds) for _ in range(count)] for bounds in ranges]


def asian(numeric: Any) -> Callable[..., Any]:
    """Return the discounted payoff of a call on the arithmetic mean of a geometric Brownian path."""
    exp, sqrt, maximum = numeric.exp, numeric.sqrt, numeric.maximum

    def payoff(spot: Any, rate: Any, volatility: Any, maturity: Any, normals: Any) -> Any:
        step = maturity / STEPS
        drift, deviation = (rate - 0.5 * volatility * volatility) * step, volatility * sqrt(step)
        total = 0.0
        for n in range(STEPS):
            spot = spot * exp(drift + deviation * normals[n])
            total = total + spot
        return exp(-rate * maturity) * maximum(total / STEPS - 100.0, 0.0)

    return payoff


def heston(numeric: Any) -> Callable[..., Any]:
    """Return the discounted payoff of a call in Heston's model (1993), full truncation after Lord et al. (2010)."""
    exp, sqrt, maximum = numeric.exp, numeric.sqrt, numeric.maximum

    def payoff(
        spot: Any, variance: Any, kappa: Any, theta: Any, xi: Any, rho: Any, rate: Any, first: Any, second: Any
    ) -> Any:
        step = 1.0 / STEPS
        root, rest = math.sqrt(step), sqrt(1.0 - rho * rho)
        log_spot = 0.0
        for n in range(STEPS):
            positive = maximum(variance, 0.0)
            deviation = sqrt(positive + 1e-12) * root
            log_spot = log_spot + (rate - 0.5 * positive) * step + deviation * first[n]
            variance = variance + kappa * (theta - positive) * step
            variance = variance + xi * deviation * (rho * first[n] + rest * second[n])
        return exp(-rate) * maximum(spot * exp(log_spot) - 100.0, 0.0)

    return payoff


def normals(count: int, columns: int = STEPS, seed: int = 1337) -> list[list[float]]:
    """Return rows of normal random numbers."""
    generator = random.Random(seed)
    return [[generator.gauss(0.0, 1.0) for _ in range(columns)] for _ in range(count)]


def lorenz(numeric: Any) -> Callable[..., Any]:
    """Return the sum of the squared state of the Lorenz system after 100 steps of the classical Runge-Kutta method."""

    def slope(x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any) -> tuple[Any, Any, Any]:
        return sigma * (y - x), x * (rho - z) - y, x * y - beta * z

    def energy(x: Any, y: Any, z: Any, sigma: Any, rho: Any, beta: Any) -> Any:
        h, parameters = 0.01, (sigma, rho, beta)
        state = (x, y, z)
        for _ in range(100):
            k1 = slope(*state, *parameters)
            k2 = slope(*(s + 0.5 * h * k for s, k in zip(state, k1, strict=True)), *parameters)
            k3 = slope(*(s + 0.5 * h * k for s, k in zip(state, k2, strict=True)), *parameters)
            k4 = slope(*(s + h * k for s, k in zip(state, k3, strict=True)), *parameters)
            state = tuple(
                s + h / 6.0 * (a + 2.0 * b + 2.0 * c + d) for s, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)
            )
        return state[0] * state[0] + state[1] * state[1] + state[2] * state[2]

    return energy


def lorenz_points(count: int) -> list[list[float]]:
    """Return states and parameters near the classical ones."""
    generator = random.Random(1337)
    ranges = ((0.9, 1.1), (0.9, 1.1), (0.9, 1.1), (9.5, 10.5), (27.0, 29.0), (2.5, 2.8))
    return [[generator.uniform(*bounds) for _ in range(count)] for bounds in ranges]


def lstm(numeric: Any) -> Callable[..., Any]:
    """Return the squared output of an LSTM cell of one unit after ten inputs; `w` has three weights for each gate."""
    exp, tanh = numeric.exp, numeric.tanh

    def sigmoid(x: Any) -> Any:
        return 1.0 / (1.0 + exp(-x))

    def loss(w: Any, xs: Any) -> Any:
        h, c = 0.0, 0.0
        for n in range(10):
            i, f, o = (sigmoid(w[k] * xs[n] + w[k + 1] * h + w[k + 2]) for k in (0, 3, 6))
            c = f * c + i * tanh(w[9] * xs[n] + w[10] * h + w[11])
            h = o * tanh(c)
        return h * h

    return loss
