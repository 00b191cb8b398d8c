"""What a ReLU makes of a Gaussian."""

from __future__ import annotations

from functools import cache

import sympy as sp

_a = sp.symbols("a", real=True)


@cache
def _tail(power: int) -> sp.Expr:
    """∫_a^∞ y^power φ(y) dy, with φ the density of a standard Gaussian.

    By parts from the first power on, since φ' = −yφ: a^(power − 1) φ(a) + (power − 1) times the
    integral with two powers less.
    """
    y = sp.symbols("y", real=True)
    density = sp.exp(-(y**2) / 2) / sp.sqrt(2 * sp.pi)
    if power == 0:
        return sp.simplify(sp.integrate(density, (y, _a, sp.oo)))
    rest = (power - 1) * _tail(power - 2) if power > 1 else 0
    return _a ** (power - 1) * density.subs(y, _a) + rest


def _moment(power: int, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """E ReLU(mean + √variance y)^power: where it is not zero, y > −mean/√variance."""
    deviation = sp.sqrt(variance)
    terms = [
        sp.binomial(power, i) * mean ** (power - i) * deviation**i * _tail(i)
        for i in range(power + 1)
    ]
    return sum(terms, sp.Integer(0)).subs(_a, -mean / deviation)


def relu_on(mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """P(x > 0) of a Gaussian x; also the slope of `relu_mean` in the mean: (eq-relu-on)."""
    return _moment(0, mean, variance)


def relu_mean(mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """E ReLU(x) of a Gaussian x, integrated: (eq-relu-mean)."""
    return _moment(1, mean, variance)


def relu_second(mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """E ReLU(x)² of a Gaussian x, integrated: (eq-relu-second)."""
    return _moment(2, mean, variance)
