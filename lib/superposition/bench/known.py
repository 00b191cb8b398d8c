"""Which circuits are active, as far as a single state tells it to one who knows the codes."""

from __future__ import annotations

import numpy as np

from superposition._check import Floats
from superposition.superposition import Superposition


def known_activity(superposition: Superposition, state: Floats, layer: int) -> Floats:
    """Return how active each circuit seems from states (batch, D) after a small layer, (batch, T).

    This is the length of what the circuit reads. Where there are gates, it is the smallest share,
    over the codes, of the circuit's slots that gates show to be in use, or the largest over its
    copies.
    """
    gates = superposition.gates(layer)
    if not gates:
        return np.asarray(np.linalg.norm(superposition.read_all(state, layer), axis=2))
    shares = np.minimum.reduce([gate.read(state) for gate in gates])
    n_circuits = superposition.circuits.n_circuits
    return np.asarray(shares.reshape(len(state), n_circuits, -1).max(axis=2))
