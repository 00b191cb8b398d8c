"""What a construction returns: the large network, and how to get in and out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from superposition._check import Floats, Integers, active_sets, real_array, whole_array
from superposition.circuits import ResidualCircuits
from superposition.codes import Code
from superposition.network import ResidualNetwork


@dataclass(frozen=True, eq=False)
class Superposition:
    """Many circuits in one network, with the doors by which their states go in and come out.

    circuits:     the small networks as given (T of them, L layers).
    construction: the parameters by which they were compressed.
    network:      the large network; it knows nothing of the circuits.
    checkpoints:  L+1 integers; after that many large layers small layer l can be read.
    stream_code:  how the circuits' states, indicator last, lie in the large stream.
    neuron_codes: one per layer, which large neurons carry which small ones.
    """

    circuits: ResidualCircuits
    construction: Any
    network: ResidualNetwork
    checkpoints: tuple[int, ...]
    stream_code: Code
    neuron_codes: tuple[Code, ...]

    def embed(self, inputs: Floats, active: Integers) -> Floats:
        """The first large state (batch, D) for inputs (batch, k, d) of circuits (batch, k).

        Each active circuit's indicator is set to 1 here. Raises as `ResidualCircuits.run` does.
        """
        sizes = {"width": self.circuits.width}
        active = active_sets(active, self.circuits.n_circuits, sizes)
        dtype = self.circuits.dtype
        inputs = real_array("inputs", inputs, "batch active width", sizes, dtype)
        values = np.concatenate([inputs, np.ones((*active.shape, 1), dtype)], axis=-1)
        return self.stream_code.encode(values, active)

    def read(self, state: Floats, which: Integers, layer: int) -> Floats:
        """What circuits `which` (batch, j) read after small layer `layer`: (batch, j, d).

        A linear map of the state (batch, D) that does not depend on which circuits are active.
        """
        whole_array("layer", layer, "", {}, self.circuits.n_layers + 1)
        return self.stream_code.decode(state, which)[..., :-1]

    def read_all(self, state: Floats, layer: int) -> Floats:
        """`read` for every circuit at once: (batch, D) → (batch, T, d)."""
        whole_array("layer", layer, "", {}, self.circuits.n_layers + 1)
        return self.stream_code.decode_all(state)[..., :-1]

    def run(self, inputs: Floats, active: Integers) -> tuple[Floats, ...]:
        """Estimated states of the active circuits after 0 … L small layers.

        inputs (batch, k, d), active (batch, k) → L+1 arrays (batch, k, d), by `embed`, the
        network and `read` alone.
        """
        states = self.network.run(self.embed(inputs, active))
        return tuple(
            self.read(states[checkpoint], active, layer)
            for layer, checkpoint in enumerate(self.checkpoints)
        )
