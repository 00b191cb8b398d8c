"""A ReLU turns a Gaussian into known moments."""

from __future__ import annotations

from functools import cache

import sympy as sp

_a = sp.symbols("a", real=True)


@cache
def _tail(power: int) -> sp.Expr:
    """Return ∫_a^∞ y^power φ(y) dy, with φ the density of a standard Gaussian.

    From the first power on it is integrated by parts, because φ' = −yφ. The integral is a^(power −
    1) φ(a), plus (power − 1) times the integral with two powers less.
    """
    y = sp.symbols("y", real=True)
    density = sp.exp(-(y**2) / 2) / sp.sqrt(2 * sp.pi)
    if power == 0:
        return sp.simplify(sp.integrate(density, (y, _a, sp.oo)))
    rest = (power - 1) * _tail(power - 2) if power > 1 else 0
    return _a ** (power - 1) * density.subs(y, _a) + rest


def _moment(power: int, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """Return E ReLU(mean + √variance y)^power; it is not zero where y > −mean/√variance."""
    deviation = sp.sqrt(variance)
    terms = [
        sp.binomial(power, i) * mean ** (power - i) * deviation**i * _tail(i)
        for i in range(power + 1)
    ]
    return sum(terms, sp.Integer(0)).subs(_a, -mean / deviation)


def relu_on(mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """Return P(x > 0) of a Gaussian x, also the slope of `relu_mean` in the mean: (eq-relu-on)."""
    return _moment(0, mean, variance)


def relu_mean(mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """Return E ReLU(x) of a Gaussian x: (eq-relu-mean)."""
    return _moment(1, mean, variance)


def relu_second(mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """Return E ReLU(x)² of a Gaussian x: (eq-relu-second)."""
    return _moment(2, mean, variance)
