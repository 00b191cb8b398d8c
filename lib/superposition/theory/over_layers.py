"""Error feeds error in a stream that forgets nothing (the post's *Over the layers*).

Three numbers are followed: |g|², what the stream holds for an inactive circuit; |δ|², an active
circuit's error; and c = E[a · δ]. A layer reads them through the stream's overlaps (`noise_through`
and the functions after it). It adds what its neurons make of that (`next_garbage` and the functions
after it).
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.derivation import Assumption, Derivation
from superposition.theory.embedding import overlap_variance
from superposition.theory.neurons import (
    DISTINCT_CARRIERS,
    INDEPENDENT_CARRIERS,
    carried_weights,
    shared_weights,
)
from superposition.theory.read_in import NOISE, leading_read_in_variance
from superposition.theory.symbols import (
    T,
    a2,
    bare_sum2,
    bare_w2,
    circuit_covariance,
    content,
    d,
    delta2,
    drift,
    error_product,
    estimate_square,
    feedback,
    garbage,
    k,
    m,
    margin,
    pre_mean,
    pre_variance,
    r,
    self_feedback,
    squared_error,
    state2,
    sum2,
    tolerance,
    w2,
    wanted,
    write2,
)
from superposition.theory.writing_back import leading_inactive_read_back

# Mean square of an entry of E_t^T E_t − 1; of the cosine of an error and a weight; and what is
# left of sums over different neurons' write-out vectors, and over different circuits.
self_overlap, alignment, write_products, stream_products = sp.symbols(r"\omega \lambda \pi \gamma")
# Mean product of what a layer adds to |g|², |δ|² or a · δ with what was there.
written_on_read = sp.symbols(r"\theta")

ORTHONORMAL = Assumption(
    "embeddings are orthonormal within each circuit", {self_overlap: sp.Integer(0)}
)
ISOTROPIC = Assumption(
    "errors point in directions that the weights which read them do not know", {alignment: 1 / d}
)
UNCORRELATED_WRITES = Assumption(
    "a circuit's neurons write in uncorrelated directions", {write_products: sp.Integer(0)}
)
READ_AND_WRITTEN = Assumption(
    "what a circuit's neurons write has nothing to do with what they read",
    {written_on_read: sp.Integer(0)},
)
UNCORRELATED_STREAM = Assumption(
    "what a circuit reads of different others is uncorrelated", {stream_products: sp.Integer(0)}
)
_OVERLAPS = NOISE[-4:]


def _overlap() -> sp.Expr:
    return overlap_variance().general


@cache
def free_entries() -> Assumption:
    """Return the assumption that replaces ORTHONORMAL.

    It is a function, because what it assumes of overlaps is slow to derive.
    """
    return Assumption(
        "embeddings have entries N(0, 1/D)", {self_overlap: overlap_variance().result}
    )


@cache
def active_state() -> sp.Expr:
    """Return |s|² of an active circuit in the stream: truth, error, their product: (eq-state)."""
    return a2 + delta2 + 2 * drift


@cache
def stream_content() -> sp.Expr:
    """Return the stream's content, k active circuits and garbage for others: (eq-content)."""
    return k * state2 + (T - k) * garbage


@cache
def active_read_out(embedding: Assumption = ORTHONORMAL) -> Derivation:
    """Derive the squared error of what an active circuit reads: (eq-active-read-out).

    It has four parts: the circuit's error in the stream; the overlaps of d dimensions with all
    others; twice the product of both, because errors came in through the same overlaps (χ, for k −
    1 others); and, for entries N(0, 1/D), what the circuit misreads of itself: (eq-free-read-out).
    """
    products = 2 * (k - 1) * feedback * _overlap() + stream_products
    itself = self_overlap * ((d + 1) * state2 - 1 + 2 * self_feedback)
    general = delta2 + d * _overlap() * (content - state2) + products + itself
    assumptions = (embedding, UNCORRELATED_STREAM, *_OVERLAPS)
    return Derivation(r"\mathrm{E}|\hat a - a|^2", general, assumptions, simplify=False)


@cache
def inactive_read_out(embedding: Assumption = ORTHONORMAL) -> Derivation:
    """Derive the squared length of what an inactive circuit reads: (eq-inactive-read-out)."""
    itself = self_overlap * (d + 1) * garbage
    general = garbage + d * _overlap() * (content - garbage) + itself + stream_products
    assumptions = (embedding, UNCORRELATED_STREAM, *_OVERLAPS)
    return Derivation(r"\mathrm{E}|\hat a_{\text{idle}}|^2", general, assumptions, simplify=False)


def noise_through(weights: sp.Expr, bare: sp.Expr) -> sp.Expr:
    """Return what squared weights read of all other circuits, overlaps and garbage: (eq-heard).

    bare: the squared weights without the indicator's entry, which garbage does not reach.
    """
    one = weights * _overlap() * content + bare * alignment * garbage
    return (T - 1) * one + circuit_covariance


def _noise_through(weights: sp.Expr) -> sp.Expr:
    bare = weights.subs({w2: bare_w2, sum2: bare_sum2}, simultaneous=True)
    return noise_through(weights, bare)


def _carrier_assumptions(carriers: Assumption) -> tuple[Assumption, ...]:
    kept = [carriers if a is INDEPENDENT_CARRIERS else a for a in NOISE]
    return (*kept[:-4], DISTINCT_CARRIERS, ISOTROPIC, *kept[-4:])


@cache
def common_noise_of_carriers(carriers: Assumption = INDEPENDENT_CARRIERS) -> Derivation:
    """Derive the noise that two carriers share: (eq-heard), with weights from (eq-alike).

    They carry the same small neuron.
    """
    general = _noise_through(shared_weights().general)
    return Derivation(r"v_\text{alike}", general, _carrier_assumptions(carriers), simplify=False)


@cache
def own_noise_of_a_carrier(carriers: Assumption = INDEPENDENT_CARRIERS) -> Derivation:
    """Derive a carrier's other noise: (eq-heard), with weights (eq-carried) minus (eq-alike)."""
    general = _noise_through(carried_weights().general - shared_weights().general)
    return Derivation(r"v_\text{own}", general, _carrier_assumptions(carriers), simplify=False)


@cache
def active_misreading(embedding: Assumption = ORTHONORMAL) -> Derivation:
    """Derive the variance of an active small neuron's misreading of its circuit: (eq-misreading).

    It follows (eq-active-read-out), through weights of length |w|. The circuit reads itself wrongly
    by ω(|w|²|s|² + (w·a)²), with w·a = p + β. What (eq-drifted) explains is no noise.
    """
    explained = (bare_w2 * alignment * drift) ** 2 / pre_variance
    error = bare_w2 * alignment * (delta2 + 2 * (k - 1) * feedback * _overlap()) - explained
    itself = self_overlap * (w2 * state2 + (wanted + margin) ** 2)
    general = error + w2 * _overlap() * (content - state2) + itself + stream_products
    assumptions = (embedding, ISOTROPIC, UNCORRELATED_STREAM, *_OVERLAPS)
    return Derivation(r"v_\text{active}", general, assumptions, simplify=False)


@cache
def inactive_misreading(embedding: Assumption = ORTHONORMAL) -> Derivation:
    """Derive the variance of what an inactive small neuron reads: (eq-misreading).

    It reads its own circuit.
    """
    itself = self_overlap * (w2 + bare_w2 * alignment) * garbage
    overlaps = w2 * _overlap() * (content - garbage)
    general = bare_w2 * alignment * garbage + overlaps + itself + stream_products
    assumptions = (embedding, ISOTROPIC, UNCORRELATED_STREAM, *_OVERLAPS)
    return Derivation(r"v_\text{idle}", general, assumptions, simplify=False)


@cache
def drifted() -> Derivation:
    """Derive the mean input of a carrier of an active neuron: (eq-drifted).

    Errors that follow the state (c ≠ 0) add the regression of w · δ on p, whose covariance is |w|²
    c times the squared cosine.
    """
    slope = bare_w2 * alignment * drift / pre_variance
    return Derivation("y", wanted + slope * (wanted - pre_mean), (ISOTROPIC,), simplify=False)


@cache
def jump() -> tuple[sp.Expr, Derivation]:
    """Return mean and variance of what another active small neuron adds on a carrier: (eq-jump)."""
    misread = bare_w2 * alignment * (delta2 + 2 * drift) + w2 * _overlap() * (content - state2)
    assumptions = (ISOTROPIC, *_OVERLAPS)
    variance = Derivation("s_c^2", pre_variance + misread, assumptions, simplify=False)
    return pre_mean + margin, variance


@cache
def next_garbage() -> Derivation:
    """Derive |g|² after a layer that adds Σ w'_i ĥ_i for an inactive circuit: (eq-next-garbage)."""
    return grown("|g|^2", garbage, estimate_square)


@cache
def next_error() -> Derivation:
    """Derive |δ|² after a layer that adds Σ w'_i (ĥ_i − h_i): (eq-next-error)."""
    return grown(r"|\delta|^2", delta2, squared_error)


@cache
def next_drift() -> Derivation:
    """Derive c = E[a · δ] after that layer: (eq-next-drift)."""
    return grown("c", drift, error_product)


def grown(quantity: str, before: sp.Symbol, per_neuron: sp.Expr, *more: Assumption) -> Derivation:
    """Derive a square or product after m neurons have added to it.

    more: further assumptions.
    """
    general = before + m * write2 * per_neuron + write_products + written_on_read
    assumptions = (UNCORRELATED_WRITES, READ_AND_WRITTEN, *more)
    return Derivation(quantity, general, assumptions, simplify=False)


@cache
def garbage_of_one_layer() -> sp.Expr:
    """Return |g|² after the first layer, to leading order in 1/M: (eq-first-garbage).

    It comes from collisions alone.
    """
    first = next_garbage().result.subs(garbage, 0)
    return first.subs(estimate_square, leading_inactive_read_back())


@cache
def noise_from_garbage() -> sp.Expr:
    """Return the variance that garbage causes in a mean of carriers, layer two: (eq-garbage-noise).

    It is `leading_read_in_variance` with the garbage of T circuits in place of k active states. As
    there, it is averaged over r carriers, each of which reads r times as much.
    """
    return leading_read_in_variance().subs(k * a2, T * garbage_of_one_layer()) / r


@cache
def deep_capacity() -> sp.Expr:
    """Return the T at which that noise is ν, for two layers or more: (eq-deep-capacity)."""
    (solution,) = sp.solve(sp.Eq(noise_from_garbage(), tolerance), T)
    return sp.simplify(solution)
