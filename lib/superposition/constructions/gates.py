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
    """Weights and biases of one large layer: (eq-gate), (eq-offset).

    size: what gates are to be sure of that a single circuit makes of a state. offsets: (L+1,), what
    is added to the values of linear layers.
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
    """Small weights (T, d', d + 1): the last column is read from gates.

    It holds the bias, and takes back the offset of what is read.
    """
    weight, bias = circuits.weights[layer], circuits.biases[layer]
    return np.dstack([weight, bias - offset * weight.sum(axis=2)])


def _large(small: Floats, two: TwoCodes, layer: int, quiet: bool) -> tuple[Floats, float]:
    """Weights, small (T, d', d+1); and how much of the largest a slot not in use can hear."""
    if quiet and two.redundancy > 1:
        return _quiet(small, two, layer)
    # one slot leaves no choice of weights: quiet ones are equal ones
    return _plain(small, two, layer), _of_one_slot(two, layer) if quiet else 1.0


def _plain(small: Floats, two: TwoCodes, layer: int) -> Floats:
    """(eq-plain)."""
    after, both = small.shape[1:]
    return superpose(two.entries(layer + 1, after), small, two.state(layer, both - 1))


def _of_one_slot(two: TwoCodes, layer: int) -> float:
    """Of one slot for each circuit: how many that are on one hear another's slot at once, at most.

    Codes of a plane have one circuit for each pair of slots; so it is 1, or 0 where none share any.
    """
    read, write = two.sets[layer % 2][:, 0], two.sets[(layer + 1) % 2][:, 0]
    pairs, together = np.unique(write * two.n_slots + read, return_counts=True)
    load = np.bincount(read, minlength=two.n_slots)
    of_others = load[pairs % two.n_slots] > together
    return float((together * of_others).max())


def _quiet(small: Floats, two: TwoCodes, layer: int) -> tuple[Floats, float]:
    """(eq-quiet), and likewise."""
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
        of_one = np.abs(reads @ weights).sum(axis=1)  # what is heard of each circuit alone
        of_one[on] = 0  # whose slot this is
        times = max(times, float(of_one.max()))
    return large, times


def _close(columns: Floats, size: float) -> None:
    """Each neuron of slots not in use hears −size; columns: from gates, which are 1 there."""
    neurons = np.arange(len(columns))
    columns[neurons, neurons % columns.shape[1]] = -size
