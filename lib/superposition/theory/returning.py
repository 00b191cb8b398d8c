"""What averaging over carriers removes, and what not (the post's *Writing back …*)."""

from __future__ import annotations

import sympy as sp

from superposition.theory.carrying import INDEPENDENT_CARRIERS, RANDOM_CARRIERS
from superposition.theory.derivation import Assumption, Derivation, second_moment_of_sum
from superposition.theory.embedding import (
    DIMENSIONS,
    MEAN_ZERO,
    UNCORRELATED,
    VARIANCE,
    overlap_variance,
)
from superposition.theory.read_in import PAIRS, read_in_variance
from superposition.theory.symbols import (
    M,
    T,
    a2,
    carrier_covariance,
    carrying_probability,
    circuit_covariance,
    h1,
    h2,
    k,
    m,
    r,
    sum2,
    w2,
)

own_variance, shared_variance, residue = sp.symbols(
    r"\sigma_{\text{own}}^{2} \sigma_{\text{shared}}^{2} \rho"
)
OWN_PARTS = Assumption("the carriers' own parts are uncorrelated", {residue: sp.Integer(0)})
_NOISE = (
    PAIRS,
    INDEPENDENT_CARRIERS,
    RANDOM_CARRIERS,
    MEAN_ZERO,
    UNCORRELATED,
    DIMENSIONS,
    VARIANCE,
)


def mean_of_carriers() -> Derivation:
    """Variance of the mean over r carriers, with a shared and an own part: (eq-mean-of-carriers).

    Var[(1/r) Σ_j x_j] = (1/r²) (r Var x + r(r − 1) Cov(x, x')), Cov = shared + residue.
    """
    total = second_moment_of_sum(r, own_variance + shared_variance, shared_variance + residue)
    return Derivation(r"\mathrm{Var}[\overline{x}]", sp.expand(total / r**2), (OWN_PARTS,))


def shared_noise() -> Derivation:
    """What all carriers of a small neuron hear alike: (eq-shared).

    Through the small neuron itself, w · E_t^T E_u a_u of each other active circuit u; and through
    the other circuits, because two carriers that read one with weights v and v' agree by
    E[v · v'] = p² |Σ w|² on average, which is not small where weights have a common sign. For
    embeddings orthonormal within each circuit, so that a circuit reads itself exactly.
    """
    overlap = a2 * overlap_variance().general
    itself = (k - 1) * w2 + (k - 1) * (k - 2) * circuit_covariance
    alike = k * (T - 1) * (carrying_probability**2 + carrier_covariance) * sum2
    return Derivation(
        r"\sigma_{\text{shared}}^2", (itself + alike) * overlap, _NOISE, simplify=False
    )


def own_noise() -> Derivation:
    """What one carrier hears by itself: (eq-read-in) without what is shared: (eq-own-noise)."""
    overlap = a2 * overlap_variance().general
    alike = k * (T - 1) * (carrying_probability**2 + carrier_covariance) * sum2
    general = read_in_variance().general - alike * overlap
    return Derivation(r"\sigma_{\text{own}}^2", general, _NOISE)


def inactive_read_back() -> Derivation:
    """E[ĥ²] that an inactive small neuron reads, without noise: (eq-inactive-read-back).

    Each of its r carriers sums the activations h of those of the k m active small neurons that it
    carries, too; two carriers carry the same one with probability p². The mean over carriers
    has the second moment (1/r²) (r E[s²] + r(r − 1) E[s s']).
    """
    n, p = k * m, carrying_probability
    both = p**2 + carrier_covariance
    one_carrier = n * p * h2 + n * (n - 1) * both * h1**2
    two_carriers = n * both * h2 + n * (n - 1) * both * h1**2
    general = second_moment_of_sum(r, one_carrier, two_carriers) / r**2
    return Derivation(r"\mathrm{E}[\hat h^2]", general, (INDEPENDENT_CARRIERS, RANDOM_CARRIERS))


def leading_inactive_read_back() -> sp.Expr:
    """`inactive_read_back` for few carriers, r ≪ M: (eq-inactive-leading)."""
    small = sp.symbols("epsilon", positive=True)
    expanded = sp.expand(inactive_read_back().result.subs(M, M / small))
    return sp.simplify(sp.series(expanded, small, 0, 2).removeO().subs(small, 1))
