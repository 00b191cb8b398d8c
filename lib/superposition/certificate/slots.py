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
    """

    read: Integers
    write: Integers
    weights: Floats
    gates: Floats
    constant: Floats
    closing: Floats

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

    Raises ValueError where it does not, or where other slots' gates close a slot.
    """
    two, network = gated_codes(superposition), superposition.network
    n, (before, after) = two.n_slots, superposition.circuits.widths[layer : layer + 2]
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
    weights = np.ascontiguousarray(blocks[:, :, :before].transpose(1, 3, 0, 2))
    gates = blocks[:, :, before + layer % 2].transpose(1, 2, 0)
    return SlotWeights(
        two.sets[layer % 2],
        two.sets[(layer + 1) % 2],
        weights,
        gates + superposition.read_maps[layer].offset * weights.sum(axis=3),
        constant[:rows].reshape(after, n).T.astype(float),
        -closing.diagonal(axis1=1, axis2=2).T,
    )
