"""AND gates in superposition: all pairs of features, or those asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import sympy as sp
from numpy.typing import NDArray
from scipy import sparse, stats

from companion._study import Study, data
from companion.how_many import bisect_largest
from superposition._check import (
    Floats,
    Integers,
    generator,
    positive_int,
    positive_real,
    whole_array,
)
from superposition._memory import check_memory
from superposition.circuits import ResidualCircuits
from superposition.circuits.inputs import sample_active
from superposition.constructions.sizing import largest_within
from superposition.maps import Code, GaussianCode, SparseCode
from superposition.network import MLPNetwork
from superposition.results import read_table
from superposition.sweep import Setting
from superposition.theory import boolean, read_in, symbols
from superposition.theory.derivation import evaluate


def and_gates(n_gates: int) -> ResidualCircuits:
    """Return AND gates as residual circuits with one neuron and width 3.

    A gate reads the first two entries of its state, its features, and writes to the third.
    """
    shape = 1, positive_int("n_gates", n_gates)
    read = np.broadcast_to([[1.0, 1.0, 0.0]], (*shape, 1, 3))
    write = np.broadcast_to([[0.0], [0.0], [1.0]], (*shape, 3, 1))
    return ResidualCircuits(read, -np.ones((*shape, 1)), write)


@dataclass(frozen=True, eq=False)
class AndLayer(ABC):
    """This layer ReLU(W x − 1) computes ANDs of features.

    `network` is one layer of n neurons. `features` are codes of width 1, which say where each of
    the m features lies in the input x.
    """

    network: MLPNetwork
    features: Code

    @abstractmethod
    def draw_gates(self, n: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Draw random gates, in the form that `read` takes, and their features, (n, 2).

        The two features of a gate are in random order.
        """

    @abstractmethod
    def read(self, neurons: Floats, which: Integers) -> Floats:
        """Read one gate in each sample from neurons (batch, n); the result has the shape (batch,).

        The value is the mean over the neurons that carry the gate.
        """

    def run(self, true: Integers) -> Floats:
        """Compute the neurons (batch, n) for sets of true features, (batch, s)."""
        state = self.features.encode(np.ones((*np.shape(true), 1)), true)
        return self.network.run(state.astype(self.features.dtype, copy=False))[-1]

    def errors(self, n_true: int, n_samples: int, rng: np.random.Generator) -> pd.DataFrame:
        """Measure the errors of gates with 0, 1 and 2 of their features true, `n_true` in all.

        Gates and other true features are random. The table has a row for each number `on` of the
        gate's features that are true. The column `mean` is the mean of what is read, and `mse` the
        mean square of its difference from the gate's value. Raises ValueError for n_true < 2, or if
        the features outside the gate are fewer than n_true.
        """
        n_features = self.features.n_circuits
        n_true = true_features(n_true, n_features)
        rows = []
        for on in (0, 1, 2):
            which, pairs = self.draw_gates(n_samples, generator(rng))
            others = sample_active(n_features - 2, n_true, n_samples, rng)[:, on:]
            for feature in np.sort(pairs, axis=1).T:  # pass over the gate's own
                others = others + (others >= feature[:, None])
            true = np.concatenate([pairs[:, :on], others], axis=1)
            read = self.read(self.run(true), which)
            rows.append([on, read.mean(), np.mean((read - (on == 2)) ** 2)])
        return pd.DataFrame(rows, columns=["on", "mean", "mse"], dtype=float).astype({"on": int})


@dataclass(frozen=True, eq=False)
class UniversalLayer(AndLayer):
    """This layer computes the gates of all pairs of features.

    `members` (m, n) is true where a neuron reads a feature.
    """

    members: NDArray[np.bool_]

    def draw_gates(self, n: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Draw random pairs, which name the gates and are their features, too.

        Pairs without a common neuron have no gate and are not drawn. Raises ValueError where no
        pair has a common neuron.
        """
        if not (self.members.sum(axis=0) > 1).any():
            raise ValueError("members: wanted features with a neuron in common, got none")
        drawn = sample_active(len(self.members), 2, n, rng)
        while (lost := ~(self.members[drawn[:, 0]] & self.members[drawn[:, 1]]).any(axis=1)).any():
            drawn[lost] = sample_active(len(self.members), 2, int(lost.sum()), rng)
        return drawn, drawn

    def read(self, neurons: Floats, which: Integers) -> Floats:
        """Read the gates of pairs `which`, (batch, 2), from neurons (batch, n)."""
        carriers = self.members[which[:, 0]] & self.members[which[:, 1]]
        return np.asarray(np.sum(neurons * carriers, axis=1) / carriers.sum(axis=1))


@dataclass(frozen=True, eq=False)
class TargetedLayer(AndLayer):
    """This layer computes the gates of chosen pairs of features.

    `pairs` (G, 2) holds the features of each gate. `carriers` is a code of width 1: it says which
    neurons carry which gate.
    """

    pairs: Integers
    carriers: SparseCode

    def draw_gates(self, n: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Draw numbers of random gates, and their features in random order."""
        which = rng.integers(len(self.pairs), size=n)
        return which, rng.permuted(self.pairs[which], axis=1)

    def read(self, neurons: Floats, which: Integers) -> Floats:
        """Read the gates with numbers `which`, (batch,), from neurons (batch, n)."""
        return self.carriers.decode(neurons, which[:, None])[:, 0, 0]


def true_features(n_true: int, n_features: int) -> int:
    """Return `n_true` if it is at least 2 and at most the number of features outside a gate."""
    n_true = positive_int("n_true", n_true, n_features - 2, ", all features but a gate's two")
    if n_true < 2:
        raise ValueError(f"n_true: wanted at least 2, got {n_true}")
    return n_true


_LEAST = 1e-12  # where there is no noise: a Gaussian needs some width
_ON_BOTH = (symbols.both_mean, symbols.both_square, symbols.alone_mean)
_CARRIER = {
    symbols.firing_share: read_in.firing,
    symbols.mean_activation: read_in.carrier_mean,
    symbols.square_activation: read_in.carrier_square,
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
        mse = float(evaluate(read_in.estimation_error(), values))
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
    both = dict(zip(_ON_BOTH, read_in.on_both(), strict=True))
    values |= {symbol: evaluate(formula, values) for symbol, formula in both.items()}
    return values | {s: read_in.over_collisions(f(), values) for s, f in _CARRIER.items()}


def _capacity(predict: Callable[[int], pd.DataFrame], least: int, tolerance: float) -> int:
    """Return the largest size at which no gate's predicted mse is above the tolerance."""
    tolerance = positive_real("tolerance", tolerance)

    def error(size: int) -> float:
        return float(predict(size)["mse"].max())

    if (most := largest_within(error, tolerance, least, _MOST)) < least:
        raise ValueError(
            f"tolerance: wanted at least {error(least):.3g}, the mse with {least}, got {tolerance}"
        )
    return most


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


TOLERANCE = 0.2  # mse of gates with none, one or both of their features true
REDUNDANCY = 8
_SAMPLES = 400


def largest_size(kind: str, n_neurons: int, n_true: int, rng: np.random.Generator) -> pd.DataFrame:
    """Find the largest number of features ("universal") or gates ("targeted") within `TOLERANCE`.

    The stream has D = n/2 dimensions; targeted gates are gates of 2n features. The number is found
    by bisection to 3 %, with a new layer for each trial. The table has one row, with the columns
    `largest` (measured) and `predicted`.
    """

    def layer(size: int) -> UniversalAnd | TargetedAnd:
        sizes = n_neurons, REDUNDANCY, n_neurons // 2
        if kind == "universal":
            return UniversalAnd(max(size, n_true + 2), *sizes)
        return TargetedAnd(2 * n_neurons, size, *sizes)

    def fits(size: int) -> bool:
        drawn: AndLayer = layer(size).draw(rng)
        return bool(drawn.errors(n_true, _SAMPLES, rng)["mse"].max() <= TOLERANCE)

    predicted = layer(n_neurons).capacity(n_true, TOLERANCE)
    found = bisect_largest(fits, start=predicted)
    return pd.DataFrame({"largest": [found], "predicted": [predicted]})


_SIZES = [(n, 2) for n in (128, 256, 512, 1024, 2048, 4096)] + [(2048, s) for s in (3, 4, 6)]
_SETTINGS: list[Setting] = [
    {"kind": kind, "n_neurons": n, "n_true": s}
    for kind in ("universal", "targeted")
    for n, s in _SIZES
]
STUDIES = {"boolean": Study(largest_size, _SETTINGS, n_seeds=3, seed=71)}


def gate_counts() -> pd.DataFrame:
    """Return the study "boolean" with the numbers of gates, `n_gates` and `predicted_gates`.

    A universal layer has a gate for each pair of its features. A targeted layer has the number of
    gates that was found.
    """
    table = read_table(data("boolean.csv"))[0]
    universal = table["kind"] == "universal"
    for name, into in (("largest", "n_gates"), ("predicted", "predicted_gates")):
        pairs = table[name] * (table[name] - 1) / 2
        table[into] = np.where(universal, pairs, table[name])
    return table
