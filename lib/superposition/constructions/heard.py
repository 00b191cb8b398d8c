"""How much slots of a gated network can hear of circuits, in one layer: norms of its weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from superposition._check import Floats
from superposition.constructions.slots import SlotWeights

_CLOSELY = 64  # circuits of which most is heard are looked at closely


@dataclass(frozen=True, eq=False)
class ErrorBounds:
    """Bounds on errors after one layer, as sums over the other active circuits.

    mean:  (T, T), what the presence of circuit [., u] can add to ‖δ‖ of circuit [t, .].
    slots: (T, r, T), the same for what each slot of t holds.
    own:   (T,), what is wrong with t's mean even when it is alone.
    each:  (T, r), the same for each slot.
    """

    mean: Floats
    slots: Floats
    own: Floats
    own_slots: Floats

    def worst(self, n_active: int) -> Floats:
        """(T,): bounds on ‖δ‖ for every active set of that size."""
        return self.own + sum_of_largest(self.mean, n_active - 1)

    def worst_slots(self, n_active: int) -> Floats:
        """(T, r): the same for each slot."""
        return self.own_slots + sum_of_largest(self.slots, n_active - 1)


@dataclass(frozen=True, eq=False)
class CrosstalkBounds:
    """What slots can hear of circuits, through the weights of one layer: (eq-heard-of).

    layer:    the layer's weights, slot by slot.
    sizes:    (T,), bounds on the lengths of circuits' states before it.
    errors:   what may be wrong on slots before it; None where slots hold sums, as inputs are.
    n_active: k.
    """

    layer: SlotWeights
    sizes: Floats
    errors: ErrorBounds | None
    n_active: int

    @cached_property
    def matrices(self) -> Floats:
        """(n, T, d', d): what slot i makes of circuit u's state, if it is there as it should be."""
        w = self.layer.weights
        heard = self.layer.reads @ w.reshape(*w.shape[:2], -1)
        return np.asarray(heard.reshape(*heard.shape[:2], *w.shape[2:]))

    @cached_property
    def biases(self) -> Floats:
        """(n, T, d'): what it hears besides, since u is there."""
        return self.layer.reads @ self.layer.gates

    @cached_property
    def norms(self) -> Floats:
        """(n, T) of `matrices`."""
        return spectral_norms(self.matrices)

    @cached_property
    def slot_norms(self) -> Floats:
        """(n, n) of the weights between slots."""
        return spectral_norms(self.layer.weights)

    @cached_property
    def shared(self) -> Floats:
        """(T, T): how many slots two circuits share in the code that is read."""
        shared = self.layer.reads @ self.layer.reads.T
        np.fill_diagonal(shared, 0)
        return np.asarray(shared)

    @cached_property
    def from_third_parties(self) -> Floats:
        """(n, T): what may come on top of u's part for an active circuit, since others are active.

        k − 2 of them are neither it nor u.
        """
        return self._from_several(max(self.n_active - 2, 0))

    def _from_several(self, n_others: int) -> Floats:
        """(n, T): what so many others can change in what slot i hears of u.

        They leave errors on u's slots; and a slot of u's that is one of theirs is heard once, so
        that if both are taken as heard in full, one part is to be taken off again.
        """
        read = self.layer.read
        twice = np.linalg.norm(self.layer.gates, axis=2)[:, read]
        if self.errors is not None:
            twice = twice + self.slot_norms[:, read] * self.sizes[:, None]
        others = self.shared.max(initial=0) * sum_of_largest(twice, n_others)
        if self.errors is None:
            return others
        through = self.slot_norms[:, read].transpose(1, 0, 2)  # u, i, u's slots
        wrong = zip(through, self.errors.slots, self.errors.own_slots, strict=True)
        heard = [sum_of_largest(w @ slots, n_others) + w @ each for w, slots, each in wrong]
        return others + np.array(heard).T

    def on_unused_slots(self) -> Floats:
        """(n, d'): the most that slots not in use can hear, before they are closed."""
        rows = np.linalg.norm(self.matrices, axis=3)
        heard = rows * self.sizes[:, None] + self.biases
        heard += self._from_several(self.n_active - 1)[:, :, None]
        heard[self.layer.write.T, np.arange(len(self.sizes))] = -np.inf  # these would be in use
        largest = np.sort(heard, axis=1)[:, -self.n_active :]
        return np.asarray(self.layer.constant + largest.sum(axis=1))

    def own_errors(self, weight: Floats, bias: Floats, offset: float) -> Floats:
        """(T, r): by how much what slots hear of their own circuit is not w a + b + offset.

        weight (T, d', d), bias (T, d').
        """
        own, circuits = self.layer.write, np.arange(len(self.sizes))[:, None]
        matrix = self.matrices[own, circuits] - weight[:, None]
        rest = self.biases[own, circuits] + self.layer.constant[own] - (bias[:, None] + offset)
        return np.asarray(
            spectral_norms(matrix) * self.sizes[:, None] + np.linalg.norm(rest, axis=2)
        )

    def own_errors_passed_on(self, weight: Floats) -> Floats:
        """(T, r): what is made of what was wrong before with a circuit that is alone."""
        if self.errors is None or not self.errors.own_slots.any():
            return np.zeros(self.layer.write.shape)
        weights, read, write = self.layer.weights, self.layer.read, self.layer.write
        wrong = zip(self.errors.own_slots, self.errors.own, strict=True)
        return np.array(
            [
                passed_on(weights[write[t]][:, read[t]], weight[t], slots, mean)
                for t, (slots, mean) in enumerate(wrong)
            ]
        )

    def from_others(self, circuit: int, weight: Floats) -> tuple[Floats, Floats, Floats]:
        """What circuit t's slots can hear of each other circuit u, with t's own weight (d', d).

        (r, T): lengths on each slot; (T,): of the mean of all slots, and of the mean of sizes.
        """
        own, r = self.layer.write[circuit], self.layer.write.shape[1]
        matrices, biases, norm = self._beside_shared_slots(circuit)
        slots = norm * self.sizes + np.linalg.norm(biases, axis=2)
        mean = length_bounds(matrices.mean(axis=0), self.sizes)
        mean += np.linalg.norm(biases.mean(axis=0), axis=1)
        stacked = matrices.transpose(1, 0, 2, 3).reshape(len(self.sizes), -1, matrices.shape[3])
        square = length_bounds(stacked, self.sizes) + np.sqrt((biases**2).sum(axis=(0, 2)))
        size = np.minimum(slots.mean(axis=0), square / np.sqrt(r))
        more = self.from_third_parties[own]
        if self.errors is not None:
            between = self.layer.weights[own]
            more = more + self._from_errors(circuit, weight, between, self.slot_norms[own])
            between = between.mean(axis=0)[None]
            mean += self._from_errors(circuit, weight, between, spectral_norms(between))[0]
        mean += self.from_third_parties[own].mean(axis=0)
        size = size + more.mean(axis=0)
        return slots + more, np.minimum(mean, size), size

    def _from_errors(self, circuit: int, weight: Floats, between: Floats, size: Floats) -> Floats:
        """(i, T): of errors that u makes on t's slots, and t on u's, through (i, n, d', d)."""
        assert self.errors is not None
        read = self.layer.read
        theirs = self.errors.slots[:, :, circuit] * ~np.isin(read, read[circuit])
        heard = np.einsum("iur,ur->iu", size[:, read], theirs)
        errors = self.errors.slots[circuit], self.errors.mean[circuit]
        return np.asarray(heard + passed_on(between[:, read[circuit]], weight, *errors))

    def _beside_shared_slots(self, circuit: int) -> tuple[Floats, Floats, Floats]:
        """`matrices`, `biases` and `norms` of t's slots, of u's slots that are not t's.

        But sums of states, as inputs are, are heard in full. All zero for t itself.
        """
        layer, own = self.layer, self.layer.write[circuit]
        matrices, biases, norm = self.matrices[own], self.biases[own], self.norms[own]
        both = np.flatnonzero(self.shared[circuit])
        taken = np.isin(layer.read[both], layer.read[circuit]).astype(float)
        # u circuits, s slots, i slots of t, j and m entries
        biases[:, both] -= np.einsum("us,iusj->iuj", taken, layer.gates[own][:, layer.read[both]])
        if self.errors is not None:
            known = layer.weights[own][:, layer.read[both]]
            matrices[:, both] -= np.einsum("us,iusjm->iujm", taken, known)
            norm[:, both] = spectral_norms(matrices[:, both])
        return matrices, biases, norm


def length_bounds(matrices: Floats, sizes: Floats) -> Floats:
    """Bounds on |M_u a_u|, (T,), of matrices (T, ., d) and |a_u| ≤ sizes: close where large.

    By Frobenius norms, which are quick; for those that come out as the largest by spectral norms.
    """
    found = np.linalg.norm(matrices, axis=(1, 2)) * sizes
    largest = np.argsort(found)[-_CLOSELY:]
    found[largest] = spectral_norms(matrices[largest]) * sizes[largest]
    return np.asarray(found)


def passed_on(between: Floats, weight: Floats, slots: Floats, mean: Floats) -> Floats:
    """What is made of errors on a circuit's own slots: the less of two bounds.

    Through weights (i, r, d', d), of errors (r, ...); or as if they all were the circuit's own
    weight / r, of the mean error (...), with what differs.
    """
    r = len(slots)
    apart = spectral_norms(between - weight / r) @ slots + spectral_norms(weight) * mean
    return np.asarray(np.minimum(spectral_norms(between) @ slots, apart))


def spectral_norms(matrices: Floats) -> Floats:
    """Largest singular values of the last two axes."""
    if 1 in matrices.shape[-2:]:
        return np.asarray(np.linalg.norm(matrices, axis=(-2, -1)))
    square = matrices.swapaxes(-1, -2) @ matrices
    return np.sqrt(np.maximum(np.linalg.eigvalsh(square)[..., -1], 0))


def sum_of_largest(values: Floats, count: int) -> Floats:
    """Sum of the `count` largest along the last axis."""
    if count == 1:
        return np.asarray(values.max(axis=-1))
    first = max(values.shape[-1] - count, 0)
    return np.asarray(np.sort(values, axis=-1)[..., first:].sum(axis=-1))
