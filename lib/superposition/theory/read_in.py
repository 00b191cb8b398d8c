"""Read-in interference: its variance, and what it does to one small neuron and its carriers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

from superposition.theory.derivation import Assumption, Derivation, evaluate, second_moment_of_sum
from superposition.theory.embedding import (
    DIMENSIONS,
    MEAN_ZERO,
    UNCORRELATED,
    VARIANCE,
    overlap_variance,
)
from superposition.theory.neurons import INDEPENDENT_CARRIERS, RANDOM_CARRIERS, carried_weights
from superposition.theory.rectifier import relu_mean, relu_on, relu_second
from superposition.theory.symbols import (
    T,
    a2,
    activation,
    alone_mean,
    both_chance,
    both_mean,
    both_square,
    carrier_input,
    chance,
    circuit_covariance,
    collision_chance,
    collisions,
    common_noise,
    firing_share,
    jump_mean,
    jump_variance,
    k,
    mean_activation,
    noise,
    others,
    r,
    square_activation,
    tolerance,
)

PAIRS = Assumption(
    "what a large neuron receives from different pairs of circuits is uncorrelated",
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


MOST = 16  # other active small neurons on one carrier: more are left out
# What two carriers have in common beyond their means: through noise, through collisions.
alike_noise, alike_collisions = sp.symbols(r"A_v A_c")
on_with, mean_with, square_with = sp.symbols("P_{+|j} R_{1|j} R_{2|j}")


def _binomial(n: sp.Expr, j: sp.Expr) -> sp.Expr:
    """Return the number of ways to choose j of n, by logarithms: factorials would overflow."""
    return sp.exp(sp.loggamma(n + 1) - sp.loggamma(j + 1) - sp.loggamma(n - j + 1))


_hit, _missed = chance**collisions, (1 - chance) ** (others - collisions)
INDEPENDENT_CHOICES = Assumption(
    "the other active small neurons choose their carriers independently",
    {collision_chance: _binomial(others, collisions) * _hit * _missed},
)
LINEAR = Assumption(
    "noise that all carriers share passes through their mean like a small change",
    {alike_noise: firing_share**2 * common_noise},
)
_step = both_square - 2 * alone_mean * both_mean + alone_mean**2
FEW_SHARED = Assumption(
    "two carriers share at most one other active small neuron",
    {alike_collisions: others * (both_chance * _step - chance**2 * (both_mean - alone_mean) ** 2)},
)


@cache
def gaussian_carrier() -> Assumption:
    """Return the assumption that, given j, a carrier's input is Gaussian.

    It is a function, because its integrals take a second.
    """
    hears = carrier_input + collisions * jump_mean, noise + collisions * jump_variance
    statement = "noise and other neurons' pre-activations are Gaussian"
    values = {
        on_with: relu_on(*hears),
        mean_with: relu_mean(*hears),
        square_with: relu_second(*hears),
    }
    return Assumption(statement, values)


def _with_collisions(quantity: str, given: sp.Symbol) -> Derivation:
    """Derive a quantity given j collisions, times the chance P_j of j: (eq-given-j)."""
    assumptions = (gaussian_carrier(), INDEPENDENT_CHOICES)
    return Derivation(quantity, collision_chance * given, assumptions, simplify=False)


@cache
def firing() -> Derivation:
    """Derive P_j P(a carrier with j collisions is above zero), to be summed over j: (eq-firing)."""
    return _with_collisions("P_j P_{+|j}", on_with)


@cache
def carrier_mean() -> Derivation:
    """Derive P_j E[a carrier's activation], to be summed over j: (eq-carrier-mean)."""
    return _with_collisions("P_j R_{1|j}", mean_with)


@cache
def carrier_square() -> Derivation:
    """Derive P_j E[a carrier's squared activation], to be summed over j: (eq-carrier-square)."""
    return _with_collisions("P_j R_{2|j}", square_with)


@cache
def on_both() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """Return mean and mean square with one collision on both carriers, and the mean with none."""
    with_one = carrier_input + jump_mean, jump_variance
    return relu_mean(*with_one), relu_second(*with_one), relu_mean(carrier_input, noise)


def over_collisions(
    term: Derivation, values: Mapping[sp.Symbol, ArrayLike]
) -> NDArray[np.floating]:
    """Sum a term over j = 0 … n (at most `MOST`), at values that broadcast."""
    most = min(MOST, int(np.asarray(values[others])))
    axes = max(map(np.ndim, values.values()))
    j = np.arange(most + 1).reshape(-1, *[1] * axes)
    return evaluate(term, {**values, collisions: j}).sum(axis=0)


@cache
def carriers_product() -> Derivation:
    """Derive E of the product of two carriers' activations: (eq-product).

    It is R_1² and what the two have in common. With the chance η_2 one of n other active small
    neurons is on both carriers, and changes both by as much. R_1² has that change in the mean, with
    η².
    """
    general = mean_activation**2 + alike_noise + alike_collisions
    return Derivation("R_{12}", general, (LINEAR, FEW_SHARED), simplify=False)


def mean_square_of_mean(product: sp.Expr) -> sp.Expr:
    """Return E ĥ² of the mean over r carriers, of which two have that product: (eq-estimate)."""
    return sp.expand(second_moment_of_sum(r, square_activation, product) / r**2)


@cache
def estimated_square() -> Derivation:
    """Derive E ĥ² of the mean over r carriers: (eq-estimate), with (eq-product)."""
    general = mean_square_of_mean(carriers_product().general)
    return Derivation(r"\mathrm{E}[\hat h^2]", general, (LINEAR, FEW_SHARED), simplify=False)


@cache
def estimation_error() -> Derivation:
    """Derive E(ĥ − h)², given h: (eq-estimate-error)."""
    general = estimated_square().general - 2 * activation * mean_activation + activation**2
    return Derivation(r"\varepsilon", general, (LINEAR, FEW_SHARED), simplify=False)


@cache
def estimation_drift() -> sp.Expr:
    """Return E(ĥ − h) h, given h: (eq-estimate-error)."""
    return (mean_activation - activation) * activation
