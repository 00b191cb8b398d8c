"""Averaging over carriers removes some noise, and leaves some (the post's *Writing back …*)."""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation, second_moment_of_sum
from superposition.theory.embedding import overlap_variance
from superposition.theory.neurons import (
    DISTINCT_CARRIERS,
    INDEPENDENT_CARRIERS,
    RANDOM_CARRIERS,
    shared_weights,
)
from superposition.theory.read_in import NOISE, read_in_variance
from superposition.theory.rectifier import relu_mean, relu_second
from superposition.theory.symbols import (
    MOST,
    M,
    T,
    a2,
    carried_active,
    circuit_covariance,
    h2,
    k,
    m,
    margin,
    mean_when,
    pair_probability,
    pre_mean,
    pre_variance,
    r,
    square_when,
    w2,
)

own_variance, shared_variance, residue, carrier_rest = sp.symbols(
    r"\sigma_{\text{own}}^{2} \sigma_{\text{shared}}^{2} \rho \rho_s"
)
OWN_PARTS = Assumption("the carriers' own parts are uncorrelated", {residue: sp.Integer(0)})
REST = Assumption(
    "carriers with different active small neurons fire independently", {carrier_rest: sp.Integer(0)}
)
_SHARED = (*NOISE[:-4], DISTINCT_CARRIERS, *NOISE[-4:])


def _together(j: int) -> tuple[sp.Expr, sp.Expr]:
    """Return mean and variance before the ReLU, with j active small neurons: Σ (p_i + β) − β."""
    return j * pre_mean + (j - 1) * margin, j * pre_variance


@cache
def gaussian() -> Assumption:
    """Return the assumption on pre-activations.

    It is a function, because its integrals take a second.
    """
    activations = {}
    for j in range(1, MOST + 1):
        activations[square_when[j]] = relu_second(*_together(j))
        activations[mean_when[j]] = relu_mean(*_together(j))
    statement = "pre-activations of active small neurons are independent and Gaussian"
    return Assumption(statement, activations)


@cache
def mean_of_carriers() -> Derivation:
    """Derive the variance of a mean over r carriers, shared and own part: (eq-mean-of-carriers).

    Var[(1/r) Σ_j x_j] = (1/r²) (r Var x + r(r − 1) Cov(x, x')), Cov = shared + residue.
    """
    total = second_moment_of_sum(r, own_variance + shared_variance, shared_variance + residue)
    return Derivation(r"\mathrm{Var}[\overline{x}]", sp.expand(total / r**2), (OWN_PARTS,))


@cache
def shared_noise() -> Derivation:
    """Derive the noise that all carriers of a small neuron share: (eq-shared).

    One part comes through the small neuron itself: w · E_t^T E_u a_u of each other active circuit
    u. The other part comes through the other circuits. Two carriers that read a circuit with
    weights v and v' agree by E[v · v'] (eq-alike), which is not small where weights have a common
    sign. Embeddings are orthonormal within each circuit, so that a circuit reads itself exactly.
    """
    overlap = a2 * overlap_variance().general
    itself = (k - 1) * w2 + (k - 1) * (k - 2) * circuit_covariance
    general = (itself + k * (T - 1) * shared_weights().general) * overlap
    return Derivation(r"\sigma_{\text{shared}}^2", general, _SHARED, simplify=False)


@cache
def own_noise() -> Derivation:
    """Derive a carrier's separate noise: (eq-read-in) without what is shared: (eq-own-noise).

    Choices of different small neurons add as much to both, and cancel. The noise over r, to leading
    order, is (eq-cancel).
    """
    alike = k * (T - 1) * shared_weights().general * a2 * overlap_variance().general
    general = read_in_variance().general - alike
    return Derivation(r"\sigma_{\text{own}}^2", sp.expand(general), _SHARED)


@cache
def idle_activation() -> sp.Expr:
    """Return the E[ĥ²] that an inactive small neuron reads, without assumptions: (eq-idle).

    The mean over r carriers has the second moment (1/r)(E[s²] + (r − 1) E[s s']). A carrier has j
    of the active small neurons with probability P_j. Two carriers s, s' have the same one with
    probability p_2 each, or different ones.
    """
    j, n = sp.symbols("j"), k * m
    square = sp.Sum(carried_active[j] * square_when[j], (j, 1, MOST))
    mean = sp.Sum(carried_active[j] * mean_when[j], (j, 1, MOST))
    product = n * pair_probability * square_when[1] + mean**2 + carrier_rest
    return (square + (r - 1) * product) / r


@cache
def inactive_read_back() -> Derivation:
    """Derive `idle_activation` for Gaussian pre-activations, no noise: (eq-inactive-read-back)."""
    assumptions = (gaussian(), REST, DISTINCT_CARRIERS, INDEPENDENT_CARRIERS, RANDOM_CARRIERS)
    general = idle_activation().doit()
    return Derivation(r"\mathrm{E}[\hat h^2]", general, assumptions, simplify=False)


@cache
def leading_inactive_read_back() -> sp.Expr:
    """Return `inactive_read_back` to first order in 1/M: (eq-inactive-leading).

    This holds for few carriers.
    """
    whole = inactive_read_back()
    kept = whole.without(gaussian().statement).result.subs(square_when[1], h2)
    u = sp.symbols("u", positive=True)  # 1/M
    return sp.limit(kept.subs(M, 1 / u) / u, u, 0) / M
