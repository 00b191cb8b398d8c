"""What floating-point arithmetic can add to a gated network's errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superposition._check import Floats
from superposition.certificate.slots import SlotWeights


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """One large layer, computed in floating-point numbers.

    layer: the layer's weights, slot by slot.
    norms: (n, n), the spectral norms of the weights between slots.
    held: (T, r), bounds on the lengths of what slots of active circuits hold before the layer.
    before: (T, r), bounds on the rounding errors there.
    offset: what is added to the states that are read.
    n_active: k, how many circuits are active.
    dtype: the network's precision.
    """

    layer: SlotWeights
    norms: Floats
    held: Floats
    before: Floats
    offset: float
    n_active: int
    dtype: np.dtype[np.floating]

    def on_slots(self) -> Floats:
        """Return bounds on rounding errors after the layer, on each circuit's slots: (eq-rounding).

        A slot in use receives errors through its weights, and rounds its own sum.
        """
        return self._in_use(self._received()) + self._always()[self.layer.write]

    def on_unused_slots(self, most: Floats) -> Floats:
        """Return what rounding may add before gates close slots, (n, d').

        most: (n, d'), the most that they receive.
        """
        each, circuits = self._received(), np.arange(len(self.layer.write))
        each[self.layer.write.T, circuits] = 0  # these would be in use
        received = sum_of_largest(each, self.n_active) + self._always()
        there = np.where(np.isfinite(most), np.abs(most), 0)  # −∞ on slots that are all in use
        return received[:, None] + self._share * (there + self.layer.closing)

    @property
    def _share(self) -> float:
        """The share of its terms' sizes by which a sum may be wrong: only slots in use are read."""
        r, entries = self.layer.read.shape[1], self.layer.weights.shape[3]
        return of_sum(self.n_active * r * (entries + 1) + 2, self.dtype)

    def _received(self) -> Floats:
        """Return what slots receive of errors and of rounding, because circuits are active, (n, T).

        Beside each value stands its offset, which the gate's column takes back.
        """
        read, weights = self.layer.read, self.layer.weights
        sizes = np.linalg.norm(weights, axis=(2, 3))[:, read]
        gates = np.linalg.norm(self.layer.gates - self.offset * weights.sum(axis=3), axis=2)
        values = self.held + self.offset * np.sqrt(weights.shape[3])
        terms = np.einsum("itr,tr->it", sizes, values) + gates[:, read].sum(axis=2)
        passed = np.einsum("itr,tr->it", self.norms[:, read], self.before)
        return np.asarray(passed + self._share * terms)

    def _always(self) -> Floats:
        return np.asarray(self._share * np.linalg.norm(self.layer.constant, axis=1))

    def _in_use(self, received: Floats) -> Floats:
        """Return what slots of a circuit receive from itself and the largest others, (T, r)."""
        circuits, out = np.arange(len(self.layer.write)), []
        for slots in self.layer.write.T:
            of_each = received[slots]  # at circuit [t, .] from [., u]
            own = of_each[circuits, circuits]
            of_each[circuits, circuits] = 0
            out.append(own + sum_of_largest(of_each, self.n_active - 1))
        return np.array(out).T


def of_reading(slots: Floats, held: Floats, offset: float, width: int, dtype: object) -> Floats:
    """Return bounds on what rounding adds to states of circuits as they are read, (T,).

    slots: (T, r), bounds on the rounding errors of slots.
    held: (T, r), bounds on the lengths of what slots hold, without the offset.
    width: the entries of a state.

    A mean over slots, and a difference: of an offset, or of two neurons.
    """
    share = of_sum(slots.shape[1] + 2, dtype)
    lengths = held.mean(axis=1) + offset * np.sqrt(width)
    return np.asarray(slots.mean(axis=1) + share * lengths)


def of_sum(n_terms: int, dtype: object) -> float:
    """Return γ = n u / (1 − n u), by which a sum of n products may be wrong, over their sizes' sum.

    u is the unit roundoff. It holds for any order of summation (Higham, *Accuracy and Stability of
    Numerical Algorithms*, 2002, section 3.1), and is infinite for n u ≥ 1.
    """
    share = n_terms * float(np.finfo(np.dtype(dtype)).eps) / 2  # type: ignore[call-overload]
    return share / (1 - share) if share < 1 else np.inf


def sum_of_largest(values: Floats, count: int) -> Floats:
    """Return the sum of the `count` largest values along the last axis."""
    if count == 1:
        return np.asarray(values.max(axis=-1))
    first = max(values.shape[-1] - count, 0)
    return np.asarray(np.sort(values, axis=-1)[..., first:].sum(axis=-1))
