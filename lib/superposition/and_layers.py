"""AND gates of boolean features are computed in superposition.

A layer computes the gates of all pairs of features, or of chosen pairs. The constructions are those
of *Toward a Mathematical Framework for Computation in Superposition* and *Mathematical Models of
Computation in Superposition*, both in the bibliography. An AND gate is a circuit with one neuron,
ReLU(f_i + f_j − 1). The post's construction needs no indicator for it, because the gate itself is
zero unless both features are true.
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
