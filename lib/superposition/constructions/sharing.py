"""How circuits share slots: what predictions know of sparse codes, by the slots' loads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sympy as sp

from superposition._check import Floats, Integers
from superposition.theory import sharing, symbols
from superposition.theory.derivation import evaluate


@dataclass(frozen=True, eq=False)
class Sharing:
    """How T circuits share slots, by classes of slots with equal load (C of them).

    redundancy, n_circuits, n_active: r, T, k. loads, counts: (C,), load and number of slots.
    own: (C,), a circuit's slot is of that class with this probability. mixing: (C, C), covariance
    over circuits of the shares of their slots in two classes.
    density, density_active: (C, C), chance that a slot of one class (first axis) is connected to
    one of another that no active circuit has, a layer before; the slot itself is on an active one.
    chi: χ.
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
        """What one connection adds, 1/r + χ."""
        return 1 / self.redundancy + self.chi

    @property
    def shared(self) -> float:
        """p: (eq-sharing), with the loads as they are."""
        if self.n_circuits == 1:
            return 0.0
        values: dict[sp.Symbol, float] = {symbols.r: self.redundancy, symbols.T: self.n_circuits}
        values[sharing.own_load] = self.mean(self.loads)
        return float(evaluate(sharing.sharing_chance().general, values))

    @property
    def mean_density(self) -> float:
        """ρ between slots of random circuits."""
        return float(self.own @ self.density @ self.own)

    def mean(self, values: Floats) -> float:
        """Mean over the slots of a random circuit."""
        return float(self.own @ values)

    def mean_square(self, mean: Floats, square: Floats) -> float:
        """Mean over circuits of the squared mean of r slots, given both by class.

        Slots of one circuit are independent but for their classes.
        """
        apart = self.mean(square - mean**2) / self.redundancy
        return float(self.mean(mean) ** 2 + apart + mean @ self.mixing @ mean)

    def alike(self, mean: Floats) -> float:
        """Covariance of two slots of one circuit, since their loads are alike."""
        spread = self.mean(mean**2) - self.mean(mean) ** 2
        r = self.redundancy
        return float(mean @ self.mixing @ mean - spread / r) * r / max(r - 1, 1)

    def hits(self, others: int) -> Floats:
        """P(K, N): of `others` circuits K share a slot with a given one, N different slots in all.

        Out of a slot's circuits, K are Bin(others, p); then (eq-occupied).
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
    """How circuits with these sets of slots, (T, r), share them; χ from (eq-balance)."""
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
    """Chance that slots of two layers with these loads have no circuit in common, (C, C)."""
    chance = np.minimum(before / n_circuits, 1 - 1e-9)
    return np.exp(loads[:, None] * np.log1p(-chance))
