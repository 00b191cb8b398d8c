"""Which large neurons carry which small ones (the post's *Writing to the neurons*)."""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation, second_moment_of_sum
from superposition.theory.symbols import (
    MOST,
    M,
    T,
    carried_active,
    carrier_covariance,
    carrying_probability,
    cross_covariance,
    k,
    loss_covariance,
    m,
    no_other_choice,
    pair_probability,
    r,
    sum2,
    w2,
)


def _choose(n: sp.Expr, j: int) -> sp.Expr:
    """How many ways to choose j of n."""
    return sp.prod(n - i for i in range(j)) / sp.factorial(j)


RANDOM_CARRIERS = Assumption(
    "each small neuron has r of the M large neurons, all equally likely",
    {carrying_probability: r / M},
)
_n, _p = k * m, carrying_probability
INDEPENDENT_CARRIERS = Assumption(
    "different small neurons choose independently",
    {
        carrier_covariance: sp.Integer(0),
        cross_covariance: sp.Integer(0),
        no_other_choice: (1 - _p) ** (_n - 1),
        **{
            carried_active[j]: _choose(_n, j) * _p**j * (1 - _p) ** (_n - j)
            for j in range(1, MOST + 1)
        },
    },
)
DISTINCT_CARRIERS = Assumption(
    "the r carriers of one small neuron are distinct", {pair_probability: r * (r - 1) / M / (M - 1)}
)
# Instead of INDEPENDENT_CARRIERS: i and j never share a large neuron, and so meet on two
# different ones a little more often, r²/(M(M − 1)).
DISJOINT_CARRIERS = Assumption(
    "no large neuron carries two neurons of one circuit",
    {carrier_covariance: -(_p**2), cross_covariance: r**2 / M / (M - 1) - _p**2},
)
INDEPENDENT_LOSSES = Assumption(
    "carriers of one small neuron are lost independently", {loss_covariance: sp.Integer(0)}
)
_CHOICE = (INDEPENDENT_CARRIERS, RANDOM_CARRIERS)


@cache
def load_mean() -> Derivation:
    """How many small neurons one large neuron carries, on average: (eq-load)."""
    return Derivation(r"\mathrm{E}[\text{load}]", T * m * carrying_probability, (RANDOM_CARRIERS,))


@cache
def load_variance() -> Derivation:
    """Variance of the load, a sum of T m choices, each 1 with probability p: (eq-load-variance)."""
    n, p = T * m, carrying_probability
    second = second_moment_of_sum(n, p, p**2 + carrier_covariance)
    return Derivation(r"\mathrm{Var}[\text{load}]", sp.expand(second - (n * p) ** 2), _CHOICE)


@cache
def own_collisions() -> Derivation:
    """Other neurons of its own circuit on one carrier, on average: (eq-own-collisions)."""
    return Derivation(r"n_{\text{own}}", (m - 1) * carrying_probability, (RANDOM_CARRIERS,))


@cache
def active_collisions() -> Derivation:
    """Neurons of other active circuits on one carrier, on average: (eq-active-collisions)."""
    return Derivation(r"n_{\text{active}}", (k - 1) * m * carrying_probability, (RANDOM_CARRIERS,))


@cache
def inactive_collisions() -> Derivation:
    """Neurons of inactive circuits on one carrier, on average: (eq-inactive-collisions)."""
    return Derivation(
        r"n_{\text{inactive}}", (T - k) * m * carrying_probability, (RANDOM_CARRIERS,)
    )


@cache
def carrier_lost() -> Derivation:
    """Probability that a carrier of an active small neuron has another: (eq-carrier-lost)."""
    return Derivation(r"P_{\text{lost}}", 1 - no_other_choice, _CHOICE, simplify=False)


@cache
def all_carriers_lost() -> Derivation:
    """Probability that this happens to all r carriers of a small neuron: (eq-all-lost).

    An upper bound: one carrier lost leaves fewer small neurons to be on the next.
    """
    general = carrier_lost().general ** r + loss_covariance
    return Derivation(r"P_{\text{all}}", general, (INDEPENDENT_LOSSES, *_CHOICE), simplify=False)


def smallest_redundancy(
    n_neurons: int, n_active_neurons: int, n_protected: float, probability: float
) -> int:
    """Least r at which none of n_protected small neurons loses all carriers, with probability.

    n_active_neurons is k·m, the small neurons in use at once. Each small neuron counts once for
    every pass in which it is to be safe; the probabilities are added up (a union bound). Raises
    ValueError where no r will do: with many carriers each, the active ones collide everywhere.
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


@cache
def carried_weights() -> Derivation:
    """E|Σ_i c_i w_i|², the weights by which a large neuron reads one circuit: (eq-carried).

    c_i is 1 where small neuron i is carried. The square has m terms |w_i|², with E c_i² = p, and
    the products of different ones, with p²; those add up to |Σ w_i|² − Σ|w_i|².
    """
    p = carrying_probability
    general = m * w2 * p + (sum2 - m * w2) * (p**2 + carrier_covariance)
    return Derivation(r"\mathrm{E}|v|^2", general, _CHOICE)


@cache
def shared_weights() -> Derivation:
    """E[v · v'], by which two carriers of a small neuron read another circuit alike: (eq-alike).

    Both carry small neuron i with probability p_2, and i and j ≠ i with p².
    """
    p = carrying_probability
    general = m * w2 * pair_probability + (sum2 - m * w2) * (p**2 + cross_covariance)
    return Derivation(r"\mathrm{E}[v \cdot v']", general, (*_CHOICE, DISTINCT_CARRIERS))
