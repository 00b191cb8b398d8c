"""Two codes that take turns from layer to layer, with gates for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from superposition._check import Integers, positive_int
from superposition.codes.packings import draw_lines
from superposition.codes.sparse import SparseCode

GATES = 2  # neurons per slot besides those for the entries of a state: one gate for each code


@dataclass(frozen=True, eq=False)
class TwoCodes:
    """The slots of each circuit in the code of even layers and in the code of odd ones.

    sets: even and odd slots, (T, r) each, below n_slots.
    n_slots: the number of slots of one block.
    dtype: the precision, float32 or float64.

    A layer for states of width d has (d + 2) · n_slots neurons: a block of slots for each entry,
    then a block of gates for each code. Gates of the code that the states are in are 1 on slots in
    use. Gates of the other code, which comes next, are 1 on slots not in use.
    """

    sets: tuple[Integers, Integers]
    n_slots: int
    dtype: DTypeLike = np.float64

    @property
    def redundancy(self) -> int:
        """The number r of slots of each circuit."""
        return self.sets[0].shape[1]

    def size(self, width: int) -> int:
        """Return the neurons of a layer that holds states of that width."""
        return (width + GATES) * self.n_slots

    def gates(self, layer: int, width: int) -> slice:
        """Return the neurons that are gates of the code of `layer`, in a layer for that width."""
        start = (width + layer % 2) * self.n_slots
        return slice(start, start + self.n_slots)

    def state(self, layer: int, width: int) -> SparseCode:
        """Return the code by which states are read: entries, then gates of the code of `layer`."""
        return self._blocks(layer, [*range(width), width + layer % 2], width)

    def input_map(self, width: int) -> SparseCode:
        """Return the code by which inputs are written: entries, then the gates of both codes."""
        first, gate = self.entries(0, width), self.n_slots * (width + np.arange(GATES))
        both = np.stack(self.sets, axis=1) + gate[:, None]
        return SparseCode(np.concatenate([first.slots, both], axis=1), first.size, self.dtype)

    def entries(self, layer: int, width: int) -> SparseCode:
        """Return the code by which states are written."""
        return self._blocks(layer, range(width), width)

    def slots(self, layer: int) -> SparseCode:
        """Return the slots of `layer` alone, as a code of width 1."""
        return SparseCode(self.sets[layer % 2][:, None], self.n_slots, self.dtype)

    def _blocks(self, layer: int, blocks: Sequence[int], width: int) -> SparseCode:
        starts = self.n_slots * np.asarray(blocks)[:, None]
        slots = self.sets[layer % 2][:, None] + starts
        return SparseCode(slots, self.size(width), self.dtype)


def draw_codes(
    prime: int,
    redundancy: int,
    n_circuits: int,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> TwoCodes:
    """Draw two codes from the plane over `prime`, in which two circuits share at most one slot.

    Circuits are points of the plane in random order, and slots are the lines of r slopes for each
    code: (eq-plane). Raises ValueError for 2r > prime + 1, or more circuits than points.
    """
    r = positive_int("redundancy", redundancy)
    lines = draw_lines(prime, 2 * r, n_circuits, rng)
    even, odd = lines[:, :r], lines[:, r:] - r * prime
    return TwoCodes((even, odd), r * prime, dtype)
