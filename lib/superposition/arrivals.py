"""What arrives at a circuit from others' states through its own layers, for gated networks."""

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
    """What has arrived at each of n circuits from two other circuits and from third ones.

    on_top: (2, n, d), the change of its state where the other's state is added.
    last: (2, 2, n, d), what arrived by the mean of all weights 1, 3 … layers ago.
    before: (2, 2, n, d), what arrived by the mean of all weights 2, 4 … layers ago.
    by_own: (n, d), what arrived by the own parts of third circuits' weights.

    In `last` and `before` the first axis is for weights and biases, and for biases alone.
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
    """Return the entries of `MLPMoments` that gated superposition needs: (eq-gated-law).

    which: (n, 2), a circuit and another circuit.
    states: their states after 0 … L layers, (n, 2, d) each.
    thirds: a third circuit for each pair and layer, (n,) each.

    The arrays have shapes (L, …) or (L+1, …). A second other circuit is the one of the next pair.
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
    """Return the `AT_LAYERS` of one layer, for states (n, 2, d), and what has arrived after it."""
    mean, mean_bias, (here, other) = weight.mean(axis=0), bias.mean(axis=0), which.T
    state, elsewhere = states[:, 0], states[:, 1]
    inner = _apply(weight[here], state) + bias[here]
    on = inner > 0 if name == "relu" else np.ones_like(inner)
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
        on_top=activate(inner + top, name) - activate(inner.copy(), name),
        last=_apply(slope, arrived.before) + on * added,
        before=_apply(slope, arrived.last),
        by_own=passed + by_own,
    )


def _apply(weights: Floats, vectors: Floats) -> Floats:
    """Multiply matrices (n, d', d) and vectors (…, n, d) to (…, n, d')."""
    return np.einsum("nij,...nj->...ni", weights, vectors)


def _with_next(vectors: Floats) -> Floats:
    """Stack the vectors (n, d) of each pair and of the next pair to (2, n, d)."""
    return np.stack([vectors, np.roll(vectors, -1, axis=0)])


def _products(states: Floats, arrived: _Arrived) -> list[Floats]:
    """Return the `AT_STATES` of one layer, mean inner products, for states (n, 2, d) after it."""
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
    """Return the mean squared length of vectors (n, d)."""
    return float(np.mean(np.sum(np.asarray(vectors, float) ** 2, axis=-1)))
