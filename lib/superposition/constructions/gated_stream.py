"""What gated superposition of residual networks returns: how to get in and out of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from superposition._check import Floats, Integers
from superposition.circuits import ResidualCircuits
from superposition.codes.stream import StreamCodes
from superposition.constructions.compiled import Superposition
from superposition.network import ResidualNetwork


@dataclass(frozen=True, eq=False, repr=False)
class GatedResidualSuperposition(Superposition):
    """Residual circuits in a residual network that is told which are active: by gates.

    codes: which slots each circuit has in the stream, and which slots of neurons.
    A small layer is read right after the large layer that computes it; slots not in use then hold
    what was written for others, which the next layer removes.
    """

    circuits: ResidualCircuits
    network: ResidualNetwork
    codes: StreamCodes

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """The first large state (batch, D) for inputs (batch, k, d) of circuits (batch, k).

        A gate of the stream is min(1, ·) of how many active circuits have the slot, one of the
        neurons 1 − min(1, ·); that minimum is taken here.
        Raises ValueError for inputs longer than the construction's `input_bound`; otherwise as
        the circuits' own `run` does.
        """
        inputs, active = self._bounded(inputs, active)
        on = np.ones((*active.shape, 1), inputs.dtype)
        input_map = self.codes.input_map(self.circuits.width)
        state = input_map.encode(np.concatenate([inputs, on], axis=-1), active)
        of_stream, of_neurons = self.codes.gates(self.circuits.width)
        state[:, of_stream] = np.minimum(state[:, of_stream], 1)
        state[:, of_neurons] = 1 - np.minimum(self.codes.neurons.encode(on, active), 1)
        return state

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        self._layer(layer)
        return self.codes.entries(self.circuits.width).decode(state, which)

    def read_all(self, state: Floats, layer: int) -> Floats:
        self._layer(layer)
        return self.codes.entries(self.circuits.width).decode_all(state)
