"""The superposition that gated superposition of residual networks returns."""

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
    """Residual circuits in a residual network where gates say which circuits are active.

    codes: which slots each circuit has in the stream, and which slots of neurons.

    A small layer is read right after the large layer that computes it. Slots not in use then hold
    what was written for other slots, which the next layer removes.
    """

    circuits: ResidualCircuits
    network: ResidualNetwork
    codes: StreamCodes

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """Return the first large state (batch, D) for inputs (batch, k, d) of active circuits.

        Let n be the number of active circuits on a slot. A gate of the stream is min(1, n), and a
        gate of the neurons is 1 − min(1, n). The minimum is taken here.
        Raises ValueError for inputs longer than the construction's `input_bound`; otherwise as the
        circuits' own `run` does.
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
