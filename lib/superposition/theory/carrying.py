"""Which large neurons carry which small ones (the post's *Writing to the neurons*)."""

from __future__ import annotations

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation, second_moment_of_sum
from superposition.theory.symbols import (
    M,
    T,
    carrier_covariance,
    carrying_probability,
    k,
    m,
    r,
    sum2,
    w2,
)

RANDOM_CARRIERS = Assumption(
    "each small neuron has r of the M large neurons, all equally likely",
    {carrying_probability: r / M},
)
INDEPENDENT_CARRIERS = Assumption(
    "different small neurons choose independently", {carrier_covariance: sp.Integer(0)}
)
_CHOICE = (INDEPENDENT_CARRIERS, RANDOM_CARRIERS)


def load_mean() -> Derivation:
    """How many small neurons one large neuron carries, on average: (eq-load)."""
    return Derivation(r"\mathrm{E}[\text{load}]", T * m * carrying_probability, (RANDOM_CARRIERS,))


def load_variance() -> Derivation:
    """Variance of the load, a sum of T m choices, each 1 with probability p: (eq-load-variance)."""
    n, p = T * m, carrying_probability
    second = second_moment_of_sum(n, p, p**2 + carrier_covariance)
    return Derivation(r"\mathrm{Var}[\text{load}]", sp.expand(second - (n * p) ** 2), _CHOICE)


def own_collisions() -> Derivation:
    """Other neurons of its own circuit on one carrier of a small neuron, on average."""
    return Derivation(r"n_{\text{own}}", (m - 1) * carrying_probability, (RANDOM_CARRIERS,))


def active_collisions() -> Derivation:
    """Neurons of the other active circuits on one carrier, on average."""
    return Derivation(r"n_{\text{active}}", (k - 1) * m * carrying_probability, (RANDOM_CARRIERS,))


def inactive_collisions() -> Derivation:
    """Neurons of inactive circuits on one carrier, on average."""
    return Derivation(
        r"n_{\text{inactive}}", (T - k) * m * carrying_probability, (RANDOM_CARRIERS,)
    )


def carrier_lost() -> Derivation:
    """Probability that a carrier of an active small neuron has another: (eq-carrier-lost)."""
    general = 1 - (1 - carrying_probability) ** (k * m - 1) + carrier_covariance
    return Derivation(r"P_1", general, _CHOICE, simplify=False)


def all_carriers_lost() -> Derivation:
    """Probability that this happens to all r carriers of a small neuron: (eq-all-lost)."""
    return Derivation(r"P_r", carrier_lost().general ** r, _CHOICE, simplify=False)


def smallest_redundancy(
    n_neurons: int, n_active_neurons: int, n_protected: int, probability: float
) -> int:
    """Least r at which none of n_protected small neurons loses all carriers, with probability.

    n_active_neurons is k·m, the small neurons in use at once; the probabilities of the protected
    ones are added up (a union bound). Raises ValueError where no r will do: with many carriers
    each, the active ones collide everywhere.
    """
    lost = sp.lambdify((M, k, m, r), all_carriers_lost().result, "math")
    for redundancy in range(1, n_neurons + 1):
        if n_protected * lost(n_neurons, n_active_neurons, 1, redundancy) <= 1 - probability:
            return redundancy
        if redundancy * n_active_neurons > 4 * n_neurons:
            break
    raise ValueError(
        f"probability: wanted one that some redundancy reaches with {n_neurons} large neurons and "
        f"{n_active_neurons} active small ones, got {probability}"
    )


def carried_weights() -> Derivation:
    """E|Σ_i c_i w_i|², the weights by which a large neuron reads one circuit: (eq-carried).

    c_i is 1 where small neuron i is carried. The square has m terms |w_i|², with E c_i² = p, and
    the products of different ones, with p²; those add up to |Σ w_i|² − Σ|w_i|².
    """
    p = carrying_probability
    general = m * w2 * p + (sum2 - m * w2) * (p**2 + carrier_covariance)
    return Derivation(r"\mathrm{E}|v|^2", general, _CHOICE)
