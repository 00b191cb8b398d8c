"""Certificates bound a gated network's errors, by what its slots can take up of other circuits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from superposition._check import Floats, Integers, positive_int
from superposition.certificate.rounding import Arithmetic, of_reading, of_sum, sum_of_largest
from superposition.certificate.slots import SlotWeights, gated_codes, slot_weights_of
from superposition.circuits.bounds import value_bounds
from superposition.circuits.normal import input_bounds, scaled

if TYPE_CHECKING:
    import pandas as pd

    from superposition.superposition import Superposition

_EXACT = 64  # of the largest bounds, by spectral norms


@dataclass(frozen=True, eq=False)
class ErrorBounds:
    """Bounds on errors after one layer, as sums over the other active circuits.

    mean: (T, T), what the presence of circuit [., u] can add to ‖δ‖ of circuit [t, .].
    slots: (T, r, T), what it can add to the error on each slot of t.
    own: (T,), the error of t's mean even when t is alone.
    own_slots: (T, r), the error on each slot of t even when t is alone.
    rounding: (T, r), what arithmetic can add on each slot, whoever is active.
    """

    mean: Floats
    slots: Floats
    own: Floats
    own_slots: Floats
    rounding: Floats

    def worst(self, n_active: int) -> Floats:
        """Return bounds (T,) on ‖δ‖ for every active set of that size."""
        return self.own + sum_of_largest(self.mean, n_active - 1)

    def worst_slots(self, n_active: int) -> Floats:
        """Return bounds (T, r) on the error of each slot for every active set of that size."""
        return self.own_slots + sum_of_largest(self.slots, n_active - 1)


@dataclass(frozen=True, eq=False)
class CrosstalkBounds:
    """Bounds on what slots receive from circuits through the weights of one layer: (eq-heard-of).

    layer: the layer's weights, slot by slot.
    sizes: (T,), bounds on the lengths of circuits' states before the layer.
    errors: bounds on errors of slots before the layer; None where slots hold sums, as for inputs.
    n_active: k, how many circuits are active.
    """

    layer: SlotWeights
    sizes: Floats
    errors: ErrorBounds | None
    n_active: int

    @cached_property
    def matrices(self) -> Floats:
        """What slot i makes of circuit u's state if the state is without error, (n, T, d', d)."""
        w = self.layer.weights
        received = self.layer.reads @ w.reshape(*w.shape[:2], -1)
        return np.asarray(received.reshape(*received.shape[:2], *w.shape[2:]))

    @cached_property
    def biases(self) -> Floats:
        """What slot i receives besides, because circuit u is active, (n, T, d')."""
        return self.layer.reads @ self.layer.gates

    @cached_property
    def norms(self) -> Floats:
        """The spectral norms of `matrices`, (n, T)."""
        return spectral_norms(self.matrices)

    @cached_property
    def slot_norms(self) -> Floats:
        """The spectral norms of the weights between slots, (n, n)."""
        return spectral_norms(self.layer.weights)

    @cached_property
    def shared(self) -> Floats:
        """The number of slots that two circuits share in the code that is read, (T, T)."""
        shared = self.layer.reads @ self.layer.reads.T
        np.fill_diagonal(shared, 0)
        return np.asarray(shared)

    @cached_property
    def from_third_parties(self) -> Floats:
        """What further active circuits may add to u's part in an active circuit's slots, (n, T).

        Of the k active circuits, k − 2 are neither u nor the circuit with these slots.
        """
        return self._from_several(max(self.n_active - 2, 0))

    def _from_several(self, n_others: int) -> Floats:
        """Return what n_others circuits can change in what slot i receives from u, (n, T).

        They leave errors on u's slots. A slot that u shares with one of them is read once. If both
        circuits are counted in full, one part must be taken off again.
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
        received = [sum_of_largest(w @ slots, n_others) + w @ each for w, slots, each in wrong]
        return others + np.array(received).T

    def on_unused_slots(self) -> Floats:
        """Return the most that slots not in use can receive before gates close them, (n, d')."""
        rows = np.linalg.norm(self.matrices, axis=3)
        biases = np.abs(self.biases) if self.layer.signed else self.biases
        received = rows * self.sizes[:, None] + biases
        received += self._from_several(self.n_active - 1)[:, :, None]
        received[self.layer.write.T, np.arange(len(self.sizes))] = -np.inf  # these would be in use
        largest = np.sort(received, axis=1)[:, -self.n_active :]
        always = np.abs(self.layer.constant) if self.layer.signed else self.layer.constant
        return np.asarray(always + largest.sum(axis=1))

    def own_errors(self, weight: Floats, bias: Floats, offset: float) -> Floats:
        """Return by how much slots' readings of their own circuit differ from w a + b + offset.

        weight: (T, d', d), the circuits' weights w.
        bias: (T, d'), their biases b.

        The result has shape (T, r).
        """
        own, circuits = self.layer.write, np.arange(len(self.sizes))[:, None]
        matrix = self.matrices[own, circuits] - weight[:, None]
        rest = self.biases[own, circuits] + self.layer.constant[own] - (bias[:, None] + offset)
        return np.asarray(
            spectral_norms(matrix) * self.sizes[:, None] + np.linalg.norm(rest, axis=2)
        )

    def own_errors_passed_on(self, weight: Floats) -> Floats:
        """Return what becomes of errors before the layer while a circuit is alone, (T, r)."""
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
        """Return bounds on what circuit t's slots receive from each other circuit u.

        weight: (d', d), t's own weight.

        The first array bounds the length on each slot, (r, T). The second bounds the mean of all
        slots, and the third the mean of the lengths, (T,) each.
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
        """Return bounds (i, T) from errors that u makes on t's slots, and t on u's.

        between: (i, n, d', d), the weights through which the errors pass.
        """
        assert self.errors is not None
        read = self.layer.read
        theirs = self.errors.slots[:, :, circuit] * ~np.isin(read, read[circuit])
        received = np.einsum("iur,ur->iu", size[:, read], theirs)
        errors = self.errors.slots[circuit], self.errors.mean[circuit]
        return np.asarray(received + passed_on(between[:, read[circuit]], weight, *errors))

    def _beside_shared_slots(self, circuit: int) -> tuple[Floats, Floats, Floats]:
        """Return `matrices`, `biases` and `norms` of t's slots, for slots that t does not share.

        Sums of states, as for inputs, are counted in full. All values are zero for t itself.
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
    """Return bounds (T,) on |M_u a_u|, for matrices M (T, ., d) and |a_u| ≤ sizes.

    Frobenius norms are quick. Those that come out as the largest are replaced by spectral norms, so
    that the bounds are close where they are large.
    """
    found = np.linalg.norm(matrices, axis=(1, 2)) * sizes
    largest = np.argsort(found)[-_EXACT:]
    found[largest] = spectral_norms(matrices[largest]) * sizes[largest]
    return np.asarray(found)


def passed_on(between: Floats, weight: Floats, slots: Floats, mean: Floats) -> Floats:
    """Return what becomes of errors on a circuit's own slots: the smaller of two bounds.

    between: (i, r, d', d), the weights.
    weight: the circuit's own weight.
    slots: (r, ...), the error on each slot.
    mean: (...), the mean error.

    The first bound takes each error through its weights. The second takes the mean error through
    the circuit's own weight, as if all weights were weight / r, and adds what differs from that.
    """
    r = len(slots)
    apart = spectral_norms(between - weight / r) @ slots + spectral_norms(weight) * mean
    return np.asarray(np.minimum(spectral_norms(between) @ slots, apart))


def spectral_norms(matrices: Floats) -> Floats:
    """Return the largest singular values of the last two axes."""
    if 1 in matrices.shape[-2:]:
        return np.asarray(np.linalg.norm(matrices, axis=(-2, -1)))
    square = matrices.swapaxes(-1, -2) @ matrices
    return np.sqrt(np.maximum(np.linalg.eigvalsh(square)[..., -1], 0))


_ROUNDING = 1e-12  # of the values' own size: smaller differences of weights count as none


def gated_certificate(
    superposition: Superposition, n_active: int, n_layers: int | None
) -> pd.DataFrame:
    """Return the certificate of a gated network, as `Superposition.certificate` describes it."""

    import pandas as pd

    depth = superposition.circuits.n_layers
    n_layers = depth if n_layers is None else positive_int("n_layers", n_layers, depth, ", all")
    rows: list[list[float]] = []
    for layer, (errors, sizes) in enumerate(error_bounds(superposition, n_active)):
        worst, longer = errors.worst(n_active), in_own_units(superposition, layer)
        if worst.max() >= sizes.max():
            raise ValueError(
                f"n_layers: wanted at most {layer - 1}, up to which errors of {n_active} active "
                f"circuits are sure to be below the values' own size, got {n_layers}"
            )
        rounding = longer * as_read(superposition, layer, errors, sizes, n_active)
        worst, size = longer * worst, float((longer * sizes).max())
        rows.append([layer, float(worst.max()), size, float(rounding.max()), int(worst.argmax())])
        if layer == n_layers:
            break
    return pd.DataFrame(rows, columns=["layer", "bound", "size", "rounding", "circuit"])


def as_read(
    superposition: Superposition, layer: int, errors: ErrorBounds, sizes: Floats, n_active: int
) -> Floats:
    """Return bounds on what rounding adds to states as they are read, (T,)."""
    read = superposition.read_maps[layer]
    held = sizes[:, None] + errors.worst_slots(n_active)
    width, dtype = superposition.circuits.widths[layer], superposition.circuits.dtype
    return of_reading(errors.rounding, held, read.offset, width, dtype)


def in_own_units(superposition: Superposition, layer: int) -> Floats:
    """Return how many times as long states may be in circuits' own units as they are held, (T,)."""
    exponents = superposition.circuits.exponents
    n = superposition.circuits.n_circuits
    return np.ones(n) if exponents is None else np.ldexp(1.0, exponents[layer].max(axis=1))


def error_bounds(
    superposition: Superposition, n_active: int
) -> Iterator[tuple[ErrorBounds, Floats]]:
    """Yield bounds on errors, and bounds (T,) on values, after 0, 1, … layers.

    They are of entries as the network holds them. Raises ValueError for n_active > T, and for a
    network whose gates are not copied exactly, or may leave a slot open.
    """
    two, circuits = gated_codes(superposition), scaled(superposition.circuits)
    n_active = positive_int("n_active", n_active, circuits.n_circuits, ", the number of circuits")
    inputs = input_bounds(superposition.circuits, superposition.construction.input_bound)
    sizes = value_bounds(circuits, inputs)
    errors = _at_the_input(two.sets[0], sizes[0])
    held = sizes[0][:, None] + errors.worst_slots(n_active)
    errors = replace(errors, rounding=of_sum(n_active - 1, circuits.dtype) * held)
    yield errors, sizes[0]
    for layer in range(circuits.n_layers):
        weights, offset = (
            slot_weights_of(superposition, layer),
            superposition.read_maps[layer].offset,
        )
        crosstalk = CrosstalkBounds(weights, sizes[layer], errors if layer else None, n_active)
        held = sizes[layer][:, None] + errors.worst_slots(n_active)
        arithmetic = Arithmetic(
            weights, crosstalk.slot_norms, held, errors.rounding, offset, n_active, circuits.dtype
        )
        _check_closed(crosstalk, arithmetic, layer)
        errors = _after(crosstalk, superposition, layer, sizes[layer + 1])
        errors = replace(errors, rounding=errors.rounding + arithmetic.on_slots())
        yield errors, sizes[layer + 1]


def _at_the_input(sets: Integers, sizes: Floats) -> ErrorBounds:
    """Return bounds for slots that hold the sum of the inputs of all circuits on them."""
    slots = (sets[:, :, None, None] == sets).any(axis=3) * sizes
    circuits = np.arange(len(sets))
    slots[circuits, :, circuits] = 0
    return _bounds(slots, slots.mean(axis=1), np.zeros(sets.shape))


def _check_closed(crosstalk: CrosstalkBounds, arithmetic: Arithmetic, layer: int) -> None:
    most, closing = crosstalk.on_unused_slots(), crosstalk.layer.closing
    most = most + arithmetic.on_unused_slots(most)
    worst = int((most - closing).argmax())
    if most.flat[worst] > closing.flat[worst]:
        raise ValueError(
            f"network: wanted gates that close slots not in use for sure, by "
            f"{most.flat[worst]:.3g}, got {closing.flat[worst]:.3g} in layer {layer}"
        )


def _after(
    crosstalk: CrosstalkBounds, superposition: Superposition, layer: int, sizes: Floats
) -> ErrorBounds:
    """Return bounds after a layer, (eq-certificate), from the crosstalk on its slots."""
    circuits, offset = scaled(superposition.circuits), superposition.read_maps[layer + 1].offset
    weight, linear = circuits.weights[layer], circuits.activations[layer] == "linear"
    each = crosstalk.own_errors(weight, circuits.biases[layer], offset)
    dropped = np.where(each < _ROUNDING * (sizes.max() + offset), each, 0)
    each = each - dropped + crosstalk.own_errors_passed_on(weight)
    slots, mean, size = _from_others(crosstalk, weight)
    averaged = replace(_bounds(slots, mean, each), rounding=dropped)
    largest = (sizes + averaged.worst_slots(crosstalk.n_active).T).max()
    if linear and (crosstalk.layer.signed or offset >= largest):
        return averaged  # nothing is cut off
    return replace(averaged, mean=(mean + size) / 2)


def _from_others(crosstalk: CrosstalkBounds, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Return `CrosstalkBounds.from_others` of all circuits: (T, r, T), (T, T) and (T, T)."""
    n, r = crosstalk.layer.write.shape
    slots, mean, size = np.zeros((n, r, n)), np.zeros((n, n)), np.zeros((n, n))
    for t in range(n if crosstalk.n_active > 1 else 0):
        slots[t], mean[t], size[t] = crosstalk.from_others(t, weight[t])
        slots[t, :, t] = mean[t, t] = size[t, t] = 0
    return slots, mean, size


def _bounds(slots: Floats, mean: Floats, each: Floats) -> ErrorBounds:
    return ErrorBounds(mean, slots, each.mean(axis=1), each, np.zeros(each.shape))
