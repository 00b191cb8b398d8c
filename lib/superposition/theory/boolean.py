"""Boolean AND gates: circuits with one neuron each (chapter *Boolean gates*).

m features, s of them true at once, lie in a stream of D dimensions; n neurons, r of which carry a
gate, have the bias −1. A carrier hears its gate's two features, and every other feature that it
reads: those that are true with 1, all of them with the overlaps of their directions.
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
    """N_f where each neuron reads each feature with the chance p: (eq-and-reads)."""
    return (features - 2) * chance


def carrying_chance() -> sp.Expr:
    """p for which a pair of features has r neurons in common, of n: (eq-and-carriers)."""
    return sp.sqrt(r / neurons)


def targeted_reads() -> sp.Expr:
    """N_f where each of G gates has r random neurons, two features a gate: (eq-targeted-reads)."""
    return 2 * (gates - 1) * r / neurons


@cache
def own_noise() -> Derivation:
    """Variance of what one carrier hears by overlaps, and no other does: (eq-and-noise).

    Of the N_f other features that it reads another carrier reads a share p, too.
    """
    alone = reads * (1 - chance) * true_features
    general = alone * overlap_variance().general + overlap_products
    return _of_overlaps(r"v_{\text{own}}", general)


@cache
def common_noise() -> Derivation:
    """Variance of the overlaps that all carriers hear: (eq-and-common-noise).

    Those of the gate's two features: j of them are true and s − j others. If both are true, their
    one overlap is heard twice. And those of other features that two carriers read.
    """
    of_pair = on**2  # 0, 1 and (1 + 1)² times the square of one overlap
    alike = 2 * (true_features - on) + of_pair + reads * chance * true_features
    general = alike * overlap_variance().general + overlap_products
    return _of_overlaps(r"v_{\text{com}}", general)


def _of_overlaps(quantity: str, general: sp.Expr) -> Derivation:
    assumptions = (*overlap_variance().assumptions, RANDOM_DIRECTIONS)
    return Derivation(quantity, general, assumptions)


def _noise_of_a_carrier() -> sp.Expr:
    """All that one hears for each feature that it reads besides its gate's, to leading order."""
    noise = sp.expand(own_noise().result + common_noise().result)
    return reads * noise.coeff(reads)


@cache
def universal_capacity() -> sp.Expr:
    """The number of features at which a carrier's noise is ν: (eq-universal-capacity)."""
    for_many = features * sp.limit(universal_reads() / features, features, sp.oo)
    noise = _noise_of_a_carrier().subs(reads, for_many).subs(chance, carrying_chance())
    (solution,) = sp.solve(sp.Eq(noise, tolerance), features)
    return sp.simplify(solution)


@cache
def targeted_capacity() -> sp.Expr:
    """The number of gates at which it is ν: (eq-targeted-capacity)."""
    for_many = gates * sp.limit(targeted_reads() / gates, gates, sp.oo)
    noise = _noise_of_a_carrier().subs(reads, for_many)
    (solution,) = sp.solve(sp.Eq(noise, tolerance), gates)
    return sp.simplify(solution)
