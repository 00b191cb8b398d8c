"""Two codes at once: one for states in a residual stream, one for neurons, and gates for both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from superposition._check import positive_int
from superposition.codes.packings import draw_lines
from superposition.codes.sparse import SparseCode


@dataclass(frozen=True, eq=False)
class StreamCodes:
    """Which slots of the residual stream each circuit has, and which slots of neurons.

    stream:  a code of width 1: slots for states, a block of them for each entry.
    neurons: likewise: slots of neurons, a block for each neuron of a circuit.

    A stream for states of width d has d blocks of entries, one of gates of the stream's slots
    (1 on slots in use), and one of gates of the neurons' slots (1 on slots not in use).
    """

    stream: SparseCode
    neurons: SparseCode

    def size(self, width: int) -> int:
        """D, dimensions of a stream for states of that width."""
        return (width + 1) * self.stream.size + self.neurons.size

    def n_neurons(self, n_neurons: int, cleaners: int) -> int:
        """M, large neurons for m of a circuit, and for so many that clean a slot of the stream."""
        return max(n_neurons * self.neurons.size, cleaners * self.stream.size)

    def gates(self, width: int) -> tuple[slice, slice]:
        """Where the gates of the stream's slots are, and those of the neurons'."""
        start, end = width * self.stream.size, (width + 1) * self.stream.size
        return slice(start, end), slice(end, end + self.neurons.size)

    def entries(self, width: int) -> SparseCode:
        """Where states are read."""
        return self._blocks(width, width)

    def input_map(self, width: int) -> SparseCode:
        """Where inputs are written: entries, and last the gates of the stream's slots."""
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
    """Codes from the plane over `prime`: no two circuits share a slot of both, nor two of one.

    Circuits are its points, in random order; slots are the lines of r slopes each: (eq-plane).
    Raises ValueError for more slopes than prime + 1, or more circuits than points.
    """
    r = positive_int("redundancy", redundancy)
    both = r + positive_int("neuron_redundancy", neuron_redundancy)
    lines = draw_lines(prime, both, n_circuits, rng)
    stream = SparseCode(lines[:, None, :r], r * prime, dtype)
    neurons = SparseCode(lines[:, None, r:] - r * prime, neuron_redundancy * prime, dtype)
    return StreamCodes(stream, neurons)
