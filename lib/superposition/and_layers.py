"""AND gates of boolean features in superposition: all pairs at once, or those asked for.

*Toward a Mathematical Framework for Computation in Superposition* and *Mathematical Models of
Computation in Superposition*, in the bibliography. An AND gate is a circuit with one neuron,
ReLU(f_i + f_j − 1): the post's construction without indicators, since a gate is its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from superposition._check import Floats, Integers, generator, positive_int
from superposition.circuits import ResidualCircuits
from superposition.codes import Code, SparseCode
from superposition.inputs import sample_active
from superposition.network import MLPNetwork


def and_gates(n_gates: int) -> ResidualCircuits:
    """AND gates as circuits of one neuron, width 3: two features, and what they make of them."""
    shape = 1, positive_int("n_gates", n_gates)
    read = np.broadcast_to([[1.0, 1.0, 0.0]], (*shape, 1, 3))
    write = np.broadcast_to([[0.0], [0.0], [1.0]], (*shape, 3, 1))
    return ResidualCircuits(read, -np.ones((*shape, 1)), write)


@dataclass(frozen=True, eq=False)
class AndLayer(ABC):
    """A layer ReLU(W x − 1) that computes ANDs of features, and how to get in and out of it.

    network: one layer of n neurons. features: where each of m features is in x, codes of width 1.
    """

    network: MLPNetwork
    features: Code

    @abstractmethod
    def draw_gates(self, n: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Random gates, as `read` names them, and their features, (n, 2), in random order."""

    @abstractmethod
    def read(self, neurons: Floats, which: Integers) -> Floats:
        """What one gate reads in each sample, (batch,): means over its carriers, of (batch, n)."""

    def run(self, true: Integers) -> Floats:
        """Neurons (batch, n) for sets of true features, (batch, s)."""
        state = self.features.encode(np.ones((*np.shape(true), 1)), true)
        return self.network.run(state.astype(self.features.dtype, copy=False))[-1]

    def errors(self, n_true: int, n_samples: int, rng: np.random.Generator) -> pd.DataFrame:
        """Errors of gates with 0, 1 and 2 of their features true, of n_true in all.

        Columns on, mean (of what is read), mse: mean square of that less the gate's value, over
        random gates and random other true features. Raises ValueError for n_true < 2, or more true
        features than there are besides a gate's.
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
    """All pairs of features. members: (m, n), which neurons read which feature."""

    members: NDArray[np.bool_]

    def draw_gates(self, n: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
        """Random pairs, twice; pairs without a neuron in common are not gates.

        ValueError where no pair has one.
        """
        if not (self.members.sum(axis=0) > 1).any():
            raise ValueError("members: wanted features with a neuron in common, got none")
        drawn = sample_active(len(self.members), 2, n, rng)
        while (lost := ~(self.members[drawn[:, 0]] & self.members[drawn[:, 1]]).any(axis=1)).any():
            drawn[lost] = sample_active(len(self.members), 2, int(lost.sum()), rng)
        return drawn, drawn

    def read(self, neurons: Floats, which: Integers) -> Floats:
        """which: pairs (batch, 2)."""
        carriers = self.members[which[:, 0]] & self.members[which[:, 1]]
        return np.asarray(np.sum(neurons * carriers, axis=1) / carriers.sum(axis=1))


@dataclass(frozen=True, eq=False)
class TargetedLayer(AndLayer):
    """Gates that were asked for. pairs: (G, 2), their features. carriers: a code of width 1."""

    pairs: Integers
    carriers: SparseCode

    def draw_gates(self, n: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
        which = rng.integers(len(self.pairs), size=n)
        return which, rng.permuted(self.pairs[which], axis=1)

    def read(self, neurons: Floats, which: Integers) -> Floats:
        """which: numbers of gates, (batch,)."""
        return self.carriers.decode(neurons, which[:, None])[:, 0, 0]


def true_features(n_true: int, n_features: int) -> int:
    """n_true, or an error: at least 2, and others are left for a gate that has none."""
    n_true = positive_int("n_true", n_true, n_features - 2, ", all features but a gate's two")
    if n_true < 2:
        raise ValueError(f"n_true: wanted at least 2, got {n_true}")
    return n_true
