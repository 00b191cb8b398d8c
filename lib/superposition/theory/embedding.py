"""Random directions have overlaps and lengths (the post's section *Embedding matrix*)."""

from __future__ import annotations

from functools import cache

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from superposition.theory.derivation import Assumption, Derivation, second_moment_of_sum
from superposition.theory.symbols import (
    D,
    T,
    dimension_covariance,
    entry_covariance,
    entry_mean,
    entry_variance,
    n_vectors,
)

MEAN_ZERO = Assumption("entries have mean zero", {entry_mean: sp.Integer(0)})
VARIANCE = Assumption("entries have variance 1/D", {entry_variance: 1 / D})
UNCORRELATED = Assumption(
    "entries of different directions are uncorrelated", {entry_covariance: sp.Integer(0)}
)
DIMENSIONS = Assumption(
    "different dimensions are independent", {dimension_covariance: sp.Integer(0)}
)


def gaussian_moment(i: int, j: int) -> sp.Expr:
    """Return E[x^i y^j] of two jointly Gaussian entries, from the moment generating function."""
    s, t = sp.symbols("s t")
    exponent = entry_mean * (s + t) + entry_variance * (s**2 + t**2) / 2 + entry_covariance * s * t
    derivative = sp.diff(sp.exp(exponent), *([s] * i), *([t] * j))
    return sp.expand(derivative.subs({s: 0, t: 0}))


@cache
def overlap_mean() -> Derivation:
    """Derive E[e · e'] of two circuits' directions, D times a mean product: (eq-overlap-mean)."""
    return Derivation(
        r"\mathrm{E}[e \cdot e']", D * gaussian_moment(1, 1), (MEAN_ZERO, UNCORRELATED)
    )


@cache
def overlap_variance() -> Derivation:
    """Derive E[(e · e')²] of two circuits' directions, entries N(0, 1/D): (eq-overlap-variance).

    (eq-overlap) is the short form, and (eq-overlap-general) the form before any assumption.
    """
    product = gaussian_moment(1, 1) ** 2 + dimension_covariance
    general = second_moment_of_sum(D, gaussian_moment(2, 2), product)
    assumptions = (MEAN_ZERO, UNCORRELATED, DIMENSIONS, VARIANCE)
    return Derivation(r"\mathrm{E}[(e \cdot e')^2]", general, assumptions)


@cache
def length_mean() -> Derivation:
    """Derive E|e|² of one direction."""
    return Derivation(r"\mathrm{E}|e|^2", D * gaussian_moment(2, 0), (MEAN_ZERO, VARIANCE))


@cache
def length_variance() -> Derivation:
    """Derive the variance of |e|², zero for an orthonormal embedding: (eq-length-variance)."""
    product = gaussian_moment(2, 0) ** 2 + dimension_covariance
    second = second_moment_of_sum(D, gaussian_moment(4, 0), product)
    general = sp.expand(second - (D * gaussian_moment(2, 0)) ** 2)
    return Derivation(r"\mathrm{Var}\,|e|^2", general, (MEAN_ZERO, DIMENSIONS, VARIANCE))


@cache
def leading_largest_overlap() -> sp.Expr:
    """Return the largest of T²/2 overlaps of size 1/√D for very many circuits: (eq-largest).

    The largest of N Gaussians is √(2 ln N) standard deviations for large N. So its square is twice
    the logarithm of the number of pairs, to leading order in ln T, times the variance.
    """
    log_pairs = sp.expand_log(sp.log(T**2 / 2))
    leading = sp.log(T) * sp.limit(log_pairs / sp.log(T), T, sp.oo)
    return sp.sqrt(2 * leading * overlap_variance().result)


def largest_overlap(n_pairs: ArrayLike, size: ArrayLike) -> NDArray[np.floating]:
    """Return the mean of the largest |e · e'| among independent pairs of unit vectors.

    No limit is taken. For unit vectors in `size` dimensions (e · e')² has a Beta(1/2, (size − 1)/2)
    distribution F, and the largest of n has mean ∫ (1 − F^n).
    """

    return np.vectorize(_mean_of_largest, otypes=[float])(n_pairs, size)


@cache
def _mean_of_largest(n_pairs: float, size: float) -> float:
    from scipy import integrate, stats  # slow to load, and seldom needed

    squared = stats.beta(0.5, (size - 1) / 2)
    grid = np.linspace(0, 1, 20001)
    exceeds = -np.expm1(n_pairs * squared.logcdf(grid**2))
    return float(integrate.trapezoid(exceeds, grid))


@cache
def welch_bound() -> sp.Expr:
    """Return the least root-mean-square overlap of n ≥ D unit vectors in D dimensions: (eq-welch).

    Their Gram matrix has trace n and at most D non-zero eigenvalues λ, so Σ λ² is least when all
    are n/D. Σ λ² is also n plus the n(n − 1) squared overlaps.
    """
    n = n_vectors
    least = D * (n / D) ** 2
    return sp.sqrt(sp.factor((least - n) / (n * (n - 1))))
