"""Predicted errors of gated networks, from the geometry of their codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from superposition._check import Floats, Integers
from superposition.circuits.moments import MLPMoments
from superposition.maps import SparseCode, TwoCodes
from superposition.readers import reading_weights
from superposition.theory import gated, symbols
from superposition.theory.derivation import evaluate

_SAMPLED = 400  # circuits whose crosstalk on others is measured
_PAIRS = 2**23  # pairs of circuits that are measured, at most


@dataclass(frozen=True)
class Crosstalk:
    """How much a circuit's slots receive from another active circuit, by two codes' geometry.

    The numbers are mean squares, where a circuit's weights map its own state to 1.

    own: what one slot receives through the own parts of others' weights.
    mean: what one slot receives through a mean that all weights share.
    mean_average: the same, averaged over the r slots.
    itself: what the r slots receive on average through the circuit's own weights, by a shared slot.
    noise: as `own`, for noise that differs from slot to slot.
    spread: the sum of squared weights on a circuit's own slots, less 1/r.
    shared: γ of (eq-slot-shared).
    """

    own: float = 0.0
    mean: float = 0.0
    mean_average: float = 0.0
    itself: float = 0.0
    noise: float = 0.0
    spread: float = 0.0
    shared: float = 0.0


def crosstalk(two: TwoCodes, quiet: bool) -> Crosstalk:
    """Measure crosstalk on two codes, both ways, from at most 400 circuits."""
    both = [_one_way(two.slots(i), two.slots(i + 1), quiet) for i in (0, 1)]
    return Crosstalk(*[*np.mean(both, axis=0).tolist(), shared_slots(two)])


def crosstalk_between(code: SparseCode, write: SparseCode, quiet: bool) -> Crosstalk:
    """Measure crosstalk on slots of `write` that read those of `code`, with `shared` of `code`."""
    return Crosstalk(*[*_one_way(code, write, quiet), _shared(code)])


def shared_slots(two: TwoCodes) -> float:
    """Return γ of (eq-slot-shared), counted on both codes."""
    return float(np.mean([_shared(two.slots(0)), _shared(two.slots(1))]))


def _shared(code: SparseCode) -> float:
    pairs = code.n_circuits * code.redundancy * (code.n_circuits - 1)
    return float((code.load * (code.load - 1)).sum() / max(pairs, 1))


def _one_way(code: SparseCode, write: SparseCode, quiet: bool) -> list[float]:
    """Return sums over slots and the circuits on them (first axis), of circuits elsewhere."""
    n, r, read = code.n_circuits, code.redundancy, code.matrix.astype(float)
    copies = write.redundancy
    sampled = np.unique(np.linspace(0, n - 1, min(n, _SAMPLED, 1 + _PAIRS // n)).astype(int))
    others = read[sampled].toarray()
    own = mean = noise = spread = pairs = 0.0
    averages = np.zeros((2, n, len(sampled)))  # through the mean, and through itself
    for _, on, weights in reading_weights(code, write, quiet):
        elsewhere = ~np.isin(sampled, on)
        parts = (others @ weights).T * elsewhere  # whose weights contribute, and how much
        shared = (read[on] @ others.T) * elsewhere / r
        through = parts.sum(axis=0) - shared
        each = (others @ (weights**2).sum(axis=1)) * elsewhere
        pairs += elsewhere.sum() * len(on)
        own += (len(on) - 1) * (parts**2).sum()
        mean += (through**2).sum()
        noise += len(on) * each.sum() - (shared**2).sum()
        spread += (read[on] @ weights**2).trace() - len(on) / r
        averages[:, on] += np.array([through, parts]) / copies
    sums = np.array([own, mean, *(copies * (averages**2).sum(axis=(1, 2))), noise])
    return [*sums / max(pairs, 1), spread / n / copies]


@dataclass(frozen=True, eq=False)
class Coupling:
    """How much circuits read of another, on average over r slots, if weights map all to 1.

    squares: (5, 5), the mean products of five numbers of one pair of circuits.
    means: (5,), the means of the five numbers.
    own_bias: the mean square of what a circuit's own weights make of a bias by such a pair.

    The first number is what lies on slots that two circuits share. The second comes from the code
    that states are in to the other code, and the third comes back from it. The last two are the
    same for biases that do not arrive, since a shared slot has one gate.
    """

    squares: Floats = field(default_factory=lambda: np.zeros((5, 5)))
    means: Floats = field(default_factory=lambda: np.zeros(5))
    own_bias: float = 0.0


def coupling(two: TwoCodes, quiet: bool) -> Coupling:
    """Measure the coupling on the codes, both ways.

    Of more than 400 circuits, 400 are measured, spread over all.
    """
    n = two.slots(0).n_circuits
    some = np.unique(np.linspace(0, n - 1, min(n, _SAMPLED)).astype(int))
    if len(some) < 2:
        return Coupling()
    pairs = len(some) * (len(some) - 1)
    codes = [two.slots(layer).matrix[some].toarray().astype(float) for layer in (0, 1)]
    shared = [code @ code.T / two.slots(0).redundancy for code in codes]
    for part in shared:
        np.fill_diagonal(part, 0)
    through = [_through(two, layer, some, quiet) for layer in (0, 1)]
    # of states in either code
    ways = [
        np.stack([shared[i], through[i][0], through[1 - i][0], through[i][1], through[1 - i][1]])
        for i in (0, 1)
    ]
    squares = np.mean([np.einsum("atu,btu->ab", way, way) for way in ways], axis=0)
    means = np.mean([way.sum(axis=(1, 2)) for way in ways], axis=0)
    own_bias = float(np.mean([(part[2] ** 2).sum() for part in through]))
    return Coupling(squares / pairs, means / pairs, own_bias / pairs)


def _through(two: TwoCodes, layer: int, some: Integers, quiet: bool) -> Floats:
    """Return what arrives from circuits (last axis) at others (second) on other slots.

    The first axis stands for states, for biases that do not arrive, and for a circuit's own bias if
    its weights are 1.
    """
    r = two.slots(layer).redundancy
    slots = two.slots(layer).matrix[some].toarray().astype(float)
    place = np.full(two.slots(layer).n_circuits, -1)
    place[some] = np.arange(len(some))
    arrived = np.zeros((3, len(some), len(some)))
    for _, on, weights in reading_weights(two.slots(layer), two.slots(layer + 1), quiet):
        chosen = place[on] >= 0
        at, elsewhere = place[on[chosen]], np.ones(len(some))
        elsewhere[at] = 0
        total, own = weights.sum(axis=1), weights[:, chosen].T
        on_shared = (slots[at] * total) @ slots.T
        bias = own @ slots.T - (slots[at] * own) @ slots.T
        received = np.stack([np.broadcast_to(slots @ total, bias.shape), -on_shared, bias])
        arrived[:, at] += received * elsewhere / r
    return arrived


def gated_law(
    moments: MLPMoments,
    crosstalk: Crosstalk,
    coupled: Coupling,
    redundancy: int,
    n_active: int,
) -> pd.DataFrame:
    """Predict errors by layer 0 … L, (eq-gated-law), from crosstalk and coupling.

    The columns are layer, mse, relative_mse and inactive_mse. What arrives of one other circuit and
    of two, A and A', is (eq-arrivals).
    """
    values = _geometry(crosstalk, coupled) | {symbols.r: redundancy, symbols.k: n_active}
    values |= {gated.common: 0.0, gated.own_noise: 0.0}
    rows = []
    given2s = moments.state2 if moments.given2 is None else moments.given2
    for layer, (state2, given2) in enumerate(zip(moments.state2, given2s, strict=True)):
        alike = np.outer(coupled.means, coupled.means)
        values |= {
            symbols.a2: state2,
            gated.joined2: moments.arrived[layer, 0, 0],
            gated.both2: moments.both2[layer],
            gated.alike: moments.alike[layer],
            gated.layer: max(layer, 1),
            gated.coupled: max(_by_mean(alike, moments.arrived[layer]) / state2, 0.0) ** 0.5,
            gated.of_one: (coupled.squares * moments.arrived[layer]).sum(),
            gated.of_two: (alike * moments.arrived_apart[layer]).sum(),
        }
        values[gated.arrived2] = evaluate(gated.arrived(), values)
        values[gated.joint2] = evaluate(gated.joint_error(), values)
        mse = float(evaluate(gated.state_error(), values))
        read = float(evaluate(gated.inactive_square(), values))
        longer = given2 / state2  # squares, in the circuits' own units
        rows.append([layer, longer * mse, mse / state2, longer * read])
        if layer < len(moments.own2):
            values |= {
                gated.growth: moments.own_growth[layer],
                gated.own2: moments.own2[layer],
                gated.itself2: moments.itself2[layer],
                gated.bias2: moments.own_bias2[layer],
            }
            after = (gated.next_common, gated.next_own)
            common, own = (float(evaluate(formula(), values)) for formula in after)
            values |= {gated.common: common, gated.own_noise: own}
    return pd.DataFrame(rows, columns=["layer", "mse", "relative_mse", "inactive_mse"])


def _geometry(crosstalk: Crosstalk, coupled: Coupling) -> dict[Any, Any]:
    return {
        gated.shared: crosstalk.shared,
        gated.own_share: crosstalk.own,
        gated.noise_share: crosstalk.noise,
        gated.itself: crosstalk.itself,
        gated.own_bias: coupled.own_bias,
        gated.spread: crosstalk.spread,
    }


def _by_mean(alike: Floats, arrived: Floats) -> float:
    """Return the square of what arrives by the mean, without what lies on shared slots."""
    return float((alike * arrived)[1:, 1:].sum())
