"""What arrives at a circuit of others' states, as its own layers pass it on: for gated networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from superposition._activations import activate
from superposition._check import Floats, Integers

AT_LAYERS = ("own2", "itself2", "own_bias2", "own_growth")
AT_STATES = ("arrived", "arrived_apart", "both2", "alike")


@dataclass(frozen=True)
class _Arrived:
    """At each of n circuits: of one other and of a second, (2, n, d), and of third ones, (n, d).

    on_top: by what its state changes where the other comes on top. last, before: what has come of
    the other by the mean of all weights, 1, 3 … layers ago and 2, 4 … layers ago, when the other
    code was read; and of the mean bias alone: (2, 2, n, d). by_own: by the own parts of third
    circuits' weights.
    """

    on_top: Floats
    last: Floats
    before: Floats
    by_own: Floats


def arrivals(
    weights: Sequence[Floats],
    biases: Sequence[Floats],
    activations: tuple[str, ...],
    which: Integers,
    states: Sequence[Floats],
    thirds: Sequence[Integers],
) -> dict[str, Floats]:
    """Those of `MLPMoments` that gated superposition needs, (L, …) or (L+1, …): (eq-gated-law).

    which (n, 2): a circuit and another. states: theirs after 0 … L layers, (n, 2, d) each.
    thirds: a third circuit for each pair and layer, (n,) each. A second other is the next pair's.
    """
    start = np.asarray(states[0], float)
    nothing = np.zeros_like(start[:, 0])
    of_means = np.zeros((2, 2, *nothing.shape))
    arrived = _Arrived(_with_next(start[:, 1]), of_means, of_means, nothing)
    by_layer, by_state = [], [_products(start, arrived)]
    for layer, third in enumerate(thirds):
        small = weights[layer], biases[layer], activations[layer]
        squares, arrived = _after(arrived, *small, which, third, states[layer])
        by_layer.append(squares)
        by_state.append(_products(states[layer + 1], arrived))
    found = dict(zip(AT_LAYERS, np.array(by_layer).T, strict=True))
    return found | {
        name: np.array([row[i] for row in by_state]) for i, name in enumerate(AT_STATES)
    }


def _after(
    arrived: _Arrived,
    weight: Floats,
    bias: Floats,
    name: str,
    which: Integers,
    third: Integers,
    states: Floats,
) -> tuple[list[float], _Arrived]:
    """The `AT_LAYERS` of one layer, states (n, 2, d) before it; and what has arrived after it."""
    mean, mean_bias, (here, other) = weight.mean(axis=0), bias.mean(axis=0), which.T
    state, elsewhere = states[:, 0], states[:, 1]
    heard = _apply(weight[here], state) + bias[here]
    on = heard > 0 if name == "relu" else np.ones_like(heard)
    slope = on[:, :, None] * weight[here]
    by_mean = elsewhere @ mean.T + mean_bias
    by_own = on * (_apply(weight[third], elsewhere) + bias[third] - by_mean)
    by_itself = _apply(slope - on[:, :, None] * mean, arrived.on_top[0])
    passed = _apply(slope, arrived.by_own)
    growth = _square(passed) / (_square(arrived.by_own) or 1.0)
    own_bias = on * (bias[here] - mean_bias)
    squares = [_square(by_own), _square(by_itself), _square(own_bias), growth]
    added = np.stack([_with_next(by_mean), np.broadcast_to(mean_bias, (2, *by_mean.shape))])
    top = _with_next(_apply(weight[other], elsewhere) + bias[other])
    return squares, replace(
        arrived,
        on_top=activate(heard + top, name) - activate(heard.copy(), name),
        last=_apply(slope, arrived.before) + on * added,
        before=_apply(slope, arrived.last),
        by_own=passed + by_own,
    )


def _apply(weights: Floats, vectors: Floats) -> Floats:
    """(n, d', d) and (…, n, d) → (…, n, d')."""
    return np.einsum("nij,...nj->...ni", weights, vectors)


def _with_next(vectors: Floats) -> Floats:
    """Each pair's, and the next one's: (n, d) → (2, n, d)."""
    return np.stack([vectors, np.roll(vectors, -1, axis=0)])


def _products(states: Floats, arrived: _Arrived) -> list[Floats]:
    """The `AT_STATES` of one layer, mean inner products; states (n, 2, d) after it."""
    n, states = len(states), np.asarray(states, float)
    (before, bias_before), (last, bias_last) = arrived.before, arrived.last
    vectors = [arrived.on_top, before, last, bias_before, bias_last]
    of_one, of_second = np.stack(vectors, axis=1)
    return [
        np.einsum("and,bnd->ab", of_one, of_one) / n,
        np.einsum("and,bnd->ab", of_one, of_second) / n,
        np.asarray(_square(states[:, 0] + arrived.on_top[0])),
        np.asarray(np.einsum("nd,nd->", states[:, 0], states[:, 1]) / n),
    ]


def _square(vectors: Floats) -> float:
    """Mean squared length of vectors (n, d)."""
    return float(np.mean(np.sum(np.asarray(vectors, float) ** 2, axis=-1)))
