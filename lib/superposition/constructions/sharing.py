"""How circuits share slots, as predictions need it: sparse codes by their slots' loads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from superposition._check import Floats, Integers
from superposition.theory import sharing, symbols
from superposition.theory.derivation import evaluate


@dataclass(frozen=True, eq=False)
class Sharing:
    """How T circuits share slots, by C classes of slots with equal load.

    redundancy: r, the slots of each circuit.
    n_circuits: T, the number of circuits.
    n_active: k, the number of active circuits.
    loads: (C,), the load of each class.
    counts: (C,), the number of its slots.
    own: (C,), the probability that a circuit's slot is of that class.
    mixing: (C, C), the covariance over circuits of the shares of their slots in two classes.
    density: (C, C), the chance that slots of two classes are connected.
    density_active: (C, C), the same chance where the first slot is on an active circuit.
    chi: χ, the inhibition between slots that are not connected.

    The second class is that of a slot in the layer before, which no active circuit has.
    """

    redundancy: int
    n_circuits: int
    n_active: int
    loads: Floats
    counts: Floats
    own: Floats
    mixing: Floats
    density: Floats
    density_active: Floats
    chi: float

    @property
    def weight(self) -> float:
        """The weight that one connection adds, 1/r + χ."""
        return 1 / self.redundancy + self.chi

    @property
    def shared(self) -> float:
        """The chance p, (eq-sharing), with the loads as they are."""
        if self.n_circuits == 1:
            return 0.0
        values: dict[sp.Symbol, float] = {symbols.r: self.redundancy, symbols.T: self.n_circuits}
        values[sharing.own_load] = self.mean(self.loads)
        return float(evaluate(sharing.sharing_chance().general, values))

    @property
    def mean_density(self) -> float:
        """The density ρ between slots of random circuits."""
        return float(self.own @ self.density @ self.own)

    def mean(self, values: Floats) -> float:
        """Return the mean over the slots of a random circuit."""
        return float(self.own @ values)

    def mean_square(self, mean: Floats, square: Floats) -> float:
        """Return the mean over circuits of the squared mean of r slots.

        mean: (C,), the mean of a slot of each class.
        square: (C,), its mean square.

        Slots of one circuit are independent, apart from their classes.
        """
        apart = self.mean(square - mean**2) / self.redundancy
        return float(self.mean(mean) ** 2 + apart + mean @ self.mixing @ mean)

    def alike(self, mean: Floats) -> float:
        """Return the covariance of two slots of one circuit that comes from their like loads."""
        spread = self.mean(mean**2) - self.mean(mean) ** 2
        r = self.redundancy
        return float(mean @ self.mixing @ mean - spread / r) * r / max(r - 1, 1)

    def hits(self, others: int) -> Floats:
        """Return P(K, N): of `others` circuits, K share N different slots with a given one.

        Of a slot's circuits, K is distributed as Bin(others, p); then (eq-occupied) follows.
        """
        places, n = self.redundancy, np.arange(self.redundancy + 1)
        table = np.zeros((others + 1, places + 1))
        table[0, 0] = 1
        for hit in range(others):
            table[hit + 1] = table[hit] * n / places
            table[hit + 1, 1:] += table[hit, :-1] * (places - n[:-1]) / places
        from scipy.stats import binom  # slow to load, and seldom needed

        return binom.pmf(np.arange(others + 1), others, self.shared)[:, None] * table


def share(sets: Integers, n_active: int, suppression: float) -> Sharing:
    """Return how circuits with these sets of slots, (T, r), share them; χ is (eq-balance)."""
    n_circuits, redundancy = sets.shape
    slot_loads = np.bincount(sets.ravel())
    found, counts = np.unique(slot_loads[slot_loads > 0], return_counts=True)
    loads, classes = found.astype(float), np.searchsorted(found, slot_loads[sets])
    shares = np.stack([(classes == c).mean(axis=1) for c in range(len(loads))], axis=1)
    own, others = shares.mean(axis=0), loads - 1
    pair = others / max(n_circuits - 1, 1)  # another circuit has this slot, too
    apart = _missed(others, others, n_circuits) * (1 - pair) * (1 - pair[:, None])
    values = {sharing.density: 1 - float(own @ apart @ own), symbols.r: redundancy}
    return Sharing(
        redundancy,
        n_circuits,
        n_active,
        loads,
        counts.astype(float),
        own,
        np.cov(shares.T, ddof=0).reshape(len(loads), -1),
        1 - _missed(loads, loads, n_circuits),
        1 - _missed(others, loads, n_circuits),
        suppression * float(evaluate(sharing.balanced(), values)),
    )


def _missed(loads: Floats, before: Floats, n_circuits: int) -> Floats:
    """Return the chance (C, C) that slots of two layers have no circuit in common."""
    chance = np.minimum(before / n_circuits, 1 - 1e-9)
    return np.exp(loads[:, None] * np.log1p(-chance))
