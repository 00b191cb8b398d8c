"""Large neurons suffer read-in interference (the post's section of that name)."""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.carrying import INDEPENDENT_CARRIERS, RANDOM_CARRIERS, carried_weights
from superposition.theory.derivation import Assumption, Derivation
from superposition.theory.embedding import (
    DIMENSIONS,
    MEAN_ZERO,
    UNCORRELATED,
    VARIANCE,
    overlap_variance,
)
from superposition.theory.symbols import T, a2, circuit_covariance, k, r, tolerance

PAIRS = Assumption(
    "what a large neuron hears of different pairs of circuits is uncorrelated",
    {circuit_covariance: sp.Integer(0)},
)
# What all formulas for interference assume.
NOISE = (
    PAIRS,
    INDEPENDENT_CARRIERS,
    RANDOM_CARRIERS,
    MEAN_ZERO,
    UNCORRELATED,
    DIMENSIONS,
    VARIANCE,
)


@cache
def read_in_variance() -> Derivation:
    """Derive the variance of a large neuron's read-in interference: (eq-read-in).

    The layer is the first. From circuit t ≠ u the neuron reads Σ_ij v_i O_ij a_j. Here v are the
    weights with which it reads t, a is u's state, and O_ij is the overlap of direction i of t with
    direction j of u. The variance is |v|²|a|² times that of the overlaps; k active circuits and T −
    1 others make the pairs. (Pairs (t, u) and (u, t) of two active circuits share one overlap
    matrix: a correction of relative order k/T, left out. A circuit's reading of itself is left out,
    too: embeddings are orthonormal within each circuit.)
    """
    pairs = k * (T - 1)
    one = carried_weights().general * a2 * overlap_variance().general
    general = pairs * one + pairs * (pairs - 1) * circuit_covariance
    return Derivation(r"\sigma^2", general, NOISE)


@cache
def leading_read_in_variance() -> sp.Expr:
    """Return `read_in_variance` for many circuits (T ≫ 1), few carriers (m r ≪ M): (eq-leading)."""
    many = T * sp.limit(sp.expand(read_in_variance().result) / T, T, sp.oo)
    return sp.simplify(sp.series(many, r, 0, 2).removeO())


@cache
def read_in_capacity() -> sp.Expr:
    """Return the T at which the leading read-in variance is ν, the capacity law: (eq-capacity)."""
    (solution,) = sp.solve(sp.Eq(leading_read_in_variance(), tolerance), T)
    return sp.simplify(solution)
