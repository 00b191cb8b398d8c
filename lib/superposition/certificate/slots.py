"""The weights of a gated network slot by slot, and a check that its gates are copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from superposition._check import Floats, Integers, instance
from superposition.maps import TwoCodes
from superposition.network import MLPNetwork

if TYPE_CHECKING:
    from superposition.superposition import Superposition


@dataclass(frozen=True, eq=False)
class SlotWeights:
    """One large layer of a gated network, slot by slot: n slots, entries d before and d' after.

    read: (T, r), the slots of each circuit in the code that is read.
    write: (T, r), the slots of each circuit in the code that is written.
    weights: (n, n, d', d), the weights from entries on slot [., s] to entries on slot [i, .].
    gates: (n, n, d'), what slot i receives because slot s is in use, less the offset read there.
    constant: (n, d'), what is always added.
    closing: (n, d'), what is subtracted on slots not in use.
    signed: whether slots that are written hold pairs, so that nothing is cut off.

    Entries are those of the circuits, however many neurons hold one.
    """

    read: Integers
    write: Integers
    weights: Floats
    gates: Floats
    constant: Floats
    closing: Floats
    signed: bool = False

    @property
    def n_slots(self) -> int:
        """The number of slots, n."""
        return len(self.weights)

    @property
    def reads(self) -> Floats:
        """The matrix (T, n) that is 1 where a circuit is read."""
        matrix = np.zeros((len(self.read), self.n_slots))
        np.put_along_axis(matrix, self.read, 1, axis=1)
        return matrix


def gated_codes(superposition: Superposition) -> TwoCodes:
    """Return the two codes of a gated superposition; raise TypeError for others."""
    if not isinstance(superposition.codes, TwoCodes):
        raise TypeError(
            "superposition: wanted one by GatedConstruction, where what is not in use is silenced, "
            f"got one by {type(superposition.construction).__name__}"
        )
    return superposition.codes


def slot_weights_of(superposition: Superposition, layer: int) -> SlotWeights:
    """Return the weights of large layer `layer`, after a check that it maps each gate g to 1 − g.

    Raises ValueError where it does not, where other slots' gates close a slot, or where neurons of
    a pair are not opposite.
    """
    two, network = gated_codes(superposition), superposition.network
    n = two.n_slots
    before, after = (read.width for read in superposition.read_maps[layer : layer + 2])
    instance("network", network, MLPNetwork)
    large, constant = network.weights[layer], network.biases[layer]
    if large.shape != (two.size(after), two.size(before)) or network.activations[layer] != "relu":
        raise ValueError(
            f"network: wanted ReLU layers of {n} slots for {before} and {after} entries, got "
            f"others in layer {layer}"
        )
    rows, flip = after * n, np.zeros((2 * n, two.size(before)))
    np.fill_diagonal(flip[:, before * n :], -1)
    if not (np.array_equal(large[rows:], flip) and (constant[rows:] == 1).all()):
        raise ValueError(f"network: wanted gates copied exactly, got others in layer {layer}")
    # i, s slots, j, m entries
    blocks = large[:rows].reshape(after, n, before + 2, n).astype(float)
    closing = blocks[:, :, before + (layer + 1) % 2]
    if (others := closing * ~np.eye(n, dtype=bool)).any():
        raise ValueError(
            f"network: wanted slots closed by their own gates alone, got {np.abs(others).max()} "
            f"from another in layer {layer}"
        )
    always = constant[:rows].reshape(after, n).T.astype(float)
    return _of_entries(superposition, layer, blocks, always, -closing.diagonal(0, 1, 2).T)


def _of_entries(
    superposition: Superposition, layer: int, blocks: Floats, always: Floats, closing: Floats
) -> SlotWeights:
    """Return the weights between slots, of circuits' entries where neurons are pairs.

    blocks: (neurons after, n, neurons before and 2 gates, n), the large weights.
    always: (n, neurons after), what is always added.
    closing: (n, neurons after), what is subtracted on slots not in use.
    """
    two, reads = gated_codes(superposition), superposition.read_maps[layer : layer + 2]
    widths, before = superposition.circuits.widths[layer : layer + 2], reads[0].width
    from_pairs, to_pairs = (read.width > d for read, d in zip(reads, widths, strict=True))
    weights = np.ascontiguousarray(blocks[:, :, :before].transpose(1, 3, 0, 2))
    gates = blocks[:, :, before + layer % 2].transpose(1, 2, 0)
    if from_pairs:
        weights = _opposite(weights, 3, layer)
    if to_pairs:
        weights, gates, always = (
            _opposite(each, axis, layer) for each, axis in ((weights, 2), (gates, 2), (always, 1))
        )
        closing = closing.reshape(two.n_slots, 2, -1).min(axis=1)
    return SlotWeights(
        two.sets[layer % 2],
        two.sets[(layer + 1) % 2],
        weights,
        gates + reads[0].offset * weights.sum(axis=3),
        always,
        closing,
        to_pairs,
    )


def _opposite(values: Floats, axis: int, layer: int) -> Floats:
    """Return what belongs to the first neurons of pairs; raise ValueError unless they are opposite.

    A pair holds a value of either sign, as long as its neurons read, and are read, with weights of
    opposite signs.
    """
    first, second = np.split(values, 2, axis=axis)
    if not np.array_equal(first, -second):
        raise ValueError(
            f"network: wanted pairs of neurons with opposite weights, got others in layer {layer}"
        )
    return first
