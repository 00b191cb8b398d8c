"""Large neurons carry small ones (the post's *Writing to the neurons*)."""

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
    """Return the number of ways to choose j of n."""
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


def chances_of_carriers() -> tuple[sp.Expr, sp.Expr]:
    """Return the chances that a large neuron carries a given small one, and that two both do."""
    pair = DISTINCT_CARRIERS.values[pair_probability]
    return RANDOM_CARRIERS.values[carrying_probability], pair


INDEPENDENT_LOSSES = Assumption(
    "carriers of one small neuron are lost independently", {loss_covariance: sp.Integer(0)}
)
_CHOICE = (INDEPENDENT_CARRIERS, RANDOM_CARRIERS)


@cache
def load_mean() -> Derivation:
    """Derive the mean number of small neurons that one large neuron carries: (eq-load)."""
    return Derivation(r"\mathrm{E}[\text{load}]", T * m * carrying_probability, (RANDOM_CARRIERS,))


@cache
def load_variance() -> Derivation:
    """Derive the variance of the load: (eq-load-variance).

    The load is a sum of T m choices, each of which is 1 with probability p.
    """
    n, p = T * m, carrying_probability
    second = second_moment_of_sum(n, p, p**2 + carrier_covariance)
    return Derivation(r"\mathrm{Var}[\text{load}]", sp.expand(second - (n * p) ** 2), _CHOICE)


@cache
def own_collisions() -> Derivation:
    """Derive the mean number of its circuit's other neurons on a carrier: (eq-own-collisions)."""
    return Derivation(r"n_{\text{own}}", (m - 1) * carrying_probability, (RANDOM_CARRIERS,))


@cache
def active_collisions() -> Derivation:
    """Derive the mean number of other active circuits' neurons: (eq-active-collisions).

    These are neurons on one carrier.
    """
    return Derivation(r"n_{\text{active}}", (k - 1) * m * carrying_probability, (RANDOM_CARRIERS,))


@cache
def inactive_collisions() -> Derivation:
    """Derive the mean number of inactive circuits' neurons: (eq-inactive-collisions).

    These are neurons on one carrier.
    """
    return Derivation(
        r"n_{\text{inactive}}", (T - k) * m * carrying_probability, (RANDOM_CARRIERS,)
    )


@cache
def carrier_lost() -> Derivation:
    """Derive the chance that a carrier of an active small neuron has another: (eq-carrier-lost)."""
    return Derivation(r"P_{\text{lost}}", 1 - no_other_choice, _CHOICE, simplify=False)


@cache
def all_carriers_lost() -> Derivation:
    """Derive the chance that all r carriers of a small neuron have another: (eq-all-lost).

    It is an upper bound: one lost carrier leaves fewer small neurons to be on the next carrier.
    """
    general = carrier_lost().general ** r + loss_covariance
    return Derivation(r"P_{\text{all}}", general, (INDEPENDENT_LOSSES, *_CHOICE), simplify=False)


def smallest_redundancy(
    n_neurons: int, n_active_neurons: int, n_protected: float, probability: float
) -> int:
    """Return the least r at which none of n_protected small neurons loses all its carriers.

    This holds with the given probability. `n_active_neurons` is k·m, the number of small neurons in
    use at once. A small neuron counts once for every pass in which it is to be safe, and the
    probabilities are added up (a union bound). Raises ValueError where no r is enough: with many
    carriers each, the active neurons collide everywhere.
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
    """Derive E|Σ_i c_i w_i|², the weights by which a large neuron reads one circuit: (eq-carried).

    c_i is 1 where small neuron i is carried. The square has m terms |w_i|², with E c_i² = p, and
    the products of different weights, with p². Those products add up to |Σ w_i|² − Σ|w_i|².
    """
    p = carrying_probability
    general = m * w2 * p + (sum2 - m * w2) * (p**2 + carrier_covariance)
    return Derivation(r"\mathrm{E}|v|^2", general, _CHOICE)


@cache
def shared_weights() -> Derivation:
    """Derive E[v · v'] of the weights by which two carriers read another circuit: (eq-alike).

    Both are carriers of one small neuron. They both carry small neuron i of the other circuit with
    probability p_2, and i and j ≠ i with p².
    """
    p = carrying_probability
    general = m * w2 * pair_probability + (sum2 - m * w2) * (p**2 + cross_covariance)
    return Derivation(r"\mathrm{E}[v \cdot v']", general, (*_CHOICE, DISTINCT_CARRIERS))
