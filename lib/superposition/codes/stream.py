"""Two codes for a residual stream and its neurons, with gates for both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from superposition._check import positive_int
from superposition.codes.packings import draw_lines
from superposition.codes.sparse import SparseCode


@dataclass(frozen=True, eq=False)
class StreamCodes:
    """The slots of the residual stream and of the neurons that each circuit has.

    stream: a code of width 1, slots for states, with a block of slots for each entry.
    neurons: a code of width 1, slots of neurons, with a block of slots for each neuron of a
        circuit.

    A stream for states of width d has d blocks of entries. A block of gates of the stream's slots
    follows, which are 1 on slots in use. The last block holds gates of the neurons' slots, which
    are 1 on slots not in use.
    """

    stream: SparseCode
    neurons: SparseCode

    def size(self, width: int) -> int:
        """Return D, the dimensions of a stream for states of that width."""
        return (width + 1) * self.stream.size + self.neurons.size

    def n_neurons(self, n_neurons: int, cleaners: int) -> int:
        """Return M, the large neurons needed.

        n_neurons: m, the neurons of one circuit.
        cleaners: how many neurons clean one slot of the stream.
        """
        return max(n_neurons * self.neurons.size, cleaners * self.stream.size)

    def gates(self, width: int) -> tuple[slice, slice]:
        """Return where the gates of the stream's slots are, and those of the neurons' slots."""
        start, end = width * self.stream.size, (width + 1) * self.stream.size
        return slice(start, end), slice(end, end + self.neurons.size)

    def entries(self, width: int) -> SparseCode:
        """Return the code by which states are read."""
        return self._blocks(width, width)

    def input_map(self, width: int) -> SparseCode:
        """Return the code by which inputs are written: entries, then the stream's gates."""
        return self._blocks(width + 1, width)

    def _blocks(self, n_blocks: int, width: int) -> SparseCode:
        starts = self.stream.size * np.arange(n_blocks)[:, None]
        return SparseCode(self.stream.slots + starts, self.size(width), self.stream.dtype)


def draw_stream_codes(
    prime: int,
    redundancy: int,
    neuron_redundancy: int,
    n_circuits: int,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> StreamCodes:
    """Draw codes from the plane over `prime`, in which two circuits share at most one slot.

    Circuits are points of the plane in random order, and slots are the lines of r slopes for each
    code: (eq-plane). Raises ValueError for more slopes than prime + 1, or more circuits than
    points.
    """
    r = positive_int("redundancy", redundancy)
    both = r + positive_int("neuron_redundancy", neuron_redundancy)
    lines = draw_lines(prime, both, n_circuits, rng)
    stream = SparseCode(lines[:, None, :r], r * prime, dtype)
    neurons = SparseCode(lines[:, None, r:] - r * prime, neuron_redundancy * prime, dtype)
    return StreamCodes(stream, neurons)
