"""How error feeds error in a stream that forgets nothing (the post's *Over the layers*).

Three numbers are followed: |g|², what the stream holds for an inactive circuit, and of an active
one |δ|², its error, and c = E[a · δ]. A layer reads them through the stream's overlaps
(`noise_through` and after), and adds what its neurons make of that (`next_garbage` and after).
"""

from __future__ import annotations

from functools import cache

import sympy as sp

from superposition.theory.carrying import (
    DISTINCT_CARRIERS,
    INDEPENDENT_CARRIERS,
    carried_weights,
    shared_weights,
)
from superposition.theory.derivation import Assumption, Derivation
from superposition.theory.embedding import overlap_variance
from superposition.theory.read_in import NOISE, leading_read_in_variance
from superposition.theory.returning import leading_inactive_read_back
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
    """Instead of ORTHONORMAL; a function, since what it assumes of overlaps is slow to derive."""
    return Assumption(
        "embeddings have entries N(0, 1/D)", {self_overlap: overlap_variance().result}
    )


@cache
def active_state() -> sp.Expr:
    """|s|² of an active circuit in the stream: truth, error, their product: (eq-state)."""
    return a2 + delta2 + 2 * drift


@cache
def stream_content() -> sp.Expr:
    """All that the stream holds: k active circuits, and garbage for all others: (eq-content)."""
    return k * state2 + (T - k) * garbage


@cache
def active_read_out(embedding: Assumption = ORTHONORMAL) -> Derivation:
    """Squared error of what an active circuit reads: (eq-active-read-out).

    Its error in the stream; d dimensions' overlaps with all others; twice the product of both,
    because errors came in through the same overlaps (χ, for k − 1 others); and, for entries
    N(0, 1/D), what it misreads of itself: (eq-free-read-out).
    """
    products = 2 * (k - 1) * feedback * _overlap() + stream_products
    itself = self_overlap * ((d + 1) * state2 - 1 + 2 * self_feedback)
    general = delta2 + d * _overlap() * (content - state2) + products + itself
    assumptions = (embedding, UNCORRELATED_STREAM, *_OVERLAPS)
    return Derivation(r"\mathrm{E}|\hat a - a|^2", general, assumptions, simplify=False)


@cache
def inactive_read_out(embedding: Assumption = ORTHONORMAL) -> Derivation:
    """Squared length of what an inactive circuit reads: (eq-inactive-read-out)."""
    itself = self_overlap * (d + 1) * garbage
    general = garbage + d * _overlap() * (content - garbage) + itself + stream_products
    assumptions = (embedding, UNCORRELATED_STREAM, *_OVERLAPS)
    return Derivation(r"\mathrm{E}|\hat a_{\text{idle}}|^2", general, assumptions, simplify=False)


def noise_through(weights: sp.Expr, bare: sp.Expr) -> sp.Expr:
    """What squared weights on all other circuits hear: overlaps, and garbage itself: (eq-heard).

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
    """What two carriers of a small neuron hear alike: (eq-heard), weights from (eq-alike)."""
    general = _noise_through(shared_weights().general)
    return Derivation(r"v_\text{alike}", general, _carrier_assumptions(carriers), simplify=False)


@cache
def own_noise_of_a_carrier(carriers: Assumption = INDEPENDENT_CARRIERS) -> Derivation:
    """What one carrier hears by itself: (eq-heard), weights (eq-carried) less (eq-alike)."""
    general = _noise_through(carried_weights().general - shared_weights().general)
    return Derivation(r"v_\text{own}", general, _carrier_assumptions(carriers), simplify=False)


@cache
def active_misreading(embedding: Assumption = ORTHONORMAL) -> Derivation:
    """Variance of what an active small neuron misreads of its own circuit: (eq-misreading).

    As in (eq-active-read-out), through weights of length |w|; its circuit reads itself wrongly
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
    """Variance of what an inactive small neuron reads of its own circuit: (eq-idle-reading)."""
    itself = self_overlap * (w2 + bare_w2 * alignment) * garbage
    overlaps = w2 * _overlap() * (content - garbage)
    general = bare_w2 * alignment * garbage + overlaps + itself + stream_products
    assumptions = (embedding, ISOTROPIC, UNCORRELATED_STREAM, *_OVERLAPS)
    return Derivation(r"v_\text{idle}", general, assumptions, simplify=False)


@cache
def drifted() -> Derivation:
    """What a carrier of an active neuron hears on average: (eq-drifted).

    Errors that follow the state (c ≠ 0) add the regression of w · δ on p, whose covariance is
    |w|² c times the squared cosine.
    """
    slope = bare_w2 * alignment * drift / pre_variance
    return Derivation("y", wanted + slope * (wanted - pre_mean), (ISOTROPIC,), simplify=False)


@cache
def jump() -> tuple[sp.Expr, Derivation]:
    """Mean and variance of what another active small neuron adds on a carrier: (eq-jump)."""
    misread = bare_w2 * alignment * (delta2 + 2 * drift) + w2 * _overlap() * (content - state2)
    assumptions = (ISOTROPIC, *_OVERLAPS)
    variance = Derivation("s_c^2", pre_variance + misread, assumptions, simplify=False)
    return pre_mean + margin, variance


@cache
def next_garbage() -> Derivation:
    """|g|² after a layer that adds Σ w'_i ĥ_i for an inactive circuit: (eq-next-garbage)."""
    return grown("|g|^2", garbage, estimate_square)


@cache
def next_error() -> Derivation:
    """|δ|² after a layer that adds Σ w'_i (ĥ_i − h_i): (eq-next-error)."""
    return grown(r"|\delta|^2", delta2, squared_error)


@cache
def next_drift() -> Derivation:
    """c = E[a · δ] after it: (eq-next-drift)."""
    return grown("c", drift, error_product)


def grown(quantity: str, before: sp.Symbol, per_neuron: sp.Expr, *more: Assumption) -> Derivation:
    """A square or product after m neurons have added to the vector; more: assumptions."""
    general = before + m * write2 * per_neuron + write_products + written_on_read
    assumptions = (UNCORRELATED_WRITES, READ_AND_WRITTEN, *more)
    return Derivation(quantity, general, assumptions, simplify=False)


@cache
def garbage_of_one_layer() -> sp.Expr:
    """|g|² after the first layer, to leading order in 1/M: collisions alone: (eq-first-garbage)."""
    first = next_garbage().result.subs(garbage, 0)
    return first.subs(estimate_square, leading_inactive_read_back())


@cache
def noise_from_garbage() -> sp.Expr:
    """Variance in the mean of carriers that garbage causes in the second layer: (eq-garbage-noise).

    `leading_read_in_variance` with the garbage of T circuits in place of k active states, and, as
    there, averaged over r carriers, each of which hears r times as much.
    """
    return leading_read_in_variance().subs(k * a2, T * garbage_of_one_layer()) / r


@cache
def deep_capacity() -> sp.Expr:
    """The T at which that noise reaches ν: what two layers or more can hold: (eq-deep-capacity)."""
    (solution,) = sp.solve(sp.Eq(noise_from_garbage(), tolerance), T)
    return sp.simplify(solution)
