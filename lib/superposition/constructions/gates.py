"""The weights of one layer of gated superposition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from superposition._check import Floats
from superposition.circuits import MLPCircuits
from superposition.codes import superpose
from superposition.codes.two import TwoCodes
from superposition.constructions.quiet import least_crosstalk


def gated_layer(
    circuits: MLPCircuits,
    two: TwoCodes,
    layer: int,
    quiet: bool,
    size: float,
    offsets: Sequence[float],
) -> tuple[Floats, Floats]:
    """Return weights and biases of one large layer: (eq-gate), (eq-offset).

    size: a bound on what a single circuit's weights make of a state, which gates must exceed.
    offsets: (L+1,), what is added to the values of linear layers.
    """
    before, after = circuits.widths[layer : layer + 2]
    small = with_bias(circuits, layer, offsets[layer])
    large, times = _large(small, two, layer, quiet)
    rows = after * two.n_slots  # of entries; the gates' come after them
    np.fill_diagonal(large[rows:, before * two.n_slots :], -1)  # g → 1 − g
    gates = large[:rows, two.gates(layer + 1, before)]
    _close(gates, times * size + offsets[layer + 1])
    constant = np.ones(len(large), large.dtype)
    constant[:rows] = offsets[layer + 1]
    return large, constant


def with_bias(circuits: MLPCircuits, layer: int, offset: float) -> Floats:
    """Return small weights (T, d', d + 1), whose last column is read from gates.

    That column holds the bias, and takes back the offset of what is read.
    """
    weight, bias = circuits.weights[layer], circuits.biases[layer]
    return np.dstack([weight, bias - offset * weight.sum(axis=2)])


def _large(small: Floats, two: TwoCodes, layer: int, quiet: bool) -> tuple[Floats, float]:
    """Return large weights, and how much of the largest term a slot not in use can receive.

    small: (T, d', d+1), the circuits' weights, with the column of `with_bias`.
    """
    if quiet and two.redundancy > 1:
        return _quiet(small, two, layer)
    # one slot leaves no choice of weights: quiet ones are equal ones
    return _plain(small, two, layer), _of_one_slot(two, layer) if quiet else 1.0


def _plain(small: Floats, two: TwoCodes, layer: int) -> Floats:
    """Return the weights of (eq-plain)."""
    after, both = small.shape[1:]
    return superpose(two.entries(layer + 1, after), small, two.state(layer, both - 1))


def _of_one_slot(two: TwoCodes, layer: int) -> float:
    """Return the most circuits on one slot that read a given other slot at once.

    Each circuit has one slot. Codes of a plane have one circuit for each pair of slots. So the
    result is 1, or 0 where no two circuits share a slot.
    """
    read, write = two.sets[layer % 2][:, 0], two.sets[(layer + 1) % 2][:, 0]
    pairs, together = np.unique(write * two.n_slots + read, return_counts=True)
    load = np.bincount(read, minlength=two.n_slots)
    of_others = load[pairs % two.n_slots] > together
    return float((together * of_others).max())


def _quiet(small: Floats, two: TwoCodes, layer: int) -> tuple[Floats, float]:
    """Return the weights of (eq-quiet), and the same factor."""
    after, both = small.shape[1:]
    n, reads = two.n_slots, two.slots(layer).matrix
    large = np.zeros((two.size(after), two.size(both - 1)), small.dtype)
    gate = two.gates(layer, both - 1).start
    columns = np.concatenate([np.arange((both - 1) * n), np.arange(gate, gate + n)])
    times = 0.0
    for slot, on, weights in least_crosstalk(two, layer, quiet=True):
        rows = slot + n * np.arange(after)
        values = np.einsum("tij,st->ijs", small[on], weights)  # i, j entries, s slots
        large[rows[:, None], columns] = values.reshape(after, -1)
        of_one = np.abs(reads @ weights).sum(axis=1)  # what arrives from each circuit alone
        of_one[on] = 0  # whose slot this is
        times = max(times, float(of_one.max()))
    return large, times


def _close(columns: Floats, size: float) -> None:
    """Set the weight −size by which gates close each neuron of slots not in use.

    columns: the weights from gates, which are 1 on slots not in use.
    """
    neurons = np.arange(len(columns))
    columns[neurons, neurons % columns.shape[1]] = -size
