"""Boolean AND gates are circuits with one neuron each (chapter *Boolean gates*).

The stream of D dimensions holds m features, s of which are true at once. There are n neurons with
the bias −1, and r of them carry a gate. A carrier reads the two features of its gate, and every
other feature that is connected to it. True features enter with weight 1, and all features through
the overlaps of their directions.
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation
from superposition.theory.embedding import overlap_variance
from superposition.theory.symbols import chance, r, tolerance

features, gates, neurons = sp.symbols("m G n", positive=True)
true_features, on = sp.symbols("s j", nonnegative=True)
# how many features a carrier reads besides its gate's; mean product of two overlaps
reads = sp.Symbol("N_{f}", positive=True)
overlap_products = sp.Symbol(r"\gamma", real=True)

RANDOM_DIRECTIONS = Assumption(
    "overlaps of different pairs of directions are uncorrelated", {overlap_products: sp.Integer(0)}
)


def universal_reads() -> sp.Expr:
    """Return N_f where each neuron reads each feature with the chance p: (eq-and-reads)."""
    return (features - 2) * chance


def carrying_chance() -> sp.Expr:
    """Return the p for which a pair of features has r of n neurons in common: (eq-and-carriers)."""
    return sp.sqrt(r / neurons)


def targeted_reads() -> sp.Expr:
    """Return N_f for G gates of two features with r random neurons each: (eq-targeted-reads)."""
    return 2 * (gates - 1) * r / neurons


@cache
def own_noise() -> Derivation:
    """Derive the variance that one carrier reads by overlaps, and no other: (eq-and-noise).

    Another carrier reads a share p of the N_f other features, too.
    """
    alone = reads * (1 - chance) * true_features
    general = alone * overlap_variance().general + overlap_products
    return _of_overlaps(r"v_{\text{own}}", general)


@cache
def common_noise() -> Derivation:
    """Derive the variance of the overlaps that all carriers read: (eq-and-common-noise).

    One part is the overlaps of the gate's two features: j of them are true, and s − j others. If
    both are true, their one overlap enters twice. The other part is the overlaps of other features
    that two carriers read.
    """
    of_pair = on**2  # 0, 1 and (1 + 1)² times the square of one overlap
    alike = 2 * (true_features - on) + of_pair + reads * chance * true_features
    general = alike * overlap_variance().general + overlap_products
    return _of_overlaps(r"v_{\text{com}}", general)


def _of_overlaps(quantity: str, general: sp.Expr) -> Derivation:
    assumptions = (*overlap_variance().assumptions, RANDOM_DIRECTIONS)
    return Derivation(quantity, general, assumptions)


def _noise_of_a_carrier() -> sp.Expr:
    """Return a carrier's noise from the features outside its gate, to leading order."""
    noise = sp.expand(own_noise().result + common_noise().result)
    return reads * noise.coeff(reads)


@cache
def universal_capacity() -> sp.Expr:
    """Return the number of features at which a carrier's noise is ν: (eq-universal-capacity)."""
    for_many = features * sp.limit(universal_reads() / features, features, sp.oo)
    noise = _noise_of_a_carrier().subs(reads, for_many).subs(chance, carrying_chance())
    (solution,) = sp.solve(sp.Eq(noise, tolerance), features)
    return sp.simplify(solution)


@cache
def targeted_capacity() -> sp.Expr:
    """Return the number of gates at which a carrier's noise is ν: (eq-targeted-capacity)."""
    for_many = gates * sp.limit(targeted_reads() / gates, gates, sp.oo)
    noise = _noise_of_a_carrier().subs(reads, for_many)
    (solution,) = sp.solve(sp.Eq(noise, tolerance), gates)
    return sp.simplify(solution)
