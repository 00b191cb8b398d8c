"""Layers of AND gates have sizes, with which they are drawn, and which predict their errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
from scipy import sparse, stats

from superposition._check import (
    Integers,
    generator,
    positive_int,
    positive_real,
    whole_array,
)
from superposition._memory import check_memory
from superposition.and_layers import TargetedLayer, UniversalLayer, true_features
from superposition.codes import Code, GaussianCode, SparseCode
from superposition.constructions.capacity import smallest_true
from superposition.inputs import sample_active
from superposition.network import MLPNetwork
from superposition.theory import boolean, one_neuron, symbols
from superposition.theory.derivation import evaluate

_LEAST = 1e-12  # where there is no noise: a Gaussian needs some width
_ON_BOTH = (symbols.both_mean, symbols.both_square, symbols.alone_mean)
_CARRIER = {
    symbols.firing_share: one_neuron.firing,
    symbols.mean_activation: one_neuron.carrier_mean,
    symbols.square_activation: one_neuron.carrier_square,
}
_MOST = 2**40  # features or gates: beyond this no answer is looked for


@dataclass(frozen=True)
class UniversalAnd:
    """These sizes describe a layer that computes the ANDs of all pairs of m features.

    `n_carriers` is r, the mean number of neurons that two features have in common: each neuron
    reads each feature with the chance √(r/n), (eq-and-carriers). `stream_width` is D; if it is
    None, each feature has a dimension. Raises TypeError or ValueError for sizes ≤ 0, and for r > n.
    """

    n_features: int
    n_neurons: int
    n_carriers: float
    stream_width: int | None = None

    def __post_init__(self) -> None:
        _check(self.n_features, self.n_neurons, self.stream_width)
        if positive_real("n_carriers", self.n_carriers) > self.n_neurons:
            raise ValueError(
                f"n_carriers: wanted at most {self.n_neurons}, the number of neurons, got "
                f"{self.n_carriers}"
            )

    @property
    def chance(self) -> float:
        """Return the chance p with which a neuron reads a feature."""
        values = {symbols.r: self.n_carriers, boolean.neurons: self.n_neurons}
        return float(evaluate(boolean.carrying_chance(), values))

    def draw(self, rng: np.random.Generator) -> UniversalLayer:
        """Draw a random layer. Raises MemoryError for a layer that does not fit into memory."""
        features = _features(self.n_features, self.stream_width, self.n_neurons, generator(rng))
        members = rng.random((self.n_features, self.n_neurons), np.float32) < self.chance
        weights = members.T.astype(features.dtype) @ features.matrix
        return UniversalLayer(_layer(weights), features, members)

    def predict_error(self, n_true: int) -> pd.DataFrame:
        """Predict the table of `AndLayer.errors` from `theory.boolean` and `theory.one_neuron`."""
        values = {boolean.features: self.n_features, symbols.chance: self.chance}
        reads = float(evaluate(boolean.universal_reads(), values))
        carriers = np.arange(1, self.n_neurons + 1)
        weights = stats.binom.pmf(carriers, self.n_neurons, self.chance**2)
        r = weights.sum() / np.sum(weights / carriers)  # its inverse is the mean inverse
        sizes = self.n_features, self.stream_width, reads, self.chance, r
        return _predicted(n_true, *sizes, own_again=False)

    def capacity(self, n_true: int, tolerance: float) -> int:
        """Return the largest number of features whose gates' predicted mse is within the tolerance.

        Raises ValueError if the tolerance is exceeded even by the fewest features that `n_true`
        allows.
        """

        def predict(n_features: int) -> pd.DataFrame:
            return replace(self, n_features=n_features).predict_error(n_true)

        return _capacity(predict, n_true + 2, tolerance)


@dataclass(frozen=True)
class TargetedAnd:
    """These sizes describe a layer that computes the ANDs of G given pairs of m features.

    `redundancy` is r, the number of neurons of each gate. `stream_width` is D; if it is None, each
    feature has a dimension. Raises TypeError or ValueError for sizes ≤ 0, and for r > n.
    """

    n_features: int
    n_gates: int
    n_neurons: int
    redundancy: int
    stream_width: int | None = None

    def __post_init__(self) -> None:
        _check(self.n_features, self.n_neurons, self.stream_width)
        positive_int("n_gates", self.n_gates)
        positive_int("redundancy", self.redundancy, self.n_neurons, ", the number of neurons")

    def draw(self, rng: np.random.Generator, *, pairs: Integers | None = None) -> TargetedLayer:
        """Draw a random layer for `pairs`, (G, 2), or for random pairs.

        Raises ValueError for pairs of another shape or of a feature with itself, and MemoryError
        for a layer that does not fit into memory.
        """
        sizes = {"gates": self.n_gates, "two": 2}
        if pairs is None:
            pairs = sample_active(self.n_features, 2, self.n_gates, generator(rng))
        pairs = whole_array("pairs", pairs, "gates two", sizes, self.n_features)
        if (same := np.flatnonzero(pairs[:, 0] == pairs[:, 1])).size:
            raise ValueError(f"pairs: wanted two features, got {pairs[same[0]].tolist()}")
        features = _features(self.n_features, self.stream_width, self.n_neurons, generator(rng))
        drawn = self.n_gates, 1, self.n_neurons, self.redundancy
        carriers = SparseCode.draw("random", *drawn, rng, dtype=features.dtype)
        return TargetedLayer(
            _layer(_of_pairs(carriers, pairs, features)), features, pairs, carriers
        )

    def predict_error(self, n_true: int) -> pd.DataFrame:
        """Predict the table of `AndLayer.errors` from `theory.boolean` and `theory.one_neuron`."""
        values = {
            boolean.gates: self.n_gates,
            symbols.r: self.redundancy,
            boolean.neurons: self.n_neurons,
        }
        reads = float(evaluate(boolean.targeted_reads(), values))
        chance = reads / self.n_features
        sizes = self.n_features, self.stream_width, reads, chance, self.redundancy
        return _predicted(n_true, *sizes, own_again=True)

    def capacity(self, n_true: int, tolerance: float) -> int:
        """Return the largest number of gates whose predicted mse is within the tolerance.

        The number of features stays the same.
        """

        def predict(n_gates: int) -> pd.DataFrame:
            return replace(self, n_gates=n_gates).predict_error(n_true)

        return _capacity(predict, 1, tolerance)


def _predicted(
    n_true: int,
    n_features: int,
    stream_width: int | None,
    reads: float,
    chance: float,
    r: float,
    *,
    own_again: bool,
) -> pd.DataFrame:
    """Predict mean and mse of gates with r carriers, each of which reads `reads` other features.

    own_again: whether a carrier may read the gate's features once more, for another gate.
    """
    n_true = true_features(n_true, n_features)
    rows = []
    for on in (0, 1, 2):
        sizes = {
            boolean.reads: reads,
            boolean.true_features: n_true,
            boolean.on: on,
            symbols.chance: chance,
            symbols.D: np.inf if stream_width is None else stream_width,
        }
        own = max(float(evaluate(boolean.own_noise(), sizes)), _LEAST)
        common = float(evaluate(boolean.common_noise(), sizes))
        others = n_true - on * (not own_again)
        values = _carriers(on, own + common, common, others, chance, r)
        mse = float(evaluate(one_neuron.estimation_error(), values))
        rows.append([on, float(values[symbols.mean_activation]), mse])
    return pd.DataFrame(rows, columns=["on", "mean", "mse"])


def _carriers(
    on: int, noise: float, common: float, others: int, chance: float, r: float
) -> dict[sp.Symbol, Any]:
    """Return the values of `theory.one_neuron` for r carriers, with `others` more features true."""
    values: dict[sp.Symbol, Any] = {
        symbols.carrier_input: on - 1,
        symbols.noise: noise,
        symbols.common_noise: common,
        symbols.others: others,
        symbols.chance: chance,
        symbols.both_chance: chance**2,
        symbols.jump_mean: 1.0,
        symbols.jump_variance: _LEAST,
        symbols.r: r,
        symbols.activation: float(on == 2),
    }
    both = dict(zip(_ON_BOTH, one_neuron.on_both(), strict=True))
    values |= {symbol: evaluate(formula, values) for symbol, formula in both.items()}
    return values | {s: one_neuron.over_collisions(f(), values) for s, f in _CARRIER.items()}


def _capacity(predict: Callable[[int], pd.DataFrame], least: int, tolerance: float) -> int:
    """Return the largest size at which no gate's predicted mse is above the tolerance."""
    tolerance = positive_real("tolerance", tolerance)

    def exceeds(size: int) -> bool:
        return float(predict(size)["mse"].max()) > tolerance

    if exceeds(least):
        raise ValueError(
            f"tolerance: wanted at least {predict(least)['mse'].max():.3g}, the mse with {least}, "
            f"got {tolerance}"
        )
    first = smallest_true(exceeds, least, _MOST)
    return _MOST if first is None else first - 1


def _check(n_features: int, n_neurons: int, stream_width: int | None) -> None:
    if positive_int("n_features", n_features) < 2:
        raise ValueError(f"n_features: wanted at least 2, got {n_features}")
    positive_int("n_neurons", n_neurons)
    if stream_width is not None:
        positive_int("stream_width", stream_width)


def _features(
    n_features: int, stream_width: int | None, n_neurons: int, rng: np.random.Generator
) -> Code:
    """Return random directions of length 1, or a dimension for each feature."""
    width = n_features if stream_width is None else stream_width

    def needs(size: int) -> float:
        return size * (2 * 8 * n_neurons + 3 * 8 * width) + 8 * n_neurons * width

    check_memory("n_features", n_features, needs, fits="{:,} features".format)
    if stream_width is None:
        return SparseCode.private(n_features, 1)
    return GaussianCode.draw(n_features, 1, stream_width, rng)


def _layer(weights: Any) -> MLPNetwork:
    weights = weights.toarray() if sparse.issparse(weights) else np.asarray(weights)
    return MLPNetwork([weights], [-np.ones(len(weights), weights.dtype)])


def _of_pairs(carriers: SparseCode, pairs: Integers, features: Code) -> Any:
    """Return Σ_g V_g (E_i + E_j)': (eq-weights), with weights of one."""
    gates = np.arange(2 * len(pairs)) // 2
    shape = len(pairs), features.n_circuits
    both = sparse.csr_array((np.ones(pairs.size), (gates, pairs.ravel())), shape)
    return (carriers.matrix.T @ both) @ features.matrix
