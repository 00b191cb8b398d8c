"""Predictions, derived with sympy from definitions; no result is typed in.

Symbols are the post's: T small networks of width d with m neurons per layer, k of them active; one
large network with stream width D, M neurons per layer, r of which carry each small neuron.
`w2` is the mean squared length of one small neuron's input weights, `sum2` that of the sum of a
circuit's m of them, `a2` that of an active circuit's state, all with the indicator's entry.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray
from sympy.stats import Bernoulli, E, Normal

D, M, T, k, m, d, r = sp.symbols("D M T k m d r", positive=True)
w2, sum2, a2, tolerance = sp.symbols(r"|w|^{2} |Σw|^{2} |a|^{2} nu", positive=True)


def second_moment_of_sum(n: sp.Expr, first: sp.Expr, second: sp.Expr) -> sp.Expr:
    """E[(z_1 + … + z_n)²] of n independent z with E z = first and E z² = second.

    The square has n diagonal terms, and n(n − 1) products of two different, independent ones.
    """
    return sp.expand(n * second + n * (n - 1) * first**2)


def overlap_variance() -> sp.Expr:
    """E[(e · e')²] of directions of two circuits, entries N(0, 1/D): equation (eq-overlap)."""
    x, y = Normal("x", 0, 1 / sp.sqrt(D)), Normal("y", 0, 1 / sp.sqrt(D))
    # different circuits' entries are independent: moments of x·y are products of moments
    return sp.simplify(second_moment_of_sum(D, E(x) * E(y), E(x**2) * E(y**2)))


def carried_weights() -> sp.Expr:
    """E|Σ_i c_i w_i|², the weights by which a large neuron reads one circuit: (eq-carried).

    Each of t's m small neurons is carried (c_i = 1) with probability r/M, independently. The
    square has m terms |w_i|², with E c_i², and the products of different ones, with (E c_i)²;
    those add up to |Σ w_i|² − Σ|w_i|².
    """
    c = Bernoulli("c", r / M)
    return m * w2 * E(c**2) + (sum2 - m * w2) * E(c) ** 2


def read_in_variance() -> sp.Expr:
    """Variance of a large neuron's read-in interference in the first layer: (eq-read-in).

    From circuit t ≠ u the neuron hears Σ_ij v_i O_ij a_j, where v are the weights with which it
    reads t, a is u's state and O_ij the overlap of direction i of t with direction j of u. The
    overlaps have mean zero and are uncorrelated, so the variance is |v|²|a|² times theirs; the
    pairs of T − 1 circuits t and k active circuits u add up. (Pairs (t, u) and (u, t) of two
    active circuits share one overlap matrix: a correction of relative order k/T, left out. So is
    what a circuit hears of itself: embeddings are orthonormal within each circuit.)
    """
    return sp.simplify(k * (T - 1) * carried_weights() * a2 * overlap_variance())


def leading_read_in_variance() -> sp.Expr:
    """`read_in_variance` for many circuits (T ≫ 1) and few carriers (m r ≪ M): (eq-leading)."""
    many = T * sp.limit(sp.expand(read_in_variance()) / T, T, sp.oo)
    return sp.simplify(sp.series(many, r, 0, 2).removeO())


def read_in_capacity() -> sp.Expr:
    """The T at which the leading read-in variance reaches ν: the capacity law (eq-capacity)."""
    (solution,) = sp.solve(sp.Eq(leading_read_in_variance(), tolerance), T)
    return sp.simplify(solution)


def evaluate(expression: sp.Expr, values: Mapping[sp.Symbol, ArrayLike]) -> NDArray[np.floating]:
    """The expression at numbers (or arrays, which broadcast) given for its symbols.

    Raises ValueError for a symbol without a value.
    """
    symbols = sorted(expression.free_symbols, key=str)
    missing = [str(symbol) for symbol in symbols if symbol not in values]
    if missing:
        raise ValueError(f"values: wanted one for each symbol, got none for {', '.join(missing)}")
    function = sp.lambdify(symbols, expression, "numpy")
    return np.asarray(function(*(np.asarray(values[s], float) for s in symbols)))
