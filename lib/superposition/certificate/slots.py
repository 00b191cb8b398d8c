"""The weights of a gated network slot by slot, and a check that its gates are copied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from superposition._check import Floats, Integers, instance
from superposition.circuits import MLPCircuits
from superposition.maps import SparseCode, TwoCodes
from superposition.network import MLPNetwork


class Gated(Protocol):
    """What can be certified: circuits, a network, the codes that read and write, and offsets."""

    @property
    def circuits(self) -> MLPCircuits: ...
    @property
    def construction(self) -> Any: ...
    @property
    def network(self) -> MLPNetwork: ...
    @property
    def codes(self) -> tuple[SparseCode, ...]: ...
    @property
    def door(self) -> SparseCode: ...
    @property
    def offsets(self) -> tuple[float, ...]: ...


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


def two_codes(superposition: Gated) -> TwoCodes:
    """Return the two codes that take turns. Raises ValueError where states lie anywhere else."""
    door, codes, widths = superposition.door, superposition.codes, superposition.circuits.widths
    sets = tuple(code.slots[:, 0] for code in codes[:2])
    two = TwoCodes((sets[0], sets[1]), door.size // door.width)
    wanted = [two.input_map(widths[0]), *(two.state(i, width) for i, width in enumerate(widths))]
    if not all(
        np.array_equal(code.slots, place.slots)
        for code, place in zip((door, *codes), wanted, strict=True)
    ):
        raise ValueError(f"codes: wanted two that take turns, got others, of {two.n_slots} slots")
    if superposition.offsets[0]:
        raise ValueError(f"offsets: wanted none for inputs, got {superposition.offsets[0]}")
    return two


def slot_weights_of(superposition: Gated, two: TwoCodes, layer: int) -> SlotWeights:
    """Return the weights of large layer `layer`, after a check that it maps each gate g to 1 − g.

    Raises ValueError where it does not, or where other slots' gates close a slot.
    """
    n, (before, after) = two.n_slots, superposition.circuits.widths[layer : layer + 2]
    network = superposition.network
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
        gates + superposition.offsets[layer] * weights.sum(axis=3),
        constant[:rows].reshape(after, n).T.astype(float),
        -closing.diagonal(axis1=1, axis2=2).T,
    )
